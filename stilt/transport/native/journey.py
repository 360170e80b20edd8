"""Particles on their way over one grid, or from one grid to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stilt.transport.native.interpolation import MISSING, Air, flat
from stilt.transport.native.march import (
    GONE,
    MARGIN,
    Clock,
    Options,
    Particles,
    Plan,
    Rows,
    Work,
    X,
    Y,
    march,
    working_space,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from stilt.transport.native.analysis import Analyses, OpenAnalysis
    from stilt.transport.native.projection import MapGrid

    Floats = NDArray[np.float64]

NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Sheet:
    """Two analyses on one grid, to march between.

    Attributes
    ----------
    number
        Of the grid, the finest being 0.
    pair
        In the direction of the run.
    """

    number: int
    analyses: Analyses
    pair: tuple[OpenAnalysis, OpenAnalysis]
    clock: Clock


class Journey:
    """The particles of a run, and the grid that each of them is on.

    Several grids for the same hours: each minute a particle goes by the finest that holds it, as with hycs_std
    (found by trial). Its place is kept in the index units of the grid that it is on.
    """

    def __init__(
        self, grids: Sequence[Analyses], particles: Particles, rows: Rows, options: Options
    ) -> None:
        self.particles = particles
        self.rows = rows
        self._options = options
        self._maps = [analyses.grid for analyses in grids]
        count = particles.minute.shape[0]
        self._grid = np.full(count, 0, np.int64)
        is_alone = len(grids) == 1
        self._row_grid = None if is_alone else np.full((self.steps, count), 0, np.int8)
        self._work = Work(particles, rows, working_space(grids[0].vertical.count))

    @property
    def steps(self) -> int:
        """Rows of output for each particle."""
        return int(self.rows.main.shape[1])

    def set_out(self, longitude: Floats, latitude: Floats) -> bool:
        """Put the particles at their starts; tell whether each of them is on a grid."""
        particles = self.particles
        number = self._finest(longitude, latitude, range(len(self._maps)))
        for grid, grid_map in enumerate(self._maps):
            there = (number == grid) | ((number == NOWHERE) & (grid == 0))
            particles.x[there], particles.y[there] = grid_map.to_index(
                longitude[there], latitude[there]
            )
        self._grid = np.maximum(number, 0)
        return bool(np.all(number != NOWHERE))

    def go(self, sheets: Sequence[Sheet], begin: int, stop: int) -> None:
        """March from one minute of the run to another."""
        if self._row_grid is None:
            self._march(sheets[0], stop)
            return
        for minute in range(begin, stop):
            self._choose_grids([sheet.number for sheet in sheets], minute)
            for sheet in sheets:
                self._march_those_on(sheet, minute)

    def longlat(self, chosen: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
        """Return longitude and latitude of the rows that ``chosen`` picks out of all."""
        x, y = chosen(self.rows.main[X]), chosen(self.rows.main[Y])
        if self._row_grid is None:
            return self._maps[0].table_longlat(x, y)
        number = chosen(self._row_grid.astype(np.float64))
        longitude, latitude = np.empty_like(x), np.empty_like(y)
        for grid, grid_map in enumerate(self._maps):
            there = number == grid
            longitude[there], latitude[there] = grid_map.table_longlat(x[there], y[there])
        return longitude, latitude

    def _finest(
        self, longitude: Floats, latitude: Floats, usable: Sequence[int]
    ) -> NDArray[np.int64]:
        """Return the number of the finest grid that holds each place."""
        number = np.full(longitude.shape, NOWHERE, np.int64)
        for grid in reversed(usable):
            there = holds(self._maps[grid], *self._maps[grid].to_index(longitude, latitude))
            number[there] = grid
        return number

    def _choose_grids(self, usable: Sequence[int], minute: int) -> None:
        """Move particles to the finest of the usable grids; those that none holds are gone."""
        particles = self.particles
        due = np.flatnonzero((particles.minute == minute) & (particles.status != GONE))
        for old in np.unique(self._grid[due]):
            those = due[self._grid[due] == old]
            where = self._maps[old].to_longlat(particles.x[those], particles.y[those])
            number = self._finest(where[0], where[1], usable)
            particles.status[those[number == NOWHERE]] = GONE
            for new in set(number.tolist()) - {NOWHERE, int(old)}:
                moved = number == new
                x, y = self._maps[new].to_index(where[0][moved], where[1][moved])
                particles.x[those[moved]], particles.y[those[moved]] = x, y
                self._grid[those[moved]] = new

    def _march_those_on(self, sheet: Sheet, minute: int) -> None:
        """March one minute with the particles that are on a grid; the others wait."""
        particles = self.particles
        others = (self._grid != sheet.number) | (particles.minute != minute)
        if others.all():
            return
        kept = particles.minute[others].copy()
        particles.minute[others] = minute + 1
        self._march(sheet, minute + 1)
        particles.minute[others] = kept
        is_row = (minute + 1) % sheet.clock.every == 0 or minute + 1 == sheet.clock.last
        if self._row_grid is not None and is_row:
            self._row_grid[minute // sheet.clock.every, ~others] = sheet.number

    def _march(self, sheet: Sheet, stop: int) -> None:
        first, second = sheet.pair[0].stored, sheet.pair[1].stored
        air = Air(
            sheet.analyses.frame,
            flat(first.columns),
            flat(second.columns),
            first.ready,
            second.ready,
            np.zeros_like(first.ready),
        )
        plan = Plan(sheet.clock._replace(stop=stop), self._options)
        while march(air, plan, self._work) == MISSING:
            for analysis in sheet.pair:
                analysis.compute(air.wanted)
            air.wanted[:] = 0


def holds(grid: MapGrid, x: Floats, y: Floats) -> NDArray[np.bool_]:
    """Tell whether particles can be at columns and rows, counted from 1: not on the outermost cells."""
    header = grid.header
    inside = ((y >= MARGIN) & (y < header.ny - MARGIN)) | grid.has_poles
    if not grid.wraps:
        inside &= (x >= MARGIN) & (x < header.nx - MARGIN)
    return np.asarray(inside)
