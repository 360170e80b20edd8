"""Values of the met fields at a particle: in space, in time, and for turbulence by the mixed layer's shape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from stilt.kernels.compiled import fast
from stilt.transport.native.columns import DX, DY, SURFACE_FIELDS, TERRAIN, ZI

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stilt.transport.native.columns import Columns

    Float32 = NDArray[np.float32]
    Float64 = NDArray[np.float64]

BLOCK = 8
"""Columns are computed in blocks of so many rows and columns, when a particle first comes near."""


# How the winds of WRF files lie: with the vertical motion half a level below the levels, in some also the wind half
# a cell before the columns.
NOT_STAGGERED, HALF_LEVELS, HALF_CELLS = range(3)


class Frame(NamedTuple):
    """The grid as kernels need it.

    ``wraps`` and ``has_poles`` tell whether the first column follows the last, and whether the first and the last row
    are the poles; ``staggering`` is one of the kinds below.
    ``between[k]`` is the height halfway from level k to k + 1, ``rounded[k]`` sigma in ten thousandths.
    """

    nx: int
    ny: int
    wraps: int
    has_poles: int
    staggering: int
    a: float
    b: float
    c: float
    top_m: float
    sigma: Float64
    heights: Float64
    between: Float64
    rounded: NDArray[np.int64]


class Air(NamedTuple):
    """The air between two analyses on one grid: what the kernels below take.

    The analyses' arrays are flat. ``first_ready`` and ``second_ready`` tell which of their blocks of columns have been
    computed; ``wanted`` gets a mark where a particle came to one that has not. Shape of all three: (block rows, block
    columns).
    """

    frame: Frame
    first: Columns
    second: Columns
    first_ready: NDArray[np.uint8]
    second_ready: NDArray[np.uint8]
    wanted: NDArray[np.uint8]


READY, MISSING = range(2)
"""Status of what needs columns: where some are missing they are marked as wanted, and it is to be asked again."""


class Corners(NamedTuple):
    """The four columns around a place, their weights at both analyses, and the nearest of them.

    ``sw`` to ``ne`` and ``nearest`` are numbers of columns, row by row; ``south`` to ``east`` rows and columns of
    blocks; ``x`` and ``y`` the index coordinates.
    """

    x: float
    y: float
    sw: int
    se: int
    nw: int
    ne: int
    first_sw: float
    first_se: float
    first_nw: float
    first_ne: float
    second_sw: float
    second_se: float
    second_nw: float
    second_ne: float
    nearest: int
    later: float
    south: int
    north: int
    west: int
    east: int


class Layering(NamedTuple):
    """The mixed layer at the nearest column, and how both analyses' profiles stretch to it."""

    mixed_m: float
    first_ratio: float
    second_ratio: float


def flat(columns: Columns) -> Columns:
    """Return the same memory as one-dimensional arrays."""
    return columns._replace(
        **{name: array.reshape(-1) for name, array in columns._asdict().items()}
    )


@fast.inline
def over_pole(frame: Frame, y: float) -> float:
    """Return the row of index coordinates that go on beyond a pole.

    As hycs_std has it (found by trial): the particle comes back on the meridian that it left on.
    """
    if not frame.has_poles:
        return y
    if y > frame.ny:
        return 2.0 * frame.ny - y
    return 2.0 - y if y < 1.0 else y


@fast.inline
def corners_at(frame: Frame, x: float, y: float, later: float) -> Corners:
    """Find the columns around index coordinates; ``later`` is the weight of the second analysis."""
    y = over_pole(frame, y)
    west, south = math.floor(x) - 1, math.floor(y) - 1
    fx, fy = x - 1.0 - west, y - 1.0 - south
    south = min(max(south, 0), frame.ny - 2)
    column, row = math.floor(x + 0.5) - 1, math.floor(y + 0.5) - 1
    if frame.wraps:
        west, column = west % frame.nx, column % frame.nx
        east = (west + 1) % frame.nx
    else:
        west = min(max(west, 0), frame.nx - 2)
        east = west + 1
        column = min(max(column, 0), frame.nx - 1)
    row = min(max(row, 0), frame.ny - 1)
    now = 1.0 - later
    sw, se = (1.0 - fx) * (1.0 - fy), fx * (1.0 - fy)
    nw, ne = (1.0 - fx) * fy, fx * fy
    more = frame.staggering // HALF_CELLS  # a staggered wind may need one column further
    return Corners(
        x,
        y,
        south * frame.nx + west,
        south * frame.nx + east,
        (south + 1) * frame.nx + west,
        (south + 1) * frame.nx + east,
        now * sw,
        now * se,
        now * nw,
        now * ne,
        later * sw,
        later * se,
        later * nw,
        later * ne,
        row * frame.nx + column,
        later,
        south // BLOCK,
        min(south + 1 + more, frame.ny - 1) // BLOCK,
        west // BLOCK,
        min(east + more, frame.nx - 1) // BLOCK,
    )


@fast.inline
def east_of(frame: Frame, at: Corners) -> Corners:
    """Find the columns around the place half a cell further east: where a staggered eastward wind is looked up."""
    return corners_at(frame, at.x + 0.5, at.y, at.later)


@fast.inline
def north_of(frame: Frame, at: Corners) -> Corners:
    """Find the columns around the place half a cell further north."""
    return corners_at(frame, at.x, at.y + 0.5, at.later)


@fast.inline
def ready_corners(air: Air, x: float, y: float, later: float) -> tuple[Corners, int]:
    """Find the columns around a place; return their status too."""
    at = corners_at(air.frame, x, y, later)
    south, north, west, east = at.south, at.north, at.west, at.east
    first, second = air.first_ready, air.second_ready
    if (
        first[south, west]
        & first[south, east]
        & first[north, west]
        & first[north, east]
        & second[south, west]
        & second[south, east]
        & second[north, west]
        & second[north, east]
    ):
        return at, READY
    wanted = air.wanted
    wanted[south, west] = wanted[south, east] = wanted[north, west] = wanted[north, east] = 1
    return at, MISSING


@fast.inline
def at_level(
    first: Float32, second: Float32, at: Corners, levels: int, k: int
) -> tuple[float, float, float, float]:
    """Return the four values of level ``k`` (from 0), bilinear in space and linear in time (T32).

    ``levels`` is the number of levels of a column. Four equal sums side by side: one vector instruction each.
    """
    a, b = 4 * (at.sw * levels + k), 4 * (at.se * levels + k)
    c, d = 4 * (at.nw * levels + k), 4 * (at.ne * levels + k)
    sw, se, nw, ne = at.first_sw, at.first_se, at.first_nw, at.first_ne
    v0 = sw * first[a] + se * first[b] + nw * first[c] + ne * first[d]
    v1 = sw * first[a + 1] + se * first[b + 1] + nw * first[c + 1] + ne * first[d + 1]
    v2 = sw * first[a + 2] + se * first[b + 2] + nw * first[c + 2] + ne * first[d + 2]
    v3 = sw * first[a + 3] + se * first[b + 3] + nw * first[c + 3] + ne * first[d + 3]
    sw, se, nw, ne = at.second_sw, at.second_se, at.second_nw, at.second_ne
    v0 += sw * second[a] + se * second[b] + nw * second[c] + ne * second[d]
    v1 += sw * second[a + 1] + se * second[b + 1] + nw * second[c + 1] + ne * second[d + 1]
    v2 += sw * second[a + 2] + se * second[b + 2] + nw * second[c + 2] + ne * second[d + 2]
    v3 += sw * second[a + 3] + se * second[b + 3] + nw * second[c + 3] + ne * second[d + 3]
    return v0, v1, v2, v3


@fast.inline
def on_surface(air: Air, at: Corners, n: int) -> float:
    """Surface value ``n``, bilinear in space and linear in time."""
    first, second = air.first.surface, air.second.surface
    width = len(SURFACE_FIELDS)
    a, b, c, d = at.sw * width + n, at.se * width + n, at.nw * width + n, at.ne * width + n
    return float(
        at.first_sw * first[a]
        + at.first_se * first[b]
        + at.first_nw * first[c]
        + at.first_ne * first[d]
        + at.second_sw * second[a]
        + at.second_se * second[b]
        + at.second_nw * second[c]
        + at.second_ne * second[d]
    )


@fast.inline
def terrain_at(air: Air, at: Corners) -> float:
    """Terrain height, m."""
    return on_surface(air, at, TERRAIN)


@fast.inline
def layering_at(air: Air, at: Corners) -> Layering:
    """Mixed-layer height of the nearest column, linear in time (T33)."""
    place = at.nearest * len(SURFACE_FIELDS) + ZI
    first, second = float(air.first.surface[place]), float(air.second.surface[place])
    mixed = (1.0 - at.later) * first + at.later * second
    return Layering(mixed, first / mixed, second / mixed)


@fast.inline
def cell_metres(air: Air, at: Corners) -> tuple[float, float]:
    """Grid distances of the nearest column, m."""
    place = at.nearest * len(SURFACE_FIELDS)
    return float(air.first.surface[place + DX]), float(air.first.surface[place + DY])


@fast.inline
def _similar_level(frame: Frame, k: int, ratio: float) -> int:
    """Find the level whose height over an analysis' mixed layer is closest to that of level ``k`` now."""
    height = frame.heights[k] * ratio
    m = k
    while m > 0 and height < frame.between[m - 1]:
        m -= 1
    while m < frame.between.shape[0] and height > frame.between[m]:
        m += 1
    return m


@fast.inline
def turbulence_at(air: Air, at: Corners, layering: Layering, k: int) -> tuple[float, float]:
    """sigma_w (m/s) and time scale (s) of level ``k`` (from 0) at the nearest column (T34)."""
    m, n = (
        _similar_level(air.frame, k, layering.first_ratio),
        _similar_level(air.frame, k, layering.second_ratio),
    )
    base = at.nearest * air.frame.sigma.shape[0]
    m, n = 2 * (base + m), 2 * (base + n)
    first, second = air.first.turbulence, air.second.turbulence
    now = 1.0 - at.later
    return (
        now * first[m] + at.later * second[n],
        now * first[m + 1] + at.later * second[n + 1],
    )


@fast.inline
def level_index(frame: Frame, sigma: float) -> float:
    """Fractional level number (from 1) of a sigma: quadratic in height, at most the top level (T8)."""
    height = frame.top_m * (1.0 - min(1.0, sigma))
    inside = frame.b * frame.b - 4.0 * frame.a * (frame.c - height)
    index = (-frame.b + math.sqrt(max(0.0, inside))) / (2.0 * frame.a)
    return min(max(index, 0.0), float(frame.sigma.shape[0]))


@fast.inline
def level_below(frame: Frame, sigma: float) -> int:
    """Find the highest level (from 0) at or below a sigma; the first also for what is below it."""
    levels = frame.sigma.shape[0]
    k = min(max(int(level_index(frame, sigma)) - 1, 0), levels - 2)
    while k > 0 and frame.sigma[k] < sigma:
        k -= 1
    while k < levels - 2 and frame.sigma[k + 1] >= sigma:
        k += 1
    return int(k)
