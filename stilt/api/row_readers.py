"""What reads footprints for a matrix: the receptors from one place to another, as (receptor x hour, cell)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stilt.foundations.paths import plain_and_imprint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import xarray as xr
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from stilt.api.collection import FootprintFiles


def read_dense(footprints: xr.Variable, first: int, last: int) -> csr_array:
    """Read the footprints of the receptors from one place to another: (receptor x hour, cell)."""
    from scipy.sparse import csr_array, vstack

    each = (footprints[place].to_numpy() for place in range(first, last))
    rows = [csr_array(values.reshape(len(values), -1).astype(np.float64)) for values in each]
    return csr_array(vstack(rows, format="csr"))


@dataclass(frozen=True, slots=True)
class SparseReader:
    """What reads footprints of a project without their zeros."""

    files: FootprintFiles

    @property
    def identity(self) -> str:
        """What tells the results that it reads from others: their names carry who made them."""
        return "\n".join("" if path is None else self._said(path) for path in self.files.paths)

    def _said(self, path: Path) -> str:
        """Return a file's name; where it does not carry who made it, when it was changed too."""
        name = str(path.relative_to(self.files.store.layout.output))
        if plain_and_imprint(path.name)[1] or not path.is_file():
            return name
        return f"{name} {path.stat().st_mtime_ns}"

    def __call__(self, first: int, last: int) -> csr_array:
        """Return those of the receptors from one place to another: (receptor x hour, cell)."""
        from scipy.sparse import csr_array

        hours, rows, columns = self.files.shape
        found = list(self.files.by_hours(first, last))
        per_hour = np.concatenate([each.per_hour for each in found])
        cell = np.concatenate([each.cell for each in found], dtype=np.int32, casting="same_kind")
        values = np.concatenate([each.values for each in found], dtype=np.float64)
        begin = np.concatenate([[0], np.cumsum(per_hour)])
        shape = ((last - first) * hours, rows * columns)
        return csr_array((values, cell, begin), shape=shape)


@dataclass(frozen=True, slots=True)
class ChosenReader:
    """What reads the footprints of some places alone."""

    read: Callable[[int, int], csr_array]
    places: NDArray[np.intp]

    @property
    def identity(self) -> str:
        """What tells the results that it reads from others."""
        return str(getattr(self.read, "identity", ""))

    def __call__(self, first: int, last: int) -> csr_array:
        """Return those of the chosen places from one number to another; what stands together is read together."""
        from scipy.sparse import csr_array, vstack

        places = self.places[first:last]
        runs = np.split(places, np.flatnonzero(np.diff(places) != 1) + 1)
        parts = [self.read(int(run[0]), int(run[-1]) + 1) for run in runs]
        return csr_array(vstack(parts, format="csr"))
