"""The roughness length of the ground, from HYSPLIT's table where there is one."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.transport.hysplit.locate import installed_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TABLE = "ROUGLEN.ASC"
DEFAULT_M = 0.2
"""HYSPLIT's own value where it finds no table."""

_ROWS, _COLUMNS, _CHARACTERS = 180, 360, 4


@dataclass(frozen=True, slots=True)
class RoughnessSource:
    """Where roughness lengths come from; cheap to make, since status commands ask for the label.

    Attributes
    ----------
    label
        Names the source. It is part of the engine's version, since results depend on it.
    content
        The table's bytes; None for one length everywhere.
    """

    label: str
    content: bytes | None

    def load(self) -> Roughness:
        """Return the lengths themselves."""
        import numpy as np

        if self.content is None:
            return Roughness(np.full((_ROWS, _COLUMNS), DEFAULT_M))
        lines = self.content.splitlines()[:_ROWS]
        text = b"".join(line[: _COLUMNS * _CHARACTERS] for line in lines)
        hundredths = np.frombuffer(text, dtype=f"S{_CHARACTERS}").astype(np.float64)
        return Roughness(0.01 * hundredths.reshape(_ROWS, _COLUMNS))


@dataclass(frozen=True, slots=True)
class Roughness:
    """Roughness lengths on one-degree cells, shape (180, 360), metres, from the north and from 180 W."""

    table_m: NDArray[np.float64]

    def at(
        self, longitude: NDArray[np.float64], latitude: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return roughness lengths in metres; those of the cell that holds the point."""
        import numpy as np

        row = np.clip(_ROWS - (latitude + 90.0).astype(int), 1, _ROWS) - 1
        column = np.clip((longitude + 180.0).astype(int), 0, _COLUMNS - 1)
        return np.asarray(self.table_m[row, column])


def find_roughness(exe_dir: str | None) -> RoughnessSource:
    """Find HYSPLIT's table, if a HYSPLIT is installed; else one length everywhere.

    Parameters
    ----------
    exe_dir
        ``hysplit.exe_dir`` of the config; then ``STILT_HYSPLIT`` and what is installed are looked at.
    """
    for folder in _folders(exe_dir):
        path = folder / TABLE
        if path.is_file():
            content = path.read_bytes()
            digest = hashlib.blake2b(content, digest_size=4).hexdigest()
            return RoughnessSource(f"{TABLE} {digest}", content)
    return RoughnessSource(f"roughness {DEFAULT_M} m", None)


def _folders(exe_dir: str | None) -> list[Path]:
    named = [Path(text).expanduser() for text in (exe_dir, os.environ.get("STILT_HYSPLIT")) if text]
    found = []
    for path in named:
        folder = path if path.is_dir() else path.parent
        found += [folder, folder.parent / "bdyfiles"]
    return [*found, installed_folder()]
