"""The matrix of an inversion: what each receptor sees of each surface element in each bin of time.

A row times a flux that is constant in each element and bin is the receptor's enhancement (``stilt.enhancements``).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from stilt.api.bins import Bins, bins_of
from stilt.api.flux import HOUR, fields_of, of_receptors
from stilt.api.targets import elements_of
from stilt.foundations.durable import publish_with
from stilt.foundations.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from stilt.api.collection import FootprintFiles
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
) -> Jacobian:
    """Return the matrix of receptors against bins of time and surface elements.

    Footprints are read once, in order, some at a time. A cell of the footprint that lies in several elements counts
    for each by the share of its area there; what lies in none is left out.

    Parameters
    ----------
    footprints
        From ``Project.footprints``, or that of one simulation: ppm per (umol m-2 s-1).
    target
        The elements: the footprints' own cells unless given; a number for cells of so many degrees, counted from the
        footprints' south-western corner; or whole numbers on a grid with dimensions lat and lon (cell centres, any
        regular grid; or y and x, with the projection as attribute ``crs``), one number an element; what is negative
        or missing belongs to none. With one dimension more they are weights, those of basis functions. ``Polygons``
        are elements by their area in each cell. Or a text as ``stilt jacobian --target`` takes it: ``0.5``,
        ``12000@EPSG:5070`` (cells of so many units of a projection), ``basis.nc``, ``basis.nc:region``,
        ``states.geojson``, ``states.geojson:name``.
    bins
        ``run`` for all hours together; ``hours`` for each hour by its distance from the receptor's time, ``6 hours``
        for so many together; or a calendar's, UTC: ``1h``, ``3h``, ``1D``, ``1W``, ``MS`` (months) as pandas has them.
        An hour that lies in two counts for each by its part there.
    weight
        A flux as ``stilt.enhancements`` takes it, folded in hour by hour: an entry is then what this flux adds, ppm,
        and the unknowns are factors on it, so that the sum of a row is the enhancement.
    species
        Of a flux by mass.
    tell
        Called with how many receptors are done, and of how many.
    read
        What returns the footprints of the receptors from one place to another as (receptor x hour, cell), where they
        need not be dense on the way.
    cpus
        Processes that read; ``read`` must be given for more than one, and be one that can be pickled.

    Raises
    ------
    InputError
        If the target or the bins mean nothing, footprints integrated over time are to be divided, or the flux does not
        cover them.
    """
    from scipy.sparse import csr_array, vstack

    footprints = of_receptors(footprints)
    times = np.atleast_1d(footprints["receptor_time"].to_numpy())
    parts = bins_of(bins, times, footprints["hour"].to_numpy())
    fields = None if weight is None else fields_of(weight, footprints, species)
    share, elements = elements_of(footprints, target)
    cells = int(np.prod(footprints.shape[2:]))
    blocks = [csr_array((0, parts.count * (cells if share is None else share.shape[1])))]
    reader = read or partial(_dense, footprints.variable)
    for first, last, foot in _blocks(reader, len(times), cpus if read else 1):
        if fields is not None:
            _weigh(foot, fields, times[first:last], parts.hours)
        blocks.append(_rows(foot, share, parts, times[first:last]))
        if tell is not None:
            tell(last, len(times))
    receptors = {name: c for name, c in footprints.coords.items() if c.dims == ("receptor",)}
    matrix = csr_array(vstack(blocks, format="csr"))
    units = UNITS if weight is None else "ppm"
    return Jacobian(matrix, xr.Dataset(coords=receptors), parts.starts, elements, units)


def _blocks(
    read: Callable[[int, int], csr_array], count: int, cpus: int
) -> Iterator[tuple[int, int, csr_array]]:
    """Yield what is read of some receptors after the other, in order; several processes are ahead by few."""
    ends = [(first, min(first + AT_ONCE, count)) for first in range(0, count, AT_ONCE)]
    if cpus < 2 or len(ends) < 2:  # noqa: PLR2004 - one process, or nothing to share out
        yield from ((first, last, read(first, last)) for first, last in ends)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(min(cpus, len(ends)), get_context("spawn")) as pool:
        waiting: deque[tuple[int, int, Future[csr_array]]] = deque()
        for first, last in ends:
            waiting.append((first, last, pool.submit(read, first, last)))
            if len(waiting) > 2 * cpus:
                begin, end, future = waiting.popleft()
                yield begin, end, future.result()
        yield from ((first, last, future.result()) for first, last, future in waiting)


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


def _dense(footprints: xr.Variable, first: int, last: int) -> csr_array:
    """Read the footprints of the receptors from one place to another: (receptor x hour, cell)."""
    from scipy.sparse import csr_array, vstack

    each = (footprints[place].to_numpy() for place in range(first, last))
    rows = [csr_array(values.reshape(len(values), -1).astype(np.float64)) for values in each]
    return csr_array(vstack(rows, format="csr"))


@dataclass(frozen=True, slots=True)
class SparseReader:
    """What reads footprints of a project without their zeros."""

    files: FootprintFiles

    def __call__(self, first: int, last: int) -> csr_array:
        """Return those of the receptors from one place to another: (receptor x hour, cell)."""
        from scipy.sparse import csr_array

        hours, rows, columns = self.files.shape
        found = list(self.files.cells_of(first, last))
        counts = [np.bincount(hour, minlength=hours) for hour, _, _ in found]
        cell, values = (np.concatenate([each[part] for each in found]) for part in (1, 2))
        begin = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
        shape = ((last - first) * hours, rows * columns)
        return csr_array((values.astype(np.float64), cell.astype(np.int32), begin), shape=shape)


def _rows(foot: csr_array, share: csr_array | None, parts: Bins, times: NDArray[Any]) -> csr_array:
    """Return the rows of some receptors."""
    from scipy.sparse import csr_array

    of_elements = foot if share is None else foot @ share
    by_bin = (parts.shares(times) @ of_elements).tocoo()
    number, which = divmod(by_bin.coords[0].astype(np.int64), parts.count)
    column = which * of_elements.shape[1] + by_bin.coords[1]
    shape = (len(times), parts.count * of_elements.shape[1])
    rows = csr_array((by_bin.data, (number, column)), shape=shape)
    rows.sort_indices()
    return rows
