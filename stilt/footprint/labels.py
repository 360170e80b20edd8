"""What a footprint is called and measured in, in files and in Python alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

LABELS = "labels"
"""The attribute of outputs with what ``receptors.csv`` has of the receptor besides, a JSON object."""

UNITS = "ppm (umol-1 m2 s)"
LONG_NAME = "stilt surface influence footprint"


def attributes_of(projection: str) -> dict[str, str]:
    """Return the attributes of a footprint as an array; ``projection`` is a PROJ text or an EPSG code."""
    return {"units": UNITS, "long_name": LONG_NAME, "crs": projection}


def axes(*, is_longlat: bool) -> tuple[str, str]:
    """Return the names of the two axes of a grid, the one from south to north first."""
    return ("lat", "lon") if is_longlat else ("y", "x")


def with_projection(foot: xr.DataArray, projection: str) -> xr.DataArray:
    """Return a footprint that says its projection; that of y and x stays with them whatever is made of it."""
    named = foot.assign_attrs(crs=projection)
    for axis in {"y", "x"} & set(foot.dims):
        named[axis].attrs["crs"] = projection
    return named
