"""The keys of a GRIB message, and the grid that they tell of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stilt.met.dataset.axes import lattice
from stilt.met.dataset.levels import DatasetError
from stilt.met.dataset.maps import lambert, mercator, on_map, polar, unfollowed
from stilt.met.grid import EARTH_RADIUS_KM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.met.grid import Grid

MISSING = 1e36

_IN_DEGREES = {"regular_ll", "rotated_ll", "regular_gg", "rotated_gg"}
_CLOSE_DEGREES = 2e-3
"""A first edition has thousandths of a degree."""


class Keys:
    """The keys of a message."""

    def __init__(self, eccodes: Any, handle: Any) -> None:
        self._eccodes, self._handle = eccodes, handle

    def __call__(self, name: str, otherwise: Any = None) -> Any:
        """Return what a key has; something else where the message has no such key."""
        if not self._eccodes.codes_is_defined(self._handle, name):
            return otherwise
        return self._eccodes.codes_get(self._handle, name)

    def values(self) -> NDArray[np.float64]:
        """Return the field's values, ``MISSING`` where there is none."""
        self._eccodes.codes_set(self._handle, "missingValue", MISSING)
        return np.asarray(self._eccodes.codes_get_values(self._handle), np.float64)

    def gaussian_latitudes(self, number: int) -> NDArray[np.float64]:
        """Return the latitudes of all rows, from the north, of a Gaussian grid with so many to a hemisphere."""
        found = self._eccodes.codes_get_gaussian_latitudes(number)
        return np.array([float(found[place]) for place in range(2 * number)])

    def array(self, name: str) -> tuple[float, ...]:
        """Return a key that has several numbers; none where the message has no such key."""
        if not self._eccodes.codes_is_defined(self._handle, name):
            return ()
        return tuple(self._eccodes.codes_get_array(self._handle, name).tolist())


def grid_of(keys: Keys) -> tuple[Grid, tuple[bool, bool]]:
    """Return where the points lie, and whether rows run from the north and columns from the east."""
    kind = str(keys("gridType"))
    nx, ny = int(keys("Nx", 0) or 0), int(keys("Ny", 0) or 0)
    turned = not keys("jScansPositively"), bool(keys("iScansNegatively"))
    lat = float(keys("latitudeOfFirstGridPointInDegrees", 0.0))
    lon = float(keys("longitudeOfFirstGridPointInDegrees", 0.0))
    if kind in _IN_DEGREES:
        last_lat = float(keys("latitudeOfLastGridPointInDegrees"))
        last_lon = float(keys("longitudeOfLastGridPointInDegrees"))
        west, east = (last_lon, lon) if turned[1] else (lon, last_lon)
        east = west + (east - west) % 360.0
        south, north = min(lat, last_lat), max(lat, last_lat)
        rows = np.linspace(south, north, ny)
        if kind.endswith("gg"):
            rows = _gaussian_rows(keys, south, ny)
        return lattice(np.linspace(west, east, nx), rows, _pole(keys, kind)), turned
    cone = _cone(keys, kind)
    if cone is None:
        raise DatasetError(f"its grid is {unfollowed(kind)}")
    cell = (
        float(keys("DxInMetres", 0) or keys("DiInMetres")),
        float(keys("DyInMetres", 0) or keys("DjInMetres")),
    )
    meridian = float(keys("LoVInDegrees", keys("orientationOfTheGridInDegrees", lon)))
    radius = float(keys("radius", 1000.0 * EARTH_RADIUS_KM))
    first = float(nx) if turned[1] else 1.0, float(ny) if turned[0] else 1.0, lon, lat
    return on_map(cone, meridian, cell, (nx, ny), point=first, radius_m=radius), turned


def is_in_rows(keys: Keys) -> bool:
    """Tell whether values lie row after row, each from the same side."""
    return not any(keys(name, 0) for name in ("jPointsAreConsecutive", "alternativeRowScanning"))


def _gaussian_rows(keys: Keys, south: float, count: int) -> NDArray[np.float64]:
    """Return the latitudes of a Gaussian grid from a southern one on, rising."""
    every = keys.gaussian_latitudes(int(keys("N")))[::-1]
    first = int(np.abs(every - south).argmin())
    rows = every[first : first + count]
    if len(rows) != count or abs(rows[0] - south) > _CLOSE_DEGREES:
        raise DatasetError(f"its rows from {south:g} N on are not those of a Gaussian grid")
    return rows


def _pole(keys: Keys, kind: str) -> tuple[float, float] | None:
    """Return latitude and longitude of the northern pole that degrees are counted about; None of the Earth's."""
    if not kind.startswith("rotated"):
        return None
    angle = float(keys("angleOfRotationInDegrees", 0.0))
    if angle:
        raise DatasetError(f"its grid is turned by {angle:g} degrees about its rotated pole")
    south = float(keys("latitudeOfSouthernPoleInDegrees"))
    return -south, float(keys("longitudeOfSouthernPoleInDegrees")) % 360.0 - 180.0


def _cone(keys: Keys, kind: str) -> tuple[float, float] | None:
    """Return the latitude whose sine is the cone's constant, and one at which distances are true."""
    if kind == "mercator":
        return mercator(float(keys("LaDInDegrees")))
    if kind == "polar_stereographic":
        pole = -90.0 if int(keys("projectionCentreFlag", 0)) & 128 else 90.0
        return polar(pole, float(keys("LaDInDegrees", 60.0)))
    if kind == "lambert":
        return lambert(float(keys("Latin1InDegrees")), float(keys("Latin2InDegrees")))
    return None
