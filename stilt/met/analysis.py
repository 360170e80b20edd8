"""What an analysis of any source looks like to who computes with it: a grid, levels and fields under canonical names.

The names are those of ARL's files, which people know: UWND, VWND (m/s, along the grid), TEMP (K), HGTS (m above sea),
WWND (hPa/s) or DZDT (m/s), SPHU (kg/kg) or RELH (%), PRES (hPa); at the ground PRSS (hPa), SHGT (m), T02M (K), U10M,
V10M (m/s), USTR (m/s), UMOF, VMOF (N/m2), EXCO (kg/m2/s), SHTF, LHTF (W/m2, upward), PBLH (m), DSWF (W/m2), TCLD,
LCLD (%).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from stilt.foundations.failures import Reason, TransportError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from stilt.met.arl import Level

SIGMA, PRESSURE, HEIGHT, HYBRID = 1, 2, 3, 4

STAGGERED_MODEL = "AWRF"
"""Its winds lie half a cell before the points and its vertical motion between the levels."""


@dataclass(frozen=True, slots=True)
class GridHeader:
    """Where the points of a grid lie, in the words of an ARL index record.

    Attributes
    ----------
    model
        Four characters naming the meteorological model.
    pole_lat, pole_lon, ref_lat, ref_lon, size_km, orient, tang_lat, sync_x, sync_y, sync_lat, sync_lon
        The projection; ``size_km`` = 0 means longitude and latitude.
    pressure_offset
        The reserved value: hPa at the top of the sigma coordinate.
    nx, ny
        Points of the grid.
    level_type
        1 sigma of pressure, 2 pressure, 3 height, 4 hybrid.
    rotated, rows
        As of a ``Grid``: nothing of ARL's.
    """

    model: str
    pole_lat: float
    pole_lon: float
    ref_lat: float
    ref_lon: float
    size_km: float
    orient: float
    tang_lat: float
    sync_x: float
    sync_y: float
    sync_lat: float
    sync_lon: float
    pressure_offset: float
    nx: int
    ny: int
    level_type: int
    rotated: tuple[float, float] | None = None
    rows: tuple[float, ...] = ()


class Analysis(Protocol):
    """One time of a source, known from its headers; hashable.

    Attributes
    ----------
    path
        The file that messages name.
    minutes
        Whole minutes since 1970-01-01 00:00 UTC.
    grid
        Rows count from the south, columns from the west, or along the axes of a map.
    levels
        The surface first, then upward; their coordinates mean what ``grid.level_type`` says.
    """

    @property
    def path(self) -> Path: ...  # noqa: D102
    @property
    def minutes(self) -> int: ...  # noqa: D102
    @property
    def grid(self) -> GridHeader: ...  # noqa: D102
    @property
    def levels(self) -> tuple[Level, ...]: ...  # noqa: D102

    @property
    def remedy(self) -> str:
        """What to do about a field that is lacking, to stand at the end of a message."""

    @property
    def identity(self) -> tuple[object, ...]:
        """What tells the content of this time from any other, and from itself after a change of its files."""

    @property
    def hybrid(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of hybrid levels: hPa, and the share of the surface pressure that is added, shape (levels,) each."""

    def reader(self) -> FieldReader:
        """Return what reads its fields."""


class FieldReader(Protocol):
    """Reads rectangles of the fields of one time. Level 0 is the surface."""

    def has(self, name: str, level: int = 0) -> bool:
        """Tell whether there is a variable at a level."""

    def has_any(self, *names: str) -> bool:
        """Tell whether there is any of these surface variables."""
        return any(self.has(name) for name in names)

    def first_of(self, *names: str) -> str | None:
        """Return the first of these surface variables that there is."""
        return next((name for name in names if self.has(name)), None)

    def last_of(self, *names: str, level: int = 0) -> str | None:
        """Return that one of these variables of a level that comes last in the source."""

    def is_before(self, name: str, other: str, level: int) -> bool:
        """Tell whether a level has both variables, the first of them earlier in the source."""

    def origin(self, name: str) -> str:
        """Tell people what a surface variable is in the source, and what is done with it."""

    def field(
        self, name: str, level: int, rows: tuple[int, int], columns: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Return one field on rows and columns ``[start, stop)``, shape (rows, columns); raises as ``stack`` does."""
        (field,) = self.stack([(name, level)], rows, columns)
        return np.asarray(field)

    def stack(
        self,
        wanted: Sequence[tuple[str, int] | None],
        rows: tuple[int, int],
        columns: tuple[int, int],
    ) -> NDArray[np.float32]:
        """Return several fields, given by name and level, shape (fields, rows, columns); zeros for None.

        Raises
        ------
        TransportError
            ``MET_MISSING`` if the source does not hold what its headers announced.
        """


def state_of(path: Path) -> tuple[int, int]:
    """Return what tells one state of a file from another: its size and the time of its last change.

    Raises
    ------
    TransportError
        ``MET_MISSING`` if it is not there.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise TransportError(Reason.MET_MISSING, f"{path}: {error.strerror}") from error
    return status.st_size, status.st_mtime_ns
