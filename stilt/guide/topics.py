"""The topics of the guide: what there is, and the text of one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from stilt.foundations.errors import InputError

FOLDER = Path(__file__).parent

PARTS = {
    "Use": (
        "first-run",
        "configuration",
        "receptors",
        "meteorology",
        "slurm",
        "states",
        "outputs",
        "satellite",
        "python",
        "moving",
        "troubleshooting",
    ),
    "Understand": ("science", "performance", "glossary"),
    "Extend": ("write-engine", "write-reader", "write-setting", "write-backend"),
}
"""Heading to topics, in the order in which they are listed."""

TOPICS = tuple(name for part in PARTS.values() for name in part)

_ALSO_CALLED = {
    "arl": "meteorology",
    "backend": "write-backend",
    "columns": "receptors",
    "config": "configuration",
    "engine": "write-engine",
    "errors": "troubleshooting",
    "footprints": "outputs",
    "hysplit": "science",
    "jobs": "slurm",
    "kernels": "satellite",
    "met": "meteorology",
    "native": "science",
    "netcdf": "meteorology",
    "particles": "outputs",
    "problems": "troubleshooting",
    "pystilt": "moving",
    "r-stilt": "moving",
    "reader": "write-reader",
    "setting": "write-setting",
    "settings": "configuration",
    "soundings": "satellite",
    "speed": "performance",
    "start": "first-run",
    "status": "states",
    "weights": "satellite",
    "words": "glossary",
}
"""Words that people may try: the topic that they are answered in."""

SETTINGS_MARK = "<!-- settings: made from the code -->"


@dataclass(frozen=True, slots=True)
class Topic:
    """One page of the guide.

    Attributes
    ----------
    name
        As ``stilt help`` takes it; the file's name without its suffix.
    text
        Markdown; what is made from the code is in it.
    """

    name: str
    text: str

    @property
    def title(self) -> str:
        """The heading of the page."""
        return self.text.partition("\n")[0].removeprefix("# ")

    @property
    def summary(self) -> str:
        """The first sentence under the heading."""
        return re.split(r"(?<=[.?])\s", self.text.partition("\n\n")[2], maxsplit=1)[0]


def summaries() -> dict[str, str]:
    """Return the first sentence of each topic, by its name."""
    return {name: Topic(name, _file(name)).summary.replace("\n", " ") for name in TOPICS}


def topic(name: str) -> Topic:
    """Return a topic by its name, or by a word that leads to it.

    Raises
    ------
    InputError
        If there is none; the nearest names are told.
    """
    found = named(name)
    if found is None:
        raise InputError(f"the guide has no topic {name!r}", _instead_of(name))
    return Topic(found, _file(found).replace(SETTINGS_MARK, _settings(found)))


def named(name: str) -> str | None:
    """Return the name of the topic that a word means, or None."""
    word = name.lower().strip().replace(" ", "-").replace("_", "-").removesuffix(".md")
    return word if word in TOPICS else _ALSO_CALLED.get(word)


def _instead_of(name: str) -> str:
    near = get_close_matches(name.lower(), [*TOPICS, *_ALSO_CALLED], n=3, cutoff=0.5)
    topics = list(dict.fromkeys(_ALSO_CALLED.get(word, word) for word in near))
    likely = f"nearest: {', '.join(topics)}; " if topics else ""
    return f"{likely}`stilt help` lists all topics"


def _file(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def _settings(name: str) -> str:
    """Return the table of all settings, where a topic has a place for it."""
    if name != "configuration":
        return ""
    from stilt.config.reference import as_markdown

    return as_markdown().rstrip()
