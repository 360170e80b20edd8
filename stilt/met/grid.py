"""Where the points of an ARL grid lie on the earth.

Formulas of the conformal cone: A. D. Taylor, "Conformal map transformations for meteorological modelers",
Computers & Geosciences 23 (1997) 63-75, which ARL's files are defined by.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise
from math import atan, atan2, cos, degrees, exp, hypot, log, pi, radians, sin
from typing import TYPE_CHECKING

from stilt.met.rotation import (
    from_rotated,
    latitude_among,
    rotated_tilt,
    row_among,
    to_rotated,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

EARTH_RADIUS_KM = 6371.2
MOST_OF_A_GRID = 1e7
"""No number of a grid is larger."""

_N_PLACES = 13
"""How many numbers describe a grid of ARL's."""

EDGE = 2
"""The first column and row, counted from 1, at which a particle can start; as far from the last ones."""

_POLE_DEGREES = 90.0
_OWN_POLE = (90.0, 180.0)
_FLAT = 1e-5
_POLE = 1 - 1e-15
_STEREOGRAPHIC = 1 - 1e-9


@dataclass(frozen=True)
class Grid:
    """The grid of an ARL file, as its header describes it, degrees and km; or one that only other files have.

    For a grid in degrees ``size_km`` is 0 and ``ref_lat``, ``ref_lon`` are the spacings.

    Attributes
    ----------
    rotated
        Latitude and longitude of the pole about which the degrees of a grid are counted, if that is not the Earth's.
    rows
        Latitudes of the rows of a grid in degrees, rising, where they are not evenly spaced; ``ref_lat`` is their mean
        distance.
    """

    pole_lat: float
    pole_lon: float
    ref_lat: float
    ref_lon: float
    size_km: float
    orientation: float
    tangent_lat: float
    sync_x: float
    sync_y: float
    sync_lat: float
    sync_lon: float
    nx: int
    ny: int
    rotated: tuple[float, float] | None = field(default=None, repr=False)
    rows: tuple[float, ...] = field(default=(), repr=False)
    # not in the text: signatures of files are made of it, and those of ARL stay what they were

    @property
    def values(self) -> tuple[float, ...]:
        """All of these, in this order: to be kept."""
        places = tuple(getattr(self, name) for name in list(self.__dataclass_fields__)[:_N_PLACES])
        if self.is_arls:
            return places
        return (*places, *(self.rotated or _OWN_POLE), *self.rows)

    @classmethod
    def of(cls, values: Sequence[float]) -> Grid | None:
        """Return the grid of such values; None if they are none."""
        import numpy as np

        places, pole, rows = (
            values[:_N_PLACES],
            tuple(values[_N_PLACES:][:2]),
            values[_N_PLACES:][2:],
        )
        is_bounded = all(abs(value) <= MOST_OF_A_GRID for value in values)
        if len(places) < _N_PLACES or len(pole) == 1 or not is_bounded:
            return None
        *places, nx, ny = places
        if rows and (len(rows) != ny or np.any(np.diff(rows) <= 0)):
            return None
        named = dict(zip(cls.__dataclass_fields__, places, strict=False))
        rotated = None if pole in {(), _OWN_POLE} else (pole[0], pole[1])
        return cls(**named, nx=int(nx), ny=int(ny), rotated=rotated, rows=tuple(rows))

    @property
    def is_arls(self) -> bool:
        """Whether an ARL header can say where it lies."""
        return self.rotated is None and not self.rows

    @property
    def is_in_degrees(self) -> bool:
        """Whether rows and columns are parallels and meridians, perhaps about another pole."""
        return self.size_km == 0

    @property
    def is_longlat(self) -> bool:
        """Whether rows and columns are parallels and meridians of the Earth."""
        return self.is_in_degrees and self.rotated is None

    @cached_property
    def spacing(self) -> str:
        """The distance of neighbouring points, for people."""
        return f"{self.ref_lon:g} deg" if self.is_in_degrees else f"{self.size_km:g} km"

    @property
    def words(self) -> str:
        """Its size and the box that it spans, for people; from west to east, across 180 too."""
        lons, lats = zip(*self.outline(), strict=True)
        turns = [_wrapped(east - west) for west, east in pairwise([*lons, lons[0]])]
        along = [lons[0] + turned for turned in accumulate(turns, initial=0.0)]
        poles = [lat for lat in (-_POLE_DEGREES, _POLE_DEGREES) if self.contains(0.0, lat)]
        box = f"{_short(_wrapped(min(along)))} to {_short(_wrapped(max(along)))} E"
        if self.is_global or (poles and not self.is_longlat):
            box = "all longitudes"
        rows = f"{_short(min(*lats, *poles))} to {_short(max(*lats, *poles))} N"
        about = (
            "" if self.rotated is None else " about a pole at {:g} N, {:g} E".format(*self.rotated)
        )
        uneven = ", rows by latitudes of their own" if self.rows else ""
        return f"{self.nx} x {self.ny} points of {self.spacing}{about}{uneven}, {box}, {rows}"

    @property
    def is_global(self) -> bool:
        """Whether the columns go all round the earth, or round its own pole."""
        return self.is_in_degrees and self.nx * self.ref_lon >= 360 - _FLAT

    def to_grid(self, lon: float, lat: float) -> tuple[float, float]:
        """Return column and row, counted from 1, of a place."""
        if self.is_in_degrees:
            if self.rotated is not None:
                lon, lat = map(float, to_rotated(lon, lat, self.rotated))
            x = 1 + ((lon - self.sync_lon + _FLAT) % 360 - _FLAT) / self.ref_lon
            return self.sync_x - 1 + x, self._row(lat)
        xi, eta = self._cone(lon, lat)
        xi0, eta0 = self._cone(self.sync_lon, self.sync_lat)
        return self._turned(xi - xi0, eta - eta0, self.sync_x, self.sync_y)

    def to_lonlat(self, x: float, y: float) -> tuple[float, float]:
        """Return longitude (-180 to 180) and latitude of a column and row."""
        if self.is_in_degrees:
            lon, lat = self.sync_lon + (x - self.sync_x) * self.ref_lon, self._latitude(y)
            if self.rotated is not None:
                lon, lat = map(float, from_rotated(lon, lat, self.rotated))
            return _wrapped(lon), lat
        turn = radians(self.orientation)
        scale = self._scale / EARTH_RADIUS_KM
        dx, dy = (x - self.sync_x) * scale, (y - self.sync_y) * scale
        xi0, eta0 = self._cone(self.sync_lon, self.sync_lat)
        return self._from_cone(
            xi0 + dx * cos(turn) + dy * sin(turn), eta0 + dy * cos(turn) - dx * sin(turn)
        )

    def _row(self, latitude: float) -> float:
        if self.rows:
            return float(row_among(self.rows, latitude))
        return self.sync_y + (latitude - self.sync_lat) / self.ref_lat

    def _latitude(self, row: float) -> float:
        if self.rows:
            return float(latitude_among(self.rows, row))
        return self.sync_lat + (row - self.sync_y) * self.ref_lat

    def contains(self, lon: float, lat: float) -> bool:
        """Tell whether a place lies between the outermost points."""
        x, y = self.to_grid(lon, lat)
        in_columns = self.is_global or 1 - _FLAT <= x <= self.nx + _FLAT
        return in_columns and 1 - _FLAT <= y <= self.ny + _FLAT

    def can_start(self, lon: float, lat: float, *, over_poles: bool = True) -> bool:
        """Tell whether engines release particles at a place: none does on the outermost cells.

        ``over_poles`` is for an engine that goes on over the poles of a grid that holds them, as hycs_std does.
        """
        x, y = self.to_grid(lon, lat)
        if not self.is_global and not EDGE <= x < self.nx - EDGE:
            return False
        if EDGE <= y < self.ny - EDGE:
            return True
        last = self._latitude(1 if y < EDGE else self.ny)
        return over_poles and self.is_global and abs(last) + abs(self.ref_lat) > _POLE_DEGREES

    def can_start_at(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell of many places, shape (n,) in degrees, whether ``can_start``."""
        import numpy as np

        x, y = self._to_grid_at(lon, lat)
        in_columns = self.is_global | ((x >= EDGE) & (x < self.nx - EDGE))
        found: NDArray[np.bool_] = in_columns & (y >= EDGE) & (y < self.ny - EDGE)
        if self.is_global:
            for place in np.flatnonzero(~found):
                found[place] = self.can_start(float(lon[place]), float(lat[place]))
        return found

    def nearest_side(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return which side each place is nearest to, in steps of the grid: 0 west, 1 east, 2 south, 3 north."""
        import numpy as np

        x, y = self._to_grid_at(lon, lat)
        # degrees are counted round the globe: what has just left through the west is far in the east
        turn = 360 / self.ref_lon if self.is_in_degrees else np.inf
        west = np.minimum(np.abs(x - 1), np.abs(x - 1 - turn))
        distances = np.stack([west, np.abs(self.nx - x), np.abs(y - 1), np.abs(self.ny - y)])
        if self.is_global:
            distances[:2] = np.inf
        nearest: NDArray[np.intp] = distances.argmin(axis=0)
        return nearest

    def _to_grid_at(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what ``to_grid`` does, for many places."""
        import numpy as np

        if self.is_in_degrees:
            if self.rotated is not None:
                lon, lat = to_rotated(lon, lat, self.rotated)
            x = self.sync_x + ((lon - self.sync_lon + _FLAT) % 360 - _FLAT) / self.ref_lon
            even = self.sync_y + (lat - self.sync_lat) / self.ref_lat
            return x, row_among(self.rows, lat) if self.rows else even
        gamma, sine = self._gamma, np.clip(np.sin(np.radians(lat)), -_POLE, _POLE)
        xi, eta = (
            np.radians((lon - self.ref_lon + 180) % 360 - 180),
            0.5 * np.log((1 + sine) / (1 - sine)),
        )
        if abs(gamma) >= _FLAT:
            distance = np.exp(-gamma * eta)
            xi, eta = (
                distance * np.sin(gamma * xi) / gamma,
                (1 - distance * np.cos(gamma * xi)) / gamma,
            )
        xi0, eta0 = self._cone(self.sync_lon, self.sync_lat)
        turn, scale = radians(self.orientation), EARTH_RADIUS_KM / self._scale
        xi, eta = xi - xi0, eta - eta0
        return (
            self.sync_x + scale * (xi * cos(turn) - eta * sin(turn)),
            self.sync_y + scale * (eta * cos(turn) + xi * sin(turn)),
        )

    def tilt(self, rows: tuple[int, int], columns: tuple[int, int]) -> NDArray[np.float64]:
        """Return the angle from the grid's x axis anticlockwise to the east at its points, radians.

        Rows and columns ``[start, stop)`` are counted from 0; shape (rows, columns).
        """
        import numpy as np

        y, x = np.meshgrid(np.arange(*rows) + 1.0, np.arange(*columns) + 1.0, indexing="ij")
        if self.is_in_degrees:
            if self.rotated is None:
                return np.zeros_like(x)
            longitude = self.sync_lon + (x - self.sync_x) * self.ref_lon
            even = self.sync_lat + (y - self.sync_y) * self.ref_lat
            latitude = latitude_among(self.rows, y) if self.rows else even
            return rotated_tilt(longitude, latitude, self.rotated)
        turn, scale = radians(self.orientation), self._scale / EARTH_RADIUS_KM
        xi0, eta0 = self._cone(self.sync_lon, self.sync_lat)
        dx, dy = (x - self.sync_x) * scale, (y - self.sync_y) * scale
        xi = xi0 + dx * cos(turn) + dy * sin(turn)
        eta = eta0 + dy * cos(turn) - dx * sin(turn)
        return np.asarray(np.arctan2(self._gamma * xi, 1 - self._gamma * eta) + turn)

    @property
    def area_km2(self) -> float:
        """About how large it is."""
        size_km = (radians(self.ref_lon) * EARTH_RADIUS_KM) if self.is_in_degrees else self.size_km
        return self.nx * self.ny * size_km**2

    def outline(self, points: int = 9) -> list[tuple[float, float]]:
        """Return longitudes and latitudes along the border, counterclockwise from the first point."""
        steps = [index / (points - 1) for index in range(points - 1)]
        right, top = self.nx - 1, self.ny - 1
        border = (
            [(1 + step * right, 1.0) for step in steps]
            + [(1.0 + right, 1 + step * top) for step in steps]
            + [(1 + (1 - step) * right, 1.0 + top) for step in steps]
            + [(1.0, 1 + (1 - step) * top) for step in steps]
        )
        return [self.to_lonlat(x, y) for x, y in border]

    @cached_property
    def _gamma(self) -> float:
        return sin(radians(self.tangent_lat))

    @cached_property
    def _scale(self) -> float:
        """Kilometres on the map per grid step and unit of the cone: fixed by ``size_km`` at ``ref_lat``."""
        return self.size_km / self._stretch(self.ref_lat)

    def _stretch(self, lat: float) -> float:
        sine = sin(radians(lat))
        if abs(self._gamma) >= _STEREOGRAPHIC:
            return 1 + sine * (1 if self._gamma > 0 else -1)
        return exp(-(1 - self._gamma) * _isometric(sine)) * (1 + sine)

    def _cone(self, lon: float, lat: float) -> tuple[float, float]:
        gamma = self._gamma
        psi = _isometric(sin(radians(lat)))
        angle = radians(_wrapped(lon - self.ref_lon))
        if abs(gamma) < _FLAT:
            return angle, psi
        distance = exp(-gamma * psi)
        return distance * sin(gamma * angle) / gamma, (1 - distance * cos(gamma * angle)) / gamma

    def _from_cone(self, xi: float, eta: float) -> tuple[float, float]:
        gamma = self._gamma
        if abs(gamma) < _FLAT:
            return _wrapped(self.ref_lon + degrees(xi)), degrees(2 * atan(exp(eta)) - pi / 2)
        radius = hypot(gamma * xi, 1 - gamma * eta)
        if radius == 0:
            return self.ref_lon, 90.0 if gamma > 0 else -90.0
        lat = 2 * atan(exp(-log(radius) / gamma)) - pi / 2
        return _wrapped(
            self.ref_lon + degrees(atan2(gamma * xi, 1 - gamma * eta) / gamma)
        ), degrees(lat)

    def _turned(self, xi: float, eta: float, x0: float, y0: float) -> tuple[float, float]:
        turn = radians(self.orientation)
        scale = EARTH_RADIUS_KM / self._scale
        return (
            x0 + scale * (xi * cos(turn) - eta * sin(turn)),
            y0 + scale * (eta * cos(turn) + xi * sin(turn)),
        )


def _isometric(sine: float) -> float:
    sine = max(-_POLE, min(_POLE, sine))
    return 0.5 * log((1 + sine) / (1 - sine))


def _short(angle: float) -> str:
    return f"{round(angle, 2) + 0.0:g}"


def _wrapped(lon: float) -> float:
    return (lon + 180) % 360 - 180
