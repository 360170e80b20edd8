"""``receptors.csv`` as columns of text, each row with its line."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from stilt.foundations.errors import InputError, ProblemsError

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
MOST_COLUMNS = 10_000
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
        Line of each row, from 1; None where they have not been counted (no problem needs them).
    broken
        Line to what is wrong with a row that could not be taken apart; such rows are in no column.
    """

    columns: dict[str, pa.Array]
    lines: NDArray[np.int64] | None = None
    broken: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns["time"])

    def line(self, row: int) -> int:
        """Return the line of a row; 0 where lines were not counted."""
        return int(self.lines[row]) if self.lines is not None else 0


def read_fast(path: Path) -> Table | None:
    """Read a file without irregularities; None where it needs a closer look."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv as arrow

    raw = _read_bytes(path)
    first = raw.partition(b"\n")[0]
    try:
        header = _split(first.decode("utf-8-sig").strip(), ",")
        wanted = {header[i]: column for column, i in _find_columns(header, str(path)).items()}
        text = arrow.read_csv(
            pa.BufferReader(raw),
            parse_options=arrow.ParseOptions(delimiter=","),
            convert_options=arrow.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()),
                include_columns=list(wanted),
                strings_can_be_null=False,
            ),
        )
    except (UnicodeDecodeError, pa.ArrowException, KeyError, ProblemsError, csv.Error):
        return None
    columns = {wanted[name]: pc.utf8_trim_whitespace(_whole(text[name])) for name in wanted}
    comments = pc.any(pc.starts_with(_whole(text[text.column_names[0]]), "#")).as_py()
    return None if comments else Table(columns)


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
    if len(header) > MOST_COLUMNS:
        found = f"header: {len(header):,} columns, more than {MOST_COLUMNS:,}"
        raise ProblemsError(source, (found,), HEADER_HINT)
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
