"""Between longitude, latitude and the real-valued grid index of a met grid.

Index units: the centre of the first cell is (1, 1). Conformal maps of the sphere in one formula, the cone
constant being the sine of the tangent latitude (1 and -1 polar stereographic, 0 Mercator), and plain
longitude-latitude grids, perhaps about another pole than the Earth's or with uneven rows: (T1) to (T3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stilt.kernels.compiled import fast
from stilt.met.rotation import from_rotated, latitude_among, row_among, to_rotated

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    from stilt.met.analysis import GridHeader

    Array: TypeAlias = NDArray[np.float64]

EARTH_RADIUS_KM = 6371.2
_FLAT_CONE = 1e-6
_POLE_ROW_SHIFT = 0.25
_CLOSE = 1e-3


@dataclass(frozen=True, slots=True)
class MapGrid:
    """A met grid on the sphere.

    Attributes
    ----------
    is_longlat
        Whether the axes are longitude and latitude, perhaps about a pole of their own.
    wraps
        Whether the first column follows the last (a global longitude-latitude grid).
    """

    header: GridHeader
    is_longlat: bool
    wraps: bool
    cone: float
    scale_km: float
    x0: float
    y0: float

    @property
    def has_poles(self) -> bool:
        """Whether the first and the last row are the poles of the grid, and particles may pass over them."""
        south, north = self._latitude(np.array([1.0, self.header.ny]))
        return self.wraps and abs(south + 90.0) < _CLOSE and abs(north - 90.0) < _CLOSE

    def _latitude(self, y: Array) -> Array:
        """Latitude of rows of a grid in degrees, about its own pole."""
        grid = self.header
        if grid.rows:
            return latitude_among(grid.rows, y)
        return np.asarray(grid.sync_lat + (np.asarray(y) - 1.0) * grid.ref_lat, dtype=np.float64)

    def to_index(self, longitude: Array, latitude: Array) -> tuple[Array, Array]:
        """Return x and y in index units of longitude and latitude in degrees."""
        longitude = np.asarray(longitude, dtype=np.float64)
        latitude = np.asarray(latitude, dtype=np.float64)
        if self.is_longlat:
            grid = self.header
            if grid.rotated is not None:
                longitude, latitude = to_rotated(longitude, latitude, grid.rotated)
            x = 1.0 + np.mod(longitude - grid.sync_lon, 360.0) / grid.ref_lon
            if grid.rows:
                return x, row_among(grid.rows, latitude)
            return x, 1.0 + (latitude - grid.sync_lat) / grid.ref_lat
        east, north = _turned(self.header, *_on_map(self.header, self.cone, longitude, latitude))
        radii = EARTH_RADIUS_KM / self.scale_km
        return self.x0 + radii * east, self.y0 + radii * north

    def to_longlat(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Return longitude in [-180, 180) and latitude in degrees of index coordinates."""
        grid = self.header
        if self.is_longlat:
            longitude, latitude = (
                grid.sync_lon + (np.asarray(x) - 1.0) * grid.ref_lon,
                self._latitude(y),
            )
            if grid.rotated is not None:
                longitude, latitude = from_rotated(longitude, latitude, grid.rotated)
            return _wrapped(longitude), latitude
        radii = EARTH_RADIUS_KM / self.scale_km
        east, north = (np.asarray(x) - self.x0) / radii, (np.asarray(y) - self.y0) / radii
        turn = math.radians(grid.orient)
        c, d = math.cos(turn), -math.sin(turn)
        xi, eta = east * c - north * d, east * d + north * c
        if abs(self.cone) < _FLAT_CONE:
            latitude = np.degrees(2.0 * np.arctan(np.exp(eta)) - math.pi / 2)
            return _wrapped(grid.ref_lon + np.degrees(xi)), latitude
        across, along = self.cone * xi, 1.0 - self.cone * eta
        radius_squared = np.maximum(across * across + along * along, 1e-30)
        isometric = radius_squared ** (-0.5 / self.cone)
        latitude = np.degrees(2.0 * np.arctan(isometric) - math.pi / 2)
        angle = np.degrees(np.arctan2(across, along)) / self.cone
        return _wrapped(grid.ref_lon + angle), latitude

    def table_longlat(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Return the same as ``to_longlat`` for long one-dimensional arrays, compiled."""
        if self.is_longlat or abs(self.cone) < _FLAT_CONE:
            return self.to_longlat(x, y)
        longitude, latitude = np.empty_like(x), np.empty_like(y)
        turn = math.radians(self.header.orient)
        longlat_of_cone(
            x,
            y,
            ConeMap(
                self.cone,
                self.x0,
                self.y0,
                self.scale_km / EARTH_RADIUS_KM,
                math.cos(turn),
                -math.sin(turn),
                self.header.ref_lon,
            ),
            longitude,
            latitude,
        )
        return longitude, latitude

    def cell_metres(self, rows: tuple[int, int], columns: tuple[int, int]) -> tuple[Array, Array]:
        """Return the grid distances dx and dy in metres at the points of a rectangle (T3).

        Rows and columns are counted from 0; both results have the shape (rows, columns).
        """
        y, x = np.meshgrid(
            np.arange(*rows, dtype=np.float64) + 1.0,
            np.arange(*columns, dtype=np.float64) + 1.0,
            indexing="ij",
        )
        if not self.is_longlat:
            size = 1000.0 * self.scale_km * _growth(self.cone, self.to_longlat(x, y)[1])
            return size, size
        grid = self.header
        latitude = self._latitude(y)
        edge = 90.0 - _POLE_ROW_SHIFT * grid.ref_lat
        latitude = np.clip(latitude, -edge, edge)
        per_degree = 1000.0 * EARTH_RADIUS_KM * math.pi / 180.0
        dx = per_degree * grid.ref_lon * np.cos(np.radians(latitude))
        if not grid.rows:
            return dx, np.full_like(dx, per_degree * grid.ref_lat)
        return dx, 0.5 * per_degree * (self._latitude(y + 1.0) - self._latitude(y - 1.0))


class ConeMap(NamedTuple):
    """Numbers of a conformal map as the compiled loop takes them; ``per_cell`` in Earth radii."""

    cone: float
    x0: float
    y0: float
    per_cell: float
    cosine: float
    sine: float
    ref_lon: float


@fast.kernel()
def longlat_of_cone(
    x: Array, y: Array, cone_map: ConeMap, longitude: Array, latitude: Array
) -> None:
    """Fill longitude in [-180, 180) and latitude of index coordinates on a cone that is not flat (T2)."""
    cone, degrees = cone_map.cone, 180.0 / math.pi
    is_polar = abs(cone) > 1.0 - _FLAT_CONE
    for n in range(x.shape[0]):
        east, north = (
            (x[n] - cone_map.x0) * cone_map.per_cell,
            (y[n] - cone_map.y0) * cone_map.per_cell,
        )
        xi = east * cone_map.cosine - north * cone_map.sine
        eta = east * cone_map.sine + north * cone_map.cosine
        across, along = cone * xi, 1.0 - cone * eta
        square = max(across * across + along * along, 1e-30)
        if is_polar:
            isometric = 1.0 / math.sqrt(square) if cone > 0.0 else math.sqrt(square)
        else:
            isometric = square ** (-0.5 / cone)
        latitude[n] = degrees * 2.0 * math.atan(isometric) - 90.0
        angle = cone_map.ref_lon + degrees * math.atan2(across, along) / cone
        longitude[n] = angle - 360.0 * math.floor((angle + 180.0) / 360.0)


def map_grid(header: GridHeader) -> MapGrid:
    """Return the projection that an index record describes."""
    if header.size_km == 0.0:
        span = header.nx * header.ref_lon
        wraps = abs(span - 360.0) < 0.5 * header.ref_lon
        return MapGrid(header, True, wraps, 0.0, 0.0, 0.0, 0.0)
    cone = math.sin(math.radians(header.tang_lat))
    scale_km = header.size_km / float(_growth(cone, np.array(header.ref_lat)))
    xi, eta = _turned(
        header, *_on_map(header, cone, np.array(header.sync_lon), np.array(header.sync_lat))
    )
    radii = EARTH_RADIUS_KM / scale_km
    return MapGrid(
        header,
        False,
        False,
        cone,
        scale_km,
        header.sync_x - radii * float(xi),
        header.sync_y - radii * float(eta),
    )


def _wrapped(longitude: Array) -> Array:
    return np.mod(np.asarray(longitude, dtype=np.float64) + 180.0, 360.0) - 180.0


def _isometric_exponential(cone: float, latitude: Array) -> Array:
    """exp(-cone * isometric latitude), finite at the pole that the cone opens towards."""
    sine = np.sin(np.radians(latitude))
    return ((1.0 - sine) / np.maximum(1.0 + sine, 1e-300)) ** (0.5 * cone)


def _on_map(
    header: GridHeader, cone: float, longitude: Array, latitude: Array
) -> tuple[Array, Array]:
    angle = np.radians(_wrapped(longitude - header.ref_lon))
    if abs(cone) < _FLAT_CONE:
        sine = np.sin(np.radians(latitude))
        return angle, 0.5 * np.log((1.0 + sine) / (1.0 - sine))
    radius = _isometric_exponential(cone, latitude)
    return radius * np.sin(cone * angle) / cone, (1.0 - radius * np.cos(cone * angle)) / cone


def _turned(header: GridHeader, xi: Array, eta: Array) -> tuple[Array, Array]:
    turn = math.radians(header.orient)
    c, d = math.cos(turn), -math.sin(turn)
    return xi * c + eta * d, eta * c - xi * d


def _growth(cone: float, latitude: Array) -> Array:
    """Local grid size over that at the scale latitude: exp(-(1-cone) psi) (1 + sin(latitude))."""
    sine = np.sin(np.radians(latitude))
    if abs(cone) > 1.0 - _FLAT_CONE:
        return 1.0 + sine * math.copysign(1.0, cone)
    return _isometric_exponential(1.0 - cone, latitude) * (1.0 + sine)
