"""Which outputs are on disk: one listing for each dated folder, not one question for each file.

An output that `stilt archive` packed is there too: an archive lists what is in it.
"""

from __future__ import annotations

import contextlib
import os
from functools import lru_cache
from typing import TYPE_CHECKING

from stilt.archive.shelf import (
    ERROR_PARTICLES,
    ERROR_SUFFIX,
    FOOTPRINTS,
    PARTICLES,
    Shelf,
    folder_of,
)
from stilt.foundations.durable import TEMPORARY_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from stilt.foundations.paths import Layout

_SUFFIXES = {PARTICLES: ".parquet", ERROR_PARTICLES: ERROR_SUFFIX}
_FOOTPRINT = ".nc"
_NAME_KEPT = (
    100  # characters of a file's name in that of its temporary, see stilt.foundations.durable
)


class Listing:
    """The outputs of a project as its dated folders list them; a folder is read when it is asked for.

    Attributes
    ----------
    leftovers
        Temporary files in those folders: of workers at work, and of some that were killed.
    """

    def __init__(self, layout: Layout) -> None:
        self.leftovers: set[Path] = set()
        self._layout = layout
        self._shelf = Shelf(layout, skip_damaged=True)  # what is in those is to be made anew
        # simulations are asked for date by date, so few folders are ever needed again
        self._ids = lru_cache(maxsize=64)(self._read)

    def particles(self, date: str) -> frozenset[str]:
        """Return the ids of simulations with particles in the folder of a date."""
        return self._ids(PARTICLES, date)

    def error_particles(self, date: str) -> frozenset[str]:
        """Return the ids of simulations with particles of an error run in the folder of a date."""
        return self._ids(ERROR_PARTICLES, date)

    def footprints(self, name: str, date: str) -> frozenset[str]:
        """Return the ids of simulations with a footprint of that product in the folder of a date."""
        return self._ids(f"{FOOTPRINTS}/{name}", date)

    def remove_leftovers(self, in_use: Iterable[str]) -> None:
        """Remove temporary files, but not those of the simulations ``in_use``, which live tasks have."""
        if not self.leftovers:
            return
        suffixes = (*_SUFFIXES.values(), _FOOTPRINT)
        kept = {f"{sim}{suffix}"[:_NAME_KEPT] for sim in in_use for suffix in suffixes}
        for path in self.leftovers:
            # .tmp-<random>-<name>
            if path.name.removeprefix(TEMPORARY_PREFIX).partition("-")[2] not in kept:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _read(self, product: str, date: str) -> frozenset[str]:
        """List the folder of a product and a date."""
        suffix = _SUFFIXES.get(product, _FOOTPRINT)
        folder = self._layout.output / folder_of(product, date)
        try:
            names = os.listdir(folder)  # noqa: PTH208 - plain names: a Path each would be ten times slower
        except FileNotFoundError:
            names = []
        self.leftovers.update(folder / file for file in names if file.startswith(TEMPORARY_PREFIX))
        names += self._shelf.files(product, date)
        return frozenset(file.removesuffix(suffix) for file in names if file.endswith(suffix))
