"""Headers of ARL files: which hours, levels and variables, on which grid.

The format: fixed records of 50 bytes of text and nx*ny bytes of packed data. Each time begins with an index record
(``INDX``), whose data is text: the grid, then every level with its variables. So a few hundred bytes a time say all
that is asked here, and the packed data is skipped.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.met.grid import Grid

if TYPE_CHECKING:
    from typing import BinaryIO

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
    """

    path: Path
    model: str
    grid: Grid
    times: tuple[datetime, ...]
    levels: tuple[Level, ...]
    level_type: int

    @property
    def step(self) -> timedelta | None:
        """Time between the first two analyses; None where there is only one."""
        return self.times[1] - self.times[0] if len(self.times) > 1 else None


@dataclass(frozen=True, slots=True)
class _Index:
    """One index record."""

    time: datetime
    model: str
    grid: Grid
    levels: tuple[Level, ...]
    level_type: int
    bytes_of_time: int


def read_arl(path: Path) -> ArlFile:
    """Read the headers of all times of a file; a file that has not changed is read once a process.

    Raises
    ------
    ArlError
        If something in it does not fit: no file is described by halves.
    OSError
        If it cannot be read.
    """
    status = path.stat()
    return _read(str(path), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4096)
def _read(name: str, size: int, changed: int) -> ArlFile:  # noqa: ARG001 - part of the cache's key
    path = Path(name)
    indices: list[_Index] = []
    with path.open("rb", buffering=0) as file:
        offset = 0
        while offset < size:
            index = _read_index(file, offset)
            offset += index.bytes_of_time
            indices.append(index)
    if offset != size or not indices:
        raise ArlError(f"{path} ends inside of a record: {offset - size} bytes are missing")
    first = indices[0]
    if any((index.grid, index.model) != (first.grid, first.model) for index in indices):
        raise ArlError(f"{path} changes its grid from one time to the next")
    times = tuple(index.time for index in indices)
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise ArlError(f"the times in {path} do not ascend")
    return ArlFile(path, first.model, first.grid, times, first.levels, first.level_type)


def _read_index(file: BinaryIO, offset: int) -> _Index:
    start = os.pread(file.fileno(), LABEL_BYTES + HEADER_BYTES, offset)
    label, head = start[:LABEL_BYTES].decode("latin-1"), start[LABEL_BYTES:].decode("latin-1")
    if len(head) < HEADER_BYTES or label[14:18] != "INDX":
        raise ArlError(f"{file.name}: no index record at byte {offset}")
    try:
        grid = _grid(label, head)
        length = int(head[104:108])
        text, records = _index_text(file, offset, grid.nx * grid.ny, length)
        levels = parse_levels(text, int(head[99:102]) if head[99:102].strip() else 0)
        time = index_time(label, head)
        level_type = int(head[102:104])
    except ValueError as error:
        raise ArlError(f"{file.name}: the index record at byte {offset}: {error}") from error
    records += sum(len(level.variables) for level in levels)
    bytes_of_time = records * (LABEL_BYTES + grid.nx * grid.ny)
    return _Index(time, head[:4].strip(), grid, levels, level_type, bytes_of_time)


def _grid(label: str, head: str) -> Grid:
    place = {
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


def _index_text(file: BinaryIO, offset: int, points: int, length: int) -> tuple[str, int]:
    """Return the whole index text, which may go on in further records, and the number of records."""
    records = index_records(length, points)
    # not whole records: a header can name a grid that would take all memory
    data = os.pread(file.fileno(), records * LABEL_BYTES + max(0, length), offset)
    parts = [
        data[start + LABEL_BYTES : start + LABEL_BYTES + points]
        for start in range(0, len(data), LABEL_BYTES + points)
    ]
    text = b"".join(parts)[:length].decode("latin-1")
    if len(text) < length:
        raise ArlError("it is cut off")
    return text, records


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
