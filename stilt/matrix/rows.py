"""Rows of a matrix out of footprints without their zeros."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from stilt.foundations.errors import InputError
from stilt.matrix.flux import HOUR
from stilt.matrix.rows_kernel import TOGETHER, multiply
from stilt.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from stilt.matrix.bins import Bins
    from stilt.matrix.flux import Fields

    Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RowMaker:
    """What makes rows of some receptors.

    Attributes
    ----------
    share
        Of each cell in each element, (cell, element); None where these are the cells.
    """

    read: Callable[[int, int], csr_array]
    times: NDArray[np.datetime64]
    parts: Bins
    share: csr_array | None
    cells: int
    fields: Fields | None

    @property
    def width(self) -> int:
        """Columns of the matrix."""
        return self.parts.count * self.elements

    @property
    def elements(self) -> int:
        """How many elements there are."""
        return self.cells if self.share is None else int(self.share.shape[1])

    @property
    def identity(self) -> str:
        """What tells the results from others.

        Raises
        ------
        InputError
            If nothing does.
        """
        known: str = getattr(self.read, "identity", "")
        if not known:
            raise InputError(
                "rows can be kept of results of a project alone: what others hold may change under the same name",
                "leave out resume, or call project.jacobian(...)",
                code="OPTIONS_UNFIT",
            )
        return known

    def digest(self, receptors: NDArray[Any]) -> str:
        """Return what tells this matrix from every other one: results, elements, bins, flux, and the version."""
        found = blake2b(digest_size=16)
        said = (__version__, self.cells, self.parts.each, self.identity)
        found.update(repr(said).encode())
        found.update("\n".join(map(str, receptors)).encode())
        arrays = [self.times, self.parts.starts.to_numpy(), self.parts.hours, self.parts.edges_ns]
        share = () if self.share is None else _arrays(self.share)
        fields = () if self.fields is None else self.fields.arrays()
        for array in (*arrays, *share, *fields):
            found.update(b"-" if array is None else np.ascontiguousarray(array).tobytes() + b";")
        return found.hexdigest()

    def __call__(self, first: int, last: int) -> csr_array:
        """Return the rows of the receptors from one place to another."""
        return self.rows(self.read(first, last), first, last)

    def rows(self, foot: csr_array, first: int, last: int) -> csr_array:
        """Return the rows of receptors whose footprints are read: (receptor x hour, cell)."""
        times = self.times[first:last]
        if self.fields is not None:
            _weigh(foot, self.fields, times, self.parts.hours)
        return self._rows(foot, self.parts.shares(times), last - first)

    def _rows(self, foot: csr_array, time: csr_array, count: int) -> csr_array:
        from scipy.sparse import csr_array

        of_cell, most = (np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0)), 1
        if self.share is not None:
            of_cell = _arrays(self.share)
            most = int(np.diff(of_cell[0]).max(initial=0))
        per_hour = np.diff(foot.indptr)
        room = min(int(per_hour[time.indices].sum()) * most, count * self.width)
        begin, column, value = (
            np.zeros(count + 1, np.int64),
            np.empty(room, np.int64),
            np.empty(room),
        )
        time_arrays = (time.indptr.astype(np.int64), time.indices.astype(np.int64), time.data)
        sums = np.zeros(self.elements)
        touched = np.zeros(-(-self.elements // TOGETHER), np.int32)
        number = multiply(
            self.parts.count,
            *time_arrays,
            *_arrays(foot),
            *of_cell,
            sums,
            touched,
            begin,
            column,
            value,
        )
        return csr_array(
            (value[:number].copy(), column[:number].copy(), begin), shape=(count, self.width)
        )


def _arrays(matrix: csr_array) -> tuple[NDArray[np.int64], NDArray[np.int32], Values]:
    """Return the arrays of a matrix as ``multiply`` takes them."""
    return (
        np.ascontiguousarray(matrix.indptr, np.int64),
        np.ascontiguousarray(matrix.indices, np.int32),
        np.ascontiguousarray(matrix.data, np.float64),
    )


def _weigh(
    foot: csr_array, fields: Fields, times: NDArray[np.datetime64], hours: NDArray[np.int64]
) -> None:
    """Multiply each hour of each receptor with the flux of that hour, in place."""
    begin = foot.indptr
    for row in np.flatnonzero(np.diff(begin)):
        receptor, hour = divmod(int(row), len(hours))
        entries = slice(begin[row], begin[row + 1])
        field = fields.mean(times[receptor] + hours[hour] * HOUR)
        foot.data[entries] *= field.ravel()[foot.indices[entries]]
