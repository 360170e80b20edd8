"""The rows of a particle table that a footprint is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from stilt.footprint import kernels, near_receptor
from stilt.foundations.errors import InputError

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
    times
        What is common to ``time``.
    """

    time: NDArray[np.float64]
    slot: NDArray[np.int32]
    long: NDArray[np.float64]
    lati: NDArray[np.float64]
    foot: NDArray[np.float64]
    n_particles: int
    times: Times

    def __len__(self) -> int:
        return len(self.time)

    def ages(self) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return the number of each row's time since its particle's first row, and these times in minutes.

        Times are ascending; there may be some that no row has.
        """
        ticks_per_min = self.times.ticks_per_min
        if not ticks_per_min:
            return _irregular_ages(self)
        ages = np.empty(len(self), np.int32)
        first = np.full(self.n_particles, np.iinfo(np.int64).max)
        n_ages = kernels.ages_of(self.slot, self.time, ticks_per_min, first, ages)
        return ages, np.arange(n_ages) / ticks_per_min


@dataclass(frozen=True, slots=True)
class Times:
    """What is common to the times of a table.

    Attributes
    ----------
    first_hour
        The number of the earliest hour, counted from the receptor: negative backward.
    n_hours
        How many hours the times span.
    is_forward
        Whether time runs on from the receptor, not back from it.
    ticks_per_min
        1 where all are whole minutes, as engines write them; 10 where tenths, as they are filled in; else 0.
    """

    first_hour: int
    n_hours: int
    is_forward: bool
    ticks_per_min: float


def _times(time: NDArray[np.float64]) -> Times:
    facts = np.zeros(4)
    kernels.survey(time, facts)
    low, high, positive, ticks_per_min = facts.tolist()
    first_hour = math.floor(low / 60.0)
    return Times(
        first_hour=first_hour,
        n_hours=math.floor(high / 60.0) - first_hour + 1,
        is_forward=2 * positive > len(time),
        ticks_per_min=ticks_per_min,
    )


def _irregular_ages(rows: Rows) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    milliseconds = np.rint(np.abs(rows.time) * 60_000)
    first = np.full(rows.n_particles, np.inf)
    np.minimum.at(first, rows.slot, milliseconds)
    different, ages = np.unique(milliseconds - first[rows.slot], return_inverse=True)
    return ages.astype(np.int32), different / 60_000


def rows_of(table: ParticleTable) -> Rows:
    """Return the columns ``NEEDED`` of a table that has rows.

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
            code="PARTICLE_COLUMN_LACKING",
        )
    columns = {name: np.ascontiguousarray(table[name], dtype=np.float64) for name in NEEDED}
    slot, n_particles = number_particles(columns.pop("indx"))
    return Rows(slot=slot, n_particles=n_particles, times=_times(columns["time"]), **columns)


def number_particles(indx: NDArray[np.float64]) -> tuple[NDArray[np.int32], int]:
    """Return each row's particle as a number from 0 by ascending ``indx``, and how many there are."""
    slots = np.empty(len(indx), np.int32)
    extremes = np.zeros(2, np.int64)
    if not len(indx):
        return slots, 0
    if kernels.whole_range(indx, extremes):
        span = int(extremes[1] - extremes[0]) + 1
        if span <= 4 * len(indx) + 1024:
            place = np.zeros(span, np.int32)
            return slots, kernels.slots_of(indx, extremes[0], place, slots)
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
    rows = _on_one_side(rows, order)
    places = geometry.project(rows.long[order], rows.lati[order])
    for place, size in zip(places, (geometry.xres, geometry.yres), strict=True):
        space = np.empty(rows.n_particles), np.empty(len(place))
        if near_receptor.median_step(bounds, place, *space) > size:
            return _filled_in(rows)
    return rows


def _on_one_side(rows: Rows, near: NDArray[np.int32]) -> Rows:
    """Return longitudes that do not jump at 180 degrees, if those of the rows ``near`` do."""
    around = rows.long[near]
    around = around[np.isfinite(around)]
    if not len(around) or np.ptp(around) < 180.0:  # noqa: PLR2004 - degrees
        return rows
    apart = rows.long - around[0]
    turns = np.where(np.abs(apart) >= 180.0, np.floor(apart / 360.0 + 0.5), 0.0)  # noqa: PLR2004
    return replace(rows, long=rows.long - 360.0 * turns)


def _filled_in(rows: Rows) -> Rows:
    by_time = _by_distance_from_start(rows)
    bounds = np.zeros(rows.n_particles + 1, np.int64)
    order = kernels.grouped_by(rows.slot, by_time, bounds)
    added = near_receptor.ADDED_MIN
    plan = _empty_plan(0)
    count = near_receptor.plan_rows(order, bounds, rows.time, added, plan)
    plan = _empty_plan(count)
    near_receptor.plan_rows(order, bounds, rows.time, added, plan)

    def filled_in(values: NDArray[np.float64]) -> NDArray[np.float64]:
        result = np.empty(count)
        near_receptor.interpolate(plan, rows.time, values, result)
        return result

    time = np.round(plan.minutes, 1) * (1.0 if rows.times.is_forward else -1.0)
    foot = filled_in(rows.foot)
    near_receptor.keep_window_sums(rows.time, rows.foot, time, foot)
    return replace(
        rows,
        time=time,
        times=_times(time),
        slot=rows.slot[plan.after],
        long=filled_in(rows.long),
        lati=filled_in(rows.lati),
        foot=foot,
    )


def _empty_plan(count: int) -> near_receptor.RowPlan:
    before, after = np.empty((2, count), np.int32)
    return near_receptor.RowPlan(before, after, np.empty(count))


def _by_distance_from_start(rows: Rows) -> NDArray[np.int32]:
    ticks_per_min = rows.times.ticks_per_min
    if not ticks_per_min:
        return np.argsort(np.abs(rows.time), kind="stable").astype(np.int32)
    ticks = np.empty(len(rows), np.int32)
    start = np.zeros(rows.n_particles, np.int64)
    n_ticks = kernels.ages_of(rows.slot, rows.time, ticks_per_min, start, ticks)
    every = np.arange(len(rows), dtype=np.int32)
    return kernels.grouped_by(ticks, every, np.zeros(n_ticks + 1, np.int64))
