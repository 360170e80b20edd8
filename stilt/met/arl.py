"""Headers of ARL files: which hours, levels and variables, on which grid.

The format: fixed records of 50 bytes of text and nx*ny bytes of packed data. Each time begins with an index record
(``INDX``), whose data is text: the grid, then every level with its variables. So a few hundred bytes a time say all
that is asked here, and the packed data is skipped.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from stilt.met.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from stilt.met.dataset.naming import Table

LABEL_BYTES = 50
HEADER_BYTES = 108
_CENTURY_TURN = 40
_LETTERS = 64
_NUMBERS = (
    *("pole_lat", "pole_lon", "ref_lat", "ref_lon", "size_km", "orientation", "tangent_lat"),
    *("sync_x", "sync_y", "sync_lat", "sync_lon"),
)
"""What the header says of the grid, seven characters each."""


class ArlError(ValueError):
    """A file, or a place in it, does not read as ARL. HYSPLIT may read it all the same."""

    code = "MET_UNREADABLE"


@dataclass(frozen=True, slots=True)
class Level:
    """A level of the data: its coordinate as the header has it, and its variables."""

    height: float
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ArlFile:
    """What an ARL file holds.

    Attributes
    ----------
    model
        The four letters with which the header names its source.
    times
        Analysis times in UTC, ascending.
    levels
        From the surface upward, those of the first time.
    level_type
        1 sigma, 2 pressure, 3 terrain-following height, 4 hybrid.
    pressure_offset
        hPa at the top of the sigma coordinate.
    changes
        The first time whose levels or variables are not those of the first; None where there is none.
    varies
        The first time that is not one step after the one before; None where there is none.
    cut
        What is wrong with its end, in words; empty if it is whole. ``times`` are those that are whole.
    format
        ``ARL``, ``NetCDF``, ``Zarr`` or ``GRIB``; levels are in the same words. Surface fields alone have level type 0.
    contents
        CRC-32 of what the index record of each time says of its fields, checksums of their values among it; nothing
        where there are none.
    table
        Which of its variables are which fields because a config says so; it was read with that.
    """

    path: Path
    model: str
    grid: Grid
    times: tuple[datetime, ...]
    levels: tuple[Level, ...]
    level_type: int
    pressure_offset: float = 0.0
    changes: datetime | None = None
    varies: datetime | None = None
    cut: str = ""
    format: str = "ARL"
    contents: tuple[int, ...] = ()
    table: Table = ()

    @property
    def is_constant(self) -> bool:
        """Whether it holds only what does not change in time: the height of the ground."""
        return self.format != "ARL" and {
            name for level in self.levels for name in level.variables
        } == {"SHGT"}

    @property
    def step(self) -> timedelta | None:
        """Time between the first two analyses; None where there is only one."""
        return self.times[1] - self.times[0] if len(self.times) > 1 else None


@dataclass(frozen=True, slots=True)
class _Index:
    """One index record."""

    time: datetime
    kind: _Kind
    bytes_of_time: int
    content: int


@dataclass(frozen=True, slots=True)
class _Kind:
    """What an index record says but for its time, and how to see quickly that another one says the same."""

    model: str
    grid: Grid
    levels: tuple[Level, ...]
    level_type: int
    pressure_offset: float
    records: int
    same: re.Pattern[str]

    @property
    def content(self) -> tuple[object, ...]:
        """What two times of a file are to have in common."""
        return self.levels, self.level_type


_known: dict[str, _Kind] = {}
"""What index records said, by the part of their heads that does not tell the time."""

_MOST_KNOWN = 64
_COMPRESSED = {
    b"BZh": "bunzip2",
    b"\x1f\x8b": "gunzip",
    b"\xfd7zXZ": "unxz",
    b"\x28\xb5\x2f\xfd": "unzstd",
}


def read_arl(path: Path) -> ArlFile:
    """Read the headers of all times of a file; a file that has not changed is read once a process.

    Raises
    ------
    ArlError
        If something in it does not fit: no file is described by halves. One that ends inside of a time is: ``cut``.
    OSError
        If it cannot be read.
    """
    status = path.stat()
    return _read(str(path), status.st_size, status.st_mtime_ns)


def is_arl(path: str) -> bool:
    """Tell whether a file begins as ARL files do; not if there is none, or it can't be read."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a text, and thousands of them
            return file.read(LABEL_BYTES)[14:18] == b"INDX"
    except OSError:
        return False


@lru_cache(maxsize=4096)
def _read(name: str, size: int, changed: int) -> ArlFile:  # noqa: ARG001 - part of the cache's key
    path = Path(name)
    indices: list[_Index] = []
    begun: list[datetime] = []
    cut = ""
    with path.open("rb", buffering=0) as file:
        offset = 0
        while offset < size and not cut:
            found = _read_index(file, offset, indices[-1] if indices else None)
            begun += [found.time] if found else []
            if found is None or offset + found.bytes_of_time > size:
                cut = f"is cut off at byte {size:,}"
            else:
                offset += found.bytes_of_time
                indices.append(found)
    if not indices:
        raise ArlError(f"{path} {cut or 'is empty'}: not one time is whole")
    first = indices[0].kind
    if any((index.kind.grid, index.kind.model) != (first.grid, first.model) for index in indices):
        raise ArlError(f"{path} changes its grid from one time to the next")
    times = tuple(index.time for index in indices)
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise ArlError(f"the times in {path} do not ascend")
    changes = (index.time for index in indices if index.kind.content != first.content)
    whole = f"{path} {cut}, after {times[-1]:%Y-%m-%d %H:%M} UTC" if cut else ""
    return ArlFile(
        path,
        first.model,
        first.grid,
        times,
        first.levels,
        first.level_type,
        first.pressure_offset,
        next(changes, None),
        _varies(begun),
        whole,
        contents=tuple(index.content for index in indices),
    )


def _varies(times: Sequence[datetime]) -> datetime | None:
    """Return the first time that does not follow the one before as the second follows the first.

    The one that a file ends in counts too: hycs_std looks at its index record.
    """
    return next(
        (b for a, b in pairwise(times) if b - a != times[1] - times[0]),
        None,
    )


def _read_index(file: BinaryIO, offset: int, before: _Index | None) -> _Index | None:
    """Read the index record at a place; None where the file ends in it, after others."""
    start = os.pread(file.fileno(), LABEL_BYTES + HEADER_BYTES, offset)
    label, head = start[:LABEL_BYTES].decode("latin-1"), start[LABEL_BYTES:].decode("latin-1")
    if before is not None and len(start) < LABEL_BYTES + HEADER_BYTES:
        return None
    if len(head) < HEADER_BYTES or label[14:18] != "INDX":
        why = _compression(start) if before is None else _packing(file, before)
        raise ArlError(f"{file.name}: no index record at byte {offset}{why}")
    try:
        length = int(head[104:108])
        points = grid_points(label, head)
        text = _index_text(file, offset, points[0] * points[1], length)
        if before is not None and len(text) < length:
            return None
        if len(text) < length:
            raise ArlError("it is cut off")
        kind = _kind(label, head, text)
        time = index_time(label, head)
    except ValueError as error:
        raise ArlError(f"{file.name}: the index record at byte {offset}: {error}") from error
    bytes_of_time = kind.records * (LABEL_BYTES + points[0] * points[1])
    return _Index(time, kind, bytes_of_time, crc32(text[HEADER_BYTES:].encode("latin-1")))


def _compression(start: bytes) -> str:
    """Say so where a file is compressed, as the DWD's come: no kind of meteorology is read then."""
    undoes = next((what for begin, what in _COMPRESSED.items() if start.startswith(begin)), None)
    return f": it is compressed, undo that with {undoes}" if undoes else ""


def _packing(file: BinaryIO, before: _Index) -> str:
    """Say so where a record takes two bytes a point: the header does not."""
    grid = before.kind.grid
    label = os.pread(
        file.fileno(), LABEL_BYTES, before.kind.records * (LABEL_BYTES + 2 * grid.nx * grid.ny)
    )
    return ", but packed in two bytes a point" if label[14:18] == b"INDX" else ""


def _kind(label: str, head: str, text: str) -> _Kind:
    """Return what an index record says: as a rule the same as another one that was read, but for checksums."""
    untimed = label[12:14] + head[:4] + head[9:]
    known = _known.get(untimed)
    if known is not None and known.same.fullmatch(text):
        return known
    grid = _grid(label, head)
    levels = parse_levels(text, int(head[99:102]) if head[99:102].strip() else 0)
    records = index_records(len(text), grid.nx * grid.ny)
    records += sum(len(level.variables) for level in levels)
    offset = float(head[86:93] or 0)
    found = _Kind(
        head[:4].strip(), grid, levels, int(head[102:104]), offset, records, _alike(text, levels)
    )
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known[untimed] = found
    return found


def _alike(text: str, levels: tuple[Level, ...]) -> re.Pattern[str]:
    """Return a pattern of all texts that name these levels and variables, whatever the checksums."""
    parts, place = ["." * HEADER_BYTES], HEADER_BYTES
    for level in levels:
        parts.append(re.escape(text[place : place + 8]))
        parts += [f"{re.escape(name)}...." for name in level.variables]
        place += 8 + 8 * len(level.variables)
    return re.compile("".join(parts) + ".*", re.DOTALL)


def _grid(label: str, head: str) -> Grid:
    place: dict[str, Any] = {
        name: float(head[9 + 7 * index : 16 + 7 * index]) for index, name in enumerate(_NUMBERS)
    }
    nx, ny = grid_points(label, head)
    return Grid(**place, nx=nx, ny=ny)


def grid_points(label: str, head: str) -> tuple[int, int]:
    """Return the columns and rows that an index record's label and header name.

    Raises
    ------
    ArlError
        If there are none.
    ValueError
        If they are not numbers.
    """
    nx, ny = int(head[93:96]), int(head[96:99])
    thousands_x, thousands_y = map(ord, label[12:14])
    if max(thousands_x, thousands_y) >= _LETTERS:  # a letter counts thousands, from A
        nx += 1000 * max(0, thousands_x - _LETTERS)
        ny += 1000 * max(0, thousands_y - _LETTERS)
    if nx < 1 or ny < 1:
        raise ArlError(f"a grid of {nx} x {ny} points")
    return nx, ny


def index_records(length: int, points: int) -> int:
    """Return over how many records an index text of so many bytes goes."""
    return 1 if length <= points else length // points + 1


def _index_text(file: BinaryIO, offset: int, points: int, length: int) -> str:
    """Return the index text, which may go on in further records, or as much of it as the file has.

    Of a record that it does not fill no more is read than its text: a grid of a million points has as many bytes.
    """
    records = index_records(length, points)
    # not whole records: a header can name a grid that would take all memory
    data = os.pread(file.fileno(), records * LABEL_BYTES + max(0, length), offset)
    parts = [
        data[start + LABEL_BYTES : start + LABEL_BYTES + points]
        for start in range(0, len(data), LABEL_BYTES + points)
    ]
    return b"".join(parts)[:length].decode("latin-1")


def parse_levels(text: str, count: int) -> tuple[Level, ...]:
    """Return the levels, from the surface upward, that a whole index text names.

    Raises
    ------
    ArlError
        If it has no room for them.
    ValueError
        If it has something else where their numbers should be.
    """
    levels = []
    place = HEADER_BYTES
    for _ in range(count):
        height, variables = float(text[place : place + 6]), int(text[place + 6 : place + 8])
        place += 8
        names = tuple(text[at : at + 4] for at in range(place, place + 8 * variables, 8))
        levels.append(Level(height, names))
        place += 8 * variables
    if place > len(text) or not levels:
        raise ArlError(f"it names {count} levels in {len(text)} characters")
    return tuple(levels)


def index_time(label: str, head: str) -> datetime:
    """Return the time, in UTC, of an index record's label and header.

    Raises
    ------
    ValueError
        If there is no such time.
    """
    year, month, day, hour = (int(label[at : at + 2]) for at in (0, 2, 4, 6))
    year += 1900 if year > _CENTURY_TURN else 2000
    minute = int(head[7:9]) if head[7:9].strip() else 0
    return datetime(year, month, day, hour, minute, tzinfo=UTC)
