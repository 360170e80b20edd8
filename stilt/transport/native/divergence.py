"""Vertical motion of files that have none: from the divergence of the wind on the model's levels.

What hycs_std does (found by trial with winds that blow at one level, or grow along one axis). It is not what continuity
asks for: the divergences of the levels below are summed level by level, whatever lies between them, and multiplied by
the distance of the levels where they act, which is about twice the motion of a wind that diverges alike at all heights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stilt.kernels.compiled import fast
from stilt.transport.native.columns import (
    HEIGHT_KIND,
    PRESSURE_KIND,
    RAW_DX,
    RAW_DY,
    SHGT,
    ColumnSettings,
    ColumnSpace,
    Point,
    RawFields,
    load_column,
)
from stilt.transport.native.remap import Remap, U, V, interpolate_column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.transport.native.fields import FieldSource
    from stilt.transport.native.levels import VerticalGrid

    Float32 = NDArray[np.float32]
    Float64 = NDArray[np.float64]


class Winds(NamedTuple):
    """Wind along the rows and the columns of a rectangle, cells per second, shape (level, row, column)."""

    east: Float64
    north: Float64


@fast.kernel()
def fill_winds(raw: RawFields, settings: ColumnSettings, out: Winds, space: ColumnSpace) -> None:
    """Compute the wind on the model's levels in a rectangle."""
    data, column = space.data, space.column
    is_pressure, is_height = settings.kind == PRESSURE_KIND, settings.kind == HEIGHT_KIND
    for j in range(raw.east.shape[1]):
        for i in range(raw.east.shape[2]):
            load_column(Point(raw, settings, j, i), data, column)
            depth = settings.top_m - raw.surface[SHGT, j, i]
            remap = Remap(data.shape[1] - 1, is_pressure, is_height, settings.motion, depth)
            interpolate_column(data, remap, column)
            for k in range(column.shape[1]):
                out.east[k, j, i] = column[U, k] / raw.surface[RAW_DX, j, i]
                out.north[k, j, i] = column[V, k] / raw.surface[RAW_DY, j, i]


def sigma_motion(winds: Winds, vertical: VerticalGrid) -> Float32:
    """Return the motion (1/s) inside a rectangle of winds that reaches one point further on each side (T61)."""
    divergence = 0.5 * (winds.east[:, 1:-1, 2:] - winds.east[:, 1:-1, :-2])
    divergence += 0.5 * (winds.north[:, 2:, 1:-1] - winds.north[:, :-2, 1:-1])
    heights = vertical.heights_m
    thickness = np.gradient(heights)
    thickness[0] = heights[0]
    flux = np.cumsum(divergence, axis=0) * (thickness / vertical.top_m)[:, None, None]
    smooth = flux.copy()
    smooth[1:-1] = (flux[:-2] + flux[1:-1] + flux[2:]) / 3.0
    smooth[0], smooth[-1] = 0.5 * (flux[0] + flux[1]), 0.5 * (flux[-2] + flux[-1])
    return smooth.astype(np.float32)


def read_motion(
    source: FieldSource,
    place: tuple[tuple[int, int], tuple[int, int]],
    compute: tuple[ColumnSettings, ColumnSpace, VerticalGrid],
) -> Float32:
    """Return the sigma motion (1/s) of rows and columns ``[start, stop)``, shape (level, row, column).

    On the border of a grid it is half of that of the point inside of it, as hycs_std has it: at the seam and the poles
    of a global grid, too, for there is no other place where a particle meets a border.
    """
    settings, space, vertical = compute
    header = source.grid.header
    (south, north), (west, east) = place
    rows, first_row, row_factors = _inside(south, north, header.ny)
    columns, first_column, column_factors = _inside(west, east, header.nx)
    around = (
        (first_row - 1, int(rows.max()) + 2),
        (first_column - 1, int(columns.max()) + 2),
    )
    shape = (vertical.count, *(stop - start for start, stop in around))
    winds = Winds(np.zeros(shape), np.zeros(shape))
    fill_winds(source.read(*around), settings, winds, space)
    inside = sigma_motion(winds, vertical)
    found = inside[:, rows - first_row][:, :, columns - first_column]
    return np.ascontiguousarray(found * row_factors[:, None] * column_factors)


def _inside(start: int, stop: int, count: int) -> tuple[NDArray[np.int64], int, Float32]:
    """Return the points inside of the border that are nearest to some, the first of them, and the factors on theirs."""
    points = np.arange(start, stop)
    nearest = np.clip(points, 1, count - 2)
    factors = np.where(nearest == points, 1.0, 0.5).astype(np.float32)
    return nearest, int(nearest.min()), factors
