"""Where the cells of a footprint grid lie, in the units of its projection."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stilt.footprint import wgs84
from stilt.foundations.errors import InputError

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from stilt.config.schema import FootprintGrid

SPHERE = "+ellps=sphere"
"""What a PROJ text without ellipsoid and datum means to R-STILT: a sphere of 6370997 m."""

FULL_CIRCLE = 360.0
RESOLUTION = "resolution"
"""The attribute of an axis that says how large its cells are, which one alone does not show."""
PLAIN_DEGREES = "+proj=longlat"


@dataclass(frozen=True, slots=True)
class Geometry:
    """The cells of a grid.

    Attributes
    ----------
    projection
        PROJ text or authority code.
    is_longlat
        Whether x and y are degrees; else they are units of the projection.
    is_global
        Whether x is the full circle, so that the last column is beside the first.
    xmin, ymin
        The left and lower edge of the first cell.
    xres, yres
        Width and height of a cell.
    nx, ny
        Number of whole cells; what an incomplete one would cover is left out.
    """

    projection: str
    is_longlat: bool
    is_global: bool
    xmin: float
    ymin: float
    xres: float
    yres: float
    nx: int
    ny: int

    @classmethod
    def around(cls, projection: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> Geometry:
        """Return the projected grid whose cells have these centres, in units of the projection."""
        (left, right), (bottom, top) = outer_edges(x), outer_edges(y)
        sizes = (right - left) / len(x), (top - bottom) / len(y)
        return cls(projection, False, False, left, bottom, *sizes, len(x), len(y))

    @property
    def x(self) -> NDArray[np.float64]:
        """Cell centres from left to right."""
        return _centres(self.xmin, self.xres, self.nx)

    @property
    def y(self) -> NDArray[np.float64]:
        """Cell centres from bottom to top."""
        return _centres(self.ymin, self.yres, self.ny)

    @property
    def period(self) -> float:
        """The length of a full turn in x: 360 for degrees, 0 for a plane."""
        return FULL_CIRCLE if self.is_longlat else 0.0

    @property
    def middle(self) -> float:
        """The x in the middle of the grid."""
        return self.xmin + self.nx * self.xres / 2

    def project(
        self, longitude: NDArray[np.float64], latitude: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return x and y of places in degrees; what cannot be projected is infinite."""
        if self.is_longlat:
            return longitude, latitude
        return _projected(self.projection, longitude, latitude)

    def unproject(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the places, in degrees, of x and y; infinite beyond what the projection shows."""
        if self.is_longlat:
            return x, y
        return to_degrees(self.projection, x, y)


def geometry_of(grid: FootprintGrid) -> Geometry:
    """Return the cells of a grid from the configuration.

    A grid in degrees that goes once round the globe lies between -180 and 180; one that crosses the
    antimeridian goes on beyond 180. Of a projected grid the south-western and north-eastern corners are
    projected and span the box.

    Raises
    ------
    InputError
        If PROJ does not know the projection, or the grid has no whole cell.
    """
    is_longlat = grid.is_longlat or _is_geographic(grid.projection)
    west, east = float(grid.xmin), float(grid.xmax)
    is_global = is_longlat and (east - west) % FULL_CIRCLE == 0
    if is_global:
        west, east = -180.0, 180.0
    elif is_longlat and (east < west or east > 180.0):  # noqa: PLR2004 - degrees
        west, east = west % FULL_CIRCLE, east % FULL_CIRCLE
        west -= FULL_CIRCLE if east <= west else 0.0
    south, north = float(grid.ymin), float(grid.ymax)
    if not is_longlat:
        corners = _projected(grid.projection, np.array([west, east]), np.array([south, north]))
        (west, east), (south, north) = (sorted(map(float, ends)) for ends in corners)
    nx, ny = _whole_steps(west, east, grid.xres), _whole_steps(south, north, grid.yres)
    if nx < 1 or ny < 1:
        raise InputError(
            f"the footprint grid from ({grid.xmin:g}, {grid.ymin:g}) to ({grid.xmax:g}, {grid.ymax:g}) "
            f"holds no whole cell of {grid.xres:g} x {grid.yres:g}",
            "enlarge the box, or make xres and yres smaller (in units of the projection)",
            code="GRID_EMPTY",
        )
    return Geometry(
        projection=grid.projection,
        is_longlat=is_longlat,
        is_global=is_global and math.isclose(nx * grid.xres, FULL_CIRCLE),
        xmin=west,
        ymin=south,
        xres=float(grid.xres),
        yres=float(grid.yres),
        nx=nx,
        ny=ny,
    )


def _centres(start: float, size: float, count: int) -> NDArray[np.float64]:
    return start + np.arange(count, dtype=np.float64) * size + size / 2


def _whole_steps(start: float, end: float, step: float) -> int:
    # The small tolerance is that of R's seq(): 20 / 0.1 is 200 cells although 0.1 is not exact.
    steps = (end - step - start) / step + 1e-10
    return math.floor(steps) + 1 if math.isfinite(steps) else 0


def length_unit(projection: str) -> str:
    """Return the unit of a projection's x and y as CF spells it: ``m``, but for a few."""
    from pyproj import CRS

    name = CRS.from_user_input(_complete(projection)).axis_info[0].unit_name
    return {"metre": "m", "kilometre": "km", "foot": "ft", "US survey foot": "US_survey_foot"}.get(
        name, name
    )


def _is_geographic(projection: str) -> bool:
    """Tell whether a code such as EPSG:4269 means degrees, which its text does not show."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        return bool(CRS.from_user_input(_complete(projection)).is_geographic)
    except CRSError as error:
        raise _unknown(projection, error) from error


def _unknown(projection: str, error: Exception) -> InputError:
    return InputError(
        f"the projection {projection!r} is not known to PROJ: {error}",
        "give a PROJ text such as '+proj=utm +zone=12', or a code such as EPSG:5070",
        code="PROJECTION_UNKNOWN",
    )


def named_crs(projection: str) -> str:
    """Return what GIS programs call a projection: degrees without a datum are taken as WGS 84."""
    return wgs84.CODE if projection.strip() == PLAIN_DEGREES else projection


def crs_attributes(projection: str) -> dict[str, str | float]:
    """Return the CF attributes of a projection, with its WKT."""
    if projection == wgs84.CODE:
        return dict(wgs84.ATTRIBUTES)
    from pyproj import CRS

    attributes: dict[str, str | float] = CRS.from_user_input(_complete(projection)).to_cf()
    return attributes


def wkt_of(projection: str) -> str:
    """Return a projection as WKT."""
    from pyproj import CRS

    return str(CRS.from_user_input(_complete(projection)).to_wkt())


def _complete(projection: str) -> str:
    has_shape = "+ellps=" in projection or "+datum=" in projection
    # UTM is not defined on a sphere: there PROJ takes an ellipsoid of its own.
    if "+proj=" not in projection or "+proj=utm" in projection or has_shape:
        return projection
    return f"{projection} {SPHERE}"


def edges_of(axis: xr.DataArray) -> tuple[float, float]:
    """Return where the first cell along an axis of footprints begins and the last one ends."""
    if axis.size == 1 and RESOLUTION in axis.attrs:
        middle, size = axis.item(), float(axis.attrs[RESOLUTION])
        return middle - 0.5 * size, middle + 0.5 * size
    return outer_edges(axis.to_numpy())


def outer_edges(centres: NDArray[np.float64]) -> tuple[float, float]:
    """Return where the first cell begins and the last one ends, by their centres; one alone is a unit wide."""
    half = 0.5 * float(centres[1] - centres[0]) if len(centres) > 1 else 0.5
    return float(centres[0]) - half, float(centres[-1]) + half


def to_degrees(
    projection: str, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return longitude and latitude of places on a projected grid."""
    from pyproj import Proj

    longitude, latitude = Proj(_complete(projection))(x, y, inverse=True)
    return np.asarray(longitude, np.float64), np.asarray(latitude, np.float64)


def to_projected(
    projection: str, longitude: NDArray[np.float64], latitude: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y of places in degrees; infinite where a projection does not show them.

    Raises
    ------
    InputError
        If PROJ does not know the projection.
    """
    from pyproj.exceptions import CRSError

    try:
        return _projected(projection, longitude, latitude)
    except CRSError as error:
        raise _unknown(projection, error) from error


def _projected(
    projection: str, longitude: NDArray[np.float64], latitude: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from pyproj import Proj

    x, y = Proj(_complete(projection))(longitude, latitude)
    return np.asarray(x, np.float64), np.asarray(y, np.float64)
