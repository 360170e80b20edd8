"""``receptors.csv`` as columns of text, each row with its line."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stilt.foundations.errors import InputError, ProblemsError
from stilt.foundations.inside import open_input
from stilt.receptors.header import HINT as HEADER_HINT
from stilt.receptors.header import find_header
from stilt.receptors.odd_rows import OddRows
from stilt.receptors.times import with_whole_time

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from stilt.receptors.header import Header

_BLOCK = 1 << 24

_TOP_BYTES = 1 << 16
"""As much of a file as its header is looked for in, unless it is read with care."""


@dataclass(slots=True)
class Table:
    """The columns of a file, as text without surrounding blanks.

    Attributes
    ----------
    columns
        ``time``, ``longitude``, ``latitude``, ``agl`` or ``asl``, and where there are any ``reference``,
        ``group`` and ``id``.
    labels
        All other columns that have a name.
    notes
        What a person should know of how the columns were taken.
    lines
        Line of each row, from 1; None before they have been counted, for which most files give no reason.
    broken
        Line to what is wrong with a row that could not be taken apart; such rows are in no column.
    odd
        Lines that were stepped over; None where each line was looked at.
    """

    columns: dict[str, pa.Array]
    labels: dict[str, pa.Array]
    notes: list[str]
    lines: NDArray[np.int64] | None = None
    broken: dict[int, str] = field(default_factory=dict)
    odd: OddRows | None = None

    def __len__(self) -> int:
        return len(self.columns["time"])

    def line(self, row: int) -> int:
        """Return the line of a row."""
        self.count_lines()
        return int(self.lines[row]) if self.lines is not None else 0

    @property
    def has_broken(self) -> bool:
        """Whether a row could not be taken apart."""
        return bool(self.broken) or (self.odd is not None and bool(self.odd.texts))

    def count_lines(self) -> None:
        """Find the line of each row, and of those that could not be taken apart."""
        if self.lines is None and self.odd is not None:
            self.lines, self.broken = self.odd.lines()


def read_fast(path: Path) -> Table | None:
    """Read whole columns, stepping over lines that are no rows; None where a file needs a closer look.

    That is: lines that are no rows beside quotes, line breaks in quotes, lone returns, and zero bytes.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    raw = _read_bytes(path)
    if raw.count(b"\r") != raw.count(b"\r\n") or b"\0" in raw:
        return None
    try:
        text, header, odd = _columns(raw, path)
    except (pa.ArrowInvalid, KeyError, ProblemsError, csv.Error):
        return None
    has_quotes = b'"' in raw
    del raw
    if has_quotes and odd.are_broken(len(text)):
        return None
    comments = pc.starts_with(pc.utf8_ltrim_whitespace(text.column(0)), "#")
    if pc.any(comments).as_py():
        odd.leave_out(comments.to_numpy())
        text = text.filter(pc.invert(comments))
    blank = _blank_rows(text)
    if has_quotes and (odd or blank.any()):
        return None
    if blank.any() and (blank := odd.blank(blank)).any():
        odd.leave_out(blank)
        text = text.filter(pa.array(~blank))

    def column(place: int) -> pa.Array:
        return pc.utf8_trim_whitespace(_whole(text[header.names[place]]))

    table = _table(header, column)
    table.odd = odd
    return table


def _columns(raw: bytes, path: Path) -> tuple[pa.Table, Header, OddRows]:
    """Return the first column and all that have a name, the header, and the lines that were stepped over.

    Raises
    ------
    KeyError
        If there is no header, or two columns have one name.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow

    encoding = "utf-8" if _is_utf8(raw) else "latin-1"
    top = raw[:_TOP_BYTES].decode("utf-8-sig", errors="ignore").split("\n")
    header = find_header(top, str(path))
    places = (*header.columns.values(), *header.labels.values()) if header else ()
    names = {header.names[place] for place in places} if header else set()
    if header is None or len(names) < len(places):
        raise KeyError("no header of different names")
    odd = OddRows(path, len(header.names), header.delimiter, 1 + header.line)
    text = arrow.read_csv(
        pa.BufferReader(pa.py_buffer(raw).slice(_start(raw, header.line))),
        read_options=arrow.ReadOptions(use_threads=False, encoding=encoding),
        parse_options=arrow.ParseOptions(delimiter=header.delimiter, invalid_row_handler=odd.skip),
        convert_options=arrow.ConvertOptions(
            column_types=dict.fromkeys(header.names, pa.string()),
            include_columns=list(dict.fromkeys([header.names[0], *names])),
            strings_can_be_null=False,
        ),
    )
    return text, header, odd


def _blank_rows(text: pa.Table) -> NDArray[np.bool_]:
    """Tell which rows have nothing in any of these columns."""
    import numpy as np
    import pyarrow.compute as pc

    found = np.ones(len(text), bool)
    for column in text.columns:
        if not found.any():
            break
        found &= pc.equal(pc.utf8_trim_whitespace(column), "").to_numpy()
    return found


def read_careful(path: Path) -> Table:
    """Read any file row by row, knowing each row's line and what is wrong with it.

    Raises
    ------
    ProblemsError
        If it has no usable header, or is not text.
    """
    import numpy as np
    import pyarrow as pa

    source = str(path)
    text = _decode(_read_bytes(path), source)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    header = find_header(lines, source)
    if header is None:
        raise ProblemsError(source, ("the file is empty",), HEADER_HINT, code="RECEPTORS_EMPTY")
    places = (*header.columns.values(), *header.labels.values())
    cells: dict[int, list[str]] = {place: [] for place in places}
    found: list[int] = []
    broken: dict[int, str] = {}
    reader = csv.reader(
        io.StringIO("\n".join(lines[header.line + 1 :])), delimiter=header.delimiter, strict=True
    )
    offset = header.line + 1
    while True:
        line = offset + reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            broken[line] = f"cannot be taken apart: {error}"
            break
        if not any(cell.strip() for cell in row) or row[0].lstrip().startswith("#"):
            continue
        if len(row) != len(header.names):
            broken[line] = f"has {len(row)} of {len(header.names)} columns"
            continue
        found.append(line)
        for place, values in cells.items():
            values.append(row[place].strip())
    arrays = {place: pa.array(values, pa.string()) for place, values in cells.items()}
    table = _table(header, arrays.__getitem__)
    table.lines, table.broken = np.array(found, np.int64), broken
    return table


def _is_utf8(raw: bytes) -> bool:
    """Check the encoding block by block: a text of the whole may take four times as much as its bytes."""
    if raw.isascii():
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(raw), _BLOCK):
            decoder.decode(raw[start : start + _BLOCK])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _table(header: Header, column: Callable[[int], pa.Array]) -> Table:
    columns = {name: column(place) for name, place in header.columns.items()}
    labels = {name: column(place) for name, place in header.labels.items()}
    columns, unused = with_whole_time(columns)
    labels |= {header.names[header.columns[name]].strip(): unused[name] for name in unused}
    notes = list(header.notes)
    if labels:
        are = "columns {} are labels" if len(labels) > 1 else "column {} is a label"
        notes.append(f"{are.format(', '.join(labels))}: carried along, no part of a simulation")
    return Table(columns, labels, notes)


def _start(raw: bytes, line: int) -> int:
    """Return where a line begins, which is counted from 0."""
    start = 0
    for _ in range(line):
        start = raw.index(b"\n", start) + 1
    return start


def _whole(chunked: pa.ChunkedArray) -> pa.Array:
    combined = chunked.combine_chunks()
    return combined.chunk(0) if hasattr(combined, "chunk") else combined


def _read_bytes(path: Path) -> bytes:
    try:
        with open_input(path) as file:
            return file.read()
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such file",
            f"write the receptors there: {HEADER_HINT}",
            code="RECEPTORS_ABSENT",
        ) from None
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}", "a readable file is needed", code="FILE_UNREADABLE"
        ) from None


def _decode(raw: bytes, source: str) -> str:
    if b"\x00" in raw:
        found = "this is not a text file (spreadsheets save as 'CSV UTF-8')"
        raise ProblemsError(source, (found,), HEADER_HINT, code="FILE_NOT_TEXT")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode(
            "latin-1"
        )  # names of sites, mostly; a number or a time is the same in both
