"""The guide's pages, cut into what tests look at."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from stilt.guide.topics import TOPICS, topic

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES = {name: topic(name).text for name in TOPICS}


def blocks(language: str) -> list[tuple[str, str]]:
    """Return the topic and the text of each block of a language."""
    return [
        (name, text)
        for name, page in PAGES.items()
        for text in re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    ]


def commands(*, within_lines: bool = True) -> Iterator[tuple[str, list[str]]]:
    """Yield the words of each command of ours that a page gives, in blocks and, unless left out, within lines."""
    for name, text in blocks("console"):
        for line in re.findall(r"^\$ (.*)$", text, re.MULTILINE):
            yield from _ours(name, line)
    for name, page in PAGES.items() if within_lines else ():
        prose = re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE)
        for line in re.findall(r"`(stilt [a-z][^`]*)`", prose):
            yield from _ours(name, " ".join(line.split()))


def _ours(name: str, line: str) -> Iterator[tuple[str, list[str]]]:
    for part in re.split(r" && | \| |; ", line):
        words = shlex.split(part.partition(" > ")[0])
        if words[:1] == ["stilt"]:
            yield name, words[1:]
