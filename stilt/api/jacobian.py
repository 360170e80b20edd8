"""The matrix of an inversion: what each receptor sees of each surface element in each bin of time.

A row times a flux that is constant in each element and bin is the receptor's enhancement (``stilt.enhancements``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from stilt.api.bins import Bins, bins_of
from stilt.api.flux import of_receptors, short_names
from stilt.api.regridding import shares
from stilt.footprint.grid import FULL_CIRCLE, outer_edges, to_degrees
from stilt.foundations.durable import publish_with
from stilt.foundations.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from stilt.api.collection import FootprintFiles

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
    """

    matrix: csr_array
    receptors: xr.Dataset
    bins: xr.DataArray
    elements: xr.Dataset

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
            "units": UNITS,
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
            attrs={"elements": " ".join(map(str, self.elements.dims))},
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
            )
        with xr.open_dataset(path, engine="netcdf4") as data:
            return cls.from_dataset(data.load())

    @classmethod
    def from_dataset(cls, data: xr.Dataset) -> Jacobian:
        """Return what ``to_dataset`` was made of."""
        from scipy.sparse import csr_array

        dims = str(data.attrs["elements"]).split()
        elements = xr.Dataset(coords={name: data[name] for name in dims})
        receptors = xr.Dataset(
            coords={name: c for name, c in data.coords.items() if c.dims == ("receptor",)}
        )
        width = data.sizes["bin"] * int(np.prod([data.sizes[name] for name in dims]))
        parts = tuple(data[name].to_numpy() for name in ("value", "column", "row_start"))
        matrix = csr_array(parts, shape=(data.sizes["receptor"], width))
        return cls(matrix, receptors, data["bin"], elements)


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
            f"{path.name}: nothing is written with that ending", f"one of {', '.join(_WRITERS)}"
        )
    return _WRITERS[path.suffix]


_WRITERS = {".nc": _write_netcdf, ".npz": _write_npz, ".parquet": _write_parquet}


def jacobian(
    footprints: xr.DataArray,
    target: float | str | Path | xr.DataArray | None = None,
    bins: str = "run",
    *,
    tell: Tell | None = None,
    read: Callable[[int], csr_array] | None = None,
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
        regular grid), one number an element; what is negative or missing belongs to none. Or a text as ``stilt
        jacobian --target`` takes it: ``0.5``, ``basis.nc``, ``basis.nc:region``.
    bins
        ``run`` for all hours together; ``hours`` for each hour by its distance from the receptor's time, ``6 hours``
        for so many together; or a calendar's, UTC: ``1h``, ``3h``, ``1D``, ``1W``, ``MS`` (months) as pandas has them.
        An hour that lies in two counts for each by its part there.
    tell
        Called with how many receptors are done, and of how many.
    read
        What returns the footprint of the receptor at a place as (hour, cell), where it need not be dense on the way.

    Raises
    ------
    InputError
        If the target or the bins mean nothing, or footprints integrated over time are to be divided.
    """
    from scipy.sparse import csr_array, vstack

    footprints = of_receptors(footprints)
    share, elements = _elements(footprints, read_target(target))
    times = np.atleast_1d(footprints["receptor_time"].to_numpy())
    parts = bins_of(bins, times, footprints["hour"].to_numpy())
    width = parts.count * share.shape[1]
    read = read or partial(_dense, footprints.variable)
    blocks = [csr_array((0, width))]
    for first in range(0, len(times), AT_ONCE):
        last = min(first + AT_ONCE, len(times))
        foot = csr_array(vstack([read(place) for place in range(first, last)], format="csr"))
        blocks.append(_rows(foot, share, parts, times[first:last]))
        if tell is not None:
            tell(last, len(times))
    receptors = {name: c for name, c in footprints.coords.items() if c.dims == ("receptor",)}
    matrix = csr_array(vstack(blocks, format="csr"))
    return Jacobian(matrix, xr.Dataset(coords=receptors), parts.starts, elements)


def _dense(footprints: xr.Variable, place: int) -> csr_array:
    """Read the footprint of the receptor at a place: (hour, cell)."""
    from scipy.sparse import csr_array

    values = footprints[place].to_numpy()
    return csr_array(values.reshape(len(values), -1).astype(np.float64))


def sparse_reader(files: FootprintFiles) -> Callable[[int], csr_array]:
    """Return what reads footprints of a project without their zeros."""
    from scipy.sparse import csr_array

    hours, rows, columns = files.shape

    def read(place: int) -> csr_array:
        hour, cell, values = files.cells(place)
        places = hour, cell
        return csr_array((values.astype(np.float64), places), shape=(hours, rows * columns))

    return read


def _rows(foot: csr_array, share: csr_array, parts: Bins, times: NDArray[Any]) -> csr_array:
    """Return the rows of some receptors."""
    from scipy.sparse import csr_array

    by_bin = (parts.shares(times) @ (foot @ share)).tocoo()
    number, which = divmod(by_bin.coords[0].astype(np.int64), parts.count)
    column = which * share.shape[1] + by_bin.coords[1]
    shape = (len(times), parts.count * share.shape[1])
    rows = csr_array((by_bin.data, (number, column)), shape=shape)
    rows.sort_indices()
    return rows


def _elements(
    footprints: xr.DataArray, target: float | xr.DataArray | None
) -> tuple[csr_array, xr.Dataset]:
    """Return the share of each footprint cell in each element, and the elements' coordinates."""
    from scipy.sparse import csr_array, eye_array

    cells = footprints.dims[2:]
    if target is None:
        count = footprints.sizes[cells[0]] * footprints.sizes[cells[1]]
        own = xr.Dataset(coords={name: footprints[name] for name in cells})
        return csr_array(eye_array(count, format="csr")), own
    if isinstance(target, xr.DataArray):
        return _labelled(footprints, target)
    lat, lon = _coarse(footprints, float(target))
    return shares(lat, lon, footprints), xr.Dataset(coords={"lat": lat, "lon": lon})


def _labelled(footprints: xr.DataArray, labels: xr.DataArray) -> tuple[csr_array, xr.Dataset]:
    from scipy.sparse import csr_array

    labels = short_names(labels)
    if set(labels.dims) != {"lat", "lon"}:
        raise InputError(
            f"the target has the dimensions {', '.join(map(str, labels.dims))}",
            "give one whole number for each cell of a grid with lat and lon",
        )
    ordered = labels.transpose("lat", "lon")
    values = ordered.to_numpy().ravel()
    inside = np.isfinite(values) & (values >= 0)
    if not inside.any() or np.any(values[inside] % 1):
        raise InputError(
            "the target's values are not whole numbers from 0", "number the elements from 0"
        )
    names, numbers = np.unique(values[inside].astype(np.int64), return_inverse=True)
    places = (np.flatnonzero(inside), numbers)
    member = csr_array((np.ones(len(numbers)), places), shape=(values.size, len(names)))
    share = shares(ordered["lat"].to_numpy(), ordered["lon"].to_numpy(), footprints) @ member
    return csr_array(share), xr.Dataset(coords={"element": names})


def _coarse(footprints: xr.DataArray, size: float) -> tuple[Values, Values]:
    """Return centres of cells of so many degrees that cover the footprints' grid."""
    if not 0 < size <= FULL_CIRCLE / 2:
        raise InputError(f"a target of {size:g} degrees is no grid", "give a size such as 0.5")
    edges = [outer_edges(footprints[name].to_numpy()) for name in footprints.dims[2:]]
    if "lat" not in footprints.dims:
        y, x = (np.linspace(*each, 200) for each in edges)
        lon, lat = to_degrees(footprints.attrs["crs"], *np.meshgrid(x, y))
        edges = [(float(np.nanmin(each)), float(np.nanmax(each))) for each in (lat, lon)]
    lat, lon = (
        low + size * (np.arange(max(np.ceil((high - low) / size - 1e-9), 2)) + 0.5)
        for low, high in edges
    )
    return lat, lon


def read_target(
    target: float | str | Path | xr.DataArray | None,
) -> float | xr.DataArray | None:
    """Return a target whose text, if it is one, is read: a number, FILE or FILE:VARIABLE.

    Raises
    ------
    InputError
        If there is no such file or variable.
    """
    if not isinstance(target, str | Path):
        return target
    try:
        return float(str(target))
    except ValueError:
        return open_elements(str(target))


def open_elements(text: str) -> xr.DataArray:
    """Return the numbers of elements from FILE or FILE:VARIABLE, a NetCDF file.

    Raises
    ------
    InputError
        If there is no such file or variable, or several and none is named.
    """
    file, _, name = text.partition(":") if not Path(text).exists() else (text, "", "")
    try:
        data = xr.load_dataset(file, engine="netcdf4", mask_and_scale=True)
    except OSError as error:
        raise InputError(
            f"the target {file} can't be read: {error.strerror or error}",
            "give a size in degrees, or a NetCDF file with a whole number for each cell",
        ) from error
    names = [str(each) for each in data.data_vars]
    if not name and len(names) == 1:
        name = names[0]
    if name not in names:
        raise InputError(
            f"the target {file} has the variables {', '.join(names)}", f"name one: {file}:NAME"
        )
    return data[name]
