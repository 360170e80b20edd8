"""Which outputs are on disk: one listing for each dated folder, not one question for each file."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.paths import Layout

_PARTICLES, _FOOTPRINT = ".parquet", ".nc"


class Listing:
    """The outputs of a project as its dated folders list them; a folder is read when it is asked for."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        # simulations are asked for date by date, so few folders are ever needed again
        self._ids = lru_cache(maxsize=64)(_ids)

    def particles(self, date: str) -> frozenset[str]:
        """Return the ids of simulations with particles in the folder of a date."""
        return self._ids(self._layout.particles_dir / date, _PARTICLES)

    def footprints(self, name: str, date: str) -> frozenset[str]:
        """Return the ids of simulations with a footprint of that product in the folder of a date."""
        return self._ids(self._layout.footprints_dir / name / date, _FOOTPRINT)


def _ids(folder: Path, suffix: str) -> frozenset[str]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - plain names: a Path each would be ten times slower
    except FileNotFoundError:
        return frozenset()
    return frozenset(name.removesuffix(suffix) for name in names if name.endswith(suffix))
