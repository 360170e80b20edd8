"""Degrees about another pole than the Earth's, and rows whose latitudes are not evenly spaced.

A rotated grid counts its longitudes from the meridian that runs from its own pole over the Earth's: CF conventions,
appendix F, "Rotated pole"; WMO Manual on Codes, I.2, grid definition template 3.1, whose southern pole is opposite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Values = NDArray[np.float64]


def to_rotated(lon: ArrayLike, lat: ArrayLike, pole: tuple[float, float]) -> tuple[Values, Values]:
    """Return longitude (-180 to 180) and latitude about a pole, given as latitude and longitude; all degrees."""
    return _turned(lon, lat, (pole[1] + 180.0, 0.0), pole[0] - 90.0)


def from_rotated(
    lon: ArrayLike, lat: ArrayLike, pole: tuple[float, float]
) -> tuple[Values, Values]:
    """Return longitude and latitude on the Earth of degrees about a pole."""
    return _turned(lon, lat, (0.0, pole[1] + 180.0), 90.0 - pole[0])


def _turned(
    lon: ArrayLike, lat: ArrayLike, meridians: tuple[float, float], up: float
) -> tuple[Values, Values]:
    """Turn places about the axis 90 degrees off a meridian, so that what lies on the equator there moves up."""
    import numpy as np

    along, phi = np.radians(np.asarray(lon, float) - meridians[0]), np.radians(lat)
    cosine, sine = np.cos(np.radians(up)), np.sin(np.radians(up))
    x, y, z = np.cos(phi) * np.cos(along), np.cos(phi) * np.sin(along), np.sin(phi)
    x, z = cosine * x - sine * z, sine * x + cosine * z
    turned = np.degrees(np.arctan2(y, x)) + meridians[1]
    return (turned + 180.0) % 360.0 - 180.0, np.degrees(np.arctan2(z, np.hypot(x, y)))


def rotated_tilt(lon: Values, lat: Values, pole: tuple[float, float]) -> Values:
    """Return the angle from the parallels about a pole anticlockwise to the Earth's, radians, at degrees about it."""
    import numpy as np

    over, lam, phi = np.radians(pole[0]), np.radians(lon), np.radians(lat)
    east = np.sin(lam) * np.cos(over)
    north = np.cos(phi) * np.sin(over) - np.sin(phi) * np.cos(over) * np.cos(lam)
    return np.asarray(np.arctan2(east, north))


def row_among(rows: Sequence[float], latitude: ArrayLike) -> Values:
    """Return where latitudes lie among those of rows, counted from 1, linear between them and beyond the last ones."""
    import numpy as np

    known, lat = np.asarray(rows), np.asarray(latitude, float)
    below = np.clip(np.searchsorted(known, lat, "right") - 1, 0, len(known) - 2)
    return np.asarray(1.0 + below + (lat - known[below]) / (known[below + 1] - known[below]))


def latitude_among(rows: Sequence[float], row: ArrayLike) -> Values:
    """Return the latitude of rows counted from 1, the inverse of ``row_among``."""
    import numpy as np

    known, y = np.asarray(rows), np.asarray(row, float)
    below = np.clip(np.floor(y).astype(np.int64) - 1, 0, len(known) - 2)
    return np.asarray(known[below] + (y - 1.0 - below) * (known[below + 1] - known[below]))
