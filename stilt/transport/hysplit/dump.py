"""PARTICLE_STILT.DAT, parsed while hycs_std writes it."""

from __future__ import annotations

import os
import re

import numpy as np

from stilt.particles.table import ParticleTable
from stilt.transport.hysplit.layout import Layout, learn_layout
from stilt.transport.hysplit.parse import FULL, parse_rows

FILE_NAME = "PARTICLE_STILT.DAT"
BUFFER_BYTES = 1 << 18
"""Small enough to stay in the processor's cache."""

LINE_BYTES = 1 << 12

_TOO_WIDE = re.compile(rb"\*+")  # what Fortran writes for a number that does not fit its column


class DumpError(ValueError):
    """A line of the dump is not a row of numbers."""


class DumpParser:
    """Reads the file from a descriptor, in pieces of any size, and keeps its numbers.

    Parameters
    ----------
    names
        Names of the columns, in the order of the file.
    expected_rows
        Room for so many rows is made at first; more are taken too.

    Attributes
    ----------
    rows
        Rows so far.
    """

    def __init__(self, names: tuple[str, ...], expected_rows: int = 0) -> None:
        self.names = names
        self.rows = 0
        self._values = np.empty((len(names), max(expected_rows, 1024)))
        self._buffer = np.empty(BUFFER_BYTES, np.uint8)
        self._filled = 0
        self._has_header = False
        self._layout: Layout | None = None

    def read_from(self, descriptor: int) -> int:
        """Read once and parse the lines that are whole by then; return the number of bytes read.

        Raises
        ------
        DumpError
            If a line is not a row of as many numbers as there are columns.
        BlockingIOError
            If the descriptor does not block and has nothing.
        """
        size = os.readv(descriptor, [self._buffer.data[self._filled :]])
        self._filled += size
        text = self._buffer.data[: self._filled]
        stop = _after_last_newline(text)
        if stop:
            self._parse(stop)
            self._filled -= stop
            self._buffer[: self._filled] = self._buffer[stop : stop + self._filled].copy()
        elif self._filled > LINE_BYTES:
            raise DumpError(f"{FILE_NAME} has a line of more than {LINE_BYTES} characters")
        return size

    def _parse(self, stop: int) -> None:
        """Parse whole lines."""
        start, reached = 0, np.empty(2, np.int64)
        if not self._has_header:
            start = len(self._line(0))
            self._has_header = True
        while start < stop:
            if self._layout is None:
                self._layout = learn_layout(self._line(start), len(self.names))
            if self._layout is None:
                start = self._parse_hard_line(start)
                continue
            why = parse_rows(
                self._buffer, start, stop, self._layout, self._values, self.rows, reached
            )
            self.rows, start = reached.tolist()
            if why == FULL:
                self._grow()
            elif start < stop:
                start = self._parse_hard_line(start)

    def _line(self, start: int) -> bytes:
        """Return the line that begins there, with its newline."""
        size = min(LINE_BYTES, self._filled - start)
        line = self._buffer[start : start + size].tobytes()
        if b"\n" not in line:
            raise DumpError(f"{FILE_NAME} has a line of more than {LINE_BYTES} characters")
        return line[: line.index(b"\n") + 1]

    @property
    def is_cut(self) -> bool:
        """Whether the text ends inside of a line, as a file does whose writer was stopped."""
        return self._filled > 0

    def table(self) -> ParticleTable:
        """Return the rows so far."""
        return ParticleTable(
            {name: self._values[index, : self.rows] for index, name in enumerate(self.names)}
        )

    def last_time(self) -> float:
        """Return the time furthest from the release, in minutes without sign; 0 without rows."""
        times = self._values[self.names.index("time"), : self.rows]
        return float(np.abs(times).max()) if self.rows else 0.0

    def _grow(self) -> None:
        larger = np.empty((len(self.names), 2 * self._values.shape[1]))
        larger[:, : self.rows] = self._values[:, : self.rows]
        self._values = larger

    def _parse_hard_line(self, start: int) -> int:
        """Parse a line with exponents, NaN or stars; return where the next one starts."""
        line = self._line(start)
        try:
            values = [_number(word) for word in _TOO_WIDE.sub(b" nan ", line).split()]
        except ValueError:
            values = []
        if len(values) != len(self.names):
            shown = line.decode("latin-1").strip()[:100]
            raise DumpError(f"row {self.rows + 1} of {FILE_NAME} is not a row: {shown!r}")
        if self.rows >= self._values.shape[1]:
            self._grow()
        self._values[:, self.rows] = values
        self.rows += 1
        return start + len(line)


def _after_last_newline(text: memoryview) -> int:
    """Return the length of the part that is whole lines."""
    tail = bytes(text[-LINE_BYTES:])
    found = tail.rfind(b"\n")
    return len(text) - len(tail) + found + 1 if found >= 0 else 0


def _number(word: bytes) -> float:
    """Read one word; Fortran may write an exponent with D."""
    return float(word.lower().replace(b"d", b"e"))
