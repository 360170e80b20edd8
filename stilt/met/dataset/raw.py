"""NetCDF files and Zarr stores as they are, opened by netCDF4 or zarr alone: xarray takes a second to load."""

from __future__ import annotations

import base64
import math
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Place = int | slice

_FILLS = ("_FillValue", "missing_value")


class Array(Protocol):
    """The numbers of a variable, in a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""

    def __getitem__(self, key: tuple[Place, ...]) -> Any: ...


@dataclass(frozen=True)
class Variable:
    """A variable, or a part of one: nothing is read before ``to_numpy``.

    Attributes
    ----------
    name, attrs
        What the file calls it and says of it.
    axes
        Names of the axes of the whole variable.
    chunks
        Their lengths in a chunk; None where it is not in chunks.
    key
        Which part of each axis; an axis with a place of its own is none.
    dims
        Names of the axes of the part, in the order in which it is read.
    is_decoded
        Whether packed numbers are unpacked, with NaN where they are missing.
    """

    name: str
    array: Array
    attrs: dict[str, Any]
    axes: tuple[str, ...]
    chunks: tuple[int, ...] | None
    key: tuple[Place, ...]
    dims: tuple[str, ...]
    is_decoded: bool

    @classmethod
    def whole(
        cls,
        name: str,
        array: Array,
        attrs: dict[str, Any],
        axes: tuple[str, ...],
        chunks: tuple[int, ...] | None,
        *,
        is_decoded: bool,
    ) -> Variable:
        """Return all of a variable."""
        everywhere = (slice(None),) * len(axes)
        return cls(name, array, attrs, axes, chunks, everywhere, axes, is_decoded)

    @property
    def sizes(self) -> dict[str, int]:
        """The length of each axis of the whole variable."""
        return dict(zip(self.axes, self.array.shape, strict=True))

    @property
    def size(self) -> int:
        """How many values the whole variable has."""
        return math.prod(self.array.shape)

    def isel(self, places: Mapping[str, Place]) -> Variable:
        """Return a part: an axis for which a place is given is none of it."""
        key = tuple(places.get(name, slice(None)) for name in self.axes)
        return replace(self, key=key, dims=self._kept(key))

    def transpose(self, *dims: str) -> Variable:
        """Return it with its axes in this order."""
        return replace(self, dims=dims)

    def _kept(self, key: tuple[Place, ...]) -> tuple[str, ...]:
        pairs = zip(self.axes, key, strict=True)
        return tuple(name for name, place in pairs if isinstance(place, slice))

    def to_numpy(self) -> NDArray[Any]:
        """Read it."""
        kept = self._kept(self.key)
        values = np.asarray(self.array[self.key])
        values = values.transpose([kept.index(name) for name in self.dims])
        return self._unpacked(values) if self.is_decoded else values

    def _unpacked(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values as CF says that they are packed (section 8.1), and missing (section 2.5.1)."""
        if values.dtype.kind not in "iuf":
            return values
        if self.attrs.get("_Unsigned") == "true" and values.dtype.kind == "i":
            values = values.view(f"u{values.dtype.itemsize}")
        fills = [np.ravel(self.attrs[name]) for name in _FILLS if name in self.attrs]
        missing = np.isin(values, np.concatenate(fills).astype(values.dtype)) if fills else None
        factor, offset = self.attrs.get("scale_factor"), self.attrs.get("add_offset")
        if factor is not None or offset is not None or values.dtype.kind != "f":
            values = values.astype(np.float64)
        values = values if factor is None else values * np.float64(factor)
        values = values if offset is None else values + np.float64(offset)
        return values if missing is None else np.where(missing, np.nan, values)


class Dataset:
    """A file or store.

    Attributes
    ----------
    attrs
        What it says of all of it.
    sizes
        The length of each axis.
    variables
        All of them by name.
    """

    def __init__(
        self,
        attrs: dict[str, Any],
        sizes: dict[str, int],
        variables: dict[str, Variable],
        close: Callable[[], object],
    ) -> None:
        self.attrs, self.sizes, self.variables, self.close = attrs, sizes, variables, close

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(self.sizes)

    @property
    def data_vars(self) -> dict[str, Variable]:
        """The variables that are no axes."""
        return {name: each for name, each in self.variables.items() if name not in self.sizes}

    def __contains__(self, name: object) -> bool:
        return name in self.variables

    def __getitem__(self, name: str) -> Variable:
        return self.variables[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_file(path: Path, *, is_decoded: bool) -> Dataset:
    """Open a NetCDF file."""
    import netCDF4

    file = netCDF4.Dataset(path)
    file.set_auto_maskandscale(False)
    file.set_auto_chartostring(False)
    variables = {
        name: Variable.whole(
            name,
            each,
            {key: each.getncattr(key) for key in each.ncattrs()},
            each.dimensions,
            tuple(chunks) if isinstance(chunks := each.chunking(), list) else None,
            is_decoded=is_decoded,
        )
        for name, each in file.variables.items()
    }
    sizes = {name: len(dimension) for name, dimension in file.dimensions.items()}
    attrs = {name: file.getncattr(name) for name in file.ncattrs()}
    return Dataset(attrs, sizes, variables, file.close)


def open_store(folder: Path, *, is_decoded: bool) -> Dataset:
    """Open a Zarr store of the second or the third format."""
    import zarr

    group = zarr.open_group(folder, mode="r")
    variables = {}
    arrays: Iterable[tuple[str, Any]] = group.arrays()
    for name, array in arrays:
        attrs = dict(array.attrs)
        axes = getattr(array.metadata, "dimension_names", None)  # of the third format
        named = tuple(axes or attrs.pop("_ARRAY_DIMENSIONS", ()))
        if len(named) != array.ndim or None in named:
            continue  # as if it were not there: nothing is known of its axes
        _tell_fill(attrs, array)
        variables[name] = Variable.whole(
            name, array, attrs, named, array.chunks, is_decoded=is_decoded
        )
    sizes = {axis: size for each in variables.values() for axis, size in each.sizes.items()}
    return Dataset(dict(group.attrs), sizes, variables, lambda: None)


def _tell_fill(attrs: dict[str, Any], array: Any) -> None:
    """Let an array say which value is missing: of the second format its own, of the third as xarray writes it."""
    fill = attrs.get("_FillValue")
    if array.metadata.zarr_format == 2:  # noqa: PLR2004
        fill = array.fill_value
    elif isinstance(fill, str) and array.dtype.kind == "f":
        fill = struct.unpack("<d", base64.standard_b64decode(fill))[0]
    if fill is not None:
        attrs["_FillValue"] = fill
