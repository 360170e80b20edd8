"""The matrix of an inversion: what each receptor sees of each surface element in each bin of time.

A row times a flux that is constant in each element and bin is the receptor's enhancement (``stilt.enhancements``).
"""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from stilt.api.bins import Bins, bins_of
from stilt.api.flux import HOUR, fields_of, of_receptors
from stilt.api.kept_rows import KeptRows
from stilt.api.row_readers import read_dense
from stilt.api.rows_kernel import TOGETHER, multiply
from stilt.api.targets import elements_of
from stilt.foundations.durable import publish_with
from stilt.foundations.errors import InputError
from stilt.version import __version__

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from stilt.api.flux import Fields
    from stilt.api.targets import Target

    Values = NDArray[np.float64]
    Tell = Callable[[int, int], None]

AT_ONCE = 64
"""Receptors whose footprints are in memory together, without their zeros."""

UNITS = "ppm (umol m-2 s-1)-1"


@dataclass(frozen=True, slots=True)
class Jacobian:
    """Receptors against bins of time and surface elements.

    Attributes
    ----------
    matrix
        Shape (receptors, bins x elements), ppm per (umol m-2 s-1); the elements of a bin stand together.
    receptors
        Their coordinates and labels, along ``receptor``.
    bins
        When each begins: UTC, or hours from the receptor's time.
    elements
        Along ``lat`` and ``lon`` or ``y`` and ``x``, row by row; or along ``element``.
    units
        Of the entries: ppm where a flux is folded in.
    """

    matrix: csr_array
    receptors: xr.Dataset
    bins: xr.DataArray
    elements: xr.Dataset
    units: str = UNITS

    @property
    def shape(self) -> tuple[int, ...]:
        """Receptors, bins, and the elements along each of their dimensions."""
        along = tuple(self.elements.sizes[name] for name in self.elements.dims)
        return (self.matrix.shape[0], self.bins.size, *along)

    def __matmul__(self, flux: Any) -> Values:
        """Return what fluxes add at each receptor, ppm; they have the shape (bins, elements) or its end."""
        values = np.broadcast_to(np.asarray(flux, np.float64), self.shape[1:])
        added: Values = self.matrix @ values.ravel()
        return added

    def to_dataset(self) -> xr.Dataset:
        """Return all of it: the matrix as ``value``, ``column`` and ``row_start``, as compressed sparse rows."""
        attrs = {
            "units": self.units,
            "long_name": "sensitivity of the receptor's mole fraction to a flux",
        }
        about = {"long_name": "bin x number of elements + element"}
        return xr.Dataset(
            {
                "value": ("entry", self.matrix.data, attrs),
                "column": ("entry", self.matrix.indices.astype(np.int64), about),
                "row_start": ("row", self.matrix.indptr.astype(np.int64)),
            },
            coords={**self.receptors.coords, "bin": self.bins, **self.elements.coords},
            attrs={"elements": " ".join(map(str, self.elements.dims)), **self.elements.attrs},
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it, by the ending of the file: ``.nc``, ``.npz`` (``scipy.sparse.load_npz`` reads it) or ``.parquet``.

        The last has a row for each entry: receptor, bin, element (by its number), value. An existing file is
        replaced when the new one is whole.

        Raises
        ------
        InputError
            If the ending is another.
        """
        publish_with(Path(path), partial(writer_of(Path(path)), self))

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Jacobian:
        """Return what ``save`` wrote as ``.nc``.

        Raises
        ------
        InputError
            If it was written with another ending.
        """
        if Path(path).suffix != ".nc":
            raise InputError(
                f"{path}: Jacobian.open reads .nc, which has all of a matrix",
                "scipy.sparse.load_npz reads .npz, pandas.read_parquet reads .parquet",
                code="ENDING_UNKNOWN",
            )
        with xr.open_dataset(path, engine="netcdf4") as data:
            return cls.from_dataset(data.load())

    @classmethod
    def from_dataset(cls, data: xr.Dataset) -> Jacobian:
        """Return what ``to_dataset`` was made of."""
        from scipy.sparse import csr_array

        dims = str(data.attrs["elements"]).split()
        projection = {name: data.attrs[name] for name in ("crs",) if name in data.attrs}
        elements = xr.Dataset(coords={name: data[name] for name in dims}, attrs=projection)
        receptors = xr.Dataset(
            coords={name: c for name, c in data.coords.items() if c.dims == ("receptor",)}
        )
        width = data.sizes["bin"] * int(np.prod([data.sizes[name] for name in dims]))
        parts = tuple(data[name].to_numpy() for name in ("value", "column", "row_start"))
        matrix = csr_array(parts, shape=(data.sizes["receptor"], width))
        return cls(matrix, receptors, data["bin"], elements, data["value"].attrs["units"])


def _write_netcdf(found: Jacobian, path: Path) -> None:
    data = found.to_dataset()
    packed = {name: {"zlib": True, "complevel": 1} for name in ("value", "column")}
    data.to_netcdf(path, engine="netcdf4", encoding=packed)


def _write_npz(found: Jacobian, path: Path) -> None:
    """Write SciPy's own arrays, and the labels beside them."""
    matrix = found.matrix
    arrays: dict[str, Any] = {
        "format": np.array(b"csr"),
        "shape": np.array(matrix.shape),
        "data": matrix.data,
        "indices": matrix.indices,
        "indptr": matrix.indptr,
        "_is_array": np.array(1),
    }
    for name, label in found.to_dataset().coords.items():
        arrays[str(name)] = np.asarray(label).astype("U") if label.dtype == object else label
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _write_parquet(found: Jacobian, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    entries = found.matrix.tocoo()
    elements = int(np.prod(found.shape[2:]))
    which, element = divmod(entries.coords[1].astype(np.int64), elements)
    receptor, bins = found.receptors["receptor"].to_numpy(), found.bins.to_numpy()
    columns = {
        "receptor": pa.array(receptor).take(pa.array(entries.coords[0])),
        "bin": pa.array(bins).take(pa.array(which)),
        "element": pa.array(element),
        "value": pa.array(entries.data),
    }
    pq.write_table(pa.table(columns), path)


def writer_of(path: Path) -> Callable[[Jacobian, Path], None]:
    """Return what writes a file with that ending.

    Raises
    ------
    InputError
        If nothing does.
    """
    if path.suffix not in _WRITERS:
        raise InputError(
            f"{path.name}: nothing is written with that ending",
            f"one of {', '.join(_WRITERS)}",
            code="ENDING_UNKNOWN",
        )
    return _WRITERS[path.suffix]


_WRITERS = {".nc": _write_netcdf, ".npz": _write_npz, ".parquet": _write_parquet}


def jacobian(
    footprints: xr.DataArray,
    target: Target = None,
    bins: str = "run",
    *,
    weight: xr.DataArray | None = None,
    species: str | None = None,
    tell: Tell | None = None,
    read: Callable[[int, int], csr_array] | None = None,
    cpus: int = 1,
    resume: Path | None = None,
) -> Jacobian:
    """Return the matrix of receptors against bins of time and surface elements.

    Footprints are read once, in order, some at a time. A cell of the footprint that lies in several elements counts
    for each by the share of its area there; what lies in none is left out.

    Parameters
    ----------
    footprints
        From ``Project.footprints``, or that of one simulation: ppm per (umol m-2 s-1).
    target
        The elements: the footprints' own cells unless given; cells of so many degrees from their south-western corner
        (0.5), or of so many units of a projection (``12000@EPSG:5070``); whole numbers on a grid (cell centres along
        lat and lon, or y and x with the projection as attribute ``crs``), one an element, negative or missing for none;
        with one dimension more weights, those of basis functions; ``Polygons``, by area; cells of H3 (``h3:5``); or the
        file of one of these, as ``stilt jacobian --target``: ``basis.nc:region``, ``states.geojson:name``.
    bins
        ``run`` for all hours together; ``hours`` for each by its distance from the receptor's time, ``6 hours`` for so
        many together; or a calendar's, UTC: ``1h``, ``3h``, ``1D``, ``1W``, ``MS``. An hour in two counts by its parts.
    weight, species
        A flux as ``stilt.enhancements`` takes it, folded in hour by hour: an entry is then what this flux adds, ppm,
        and the unknowns are factors on it, so that the sum of a row is the enhancement.
    tell
        Called with how many receptors are done, of how many.
    read
        What returns footprints of the receptors from one place to another as (receptor x hour, cell), without zeros.
    cpus
        Processes that make rows; ``read`` must be given for more than one, and be one that can be pickled.
    resume
        A file that keeps rows on the way: of this very matrix, they are not made again. Remove it once that is saved.

    Raises
    ------
    InputError
        If target or bins mean nothing, footprints integrated over time are to be divided, or the flux lacks hours.
    NotFinishedError
        If another process makes rows into the same file.
    """
    footprints = of_receptors(footprints)
    times = np.atleast_1d(footprints["receptor_time"].to_numpy())
    parts = bins_of(bins, times, footprints["hour"].to_numpy())
    fields = None if weight is None else fields_of(weight, footprints, species)
    share, elements = elements_of(footprints, target)
    reader = read or partial(read_dense, footprints.variable)
    make = _RowMaker(reader, times, parts, share, int(np.prod(footprints.shape[2:])), fields)
    matrix = _matrix(make, footprints, tell, cpus if read else 1, resume)
    receptors = {name: c for name, c in footprints.coords.items() if c.dims == ("receptor",)}
    units = UNITS if weight is None else "ppm"
    return Jacobian(matrix, xr.Dataset(coords=receptors), parts.starts, elements, units)


def _matrix(
    make: _RowMaker, footprints: xr.DataArray, tell: Tell | None, cpus: int, resume: Path | None
) -> csr_array:
    """Return all rows, those that are kept included."""
    from scipy.sparse import csr_array, vstack

    blocks = [csr_array((0, make.width))]
    with ExitStack() as stack:
        kept = None
        if resume is not None:
            names = footprints["receptor"].to_numpy()
            digest, count = make.digest(names), len(make.times)
            kept = stack.enter_context(KeptRows(resume, digest, make.width, count))
            blocks += kept.blocks()
        done = sum(block.shape[0] for block in blocks)
        for last, rows in _blocks(make, done, len(make.times), cpus):
            blocks.append(rows)
            if kept is not None:
                kept.add(rows)
            if tell is not None:
                tell(last, len(make.times))
    return csr_array(vstack(blocks, format="csr"))


def _blocks(make: _RowMaker, done: int, count: int, cpus: int) -> Iterator[tuple[int, csr_array]]:
    """Yield rows of some receptors after the other, with where they end; several processes are ahead by few."""
    ends = deque((first, min(first + AT_ONCE, count)) for first in range(done, count, AT_ONCE))
    if cpus < 2 or len(ends) < 2:  # noqa: PLR2004 - one process, or nothing to share out
        yield from ((last, make(first, last)) for first, last in ends)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # fluxes stay here: they may be large, and files that are open
    work = make if make.fields is None else make.read
    processes = min(cpus, len(ends))
    with ProcessPoolExecutor(processes, get_context("spawn"), _take, (work,)) as pool:
        waiting: deque[tuple[int, int, Future[csr_array]]] = deque()
        while ends or waiting:
            while ends and len(waiting) <= 2 * cpus:
                begin, end = ends.popleft()
                waiting.append((begin, end, pool.submit(_made, begin, end)))
            begin, end, future = waiting.popleft()
            made = future.result()
            yield end, made if make.fields is None else make.rows(made, begin, end)


_taken: list[Callable[[int, int], csr_array]] = []


def _take(work: Callable[[int, int], csr_array]) -> None:
    """Be told, as a process of a pool, what to do; not with each task, as it may be large."""
    _taken[:] = [work]


def _made(first: int, last: int) -> csr_array:
    return _taken[0](first, last)


@dataclass(frozen=True, slots=True)
class _RowMaker:
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
        said = (
            __version__,
            AT_ONCE,
            self.cells,
            self.parts.each,
            self.identity,
        )
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
