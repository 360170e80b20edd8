"""Grids on maps in NetCDF and Zarr, as CF says them (``grid_mapping``, appendix F of the conventions)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stilt.met.dataset.levels import DatasetError
from stilt.met.dataset.maps import lambert, mercator, off_cells, on_map, polar
from stilt.met.grid import EARTH_RADIUS_KM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from stilt.met.dataset.raw import Dataset, Variable
    from stilt.met.grid import Grid

X, Y = "projection_x_coordinate", "projection_y_coordinate"
_CLOSE_CELLS = 0.1
_IN_METRES = {"m": 1.0, "meter": 1.0, "meters": 1.0, "metre": 1.0, "metres": 1.0, "km": 1000.0}


def mapping_of(dataset: Dataset) -> dict[str, Any]:
    """Return what the variables of a dataset say of their map; nothing where they name none."""
    for variable in dataset.data_vars.values():
        words = str(variable.attrs.get("grid_mapping", "")).replace(":", " ").split()
        if words and words[0] in dataset:
            return dict(dataset[words[0]].attrs)
    return {}


def rotated_pole(mapping: Mapping[str, Any]) -> tuple[float, tuple[float, float]]:
    """Return what is to be taken off longitudes of a rotated grid, and its pole: latitude and longitude, degrees.

    Raises
    ------
    DatasetError
        If its mapping does not say where its pole is.
    """
    if mapping.get("grid_mapping_name") != "rotated_latitude_longitude":
        raise DatasetError(
            "its axes are about a rotated pole, and no grid mapping says where that is"
        )
    names = ("grid_north_pole_latitude", "grid_north_pole_longitude")
    if lacking := [name for name in names if name not in mapping]:
        raise DatasetError(f"its grid mapping has no {' and no '.join(lacking)}")
    latitude, longitude = (float(mapping[name]) for name in names)
    return float(mapping.get("north_pole_grid_longitude", 0.0)), (latitude, longitude)


def metres(axis: Variable) -> float:
    """Return how many metres the unit of an axis has.

    Raises
    ------
    DatasetError
        If it is no length.
    """
    unit = str(axis.attrs.get("units", ""))
    if unit not in _IN_METRES:
        raise DatasetError(f"its axis {axis.name} has the unit {unit!r}, which is no length")
    return _IN_METRES[unit]


def grid_on_map(
    mapping: Mapping[str, Any], x_m: NDArray[np.float64], y_m: NDArray[np.float64]
) -> Grid:
    """Return the grid of evenly spaced places on a map, both rising.

    Raises
    ------
    DatasetError
        If the map is of a kind that is not followed, or an ellipsoid's, on which points lie elsewhere.
    """
    from pyproj import CRS, Transformer
    from pyproj.exceptions import CRSError

    cone, meridian = _cone(mapping)
    try:
        crs = CRS.from_cf(dict(mapping))
    except (CRSError, KeyError) as error:
        raise DatasetError(f"its grid mapping is none: {error}") from error
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True).transform
    first = to_degrees(x_m[0], y_m[0])
    ellipsoid = crs.ellipsoid
    radius = 1000.0 * EARTH_RADIUS_KM if ellipsoid is None else ellipsoid.semi_major_metre
    cell = tuple(float(v[-1] - v[0]) / (len(v) - 1) for v in (x_m, y_m))
    shape = len(x_m), len(y_m)
    grid = on_map(
        cone, meridian, (cell[0], cell[1]), shape, point=(1.0, 1.0, *first), radius_m=radius
    )
    off = off_cells(grid, *to_degrees(x_m[-1], y_m[-1]))
    if off > _CLOSE_CELLS:
        raise DatasetError(
            f"its last point is {off:.1f} cells off from where a map of a sphere has it: its map is of an ellipsoid"
        )
    return grid


def _cone(mapping: Mapping[str, Any]) -> tuple[tuple[float, float], float]:
    """Return the cone of a map, and the meridian that runs straight up."""
    name = str(mapping.get("grid_mapping_name", ""))
    true = [float(value) for value in np.atleast_1d(mapping.get("standard_parallel", []))]
    if name == "lambert_conformal_conic" and true:
        return lambert(true[0], true[-1]), float(mapping["longitude_of_central_meridian"])
    if name == "polar_stereographic" and true:
        pole = float(mapping["latitude_of_projection_origin"])
        return polar(pole, abs(true[0])), float(mapping["straight_vertical_longitude_from_pole"])
    if name == "mercator" and true:
        return mercator(true[0]), float(mapping["longitude_of_projection_origin"])
    what = f"grid mapping ({name})" if name else "grid mapping, of which it says nothing,"
    raise DatasetError(f"its {what} is not one of Lambert's, polar stereographic or Mercator's")
