"""The surface elements of a matrix: which share of each footprint cell lies in which."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from stilt.config.sections import AT, HEXAGONS, file_and_part, is_grid, is_number
from stilt.footprint.grid import FULL_CIRCLE, edges_of, to_degrees, to_projected
from stilt.foundations.errors import InputError
from stilt.matrix.flux import short_names
from stilt.matrix.hexagons import hexagons
from stilt.matrix.polygons import ENDINGS, Polygons, open_polygons
from stilt.matrix.regridding import MOST_PARTS, middles_of_parts, shares

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Values = NDArray[np.float64]
    Target: TypeAlias = "float | str | Path | xr.DataArray | Polygons | None"

_MOST_POINTS = 1 << 22
"""Parts of cells that are projected together."""


def elements_of(footprints: xr.DataArray, target: Target) -> tuple[csr_array | None, xr.Dataset]:
    """Return the share of each footprint cell in each element, (cell, element), and the elements' coordinates.

    No shares where the elements are the cells themselves. See ``stilt.jacobian`` for what targets there are.

    Raises
    ------
    InputError
        If the target means nothing.
    EnvironmentFailure
        If polygons are asked for and shapely is not installed.
    """
    target = read_target(target)
    if target is None:
        own = xr.Dataset(coords={name: footprints[name] for name in footprints.dims[2:]})
        return None, own
    if isinstance(target, str) and target.startswith(HEXAGONS):
        target = hexagons(footprints, target)
    if isinstance(target, Polygons):
        return target.shares(footprints), target.elements
    if isinstance(target, xr.DataArray):
        return _on_grid(footprints, short_names(target))
    if isinstance(target, str):
        return _projected(footprints, target)
    lat, lon = _coarse(footprints, target)
    return shares(lat, lon, footprints), xr.Dataset(coords={"lat": lat, "lon": lon})


def _projected(footprints: xr.DataArray, text: str) -> tuple[csr_array, xr.Dataset]:
    """Return cells of so many units of a projection that cover the footprints' grid."""
    size, _, projection = text.partition(AT)
    length = _number(size)
    if not length > 0:
        raise InputError(
            f"the target {text!r} has no size", "give such as 12000@EPSG:5070", code="TARGET_WRONG"
        )
    y, x = (_covering(*edges, length) for edges in _box(footprints, projection))
    return _shares_projected(y, x, projection, footprints), xr.Dataset(
        coords={"y": y, "x": x}, attrs={"crs": projection}
    )


def _box(footprints: xr.DataArray, projection: str) -> list[tuple[float, float]]:
    """Return what of y and x in a projection the centres of all parts of cells lie in."""
    lon, lat = _degrees(footprints)
    x, y = to_projected(projection, lon, lat)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError(
            f"the projection {projection} does not show all of the footprints' grid",
            "take another projection for the target",
            code="TARGET_WRONG",
        )
    return [(float(each.min()), float(each.max())) for each in (y, x)]


def _covering(low: float, high: float, size: float) -> Values:
    """Return centres of cells of a size, whose edges are multiples of it, that hold a stretch."""
    first, last = np.floor(low / size), np.floor(high / size)
    return size * (np.arange(first, max(last, first + 1) + 1) + 0.5)


def _degrees(footprints: xr.DataArray) -> tuple[Values, Values]:
    """Return longitude and latitude of the middles of all parts of cells, (y x part, x x part)."""
    each = _parts_each_way(footprints)
    axes = (footprints[name].to_numpy() for name in footprints.dims[2:])
    y, x = np.meshgrid(*(middles_of_parts(axis, each) for axis in axes), indexing="ij")
    return (x, y) if "lat" in footprints.dims else to_degrees(footprints.attrs["crs"], x, y)


def _parts_each_way(footprints: xr.DataArray) -> int:
    cells = footprints.sizes[footprints.dims[2]] * footprints.sizes[footprints.dims[3]]
    return int(np.clip(np.sqrt(_MOST_POINTS / cells), 1, MOST_PARTS))


def _shares_projected(y: Values, x: Values, projection: str, footprints: xr.DataArray) -> csr_array:
    """Return which share of each footprint cell lies in each cell of a grid of another projection.

    By parts of cells: each lies where its centre does.
    """
    from scipy.sparse import coo_array, csr_array

    east, north = to_projected(projection, *_degrees(footprints))
    rows, columns = (_cells(centres, at) for centres, at in ((y, north), (x, east)))
    each = _parts_each_way(footprints)
    ny, nx = (footprints.sizes[name] for name in footprints.dims[2:])
    shape = (ny, each, nx, each)
    cells = np.arange(ny)[:, None, None, None] * nx + np.arange(nx)[:, None]
    inside = ((rows >= 0) & (columns >= 0)).ravel()
    places = (
        np.broadcast_to(cells, shape).ravel()[inside],
        (rows * len(x) + columns).ravel()[inside],
    )
    values = np.full(inside.sum(), 1.0 / each**2)
    return csr_array(coo_array((values, places), shape=(ny * nx, len(y) * len(x))))


def _cells(centres: Values, at: Values) -> NDArray[np.intp]:
    """Return in which cell of a regular axis each place lies; -1 where in none."""
    step = (centres[-1] - centres[0]) / (len(centres) - 1)
    found = np.floor((at - centres[0]) / step + 0.5)
    return np.where(np.isfinite(found) & (found >= 0) & (found < len(centres)), found, -1).astype(
        np.intp
    )


def _on_grid(footprints: xr.DataArray, given: xr.DataArray) -> tuple[csr_array, xr.Dataset]:
    """Return elements by numbers of cells of a grid, or by weights: basis functions."""
    from scipy.sparse import csr_array

    cells = next(
        (cells for cells in (("lat", "lon"), ("y", "x")) if set(cells) <= set(given.dims)), ()
    )
    others = [str(name) for name in given.dims if name not in cells]
    if not cells or len(others) > 1:
        raise InputError(
            f"the target has the dimensions {', '.join(map(str, given.dims))}",
            "give one whole number for each cell of a grid with lat and lon (or y, x and the attribute crs); or "
            "weights with one dimension more, the basis functions'",
            code="TARGET_WRONG",
        )
    ordered = given.transpose(*others, *cells)
    own = _own_shares(footprints, ordered, cells)
    if not others:
        return _labelled(own, ordered)
    weights = ordered.to_numpy().astype(np.float64)
    if not np.isfinite(weights).all():
        raise InputError(
            "the target's weights have missing values",
            "give zero where there is none",
            code="VALUES_MISSING",
        )
    names = ordered[others[0]].to_numpy()
    functions = csr_array(weights.reshape(len(weights), -1).T)
    return csr_array(own @ functions), xr.Dataset(coords={"element": names})


def _own_shares(footprints: xr.DataArray, given: xr.DataArray, cells: tuple[str, ...]) -> csr_array:
    y, x = (given[name].to_numpy() for name in cells)
    if "lat" in cells:
        return shares(y, x, footprints)
    if "crs" not in given.attrs:
        raise InputError(
            "the target lies on y and x, and does not say in which projection",
            "set its attribute crs to a PROJ text or an EPSG code",
            code="PROJECTION_NOT_NAMED",
        )
    return _shares_projected(y, x, str(given.attrs["crs"]), footprints)


def _labelled(own: csr_array, labels: xr.DataArray) -> tuple[csr_array, xr.Dataset]:
    from scipy.sparse import csr_array

    values = labels.to_numpy().ravel()
    inside = np.isfinite(values) & (values >= 0)
    if not inside.any() or np.any(values[inside] % 1):
        raise InputError(
            "the target's values are not whole numbers from 0",
            "number the elements from 0",
            code="TARGET_WRONG",
        )
    names, numbers = np.unique(values[inside].astype(np.int64), return_inverse=True)
    places = (np.flatnonzero(inside), numbers)
    member = csr_array((np.ones(len(numbers)), places), shape=(values.size, len(names)))
    return csr_array(own @ member), xr.Dataset(coords={"element": names})


def _coarse(footprints: xr.DataArray, size: float) -> tuple[Values, Values]:
    """Return centres of cells of so many degrees that cover the footprints' grid."""
    if not 0 < size <= FULL_CIRCLE / 2:
        raise InputError(
            f"a target of {size:g} degrees is no grid",
            "give a size such as 0.5",
            code="TARGET_WRONG",
        )
    edges = [edges_of(footprints[name]) for name in footprints.dims[2:]]
    if "lat" not in footprints.dims:
        y, x = (np.linspace(*each, 200) for each in edges)
        lon, lat = to_degrees(footprints.attrs["crs"], *np.meshgrid(x, y))
        edges = [(float(np.nanmin(each)), float(np.nanmax(each))) for each in (lat, lon)]
    lat, lon = (
        low + size * (np.arange(max(np.ceil((high - low) / size - 1e-9), 2)) + 0.5)
        for low, high in edges
    )
    return lat, lon


def read_target(target: Target) -> float | str | xr.DataArray | Polygons | None:
    """Return a target whose text, if it is one, is read; one of cells in a projection, or of H3, stays a text.

    Raises
    ------
    InputError
        If there is no such file or variable.
    """
    if not isinstance(target, str | Path):
        return target
    text = str(target)
    if is_number(text):
        return float(text)
    if is_grid(text):
        return text
    if file_and_part(text)[0].lower().endswith(ENDINGS):
        return open_polygons(text)
    return open_variable(text, "the target")


def _number(text: str) -> float:
    """Return the number that a text is; NaN if it is none."""
    try:
        return float(text)
    except ValueError:
        return np.nan


def open_variable(
    text: str, what: str, read: Callable[..., xr.Dataset] = xr.load_dataset
) -> xr.DataArray:
    """Return a variable from FILE or FILE:VARIABLE, a NetCDF file; ``what`` it is, for messages.

    With ``xr.open_dataset`` values are read where they are used.

    Raises
    ------
    InputError
        If there is no such file or variable, or several and none is named.
    """
    file, name = file_and_part(text)
    try:
        data = read(file, engine="netcdf4", mask_and_scale=True)
    except OSError as error:
        raise InputError(
            f"{what} {file} can't be read: {error.strerror or error}",
            "give a NetCDF file, or FILE:VARIABLE",
            code="TARGET_UNREADABLE",
        ) from error
    names = [str(each) for each in data.data_vars]
    if not name and len(names) == 1:
        name = names[0]
    if name not in names:
        raise InputError(
            f"{what} {file} has the variables {', '.join(names)}",
            f"name one: {file}:NAME",
            code="VARIABLE_NOT_NAMED",
        )
    return data[name]
