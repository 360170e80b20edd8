"""The analyses on one grid in time, each with its columns."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from stilt.met.analysis import STAGGERED_MODEL
from stilt.transport.native.columns import Destination, column_space, fill_columns
from stilt.transport.native.divergence import read_motion
from stilt.transport.native.fields import BY_ENERGY, BoundaryOptions, FieldSource
from stilt.transport.native.interpolation import (
    BLOCK,
    HALF_CELLS,
    HALF_LEVELS,
    NOT_STAGGERED,
    Frame,
)
from stilt.transport.native.projection import MapGrid, map_grid
from stilt.transport.native.terrain import NO_TABLE, TerrainSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from stilt.met.analysis import Analysis, GridHeader
    from stilt.transport.native.levels import VerticalGrid
    from stilt.transport.native.roughness import Roughness, RoughnessSource
    from stilt.transport.native.store import ColumnStore, StoredColumns

LONGEST_GAP_MIN = 720
MOST_OPEN = 200
"""Analyses of a grid that stay open; those farthest in time are closed first. Each has a descriptor, and its reader of
a large grid knows megabytes. What is computed stays in the store."""

_FORMAT = "5"
"""Raise it whenever the content of stored columns changes."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What the columns of an analysis depend on beside the met file itself."""

    top_m: float
    boundary: BoundaryOptions
    roughness: RoughnessSource
    terrain: TerrainSource = NO_TABLE


def staggering(header: GridHeader) -> int:
    """Tell from the model's name how the winds lie, as hycs_std does: xWRF, and AWRF among them (found by trial)."""
    if header.model == STAGGERED_MODEL:
        return HALF_CELLS
    return HALF_LEVELS if header.model[1:] == "WRF" else NOT_STAGGERED


class Analyses:
    """The analyses of some met files on one grid.

    Parameters
    ----------
    files
        The analyses of each file, rising in time. Levels and variables may change from file to file.
    """

    def __init__(
        self,
        files: Sequence[tuple[Analysis, ...]],
        vertical: VerticalGrid,
        setting: Setting,
        store: ColumnStore,
    ) -> None:
        self._files = sorted(files, key=lambda file: file[0].minutes)
        self.grid: MapGrid = map_grid(files[0][0].grid)
        self.vertical = vertical
        self._setting = setting
        self._store = store
        self._open: dict[tuple[Analysis, float], OpenAnalysis] = {}

    @property
    def minutes(self) -> list[int]:
        """Times of the analyses, minutes since 1970, rising."""
        return sorted({index.minutes for file in self._files for index in file})

    def pair(self, begin: int, end: int) -> tuple[Analysis, Analysis] | None:
        """Return the analyses before and after a stretch between two times next to each other, both inclusive.

        They are of one file where one holds both, of several the one that begins last: what hycs_std does with
        files that overlap (found by trial).
        """
        for file in reversed(self._files):
            if file[0].minutes <= begin and end <= file[-1].minutes:
                return _around(file, begin, end)
        every = {index.minutes: index for file in self._files for index in file}
        times = sorted(every)
        if times[0] > begin or times[-1] < end:
            return None
        return _around([every[time] for time in times], begin, end)

    @property
    def frame(self) -> Frame:
        """The grid as kernels need it."""
        vertical, header = self.vertical, self.grid.header
        heights = vertical.heights_m
        return Frame(
            nx=header.nx,
            ny=header.ny,
            wraps=int(self.grid.wraps),
            has_poles=int(self.grid.has_poles),
            staggering=staggering(header),
            a=vertical.a,
            b=vertical.b,
            c=vertical.c,
            top_m=vertical.top_m,
            sigma=vertical.sigma,
            heights=heights,
            between=0.5 * (heights[1:] + heights[:-1]),
            rounded=np.floor(vertical.sigma * 1e4 + 0.5).astype(np.int64),
        )

    @property
    def opened(self) -> tuple[OpenAnalysis, ...]:
        """The analyses that runs have used."""
        return tuple(self._open.values())

    def at(self, index: Analysis, zi_factor: float) -> OpenAnalysis:
        """Return an analysis, with mixed layers scaled by a factor."""
        found = self._open.get((index, zi_factor))
        if found is None:
            if len(self._open) >= MOST_OPEN:
                self._open.pop(max(self._open, key=lambda key: abs(key[0].minutes - index.minutes)))
            found = self._open[index, zi_factor] = self._open_at(index, zi_factor)
        return found

    def _open_at(self, index: Analysis, zi_factor: float) -> OpenAnalysis:
        source = FieldSource(
            index,
            self.grid,
            _table_of(self._setting.roughness),
            self._setting.terrain,
            has_energy=self._setting.boundary.kmixd == BY_ENERGY,
        )
        what = (
            _FORMAT,
            *index.identity,
            self._setting.top_m,
            self._setting.boundary,
            self._setting.roughness.label,
            self._setting.terrain.label,
            zi_factor,
            self.vertical,
        )
        key = hashlib.blake2b(repr(what).encode(), digest_size=16).hexdigest()
        header = index.grid
        stored = self._store.open(key, header.ny, header.nx, self.vertical.count)
        return OpenAnalysis(source, stored, self.vertical, self._setting, zi_factor)


class OpenAnalysis:
    """One analysis whose columns are computed block by block, as particles need them.

    Attributes
    ----------
    stored
        The columns, shared with other processes.
    computed_blocks
        How many of them this process computed.
    """

    def __init__(
        self,
        source: FieldSource,
        stored: StoredColumns,
        vertical: VerticalGrid,
        setting: Setting,
        zi_factor: float,
    ) -> None:
        self.stored = stored
        self._source = source
        self._vertical = vertical
        self._settings = source.settings(vertical, setting.boundary, zi_factor)
        self._space = column_space(self._settings.file_levels.size, vertical.count)
        self.computed_blocks = 0

    def compute(self, wanted: NDArray[np.uint8]) -> None:
        """Compute the wanted blocks that are not there yet, shape (block rows, block columns)."""
        with self.stored.filling():
            missing = (wanted != 0) & (self.stored.ready == 0)
            for row, first, stop in _runs(missing):
                self._compute_blocks(row, first, stop)
                self.stored.ready[row, first:stop] = 1
                self.computed_blocks += stop - first

    def _compute_blocks(self, row: int, first: int, stop: int) -> None:
        header = self._source.index.grid
        rows = (row * BLOCK, min((row + 1) * BLOCK, header.ny))
        columns = (first * BLOCK, min(stop * BLOCK, header.nx))
        raw = self._source.read(rows, columns)
        if not self._source.has_motion:
            computed_with = self._settings, self._space, self._vertical
            motion = read_motion(self._source, (rows, columns), computed_with)
            raw = raw._replace(motion=motion)
        out = Destination(self.stored.columns, rows[0], columns[0])
        fill_columns(raw, self._settings, out, self._space)


def _runs(missing: NDArray[np.bool_]) -> Iterator[tuple[int, int, int]]:
    """Yield row, first and end of each unbroken run of missing blocks: one rectangle to read."""
    for row in np.flatnonzero(missing.any(axis=1)):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], missing[row].astype(np.int8), [0]])))
        for first, stop in edges.reshape(-1, 2):
            yield int(row), int(first), int(stop)


def _around(file: Sequence[Analysis], begin: int, end: int) -> tuple[Analysis, Analysis]:
    before = max((index for index in file if index.minutes <= begin), key=_time)
    return before, min((index for index in file if index.minutes >= end), key=_time)


def _time(index: Analysis) -> int:
    return index.minutes


@lru_cache(maxsize=2)
def _table_of(source: RoughnessSource) -> Roughness:
    return source.load()
