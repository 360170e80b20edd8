"""What a footprint is called and measured in, in files and in Python alike."""

from __future__ import annotations

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
