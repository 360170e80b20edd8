"""The loops over particle rows, compiled.

Arrays are contiguous and inputs are left alone. Rows are those of the particle table. A *slot* is a
particle's number from 0; an *age* is a row's time since its particle's first row, in whole ticks of some
length; rows of one age form a cloud and have one kernel.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stilt.kernels.compiled import (
    F8,
    FLOAT,
    I4,
    I8,
    INT,
    OUT_F4_3D,
    OUT_F8,
    OUT_F8_2D,
    OUT_I4,
    OUT_I8,
    Bundle,
    exact,
)  # fmt: skip

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Int32s = NDArray[np.int32]
    Int64s = NDArray[np.int64]

CLOUD_VALUES = 7
"""What is known of a cloud on the way to its size: number, origin and sums."""

LANES = 16
"""Kernels are padded to a multiple of this, for which the compiler makes a loop without a remainder."""


@exact.kernel(F8, OUT_I8)
def whole_range(values: Floats, extremes: Int64s) -> int:
    """Put the least and the greatest value into ``extremes``; return 0 if one is not a whole number."""
    low, high = values[0], values[0]
    for value in values:
        if not -(2.0**53) < value < 2.0**53 or value != math.floor(value):
            return 0
        low = min(low, value)
        high = max(high, value)
    extremes[0], extremes[1] = int(low), int(high)
    return 1


@exact.kernel(F8, INT, OUT_I4, OUT_I4)
def slots_of(indx: Floats, low: int, place: Int32s, slots: Int32s) -> int:
    """Give each particle a number from 0 by ascending ``indx``, whole numbers from ``low``; return how many.

    ``place`` comes with a zero for each number that there can be.
    """
    span = len(place)
    for row in range(len(indx)):
        slots[row] = int(indx[row]) - low
        place[slots[row]] = 1
    count = 0
    for number in range(span):
        if place[number]:
            place[number] = count
            count += 1
    if count < span:
        for row in range(len(slots)):
            slots[row] = place[slots[row]]
    return count


@exact.kernel(F8, OUT_F8)
def survey(time: Floats, facts: Floats) -> None:
    """Put into ``facts``: the least and the greatest time, how many are positive, and ticks a minute.

    That is 1 where all times are whole minutes, 10 where they are tenths of minutes, 0 otherwise.
    """
    low, high, positive = time[0], time[0], 0
    minutes, tenths = True, True
    for value in time:
        low = min(low, value)
        high = max(high, value)
        positive += value > 0.0
        minutes &= value == math.floor(value)
        if not minutes:
            tenths &= abs(value * 10.0 - math.floor(value * 10.0 + 0.5)) < 1e-4  # noqa: PLR2004
    facts[0], facts[1], facts[2] = low, high, positive
    facts[3] = 1.0 if minutes else (10.0 if tenths else 0.0)


@exact.kernel(I4, F8, FLOAT, OUT_I8, OUT_I4)
def ages_of(slots: Int32s, time: Floats, ticks_per_min: float, first: Int64s, ages: Int32s) -> int:
    """Put each row's time since ``first`` of its particle into ``ages``, in ticks; return the largest + 1.

    Where ``first`` comes as the largest number, it gets the particle's first time, in ticks.
    """
    for row in range(len(time)):
        ages[row] = int(abs(time[row]) * ticks_per_min + 0.5)
        first[slots[row]] = min(first[slots[row]], ages[row])
    last = 0
    for row in range(len(time)):
        ages[row] -= first[slots[row]]
        last = max(last, ages[row])
    return last + 1


def grouped_by(keys: Int32s, order: Int32s, bounds: Int64s) -> Int32s:
    """Return ``order`` sorted by ``keys[order]``, stable, in linear time.

    ``bounds``, one longer than there are keys, gets where each key's part begins and ends.
    """
    result = np.empty_like(order)
    group(keys, order, bounds, np.empty_like(bounds), result)
    return result


@exact.kernel(I4, I4, OUT_I8, OUT_I8, OUT_I4)
def group(keys: Int32s, order: Int32s, bounds: Int64s, following: Int64s, result: Int32s) -> None:
    """Do the work of ``grouped_by``; ``following`` is working space as long as ``bounds``."""
    bounds[:] = 0
    last, is_sorted = 0, True
    for row in order:
        key = keys[row]
        bounds[key + 1] += 1
        is_sorted &= key >= last
        last = key
    for key in range(1, len(bounds)):
        bounds[key] += bounds[key - 1]
    if is_sorted:
        for i in range(len(order)):
            result[i] = order[i]
        return
    for key in range(len(bounds)):
        following[key] = bounds[key]
    for row in order:
        result[following[keys[row]]] = row
        following[keys[row]] += 1


@exact.inline
def turned(x: float, middle: float, period: float) -> float:
    """Return x moved by full turns (``period``; 0 on a plane) to within half a turn of ``middle``."""
    if period > 0.0 and not middle - period / 2 <= x < middle + period / 2:
        return x - period * math.floor((x - middle) / period + 0.5)
    return x


class Clouds(NamedTuple):
    """What is known of the cloud of each age: Var(x) + Var(y), with divisor n - 1, and the mean y.

    Both are NaN where a cloud has fewer than two particles. ``space`` is to work in, shape (ages, CLOUD_VALUES).
    """

    space: Floats
    variance: Floats
    mean_y: Floats


@exact.kernel(I4, F8, F8, FLOAT, Bundle(Clouds, (OUT_F8_2D, OUT_F8, OUT_F8)))
def cloud_sizes(ages: Int32s, x: Floats, y: Floats, period: float, out: Clouds) -> None:
    """Find how large the cloud of each age is.

    With a ``period`` all x are taken within half a turn of the first, so that a cloud across the antimeridian stays
    together.
    """
    clouds, variance, mean_y = out
    n_ages = len(variance)
    clouds[:] = 0.0
    count, origin, sums = clouds[:, 0], clouds[:, 1:3], clouds[:, 3:]
    near = np.nan
    for row in range(len(ages)):
        if not (math.isfinite(x[row]) and math.isfinite(y[row])):
            continue
        if math.isnan(near):
            near = x[row]
        age = ages[row]
        here = turned(x[row], near, period)
        if count[age] == 0:
            origin[age, 0] = here
            origin[age, 1] = y[row]
        # Distances to one particle of the cloud: sums of squared degrees would cancel.
        dx = here - origin[age, 0]
        dy = y[row] - origin[age, 1]
        count[age] += 1
        sums[age, 0] += dx
        sums[age, 1] += dx * dx
        sums[age, 2] += dy
        sums[age, 3] += dy * dy
    for age in range(n_ages):
        n = count[age]
        variance[age] = np.nan
        mean_y[age] = np.nan
        if n > 1:
            var_x = (sums[age, 1] - sums[age, 0] ** 2 / n) / (n - 1)
            var_y = (sums[age, 3] - sums[age, 2] ** 2 / n) / (n - 1)
            variance[age] = max(var_x, 0.0) + max(var_y, 0.0)
            mean_y[age] = origin[age, 1] + sums[age, 2] / n


@exact.kernel(F8, OUT_I4)
def rows_with_foot(foot: Floats, rows: Int32s) -> int:
    """Put the rows with ``foot``, neither 0 nor NaN, into ``rows``; return how many there are.

    R-STILT takes ``foot > 0``: what is negative comes of weights alone, as averaging kernels can be.
    """
    count = 0
    for row in range(len(foot)):
        if foot[row] > 0.0 or foot[row] < 0.0:
            rows[count] = row
            count += 1
    return count


@exact.kernel(I4, F8, INT, OUT_I4)
def layers_of(rows: Int32s, time: Floats, first_hour: int, layers: Int32s) -> None:
    """Put the whole hours since ``first_hour`` of some rows into their place in ``layers``."""
    for row in rows:
        layers[row] = math.floor(time[row] / 60.0) - first_hour


@exact.inline
def cell_of(place: float, edges: Floats, size: float) -> int:
    """Return i with ``edges[i] <= place < edges[i + 1]``, or -1 outside of the edges."""
    n_cells = len(edges) - 1
    if not edges[0] <= place < edges[n_cells]:
        return -1
    cell = min(int((place - edges[0]) / size), n_cells - 1)
    # The quotient may round across an edge: the edges decide.
    while place < edges[cell]:
        cell -= 1
    while place >= edges[cell + 1]:
        cell += 1
    return cell


@exact.inline
def kernel_line(bandwidth: float, half: int, size: float, weights: Floats) -> None:
    """Put a Gaussian at ``2 half + 1`` cell centres, divided by its sum, into ``weights``; zeros after it.

    The kernel is the product of one such line along x and one along y, as is the sum over it.
    """
    weights[2 * half + 1 : 2 * half + 1 + LANES] = 0.0
    if half == 0:
        weights[0] = 1.0
        return
    total = 0.0
    for i in range(2 * half + 1):
        weights[i] = math.exp(-(((i - half) * size) ** 2) / (2.0 * bandwidth**2))
        total += weights[i]
    for i in range(2 * half + 1):
        weights[i] /= total


class Bell(NamedTuple):
    """A kernel: the product of two lines, each with the number of its cells on either side of the middle one."""

    along_x: Floats
    half_x: int
    along_y: Floats
    half_y: int


@exact.inline
def add_kernel(
    layer: NDArray[np.float64], place: tuple[int, int], foot: float, bell: Bell, wraps: int
) -> None:
    """Add ``foot`` times a kernel around a cell, by its line and column; what lies outside of the grid is lost.

    The layer has ``LANES`` columns more than the grid, for what a padded loop puts there.
    """
    line, column = place
    along_x, half_x, along_y, half_y = bell
    nx = layer.shape[1] - LANES
    start = max(column - half_x, 0)
    width = min(column + half_x + 1, nx) - start
    skip = start - (column - half_x)
    goes_round = wraps and width < 2 * half_x + 1
    if width <= 0 and not goes_round:
        return
    if width > LANES // 2:
        width = (width + LANES - 1) // LANES * LANES
    for j in range(max(line - half_y, 0), min(line + half_y + 1, len(layer))):
        weight = foot * along_y[j - line + half_y]
        if goes_round:
            for i in range(2 * half_x + 1):
                layer[j, (column - half_x + i) % nx] += weight * along_x[i]
        else:
            target = layer[j, start : start + width]
            source = along_x[skip : skip + width]
            for i in range(len(target)):
                target[i] += weight * source[i]


class Points(NamedTuple):
    """The rows ``order[bounds[i]:bounds[i + 1]]`` of layer i, by age, so that a kernel is made once for all of them.

    ``share`` is what counts of each ``foot``.
    """

    order: Int32s
    bounds: Int64s
    ages: Int32s
    x: Floats
    y: Floats
    foot: Floats
    share: float


class Smoothing(NamedTuple):
    """The kernel of each age: its standard deviation, and how many cells it reaches beyond its middle one."""

    bandwidth: Floats
    halves_x: Int64s
    halves_y: Int64s


class Cells(NamedTuple):
    """A grid, whose edges go on for as many more cells on each side as kernels reach.

    ``period`` is that of x, 0 on a plane, and ``middle`` the x in the middle of the grid; ``wraps`` tells whether the
    last column is beside the first.
    """

    edges_x: Floats
    edges_y: Floats
    size_x: float
    size_y: float
    middle: float
    period: float
    wraps: int


class Space(NamedTuple):
    """Working space: shape (2, most cells of a kernel + LANES), and zeros, shape (ny, nx + LANES)."""

    lines: Floats
    layer: Floats


@exact.inline
def bell_of(smoothing: Smoothing, age: int, cells: Cells, lines: Floats) -> Bell:
    """Make the kernel of an age in ``lines``."""
    half_x, half_y = smoothing.halves_x[age], smoothing.halves_y[age]
    kernel_line(smoothing.bandwidth[age], half_x, cells.size_x, lines[0])
    kernel_line(smoothing.bandwidth[age], half_y, cells.size_y, lines[1])
    return Bell(lines[0], half_x, lines[1], half_y)


@exact.kernel(
    Bundle(Points, (I4, I8, I4, F8, F8, F8, FLOAT)),
    Bundle(Smoothing, (F8, I8, I8)),
    Bundle(Cells, (F8, F8, FLOAT, FLOAT, FLOAT, FLOAT, INT)),
    Bundle(Space, (OUT_F8_2D, OUT_F8_2D)),
    OUT_F4_3D,
)
def spread(
    points: Points, smoothing: Smoothing, cells: Cells, space: Space, values: NDArray[np.float32]
) -> None:
    """Put the kernels of the points of each layer into ``values``, shape (layers, ny, nx).

    Sums are in double precision, one layer at a time.
    """
    n_layers, ny, nx = values.shape
    buffer_x = (len(cells.edges_x) - 1 - nx) // 2
    buffer_y = (len(cells.edges_y) - 1 - ny) // 2
    order, bounds, ages, x, y, foot, share = points
    layer = space.layer
    bell = Bell(space.lines[0], 0, space.lines[1], 0)
    for number in range(n_layers):
        age = -1
        low, high = ny, -1
        for row in order[bounds[number] : bounds[number + 1]]:
            here = turned(x[row], cells.middle, cells.period)
            column = cell_of(here, cells.edges_x, cells.size_x) - buffer_x
            line = cell_of(y[row], cells.edges_y, cells.size_y) - buffer_y
            if column < -buffer_x or line < -buffer_y:
                continue
            if ages[row] != age:
                age = ages[row]
                bell = bell_of(smoothing, age, cells, space.lines)
            add_kernel(layer, (line, column), foot[row], bell, cells.wraps)
            low = min(low, line - bell.half_y)
            high = max(high, line + bell.half_y)
        for j in range(max(low, 0), min(high + 1, ny)):
            for i in range(nx):
                values[number, j, i] = layer[j, i] * share
            layer[j] = 0.0
