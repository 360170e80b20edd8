"""The rows of a particle table that a footprint is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from stilt.errors import InputError
from stilt.footprint import kernels, near_receptor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.footprint.grid import Geometry
    from stilt.particles.table import ParticleTable

NEEDED = ("time", "indx", "long", "lati", "foot")


@dataclass(frozen=True, slots=True)
class Rows:
    """Contiguous columns of one length.

    Attributes
    ----------
    time, long, lati, foot
        As in the particle table.
    slot
        The particle's number from 0, without gaps.
    n_particles
        How many different particles there are.
    """

    time: NDArray[np.float64]
    slot: NDArray[np.int32]
    long: NDArray[np.float64]
    lati: NDArray[np.float64]
    foot: NDArray[np.float64]
    n_particles: int

    def __len__(self) -> int:
        return len(self.time)

    @property
    def is_forward(self) -> bool:
        """Whether time runs on from the receptor, not back from it."""
        return 2 * int(np.count_nonzero(self.time > 0)) > len(self.time)

    def ages(self) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return each row's place among the times since the particles' first rows, and these in minutes."""
        ages = np.empty(len(self), np.int32)
        ticks = kernels.ages_of(self.slot, self.n_particles, self.time, True, ages)
        return ages, ticks / kernels.TICKS_PER_MIN


def rows_of(table: ParticleTable) -> Rows:
    """Return the columns ``NEEDED`` of a table.

    Raises
    ------
    InputError
        If one is missing.
    """
    missing = [name for name in NEEDED if name not in table.columns]
    if missing:
        raise InputError(
            f"a footprint needs the particle columns {', '.join(missing)}, which are not there",
            "add them to varsiwant",
        )
    columns = {name: np.ascontiguousarray(table[name], dtype=np.float64) for name in NEEDED}
    slot, n_particles = number_particles(columns.pop("indx"))
    return Rows(slot=slot, n_particles=n_particles, **columns)


def number_particles(indx: NDArray[np.float64]) -> tuple[NDArray[np.int32], int]:
    """Return each row's particle as a number from 0 by ascending ``indx``, and how many there are."""
    slots = np.empty(len(indx), np.int32)
    extremes = np.zeros(2, np.int64)
    if not len(indx):
        return slots, 0
    if kernels.whole_range(indx, extremes):
        span = int(extremes[1] - extremes[0]) + 1
        if span <= 4 * len(indx) + 1024:
            return slots, kernels.slots_of(indx, extremes[0], span, slots)
    numbers, places = np.unique(indx, return_inverse=True)
    return places.astype(np.int32), len(numbers)


def fill_in_near_receptor(rows: Rows, geometry: Geometry) -> Rows:
    """Return the rows, with more of them near the receptor if particles step over cells there.

    That is so when the median over particles of their median step in x or in y is larger than a cell.
    """
    near = np.empty(len(rows), np.int32)
    near = near[: near_receptor.rows_near(rows.time, near)].copy()
    bounds = np.zeros(rows.n_particles + 1, np.int64)
    order = kernels.grouped_by(rows.slot, near, bounds)
    places = geometry.project(rows.long[order], rows.lati[order])
    for place, size in zip(places, (geometry.xres, geometry.yres), strict=True):
        if near_receptor.median_step(bounds, place) > size:
            return _filled_in(rows)
    return rows


def _filled_in(rows: Rows) -> Rows:
    by_time = _by_distance_from_start(rows)
    bounds = np.zeros(rows.n_particles + 1, np.int64)
    order = kernels.grouped_by(rows.slot, by_time, bounds)
    added = near_receptor.ADDED_MIN
    nothing = np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0)
    count = near_receptor.plan_rows(order, bounds, rows.time, added, *nothing)
    before, after, minutes = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count)
    near_receptor.plan_rows(order, bounds, rows.time, added, before, after, minutes)

    def filled_in(values: NDArray[np.float64]) -> NDArray[np.float64]:
        result = np.empty(count)
        near_receptor.interpolate(before, after, minutes, rows.time, values, result)
        return result

    time = np.round(minutes, 1) * (1.0 if rows.is_forward else -1.0)
    foot = filled_in(rows.foot)
    near_receptor.keep_window_sums(rows.time, rows.foot, time, foot)
    return replace(
        rows,
        time=time,
        slot=rows.slot[after],
        long=filled_in(rows.long),
        lati=filled_in(rows.lati),
        foot=foot,
    )


def _by_distance_from_start(rows: Rows) -> NDArray[np.int32]:
    minutes = np.empty(len(rows), np.int32)
    ticks = kernels.ages_of(rows.slot, rows.n_particles, rows.time, False, minutes)
    bounds = np.zeros(len(ticks) + 1, np.int64)
    return kernels.grouped_by(minutes, np.arange(len(rows), dtype=np.int32), bounds)
