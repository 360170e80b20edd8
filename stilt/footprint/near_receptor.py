"""Fill in rows near the receptor, where particles pass through several cells in a minute."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stilt.kernels.compiled import F8, I4, I8, OUT_F8, OUT_I4, Bundle, exact

if TYPE_CHECKING:
    from stilt.footprint.kernels import Floats, Int32s, Int64s

NEAR_MIN = 100.0
"""Minutes from the start within which rows are filled in."""

ADDED_MIN = np.concatenate(
    [np.arange(101) / 10, 10 + np.arange(1, 51) / 5, 20 + np.arange(1, 161) / 2]
)
"""The minutes that are filled in: every 0.1 up to 10, every 0.2 up to 20, every 0.5 up to 100."""

WINDOWS_MIN = (-1.0, 10.0, 20.0, NEAR_MIN)
"""Ends of the windows, (-1, 10], (10, 20] and (20, 100], that keep their sums of foot."""

SAME_MIN = 1e-6
"""Times that are closer are the same."""


@exact.kernel(F8, OUT_I4)
def rows_near(time: Floats, rows: Int32s) -> int:
    """Put the rows less than ``NEAR_MIN`` from the start into ``rows``; return how many there are."""
    count = 0
    for row in range(len(time)):
        if abs(time[row]) < NEAR_MIN:
            rows[count] = row
            count += 1
    return count


@exact.inline
def median(values: Floats, count: int) -> float:
    """Return the median of the first ``count`` values, which are put in order.

    By Shell's sort, as numba takes four seconds to compile numpy's median.
    """
    gap = count // 2
    while gap > 0:
        for i in range(gap, count):
            value = values[i]
            k = i
            while k >= gap and values[k - gap] > value:
                values[k] = values[k - gap]
                k -= gap
            values[k] = value
        gap //= 2
    return float(values[(count - 1) // 2] + values[count // 2]) / 2.0


@exact.kernel(I8, F8, OUT_F8, OUT_F8)
def median_step(bounds: Int64s, place: Floats, medians: Floats, steps: Floats) -> float:
    """Return the median over particles of their median step; NaN where there are none.

    A particle's places are ``place[bounds[slot]:bounds[slot + 1]]``. ``medians`` and ``steps`` are working space for a
    number per particle and per place.
    """
    n_medians = 0
    for slot in range(len(bounds) - 1):
        count = 0
        for position in range(bounds[slot] + 1, bounds[slot + 1]):
            step = abs(place[position] - place[position - 1])
            if np.isfinite(step):
                steps[count] = step
                count += 1
        if count > 0:
            medians[n_medians] = median(steps, count)
            n_medians += 1
    return median(medians, n_medians) if n_medians > 0 else np.nan


class RowPlan(NamedTuple):
    """The rows that there will be: a new one, at ``minutes``, lies between the rows ``before`` and ``after``.

    These are the same for a row that exists.
    """

    before: Int32s
    after: Int32s
    minutes: Floats


@exact.kernel(I4, I8, F8, F8, Bundle(RowPlan, (OUT_I4, OUT_I4, OUT_F8)))
def plan_rows(order: Int32s, bounds: Int64s, time: Floats, added: Floats, plan: RowPlan) -> int:
    """Plan rows at the minutes ``added``; return how many there will be. Into an empty plan they are only counted.

    ``order`` has a particle's rows by distance from the start, from ``bounds[slot]`` on.
    """
    before, after, minutes = plan
    count = 0
    write = len(minutes) > 0
    for slot in range(len(bounds) - 1):
        following = 0
        for position in range(bounds[slot], bounds[slot + 1]):
            row = order[position]
            here = abs(time[row])
            while following < len(added) and added[following] < here - SAME_MIN:
                if position > bounds[slot]:
                    if write:
                        before[count] = order[position - 1]
                        after[count] = row
                        minutes[count] = added[following]
                    count += 1
                following += 1
            if following < len(added) and added[following] <= here + SAME_MIN:
                following += 1
            if write:
                before[count] = row
                after[count] = row
                minutes[count] = here
            count += 1
    return count


@exact.kernel(Bundle(RowPlan, (I4, I4, F8)), F8, F8, OUT_F8)
def interpolate(plan: RowPlan, time: Floats, values: Floats, result: Floats) -> None:
    """Put ``values``, linear in time between the rows of a plan, into ``result``."""
    before, after, minutes = plan
    for i in range(len(minutes)):
        start, end = before[i], after[i]
        result[i] = values[start]
        if start != end:
            part = (minutes[i] - abs(time[start])) / (abs(time[end]) - abs(time[start]))
            result[i] += (values[end] - values[start]) * part


@exact.inline
def window_sum(time: Floats, foot: Floats, low: float, high: float, sign: float) -> float:
    """Return the sum of foot of one sign where low < abs(time) <= high; NaN counts as nothing."""
    total = 0.0
    for row in range(len(time)):
        if low < abs(time[row]) <= high and sign * foot[row] > 0.0:
            total += foot[row]
    return total


@exact.kernel(F8, F8, F8, OUT_F8)
def keep_window_sums(old_time: Floats, old_foot: Floats, time: Floats, foot: Floats) -> None:
    """Scale ``foot`` so that its sum in each window is that of ``old_foot``.

    What is negative by its weight has a sum of its own: where both nearly cancel, their ratio is no factor.
    """
    for window in range(len(WINDOWS_MIN) - 1):
        low, high = WINDOWS_MIN[window], WINDOWS_MIN[window + 1]
        for sign in (1.0, -1.0):
            total = window_sum(time, foot, low, high, sign)
            if total != 0.0:
                factor = window_sum(old_time, old_foot, low, high, sign) / total
                for row in range(len(time)):
                    if low < abs(time[row]) <= high and sign * foot[row] > 0.0:
                        foot[row] *= factor
