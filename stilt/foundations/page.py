"""Lines of coloured text that fit a terminal. No library: ``status`` has a quarter of a second for everything."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

from stilt.foundations.text import cut, printable, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Part = str | tuple[str, str]

CELL_MOST = 200
BESIDE_LEAST = 40
"""A text stands beside its head where it has so many columns, else below."""

ENDLESS = 10_000
"""The width where each entry is to be one line, for grep."""

_NO_BREAK = "\xa0"

CODES = {
    "": "",
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
}


class Page:
    """Collects lines. Nothing is cut at the width: text breaks at blanks, tables lose whole columns or turn to lines.

    Parameters
    ----------
    width
        Columns of the terminal.
    colour
        Whether to write colours.
    """

    def __init__(self, width: int, *, colour: bool = False) -> None:
        self.width = width
        self.colour = colour
        self.lines: list[str] = []

    def line(self, *parts: Part) -> None:
        """Add a line of texts, or of (text, style), however long: what will be copied, such as a command."""
        self.lines.append("".join(self._styled(*_split(part)) for part in parts).rstrip())

    def prose(self, text: str, style: str = "", indent: int = 2, *, hanging: int = 0) -> None:
        """Add a text, wrapped at blanks; lines after the first are indented by ``hanging`` more.

        A word that is longer than a line (a path) stays whole.
        """
        for number, line in enumerate(self._wrapped(text, indent, hanging)):
            self.line(" " * (indent + hanging * (number > 0)), (line, style))

    def heading(self, text: str, style: str = "bold") -> None:
        """Add an empty line and a heading."""
        if self.lines:
            self.lines.append("")
        self.prose(text, style, indent=0)

    def flow(
        self, facts: Iterable[Sequence[Part]], *, between: str = "  ", indent: int = 2
    ) -> None:
        """Add facts, as many on a line as it has room for; none is broken."""
        rows: list[list[Part]] = []
        room = 0
        for fact in facts:
            needed = sum(columns(_split(part)[0]) for part in fact)
            if not rows or needed + len(between) > room:
                rows.append([" " * indent, *fact])
                room = self.width - indent - needed
            else:
                rows[-1] += [between, *fact]
                room -= len(between) + needed
        for row in rows:
            self.line(*row)

    def beside(self, head: Sequence[Part], texts: Iterable[str], indent: int) -> None:
        """Add a head with texts beside it, which begin at a column; below it where the page is narrow."""
        if self.width - indent < BESIDE_LEAST:
            self.line(*head)
            for text in texts:
                self.prose(text, indent=4)
            return
        lines = [line for text in texts for line in self._wrapped(text, indent)] or [""]
        gap = " " * max(indent - sum(columns(_split(part)[0]) for part in head), 1)
        self.line(*head, gap, lines[0])
        for line in lines[1:]:
            self.line(" " * indent, line)

    def table(
        self,
        header: Sequence[str],
        rows: Iterable[Sequence[str]],
        numbers: str,
        spare: Sequence[str] = (),
    ) -> None:
        """Add a table: the columns whose place in ``numbers`` is ``r`` are aligned right.

        A column that has nothing to say (``-`` in every row) is left out. Where the page is too narrow the columns
        named in ``spare`` are left out, the first one first; where it is too narrow for the others, too, each row
        becomes a few lines, which name what they say.
        """
        grid = [list(map(_cell, row)) for row in rows]
        told = [
            (name, side, column)
            for name, side, column in zip(header, numbers, zip(*grid, strict=True), strict=True)
            if any(cell != "-" for cell in column)
        ]
        for name in ("", *spare):
            fewer = [column for column in told if column[0] != name]
            told = fewer or told
            if self._needed(told) <= self.width:
                self._table(told)
                return
        self._as_lines(told)

    def _needed(self, told: list[tuple[str, str, tuple[str, ...]]]) -> int:
        return sum(2 + max(map(columns, (name, *column))) for name, _, column in told)

    def _table(self, told: list[tuple[str, str, tuple[str, ...]]]) -> None:
        aligned = []
        for name, side, column in told:
            cells = (name, *column)
            width = max(map(columns, cells))
            gaps = [" " * (width - columns(cell)) for cell in cells]
            pairs = zip(gaps, cells, strict=True)
            aligned.append([gap + cell if side == "r" else cell + gap for gap, cell in pairs])
        for number, row in enumerate(zip(*aligned, strict=True)):
            self.line(("  " + "  ".join(row).rstrip(), "" if number else "dim"))

    def _as_lines(self, told: list[tuple[str, str, tuple[str, ...]]]) -> None:
        for row in zip(*(column for _, _, column in told), strict=True):
            named = zip((name for name, _, _ in told), row, strict=True)
            facts = [self._unbroken(f"{name} {cell}") for name, cell in named if cell != "-"]
            for number, line in enumerate(self._wrapped(" · ".join(facts), 2, 2)):
                self.line(" " * (4 if number else 2), line.replace(_NO_BREAK, " "))

    def _unbroken(self, fact: str) -> str:
        fits = columns(fact) + 6 <= self.width
        return fact.replace(" ", _NO_BREAK) if fits else fact

    def text(self) -> str:
        """Return all lines, each ended."""
        return "".join(f"{line}\n" for line in self.lines)

    def _wrapped(self, text: str, indent: int, hanging: int = 0) -> list[str]:
        room = max(self.width - indent, 20)
        lines = wrap(
            cut(text),
            room,
            subsequent_indent=" " * hanging,
            break_long_words=False,
            break_on_hyphens=False,
        )
        return [line[hanging * (number > 0) :] for number, line in enumerate(lines)]

    def _styled(self, text: str, style: str) -> str:
        text = printable(text)
        return f"\x1b[{CODES[style]}m{text}\x1b[0m" if self.colour and style and text else text


def _split(part: Part) -> tuple[str, str]:
    return part if isinstance(part, tuple) else (part, "")


def _cell(text: str) -> str:
    return shown(text, CELL_MOST)


def columns(text: str) -> int:
    """Return how many columns a text takes: wide characters take two."""
    return len(text) if text.isascii() else sum(1 + (east_asian_width(c) in "WF") for c in text)
