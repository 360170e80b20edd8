"""ARL packed meteorology, read straight into arrays.

The format is NOAA ARL's: fixed-length records of a 50-byte label and one byte a grid point, each byte the
difference from the neighbour; an index record opens each time. ``arlmet`` is the reader for people; this
one exists because an engine wants one rectangle of one time, fast, and every file that hycs_std reads.
"""

from __future__ import annotations

import contextlib
import mmap
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

import numpy as np

from stilt.kernels.compiled import fast
from stilt.met.analysis import HEIGHT, HYBRID, PRESSURE, SIGMA, FieldReader, GridHeader, state_of
from stilt.met.arl import (
    HEADER_BYTES,
    LABEL_BYTES,
    Level,
    grid_points,
    index_records,
    index_time,
    parse_levels,
)
from stilt.transport.protocol import Reason, TransportError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import BinaryIO

    from numpy.typing import NDArray


_POPULATE_READ = 22
"""MADV_POPULATE_READ of Linux, which Python has no name for."""

_MAPS: WeakValueDictionary[tuple[Path, int, int], mmap.mmap] = WeakValueDictionary()
"""What readers have mapped, by file and its state."""


@dataclass(frozen=True, slots=True)
class AnalysisIndex:
    """One time of a file.

    Attributes
    ----------
    minutes
        Whole minutes since 1970-01-01 00:00 UTC.
    offset
        Where its first data record starts, bytes.
    levels
        The surface first, then upward.
    """

    path: Path
    minutes: int
    offset: int
    grid: GridHeader
    levels: tuple[Level, ...]

    @property
    def record_bytes(self) -> int:
        """Length of one record."""
        return LABEL_BYTES + self.grid.nx * self.grid.ny

    @property
    def remedy(self) -> str:
        """What to do about a file that native does not follow."""
        return "use model: hysplit for it"

    @property
    def identity(self) -> tuple[object, ...]:
        """The file as it is now, and the place in it.

        Raises
        ------
        TransportError
            ``MET_MISSING`` if it is not there.
        """
        return str(self.path.resolve()), *state_of(self.path), self.offset

    @property
    def hybrid(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Whole hPa and the share of the surface pressure, which a hybrid level's one number holds."""
        heights = np.array([level.height for level in self.levels[1:]])
        whole = np.floor(heights)
        return whole, heights - whole

    def reader(self) -> AnalysisReader:
        """Return what reads its records."""
        return AnalysisReader(self)


class CutOffError(ValueError):
    """A file ends inside of an index record."""


def read_index(path: Path) -> tuple[AnalysisIndex, ...]:
    """Return every time of a file, in the order of the file.

    Raises
    ------
    TransportError
        ``MET_MISSING`` if the file can't be read, ``MET_COVERAGE`` if it is not an ARL file that this
        engine can read.
    """
    try:
        with path.open("rb") as file:
            return tuple(_times(path, file, path.stat().st_size))
    except OSError as error:
        raise TransportError(Reason.MET_MISSING, f"{path}: {error.strerror}") from error
    except (ValueError, IndexError) as error:
        raise TransportError(
            Reason.MET_COVERAGE, f"{path}: not an ARL file as this engine knows them: {error}"
        ) from error


def _times(path: Path, file: BinaryIO, size: int) -> list[AnalysisIndex]:
    found: list[AnalysisIndex] = []
    position = 0
    while position + LABEL_BYTES + HEADER_BYTES <= size:
        try:
            index, end = _read_time(path, file, position)
        except CutOffError:
            if not found:
                raise
            break
        if end > size:
            break  # the last time was cut: what hycs_std would not read either
        found.append(index)
        position = end
    if not found:
        raise ValueError("no complete time in it")
    return found


def _read_time(path: Path, file: BinaryIO, position: int) -> tuple[AnalysisIndex, int]:
    file.seek(position)
    label = file.read(LABEL_BYTES).decode("latin-1")
    if label[14:18] != "INDX":
        raise ValueError(f"no index record at byte {position}")
    head = file.read(HEADER_BYTES).decode("latin-1")
    grid, level_count, index_bytes = _parse_head(label, head)
    cells = grid.nx * grid.ny
    records = index_records(index_bytes, cells)
    text = ""
    for number in range(records):
        file.seek(position + number * (LABEL_BYTES + cells) + LABEL_BYTES)
        # not a whole record: a header can name a grid that would take all memory
        text += file.read(max(0, min(cells, index_bytes - len(text)))).decode("latin-1")
    if len(text) < index_bytes:
        raise CutOffError("its index record is cut off")
    levels = parse_levels(text[:index_bytes], level_count)
    offset = position + records * (LABEL_BYTES + cells)
    count = sum(len(level.variables) for level in levels)
    minutes = int(index_time(label, head).timestamp()) // 60
    end = offset + count * (LABEL_BYTES + cells)
    return AnalysisIndex(path, minutes, offset, grid, levels), end


def _parse_head(label: str, head: str) -> tuple[GridHeader, int, int]:
    values = [float(head[9 + 7 * n : 16 + 7 * n]) for n in range(12)]
    nx, ny = grid_points(label, head)
    names = [field.name for field in fields(GridHeader)][1:13]
    places: dict[str, Any] = dict(zip(names, values, strict=True))
    grid = GridHeader(model=head[:4], nx=nx, ny=ny, level_type=int(head[102:104]), **places)
    return grid, int(head[99:102]), int(head[104:108])


def refuse_unknown_kind(grid: GridHeader, path: Path) -> None:
    """Refuse, by name, the kinds of file that the specification does not cover.

    Raises
    ------
    TransportError
        ``MET_COVERAGE``, saying which kind it is and what can read it.
    """
    kind = ""
    if grid.level_type not in {SIGMA, PRESSURE, HEIGHT, HYBRID}:
        kind = f"vertical coordinate {grid.level_type} is not supported here; use model: hysplit"
    elif grid.model.strip() == "RAMS":
        kind = "the model RAMS is not supported here, and hycs_std stops in its files"
    if kind:
        raise TransportError(Reason.MET_COVERAGE, f"{path}: {kind}")


class Known(NamedTuple):
    """What a reader has seen of the records of an analysis.

    Attributes
    ----------
    begins
        Where the bytes of each start, negative while its label has not been read.
    numbers
        Scale, precision and the value that the first one is a difference from, shape (records, 3).
    rows
        To how many rows the first column is known.
    first_column
        The values of the first column, shape (records, rows of the grid).
    """

    begins: NDArray[np.int64]
    numbers: NDArray[np.float64]
    rows: NDArray[np.int64]
    first_column: NDArray[np.float64]


class Corner(NamedTuple):
    """Where a rectangle begins in a grid of ``nx`` columns."""

    nx: int
    row: int
    column: int


class AnalysisReader(FieldReader):
    """Reads rectangles of the fields of one analysis time."""

    def __init__(self, index: AnalysisIndex) -> None:
        self.index = index
        self._records: dict[tuple[int, str], int] = {}
        number = 0
        for level_number, level in enumerate(index.levels):
            for name in level.variables:
                # The last of equal names wins, as when a file is read from its beginning.
                self._records[level_number, name] = number
                number += 1
        self._asked: tuple[tuple[tuple[str, int] | None, ...], NDArray[np.int64]]
        self._asked = (), np.empty(0, np.int64)
        self._known = Known(
            np.full(number, -1, np.int64),
            np.zeros((number, 3)),
            np.zeros(number, np.int64),
            np.empty((number, index.grid.ny)),
        )

    @cached_property
    def _mapped(self) -> mmap.mmap:
        return _map_of(self.index.path)

    @cached_property
    def _content(self) -> NDArray[np.uint8]:
        return np.frombuffer(self._mapped, dtype=np.uint8)

    def has(self, name: str, level: int = 0) -> bool:
        """Tell whether the index lists a variable at a level."""
        return (level, name) in self._records

    def last_of(self, *names: str, level: int = 0) -> str | None:
        """Return that one of these variables of a level whose record comes last."""
        present = [name for name in names if self.has(name, level)]
        return max(present, key=lambda name: self._records[level, name]) if present else None

    def is_before(self, name: str, other: str, level: int) -> bool:
        """Tell whether a level has both variables, the first of them earlier in the file."""
        return (
            self.has(name, level)
            and self.has(other, level)
            and self._records[level, name] < self._records[level, other]
        )

    def origin(self, name: str) -> str:
        """Tell people what a surface variable is in the file: itself."""
        return name if self.has(name) else ""

    def stack(
        self,
        wanted: Sequence[tuple[str, int] | None],
        rows: tuple[int, int],
        columns: tuple[int, int],
    ) -> NDArray[np.float32]:
        """Return several fields, given by name and level, shape (fields, rows, columns); zeros for None.

        Raises
        ------
        TransportError
            As ``field`` does.
        """
        records = self._numbered(tuple(wanted))
        out = np.zeros((len(wanted), rows[1] - rows[0], columns[1] - columns[0]), dtype=np.float32)
        corner = Corner(self.index.grid.nx, rows[0], columns[0])
        self._populate(records[records >= 0], rows[1])
        unpack(self._content, records, self._known, corner, out)
        return out

    def _populate(self, records: NDArray[np.int64], rows: int) -> None:
        """Have the kernel map at once, of each record, the rows whose first column is about to be added up.

        Their pages would be mapped one fault after the other, as long as rows are no longer than pages.
        """
        known, nx = self._known, self.index.grid.nx
        if nx > mmap.PAGESIZE:
            return
        for record in records[known.rows[records] < rows].tolist():
            begin = int(known.begins[record]) + int(known.rows[record]) * nx
            end = int(known.begins[record]) + rows * nx
            begin -= begin % mmap.PAGESIZE
            with contextlib.suppress(OSError):  # a kernel before 5.14
                self._mapped.madvise(_POPULATE_READ, begin, end - begin)

    def _numbered(self, wanted: tuple[tuple[str, int] | None, ...]) -> NDArray[np.int64]:
        """Return the numbers of records, -1 for None; those asked for last are kept: rectangles have the same."""
        if wanted != self._asked[0]:
            records = [-1 if record is None else self._record(*record) for record in wanted]
            self._asked = wanted, np.array(records, np.int64)
        return self._asked[1]

    def _record(self, name: str, level: int) -> int:
        """Return the number of a record, whose label has been read from then on."""
        number = self._records[level, name]
        if self._known.begins[number] < 0:
            begin, numbers = self._label(name, level)
            self._known.begins[number], self._known.numbers[number] = begin, numbers
        return number

    def _label(self, name: str, level: int) -> tuple[int, tuple[float, float, float]]:
        """Return where a record's bytes start, and its scale, precision and first value."""
        index = self.index
        start = index.offset + self._records[level, name] * index.record_bytes
        label = self._content[start : start + LABEL_BYTES].tobytes().decode("latin-1")
        if label[14:18] != name or int(label[8:10]) < 0:
            raise TransportError(
                Reason.MET_MISSING,
                f"{index.path}: {name} at level {level} is marked as missing (label {label[:18]!r})",
            )
        scale = 2.0 ** (int(label[18:22]) - 7)
        return start + LABEL_BYTES, (scale, float(label[22:36]), float(label[36:50]))


def _map_of(path: Path) -> mmap.mmap:
    """Map a file, once for all readers of it: Python keeps a descriptor open for each mapping."""
    key = (path, *state_of(path))
    mapped = _MAPS.get(key)
    if mapped is None:
        with path.open("rb") as file:
            mapped = _MAPS[key] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return mapped


@fast.kernel()
def unpack(
    content: NDArray[np.uint8],
    records: NDArray[np.int64],
    known: Known,
    corner: Corner,
    out: NDArray[np.float32],
) -> None:
    """Undo the differences: along the first column, then along each row that is wanted.

    ``records`` are numbers of records, negative for fields to leave alone. Of a row's part before the first column that
    is wanted only the sum of the differences counts; they are whole numbers, so many are added at once.
    """
    fields, rows, columns = out.shape
    nx, first_row, first_column = corner.nx, corner.row, corner.column
    for field in range(fields):
        record = records[field]
        if record < 0:
            continue
        begin = known.begins[record]
        scale, precision = known.numbers[record, 0], known.numbers[record, 1]
        _first_column(content, nx, known, record, first_row + rows)
        for row in range(rows):
            place = begin + (first_row + row) * nx
            value = known.first_column[record, first_row + row]
            if first_column == 0:
                out[field, row, 0] = value
            else:
                before = 0
                for code in content[place + 1 : place + first_column]:
                    before += code
                value += float(before - 127 * (first_column - 1)) * scale
            for column in range(max(1, first_column), first_column + columns):
                value += (float(content[place + column]) - 127.0) * scale
                kept = value if abs(value) >= precision else 0.0
                out[field, row, column - first_column] = kept


@fast.inline
def _first_column(
    content: NDArray[np.uint8], nx: int, known: Known, record: int, rows: int
) -> None:
    """Add up the first column to so many rows, from where it is known to."""
    done = known.rows[record]
    if done >= rows:
        return
    value = known.numbers[record, 2] if done == 0 else known.first_column[record, done - 1]
    place = known.begins[record] + done * nx
    for row in range(done, rows):
        value += (float(content[place]) - 127.0) * known.numbers[record, 0]
        known.first_column[record, row] = value
        place += nx
    known.rows[record] = rows
