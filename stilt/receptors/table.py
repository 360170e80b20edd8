"""``receptors.csv`` as columns of text, each row with its line."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from stilt.foundations.errors import InputError, ProblemsError
from stilt.receptors.odd_rows import OddRows

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

ALIASES = {
    "time": "time run_time run_times r_run_time datetime date_time timestamp time_utc utc",
    "longitude": "longitude long lon lng r_long",
    "latitude": "latitude lati lat r_lati",
    "agl": "altitude alt zagl z height agl r_zagl altitude_agl height_agl altitude_m height_m",
    "asl": "zasl zmsl asl msl altitude_asl altitude_msl height_asl height_msl",
    "reference": "altitude_ref altitude_reference height_ref height_reference reference z_is_agl",
    "group": "r_idx",
    "id": "id sim_id simulation_id",
}
"""Column to the names it may have, in any case, with blanks or dashes for underscores."""

_BY_NAME = {name: column for column, names in ALIASES.items() for name in names.split()}
_DELIMITERS = ",;\t"
_BLOCK = 1 << 24
HEADER_HINT = "the first line names the columns: time,longitude,latitude,altitude"


@dataclass(slots=True)
class Table:
    """The columns that matter, as text without surrounding blanks.

    Attributes
    ----------
    columns
        ``time``, ``longitude``, ``latitude``, ``agl`` or ``asl``, and where there are any ``reference``,
        ``group`` and ``id``.
    lines
        Line of each row, from 1; None before they have been counted, for which most files give no reason.
    broken
        Line to what is wrong with a row that could not be taken apart; such rows are in no column.
    odd
        Lines that were stepped over; None where each line was looked at.
    """

    columns: dict[str, pa.Array]
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

    That is: lines that are no rows beside quotes, lone returns, and zero bytes.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    raw = _read_bytes(path)
    if raw.count(b"\r") != raw.count(b"\r\n") or b"\0" in raw:
        return None
    try:
        text, wanted, odd = _columns(raw, path)
    except (pa.ArrowInvalid, KeyError, ProblemsError, csv.Error):
        return None
    has_quotes = b'"' in raw
    del raw
    comments = pc.starts_with(pc.utf8_ltrim_whitespace(text.column(0)), "#")
    if pc.any(comments).as_py():
        odd.leave_out(comments.to_numpy())
        text = text.filter(pc.invert(comments))
    columns = {wanted[name]: pc.utf8_trim_whitespace(_whole(text[name])) for name in wanted}
    blank = _blank_rows(columns)
    if has_quotes and (odd or blank.any()):
        return None
    if blank.any() and (blank := odd.blank(blank)).any():
        odd.leave_out(blank)
        columns = {name: column.filter(pa.array(~blank)) for name, column in columns.items()}
    return Table(columns, odd=odd)


def _columns(raw: bytes, path: Path) -> tuple[pa.Table, dict[str, str], OddRows]:
    """Return the first column and those that matter, which are what, and the lines that were stepped over."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    encoding = "utf-8" if _is_utf8(raw) else "latin-1"
    start, header, delimiter = _find_header(raw, encoding)
    wanted = {header[i]: column for column, i in _find_columns(header, str(path)).items()}
    odd = OddRows(path, len(header), delimiter, 1 + raw.count(b"\n", 0, start))
    text = arrow.read_csv(
        pa.BufferReader(pa.py_buffer(raw).slice(start)),
        read_options=arrow.ReadOptions(use_threads=False, encoding=encoding),
        parse_options=arrow.ParseOptions(delimiter=delimiter, invalid_row_handler=odd.skip),
        convert_options=arrow.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()),
            include_columns=list(dict.fromkeys([header[0], *wanted])),
            strings_can_be_null=False,
        ),
    )
    return text, wanted, odd


def _blank_rows(columns: dict[str, pa.Array]) -> NDArray[np.bool_]:
    """Tell which rows have nothing in any of these columns."""
    import numpy as np
    import pyarrow.compute as pc

    found = pc.equal(columns["time"], "").to_numpy(zero_copy_only=False)
    for column in columns.values():
        if not found.any():
            break
        found &= pc.equal(column, "").to_numpy(zero_copy_only=False)
    return np.asarray(found)


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
    start = next((i for i, line in enumerate(lines) if _holds_data(line)), None)
    if start is None:
        raise ProblemsError(source, ("the file is empty",), HEADER_HINT)
    delimiter = next((mark for mark in _DELIMITERS if mark in lines[start]), ",")
    header = _split(lines[start].strip(), delimiter)
    wanted = _find_columns(header, source)
    cells: dict[str, list[str]] = {column: [] for column in wanted}
    found: list[int] = []
    broken: dict[int, str] = {}
    reader = csv.reader(
        io.StringIO("\n".join(lines[start + 1 :])), delimiter=delimiter, strict=True
    )
    offset = start + 1
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
        if len(row) != len(header):
            broken[line] = f"has {len(row)} of {len(header)} columns"
            continue
        found.append(line)
        for column, i in wanted.items():
            cells[column].append(row[i].strip())
    arrays = {column: pa.array(values, pa.string()) for column, values in cells.items()}
    return Table(arrays, np.array(found, np.int64), broken)


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


def _find_header(raw: bytes, encoding: str) -> tuple[int, list[str], str]:
    """Return where the first line that says something begins, its names, and what separates them."""
    start = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
    while start < len(raw):
        end = raw.find(b"\n", start)
        line = raw[start : len(raw) if end < 0 else end].decode(encoding)
        if _holds_data(line):
            delimiter = next((mark for mark in _DELIMITERS if mark in line), ",")
            return start, _split(line.strip(), delimiter), delimiter
        start = end + 1 if end >= 0 else len(raw)
    return start, [""], ","


def _holds_data(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _whole(chunked: pa.ChunkedArray) -> pa.Array:
    combined = chunked.combine_chunks()
    return combined.chunk(0) if hasattr(combined, "chunk") else combined


def _split(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such file", f"write the receptors there: {HEADER_HINT}"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", "a readable file is needed") from None


def _decode(raw: bytes, source: str) -> str:
    if b"\x00" in raw:
        found = "this is not a text file (spreadsheets save as 'CSV UTF-8')"
        raise ProblemsError(source, (found,), HEADER_HINT)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode(
            "latin-1"
        )  # names of sites, mostly; a number or a time is the same in both


def _find_columns(header: list[str], source: str) -> dict[str, int]:
    """Return the position of each column that is known; refuse what is missing or there twice."""
    places: dict[str, int] = {}
    problems: list[str] = []
    for i, name in enumerate(header):
        column = _BY_NAME.get(_plain(name))
        if column in places:
            first = header[places[column]].strip()
            problems.append(f"header: the columns {first!r} and {name.strip()!r} both are {column}")
        elif column is not None:
            places[column] = i
    if "agl" in places and "asl" in places:
        problems.append("header: heights above ground and above sea level: keep one of the columns")
    needed = ["time", "longitude", "latitude"]
    if "agl" not in places and "asl" not in places:
        needed.append("altitude")
    problems += [_missing(column, header) for column in needed if column not in places]
    if problems:
        raise ProblemsError(source, tuple(problems), HEADER_HINT)
    return places


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _missing(column: str, header: list[str]) -> str:
    names = [name.strip() for name in header]
    plain = {_plain(name): name for name in names if _plain(name) not in _BY_NAME}
    near = get_close_matches(column, plain, n=1)
    guess = f", is it {plain[near[0]]!r}?" if near else ""
    return f"header: no column {column} among {', '.join(names) or 'nothing'}{guess}"
