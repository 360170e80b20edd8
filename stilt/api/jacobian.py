"""The matrix of an inversion: what each receptor sees of each surface element in each bin of time.

A row times a flux that is constant in each element and bin is the receptor's enhancement (``stilt.enhancements``).
"""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
import xarray as xr

from stilt.api.kept_rows import KeptRows
from stilt.api.row_readers import ChosenReader, read_dense
from stilt.foundations.durable import publish_with
from stilt.foundations.errors import InputError
from stilt.matrix.bins import bins_of
from stilt.matrix.flux import fields_of, of_receptors
from stilt.matrix.rows import RowMaker
from stilt.matrix.targets import elements_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from stilt.matrix.bins import Bins
    from stilt.matrix.targets import Target

    Values = NDArray[np.float64]
    Tell = Callable[[int, int], None]
    Known = dict[int, tuple[NDArray[np.int64], Values]]

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
    origin
        A digest of project, footprint, target, bins and flux, where ``stilt jacobian`` made it.
    """

    matrix: csr_array
    receptors: xr.Dataset
    bins: xr.DataArray
    elements: xr.Dataset
    units: str = UNITS
    origin: str = ""

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
            attrs={
                "elements": " ".join(map(str, self.elements.dims)),
                **self.elements.attrs,
                **({"origin": self.origin} if self.origin else {}),
            },
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
        units, origin = data["value"].attrs["units"], str(data.attrs.get("origin", ""))
        return cls(matrix, receptors, data["bin"], elements, units, origin)


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
    if found.origin:
        arrays["origin"] = np.array(found.origin)
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
    about = {"origin": found.origin} if found.origin else None
    pq.write_table(pa.table(columns, metadata=about), path)


def origin_of(path: Path) -> str:
    """Return the ``origin`` of the matrix that a file has; "" where it tells none, or is no such file."""
    import pyarrow.parquet as pq
    from pyarrow import ArrowException

    try:
        if path.suffix == ".nc":
            with xr.open_dataset(path, engine="netcdf4") as data:
                return str(data.attrs.get("origin", ""))
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                return str(arrays["origin"])
        about: dict[bytes, bytes] = pq.read_schema(path).metadata or {}
        return about.get(b"origin", b"").decode()
    except (OSError, ValueError, LookupError, RuntimeError, BadZipFile, ArrowException):
        return ""


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
    stored: Callable[[Bins, int], Known] | None = None,
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
    stored
        What returns rows that there are, of these bins and that many elements: by place, columns and values.

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
    make = RowMaker(reader, times, parts, share, int(np.prod(footprints.shape[2:])), fields)
    known = {} if stored is None else stored(parts, make.elements)
    matrix = _matrix(
        make, footprints, tell=tell, cpus=cpus if read else 1, resume=resume, known=known
    )
    receptors = {name: c for name, c in footprints.coords.items() if c.dims == ("receptor",)}
    units = UNITS if weight is None else "ppm"
    return Jacobian(matrix, xr.Dataset(coords=receptors), parts.starts, elements, units)


def _matrix(
    make: RowMaker,
    footprints: xr.DataArray,
    *,
    tell: Tell | None,
    cpus: int,
    resume: Path | None,
    known: Known,
) -> csr_array:
    """Return all rows, those that are known or kept included."""
    from scipy.sparse import csr_array, vstack

    count = len(make.times)
    left = np.array([place for place in range(count) if place not in known], np.intp)
    if known:
        make = replace(make, read=ChosenReader(make.read, left), times=make.times[left])
        if tell is not None:
            tell(len(known), count)
    blocks: list[csr_array] = []
    with ExitStack() as stack:
        kept = None
        if resume is not None and len(left):
            digest = make.digest(footprints["receptor"].to_numpy()[left])
            kept = stack.enter_context(KeptRows(resume, digest, make.width, len(left)))
            blocks += kept.blocks()
        done = sum(block.shape[0] for block in blocks)
        for last, rows in _blocks(make, done, len(left), cpus):
            blocks.append(rows)
            if kept is not None:
                kept.add(rows)
            if tell is not None:
                tell(len(known) + last, count)
    if known:
        blocks = [_in_order(blocks, left, known, make.width)]
    return csr_array(vstack([csr_array((0, make.width)), *blocks], format="csr"))


def _in_order(
    blocks: list[csr_array], left: NDArray[np.intp], known: Known, width: int
) -> csr_array:
    """Return known rows and made ones, which are of the places that were left, in the order of receptors."""
    from scipy.sparse import csr_array

    rows = [(np.empty(0, np.int64), np.empty(0))] * (len(left) + len(known))
    for place, row in known.items():
        rows[place] = row
    places = iter(left.tolist())
    for block in blocks:
        for begin, end in pairwise(block.indptr.tolist()):
            rows[next(places)] = block.indices[begin:end], block.data[begin:end]
    begin = np.cumsum([0, *(len(column) for column, _ in rows)])
    column, value = (np.concatenate(part) for part in zip(*rows, strict=True))
    return csr_array((value, column, begin), shape=(len(rows), width))


def _blocks(make: RowMaker, done: int, count: int, cpus: int) -> Iterator[tuple[int, csr_array]]:
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
