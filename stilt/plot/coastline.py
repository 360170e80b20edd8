"""Coastlines and borders, where cartopy and its data are on this machine; a plain map otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Line = NDArray[np.float64]

LAYERS = (("physical", "coastline"), ("cultural", "admin_0_boundary_lines_land"))


def coastlines(box: tuple[float, float, float, float], scale: str = "50m") -> list[Line]:
    """Return lines of (longitude, latitude) points that touch a box of (west, east, south, north).

    Empty without cartopy, and where its Natural Earth data is neither on this machine nor to be fetched.
    """
    try:
        from cartopy.io import shapereader
        from shapely.geometry import box as rectangle
    except ImportError:
        return []
    west, east, south, north = box
    window = rectangle(west, south, east, north)
    lines: list[Line] = []
    for category, name in LAYERS:
        try:
            path = shapereader.natural_earth(resolution=scale, category=category, name=name)
            shapes = list(shapereader.Reader(path).geometries())
        except Exception:  # noqa: BLE001 - no network, no data: a map without coastlines is a map
            return lines
        for shape in shapes:
            if shape.intersects(window):
                lines += _points(shape)
    return lines


def _points(shape: Any) -> list[Line]:
    import numpy as np

    parts = getattr(shape, "geoms", [shape])
    return [np.asarray(part.coords)[:, :2] for part in parts]
