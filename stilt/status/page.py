"""Lines of coloured text that fit a terminal. No library: ``status`` has a quarter of a second for everything."""

from __future__ import annotations

from itertools import compress
from textwrap import wrap
from unicodedata import east_asian_width

from stilt.foundations.text import cut, printable, shown

CELL_MOST = 200

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
    """Collects lines; long ones are cut at the width, because a wrapped table cannot be read.

    Parameters
    ----------
    width
        Columns of the terminal.
    colour
        Whether to write colours.
    """

    def __init__(self, width: int, *, colour: bool) -> None:
        self.width = width
        self.colour = colour
        self.lines: list[str] = []

    def line(self, *parts: str | tuple[str, str], cut: bool = True) -> None:
        """Add a line of texts, or of (text, style); ``cut=False`` for what will be copied, such as a command."""
        room = self.width if cut else None
        written = []
        for part in parts:
            text, style = part if isinstance(part, tuple) else (part, "")
            text = printable(text)
            if room is not None:
                text = cut_to(text, room)
                room -= columns(text)
            written.append(self._styled(text, style))
        self.lines.append("".join(written).rstrip())

    def prose(self, text: str, style: str = "", indent: int = 2) -> None:
        """Add a sentence, wrapped at the width; a word that is longer than that (a path) stays whole."""
        room = max(self.width - indent, 20)
        for line in wrap(cut(text), room, break_long_words=False, break_on_hyphens=False):
            self.line(" " * indent, (line, style), cut=False)

    def heading(self, text: str, style: str = "bold") -> None:
        """Add an empty line and a heading."""
        if self.lines:
            self.lines.append("")
        self.line((text, style))

    def table(self, header: tuple[str, ...], rows: list[tuple[str, ...]], numbers: str) -> None:
        """Add a table: the columns whose place in ``numbers`` is ``r`` are aligned right.

        A column that has nothing to say (``-`` in every row) is left out.
        """
        said = [any(cell != "-" for cell in column) for column in zip(*rows, strict=True)]
        header, numbers = tuple(compress(header, said)), "".join(compress(numbers, said))
        rows = [tuple(map(_cell, compress(row, said))) for row in rows]
        widths = [max(map(columns, column)) for column in zip(header, *rows, strict=True)]
        for number, row in enumerate([header, *rows]):
            cells = [
                text.rjust(width) if side == "r" else text.ljust(width)
                for text, width, side in zip(row, widths, numbers, strict=True)
            ]
            self.line(("  " + "  ".join(cells).rstrip(), "" if number else "dim"))

    def text(self) -> str:
        """Return all lines, each ended."""
        return "".join(f"{line}\n" for line in self.lines)

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{CODES[style]}m{text}\x1b[0m" if self.colour and style and text else text


def _cell(text: str) -> str:
    return shown(text, CELL_MOST)


def columns(text: str) -> int:
    """Return how many columns a text takes: wide characters take two."""
    return len(text) if text.isascii() else sum(1 + (east_asian_width(c) in "WF") for c in text)


def cut_to(text: str, width: int) -> str:
    """Return a text in at most so many columns, with an ellipsis where something is missing."""
    if columns(text) <= width:
        return text
    while text and columns(text) > width - 1:
        text = text[:-1]
    return text + "…" if width > 0 else ""
