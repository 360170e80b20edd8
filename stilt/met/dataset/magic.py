"""What kind of file a met file is, by its first bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_KINDS = {
    b"CDF\x01": "NetCDF",
    b"CDF\x02": "NetCDF",
    b"CDF\x05": "NetCDF",
    b"\x89HDF\r\n\x1a\n": "NetCDF",
    b"GRIB": "GRIB",
}
_LONGEST = 8


def kind_of(path: Path) -> str:
    """Return ``NetCDF`` or ``GRIB``; nothing of any other file, or of one that can't be read."""
    try:
        with path.open("rb", buffering=0) as file:
            start = file.read(_LONGEST)
    except OSError:
        return ""
    return next((kind for begin, kind in _KINDS.items() if start.startswith(begin)), "")
