"""Grids on maps: conformal cones, as ARL's headers and native know them."""

from __future__ import annotations

import math

from stilt.met.dataset.levels import DatasetError
from stilt.met.grid import EARTH_RADIUS_KM, Grid

_SAME = 1e-6
_OFF = 1e-3


_REMAPPED = "remap it to longitude and latitude, as with `cdo remapbil`"
_UNFOLLOWED = {
    "reduced_gg": "a reduced Gaussian one, whose rows have different numbers of points",
    "reduced_ll": "a reduced one, whose rows have different numbers of points",
    "sh": "none: its fields are coefficients of spherical harmonics",
    "unstructured_grid": "one of cells, not of rows and columns",
    "healpix": "one of HEALPix's cells, not of rows and columns",
}
"""Kinds of grids as ecCodes calls them, and why they are not read."""


def unfollowed(kind: str) -> str:
    """Say of a kind of grid that is not read what it is and what to do."""
    if kind not in _UNFOLLOWED:
        return f"of the kind {kind}"
    return f"{_UNFOLLOWED[kind]} ({kind}): {_REMAPPED}"


def on_map(
    cone: tuple[float, float],
    meridian: float,
    cell_m: tuple[float, float],
    shape: tuple[int, int],
    *,
    point: tuple[float, float, float, float],
    radius_m: float,
) -> Grid:
    """Return a grid on a conformal map.

    Parameters
    ----------
    cone
        The latitude whose sine is the cone's constant, and one at which distances are true, degrees.
    meridian
        That runs straight up the map, degrees.
    cell_m
        Width and height of a cell where distances are true.
    shape
        Columns and rows.
    point
        Column and row of a point, from 1, its longitude and latitude.
    radius_m
        Of the file's sphere; angles are kept, and distances turned into those on the sphere of ARL's files.

    Raises
    ------
    DatasetError
        If cells are not square.
    """
    width, height = cell_m
    if abs(width - height) > _OFF * width:
        raise DatasetError(f"its cells are {width / 1000:g} km wide and {height / 1000:g} km high")
    tangent, true = cone
    return Grid(
        pole_lat=90.0 if tangent >= 0 else -90.0,
        pole_lon=0.0,
        ref_lat=true,
        ref_lon=meridian,
        size_km=round(width * EARTH_RADIUS_KM / radius_m, 6),
        orientation=0.0,
        tangent_lat=tangent,
        sync_x=point[0],
        sync_y=point[1],
        sync_lat=point[3],
        sync_lon=point[2],
        nx=shape[0],
        ny=shape[1],
    )


def lambert(first: float, second: float) -> tuple[float, float]:
    """Return the cone of Lambert's map that is true at two latitudes, or touches at one."""
    if abs(first - second) < _SAME:
        return first, first
    a, b = math.radians(first), math.radians(second)
    constant = math.log(math.cos(a) / math.cos(b)) / math.log(
        math.tan(math.pi / 4 + b / 2) / math.tan(math.pi / 4 + a / 2)
    )
    return math.degrees(math.asin(constant)), first


def polar(pole: float, true: float) -> tuple[float, float]:
    """Return the cone of a polar stereographic map: 90 or -90, and the latitude where distances are true."""
    return pole, math.copysign(true, pole)


def mercator(true: float) -> tuple[float, float]:
    """Return the cone of Mercator's map."""
    return 0.0, true


def off_cells(grid: Grid, lon: float, lat: float) -> float:
    """Return how many cells off its place on a map the last point of a grid is."""
    x, y = grid.to_grid(lon, lat)
    return max(abs(x - grid.nx), abs(y - grid.ny))
