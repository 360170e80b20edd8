"""Values of the met fields at a particle: in space, in time, and for turbulence by the mixed layer's shape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from stilt.transport.native.columns import DX, DY, TERRAIN, ZI
from stilt.transport.native.compiled import inline

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stilt.transport.native.columns import Columns

    Float32 = NDArray[np.float32]
    Float64 = NDArray[np.float64]

BLOCK = 32
"""Columns are computed in blocks of so many rows and columns, when a particle first comes near."""


class Frame(NamedTuple):
    """The grid as kernels need it; ``between[k]`` is the height halfway from level k to k + 1."""

    nx: int
    ny: int
    wraps: bool
    a: float
    b: float
    c: float
    top_m: float
    sigma: Float64
    heights: Float64
    between: Float64


class Moment(NamedTuple):
    """Two analyses and which of their blocks of columns have been computed."""

    first: Columns
    second: Columns
    first_ready: NDArray[np.uint8]
    second_ready: NDArray[np.uint8]


class Corners(NamedTuple):
    """The four columns around a place, their weights at both analyses, and the nearest of them."""

    south: int
    north: int
    west: int
    east: int
    first_sw: float
    first_se: float
    first_nw: float
    first_ne: float
    second_sw: float
    second_se: float
    second_nw: float
    second_ne: float
    row: int
    column: int
    later: float


class Layering(NamedTuple):
    """The mixed layer at the nearest column, and how both analyses' profiles stretch to it."""

    mixed_m: float
    first_ratio: float
    second_ratio: float


@inline
def corners_at(frame: Frame, x: float, y: float, later: float) -> Corners:
    """Find the columns around index coordinates; ``later`` is the weight of the second analysis."""
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
    return Corners(
        south,
        south + 1,
        west,
        east,
        now * sw,
        now * se,
        now * nw,
        now * ne,
        later * sw,
        later * se,
        later * nw,
        later * ne,
        row,
        column,
        later,
    )


@inline
def is_ready(moment: Moment, at: Corners) -> bool:
    """Tell whether all columns around a place have been computed, at both analyses."""
    south, north = at.south // BLOCK, at.north // BLOCK
    west, east = at.west // BLOCK, at.east // BLOCK
    first, second = moment.first_ready, moment.second_ready
    return bool(
        first[south, west]
        & first[south, east]
        & first[north, west]
        & first[north, east]
        & second[south, west]
        & second[south, east]
        & second[north, west]
        & second[north, east]
    )


@inline
def at_level(first: Float32, second: Float32, at: Corners, k: int, n: int) -> float:
    """Value ``n`` of the columns at level ``k`` (from 0), bilinear in space and linear in time."""
    south, north, west, east = at.south, at.north, at.west, at.east
    return float(
        at.first_sw * first[south, west, k, n]
        + at.first_se * first[south, east, k, n]
        + at.first_nw * first[north, west, k, n]
        + at.first_ne * first[north, east, k, n]
        + at.second_sw * second[south, west, k, n]
        + at.second_se * second[south, east, k, n]
        + at.second_nw * second[north, west, k, n]
        + at.second_ne * second[north, east, k, n]
    )


@inline
def square_at_level(first: Float32, second: Float32, at: Corners, k: int, n: int) -> float:
    """Square of value ``n`` of the columns at level ``k`` (from 0), squared before it is interpolated."""
    south, north, west, east = at.south, at.north, at.west, at.east
    return float(
        at.first_sw * first[south, west, k, n] ** 2
        + at.first_se * first[south, east, k, n] ** 2
        + at.first_nw * first[north, west, k, n] ** 2
        + at.first_ne * first[north, east, k, n] ** 2
        + at.second_sw * second[south, west, k, n] ** 2
        + at.second_se * second[south, east, k, n] ** 2
        + at.second_nw * second[north, west, k, n] ** 2
        + at.second_ne * second[north, east, k, n] ** 2
    )


@inline
def on_surface(first: Float32, second: Float32, at: Corners, n: int) -> float:
    """Surface value ``n``, bilinear in space and linear in time."""
    south, north, west, east = at.south, at.north, at.west, at.east
    return float(
        at.first_sw * first[south, west, n]
        + at.first_se * first[south, east, n]
        + at.first_nw * first[north, west, n]
        + at.first_ne * first[north, east, n]
        + at.second_sw * second[south, west, n]
        + at.second_se * second[south, east, n]
        + at.second_nw * second[north, west, n]
        + at.second_ne * second[north, east, n]
    )


@inline
def terrain_at(moment: Moment, at: Corners) -> float:
    """Terrain height, m."""
    return on_surface(moment.first.surface, moment.second.surface, at, TERRAIN)


@inline
def layering_at(moment: Moment, at: Corners) -> Layering:
    """Mixed-layer height of the nearest column, linear in time."""
    first = float(moment.first.surface[at.row, at.column, ZI])
    second = float(moment.second.surface[at.row, at.column, ZI])
    mixed = (1.0 - at.later) * first + at.later * second
    return Layering(mixed, first / mixed, second / mixed)


@inline
def cell_metres(moment: Moment, at: Corners) -> tuple[float, float]:
    """Grid distances of the nearest column, m."""
    nearest = moment.first.surface[at.row, at.column]
    return float(nearest[DX]), float(nearest[DY])


@inline
def _similar_level(frame: Frame, k: int, ratio: float) -> int:
    """Find the level whose height over an analysis' mixed layer is closest to that of level ``k`` now."""
    height = frame.heights[k] * ratio
    m = k
    while m > 0 and height < frame.between[m - 1]:
        m -= 1
    while m < frame.between.shape[0] and height > frame.between[m]:
        m += 1
    return m


@inline
def turbulence_at(
    frame: Frame, moment: Moment, at: Corners, layering: Layering, k: int
) -> tuple[float, float]:
    """sigma_w (m/s) and time scale (s) of level ``k`` (from 0) at the nearest column."""
    m, n = (
        _similar_level(frame, k, layering.first_ratio),
        _similar_level(frame, k, layering.second_ratio),
    )
    first = moment.first.turbulence[at.row, at.column, m]
    second = moment.second.turbulence[at.row, at.column, n]
    now = 1.0 - at.later
    return (
        now * float(first[0]) + at.later * float(second[0]),
        now * float(first[1]) + at.later * float(second[1]),
    )


@inline
def level_index(frame: Frame, sigma: float) -> float:
    """Fractional level number (from 1) of a sigma: quadratic in height, at most the top level."""
    height = frame.top_m * (1.0 - min(1.0, sigma))
    inside = frame.b * frame.b - 4.0 * frame.a * (frame.c - height)
    index = (-frame.b + math.sqrt(max(0.0, inside))) / (2.0 * frame.a)
    return min(max(index, 0.0), float(frame.sigma.shape[0]))


@inline
def level_below(frame: Frame, sigma: float) -> int:
    """Find the highest level (from 0) at or below a sigma; the first also for what is below it."""
    levels = frame.sigma.shape[0]
    k = min(max(int(level_index(frame, sigma)) - 1, 0), levels - 2)
    while k > 0 and frame.sigma[k] < sigma:
        k -= 1
    while k < levels - 2 and frame.sigma[k + 1] >= sigma:
        k += 1
    return int(k)
