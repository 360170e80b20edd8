"""Fields on the cells of a footprint: averaged by overlapping area, so that what is emitted is conserved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from stilt.footprint.grid import FULL_CIRCLE
from stilt.foundations.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Values = NDArray[np.float64]

MOST_PARTS = 8
"""Each way, of a cell of a projected grid: its parts take the value of the field's cell that they lie in."""


def regrid(flux: xr.DataArray, lat: Values, lon: Values) -> xr.DataArray:
    """Return a flux averaged onto the cells with these centres, by overlapping area on the sphere.

    Parameters
    ----------
    flux
        With dimensions lat and lon and maybe others.
    lat, lon
        Cell centres of a regular grid, degrees.
    """
    ordered = flux.transpose(..., "lat", "lon")
    along = _overlap_lat(ordered["lat"].to_numpy(), np.asarray(lat, float))
    across = _overlap_lon(ordered["lon"].to_numpy(), np.asarray(lon, float))
    values = along @ ordered.to_numpy().astype(np.float64) @ across.T
    kept = {name: c for name, c in ordered.coords.items() if not {"lat", "lon"} & set(c.dims)}
    return xr.DataArray(
        values, dims=ordered.dims, coords={**kept, "lat": lat, "lon": lon}, attrs=flux.attrs
    )


def onto(field: xr.DataArray, footprints: xr.DataArray) -> Callable[[Values], Values]:
    """Return what brings values of a field, its last two axes (lat, lon) or (y, x), onto the cells of footprints.

    Raises
    ------
    InputError
        If the field lies on another projected grid.
    """
    if "lat" in footprints.dims:
        along = _overlap_lat(field["lat"].to_numpy(), footprints["lat"].to_numpy())
        across = _overlap_lon(field["lon"].to_numpy(), footprints["lon"].to_numpy())
        return lambda values: along @ values @ across.T
    if "y" in field.dims:
        for name in ("y", "x"):
            if not np.array_equal(field[name], footprints[name]):
                raise InputError(
                    f"the flux has another {name} than the footprints",
                    "give it on the footprints' own cells, or by lat and lon",
                    code="GRIDS_DIFFER",
                )
        return lambda values: values
    return _onto_projected(field, footprints)


def shares(lat: Values, lon: Values, footprints: xr.DataArray) -> csr_array:
    """Return which share of each cell of footprints lies in each cell of a grid: (footprint cell, grid cell).

    What ``onto`` takes means with, as a matrix; cells are counted row by row.
    """
    from scipy.sparse import coo_array, csr_array, kron

    if "lat" in footprints.dims:
        along = _overlap_lat(lat, footprints["lat"].to_numpy())
        across = _overlap_lon(lon, footprints["lon"].to_numpy())
        return csr_array(kron(csr_array(along), csr_array(across), format="csr"))
    rows, columns, shape = _parts(lat, lon, footprints)
    y, _, x, _ = shape
    parts = shape[1] * shape[3]
    cells = np.broadcast_to(np.arange(y)[:, None, None, None] * x + np.arange(x)[:, None], shape)
    inside = (rows < len(lat)) & (columns < len(lon))
    places = (cells.ravel()[inside.ravel()], (rows * len(lon) + columns)[inside])
    values = np.full(len(places[0]), 1.0 / parts)
    return csr_array(coo_array((values, places), shape=(y * x, len(lat) * len(lon))))


def middles_of_parts(centres: Values, parts: int) -> Values:
    """Return the middles of so many parts of each cell of a regular axis."""
    size = centres[1] - centres[0] if len(centres) > 1 else 1.0
    offsets = size * ((np.arange(parts) + 0.5) / parts - 0.5)
    return np.asarray((centres[:, None] + offsets).ravel())


def _onto_projected(field: xr.DataArray, footprints: xr.DataArray) -> Callable[[Values], Values]:
    """Take the mean of the parts of each cell."""
    lat, lon = (field[name].to_numpy() for name in ("lat", "lon"))
    rows, columns, shape = _parts(lat, lon, footprints)

    def mean(values: Values) -> Values:
        padded = np.pad(values, ((0, 1), (0, 1)))  # outside of its cells the field is zero
        of_parts = padded[rows, columns].reshape(shape)
        result: Values = of_parts.mean(axis=(1, 3))
        return result

    return mean


def _parts(
    lat: Values, lon: Values, footprints: xr.DataArray
) -> tuple[NDArray[np.intp], NDArray[np.intp], tuple[int, ...]]:
    """Return in which row and column of a grid the parts of each projected cell lie, and (y, parts, x, parts).

    There are so many parts that a cell of the grid holds two of them each way at least.
    """
    from stilt.footprint.grid import to_degrees

    centres = [footprints[name].to_numpy() for name in ("y", "x")]
    edges = [_edges(lat), _edges(lon)]
    corner_lon, corner_lat = to_degrees(
        footprints.attrs["crs"], *np.meshgrid(_edges(centres[1]), _edges(centres[0]))
    )
    spans = [
        np.nanmax(np.abs(np.diff(corner_lat, axis=0))),
        np.nanmax(np.abs(np.diff(corner_lon, axis=1))),
    ]
    parts = [
        int(np.clip(np.ceil(2 * span / np.abs(np.diff(edge)).min()), 1, MOST_PARTS))
        for span, edge in zip(spans, edges, strict=True)
    ]
    y, x = (middles_of_parts(each, n) for each, n in zip(centres, parts, strict=True))
    longitude, latitude = to_degrees(footprints.attrs["crs"], *np.meshgrid(x, y))
    longitude = edges[1].min() + (longitude - edges[1].min()) % FULL_CIRCLE
    rows, columns = _cells(edges[0], latitude), _cells(edges[1], longitude)
    return rows, columns, (len(centres[0]), parts[0], len(centres[1]), parts[1])


def _cells(edges: Values, places: Values) -> NDArray[np.intp]:
    """Return in which cell each place lies; the number after the last one where in none."""
    if edges[0] > edges[-1]:
        found = len(edges) - 1 - np.searchsorted(edges[::-1], places, side="left")
    else:
        found = np.searchsorted(edges, places, side="right") - 1
    inside = (places >= edges.min()) & (places < edges.max())
    return np.where(inside, np.clip(found, 0, len(edges) - 2), len(edges) - 1)


def _edges(centres: Values) -> Values:
    """Return the edges between cells, half a cell beyond the outer centres."""
    if len(centres) == 1:
        raise InputError(
            "a grid of one cell has no known size",
            "give at least two each way",
            code="GRID_OF_ONE_CELL",
        )
    middles = 0.5 * (centres[1:] + centres[:-1])
    first, last = centres[0] - (middles[0] - centres[0]), centres[-1] + (centres[-1] - middles[-1])
    return np.concatenate([[first], middles, [last]])


def _overlap(source: Values, target: Values) -> Values:
    """Return the part of each target cell that each source cell covers: (target, source).

    Both are given by edges; descending ones are fine.
    """
    low_s, high_s = np.minimum(source[1:], source[:-1]), np.maximum(source[1:], source[:-1])
    low_t, high_t = np.minimum(target[1:], target[:-1]), np.maximum(target[1:], target[:-1])
    common = np.minimum(high_s, high_t[:, None]) - np.maximum(low_s, low_t[:, None])
    overlap: Values = np.clip(common, 0, None) / (high_t - low_t)[:, None]
    return overlap


def _overlap_lat(source: Values, target: Values) -> Values:
    """Overlap of latitude bands by area, which goes with the sine."""
    if np.array_equal(source, target):
        return np.eye(len(source))
    return _overlap(
        *(np.sin(np.radians(np.clip(_edges(lat), -90, 90))) for lat in (source, target))
    )


def _overlap_lon(source: Values, target: Values) -> Values:
    """Overlap of longitudes, whichever turn of the circle they are counted in."""
    if np.array_equal(source, target):
        return np.eye(len(source))
    edges, wanted = _edges(source), _edges(target)
    turns = (-2, -1, 0, 1, 2)
    overlap: Values = sum(
        (_overlap(edges + turn * FULL_CIRCLE, wanted) for turn in turns),
        start=np.zeros((len(target), len(source))),
    )
    return overlap
