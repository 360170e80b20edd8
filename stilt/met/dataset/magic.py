"""What kind of file a met file is, by its first bytes; of a Zarr store, the file of its metadata stands for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_KINDS = {
    b"CDF\x01": "NetCDF",
    b"CDF\x02": "NetCDF",
    b"CDF\x05": "NetCDF",
    b"\x89HDF\r\n\x1a\n": "NetCDF",
    b"GRIB": "GRIB",
}
_LONGEST = 8
_OF_STORES = ("zarr.json", ".zmetadata", ".zgroup")
"""What describes a Zarr store of the third or the second format: where it is, its whole folder is one."""


def kind_of(path: Path) -> str:
    """Return ``NetCDF``, ``GRIB`` or ``Zarr``; nothing of any other file, or of one that can't be read."""
    if path.name in _OF_STORES:
        return "Zarr"
    try:
        with path.open("rb", buffering=0) as file:
            start = file.read(_LONGEST)
    except OSError:
        return ""
    return next((kind for begin, kind in _KINDS.items() if start.startswith(begin)), "")


def heart_of(names: Collection[str]) -> str:
    """Return which of the files of a folder stands for a store; nothing where the folder is none."""
    return next((name for name in _OF_STORES if name in names), "")


def name_of(path: Path) -> str:
    """Return the name of a met file as people know it."""
    return path.parent.name if path.name in _OF_STORES else path.name


def size_of(path: Path) -> int:
    """Return how many bytes a met file has, all of a store."""
    if path.name not in _OF_STORES:
        return path.stat().st_size
    files = (os.path.join(top, name) for top, _, names in os.walk(path.parent) for name in names)  # noqa: PTH118
    return sum(map(os.path.getsize, files))
