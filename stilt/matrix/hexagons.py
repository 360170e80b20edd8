"""Cells of Uber's H3 as surface elements, which tile the sphere without gaps."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from stilt.config.sections import HEXAGONS
from stilt.footprint.grid import edges_of, to_degrees
from stilt.foundations.errors import InputError
from stilt.matrix.polygons import Polygons, package

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    Box = tuple[float, float, float, float]

MOST_CELLS = 100_000
"""Ten thousand cells and their overlaps take some five seconds."""
FINEST = 15
FURTHEST_LAT = 85.0
"""Nearer to a pole a cell's edges, straight in longitude and latitude, are not those of the sphere."""

_ALONG = 64


def hexagons(footprints: xr.DataArray, text: str) -> Polygons:
    """Return the cells of ``h3:RESOLUTION`` that the footprints' grid touches, called as H3 calls them.

    Their edges are straight in longitude and latitude. Neighbours have corners in common, so that they tile the plane
    too: the shares of a footprint cell add up to one.

    Raises
    ------
    InputError
        If the text is no resolution, the cells would be too many, or the grid goes to a pole.
    EnvironmentFailure
        If h3 or shapely is not installed.
    """
    h3, shapely = (package(name, "h3 cells") for name in ("h3", "shapely"))
    digits = text.removeprefix(HEXAGONS)
    if not digits.isdecimal() or int(digits) > FINEST:
        raise InputError(
            f"the target {text!r} is no resolution of H3",
            f"give such as h3:5, 0 to {FINEST}",
            code="TARGET_WRONG",
        )
    resolution = int(digits)
    south, north, west, east = _box(footprints)
    part = (east - west) / 360.0 * np.ptp(np.sin(np.radians([south, north]))) / 2.0
    count = part * h3.get_num_cells(resolution)
    if max(-south, north) > FURTHEST_LAT or count > MOST_CELLS:
        why = (
            f"some {count:,.0f} cells touch the grid, more than {MOST_CELLS:,}"
            if count > MOST_CELLS
            else f"the grid goes beyond {FURTHEST_LAT:g} degrees of latitude"
        )
        raise InputError(
            f"the target {text!r} has no elements here: {why}",
            "give a smaller resolution, or another grid of footprints",
            code="TARGET_WRONG",
        )
    # a slice at a time: a polygon of H3 may not be half a globe wide
    edges = np.linspace(west, east, 2 + int((east - west) / 90.0))
    found: set[str] = set()
    for left, right in pairwise(edges.tolist()):
        corners = [(south, left), (south, right), (north, right), (north, left)]
        box = h3.LatLngPoly([(lat, (lon + 180) % 360 - 180) for lat, lon in corners])
        found |= set(h3.h3shape_to_cells_experimental(box, resolution, contain="overlap"))
    names = sorted(set().union(*(h3.grid_disk(each, 1) for each in found)))
    return Polygons(names, [shapely.Polygon(_outline(h3, name)) for name in names]).touched(
        footprints
    )


def _outline(h3: Any, name: str) -> NDArray[np.float64]:
    """Return the corners of a cell, (longitude, latitude), on one side of 180 degrees."""
    corners = np.array(h3.cell_to_boundary(name))[:, ::-1]
    corners[:, 0] -= 360.0 * np.rint((corners[:, 0] - corners[0, 0]) / 360.0)
    return corners


def _box(footprints: xr.DataArray) -> Box:
    """Return south, north, west and east of a grid."""
    (south, north), (west, east) = (edges_of(footprints[name]) for name in footprints.dims[2:])
    if "lat" not in footprints.dims:
        y, x = np.linspace(south, north, _ALONG), np.linspace(west, east, _ALONG)
        lon, lat = to_degrees(footprints.attrs["crs"], *np.meshgrid(x, y))
        south, north, west, east = map(float, (lat.min(), lat.max(), lon.min(), lon.max()))
    return south, north, west, east
