"""The height of the ground where a met file has none: HYSPLIT's table, or the heights of pressure levels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from stilt.foundations.failures import Reason, TransportError
from stilt.transport.hysplit.locate import TERRAIN_TABLE as TABLE
from stilt.transport.native.thermodynamics import GAS_CONSTANT, GRAVITY

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_ROWS, _COLUMNS, _CHARACTERS = 180, 360, 4


@dataclass(frozen=True, slots=True)
class TerrainSource:
    """Where the ground's height comes from if a met file without surface heights is read.

    Attributes
    ----------
    content
        The table's bytes; None where there is none.
    """

    content: bytes | None

    @property
    def label(self) -> str:
        """Tell one table from another."""
        if self.content is None:
            return f"no {TABLE}"
        return f"{TABLE} {hashlib.blake2b(self.content, digest_size=4).hexdigest()}"

    def require(self) -> bytes:
        """Return the table's bytes.

        Raises
        ------
        TransportError
            ``MET_COVERAGE`` if there is no table.
        """
        if self.content is None:
            raise TransportError(
                Reason.MET_COVERAGE,
                f"the meteorology has no terrain height (SHGT), and there is no {TABLE} of HYSPLIT's "
                "to take it from: stilt hysplit install",
            )
        return self.content

    def at(self, longitude: Array, latitude: Array) -> Array:
        """Return heights over the sea, m: those of the one-degree cells that hold the points.

        Source: the rule of the roughness table, TRANSPORT 3.4; hycs_std's terrain at four places follows it.

        Raises
        ------
        TransportError
            ``MET_COVERAGE`` if there is no table.
        """
        table = _table(self.require())
        row = np.clip(_ROWS - (latitude + 90.0).astype(int), 1, _ROWS) - 1
        column = np.clip((longitude + 180.0).astype(int), 0, _COLUMNS - 1)
        return np.asarray(table[row, column])


NO_TABLE = TerrainSource(None)


@lru_cache(maxsize=1)
def _table(content: bytes) -> Array:
    lines = content.splitlines()[:_ROWS]
    text = b"".join(line[: _COLUMNS * _CHARACTERS] for line in lines)
    values = np.frombuffer(text, dtype=f"S{_CHARACTERS}").astype(np.float64)
    return values.reshape(_ROWS, _COLUMNS)


def terrain_source(path: Path | None) -> TerrainSource:
    """Return the source that is a table's file.

    Raises
    ------
    TransportError
        ``MET_COVERAGE`` if it can't be read.
    """
    if path is None:
        return NO_TABLE
    try:
        return TerrainSource(path.read_bytes())
    except OSError as error:
        raise TransportError(
            Reason.MET_COVERAGE, f"{path} can't be read: {error.strerror}"
        ) from error


def terrain_of_pressure_levels(
    pressure: NDArray[np.float32],
    levels_hpa: Array,
    altitude: NDArray[np.float32],
    lowest_temperature: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the height of the ground, m, where the levels' heights reach the surface pressure.

    Linear in pressure between levels; below the lowest by the thickness of air of that level's temperature. Found
    by trial at seven places (to 0.005 m). ``altitude`` has the shape (levels, rows, columns).
    """
    upper = np.clip((levels_hpa[:, None, None] >= pressure).sum(axis=0), 1, len(levels_hpa) - 1)
    low, high = (np.take_along_axis(altitude, at[None], axis=0)[0] for at in (upper - 1, upper))
    below, above = levels_hpa[upper - 1], levels_hpa[upper]
    between = low + (below - pressure) / (below - above) * (high - low)
    thickness = GAS_CONSTANT / GRAVITY * lowest_temperature * np.log(pressure / levels_hpa[0])
    is_lowest = pressure > levels_hpa[0]
    return np.asarray(np.where(is_lowest, altitude[0] - thickness, between), dtype=np.float32)
