"""The topics of the guide: what there is, and the text of one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from textwrap import fill

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
    ),
    "When something goes wrong": (
        "troubleshooting",
        "errors-simulations",
        "errors-project",
        "errors-meteorology",
        "errors-engine",
        "errors-slurm",
        "errors-files",
        "errors-analysis",
        "errors-moving",
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
CODES_MARK = "<!-- codes: made from their pages -->"
PAGES_OF_CODES = tuple(name for name in TOPICS if name.startswith("errors-"))


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
    """Return a topic by its name, or by a word that leads to it; or what the guide says of an error's code.

    Raises
    ------
    InputError
        If there is none; the nearest names are told.
    """
    found = named(name)
    if found is None:
        code = as_code(name)
        about = explained()
        if code not in about:
            raise InputError(
                f"the guide has no topic {name!r}", _instead_of(name), code="TOPIC_UNKNOWN"
            )
        return about[code]
    text = _file(found).replace(SETTINGS_MARK, _settings(found))
    return Topic(found, text.replace(CODES_MARK, _codes(found)))


def as_code(word: str) -> str:
    """Return a word as codes are written, whatever its case and its dashes."""
    return word.strip().upper().strip("[]").replace("-", "_").replace(" ", "_")


def explained() -> dict[str, Topic]:
    """Return what the guide says of each code: of what a command ends with, and why a simulation fails."""
    found = {}
    for page in PAGES_OF_CODES:
        for part in _file(page).split("\n### ")[1:]:
            code, _, text = part.partition("\n")
            about = f"# {code}\n\n{text.strip()}\n\nOthers like it: `stilt help {page}`\n"
            found[code] = Topic(page, about)
    return found


def named(name: str) -> str | None:
    """Return the name of the topic that a word means, or None."""
    word = name.lower().strip().replace(" ", "-").replace("_", "-").removesuffix(".md")
    return word if word in TOPICS else _ALSO_CALLED.get(word)


def _instead_of(name: str) -> str:
    near = get_close_matches(as_code(name), explained(), n=3, cutoff=0.75)
    near = near or get_close_matches(name.lower(), [*TOPICS, *_ALSO_CALLED], n=3, cutoff=0.5)
    topics = list(dict.fromkeys(_ALSO_CALLED.get(word, word) for word in near))
    likely = f"nearest: {', '.join(topics)}; " if topics else ""
    return f"{likely}`stilt help` lists all topics"


def _file(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def _codes(name: str) -> str:
    """Return all codes by their pages, where a topic has a place for them."""
    if name != "troubleshooting":
        return ""
    pages: dict[str, list[str]] = {}
    for code, about in explained().items():
        pages.setdefault(about.name, []).append(f"`{code}`")
    return "\n".join(
        fill(
            f"- [{Topic(page, _file(page)).title}]({page}.md): {', '.join(codes)}",
            width=120,
            subsequent_indent="  ",
        )
        for page, codes in pages.items()
    )


def _settings(name: str) -> str:
    """Return the table of all settings, where a topic has a place for it."""
    if name != "configuration":
        return ""
    from stilt.config.reference import as_markdown

    return as_markdown().rstrip()
