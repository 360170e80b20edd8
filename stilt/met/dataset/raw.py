"""A NetCDF file as it is, opened by netCDF4 alone: xarray takes a second to load, and all that is used of it is here.

Names are xarray's, in whose place these stand: of Zarr stores xarray's own are used.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Place = int | slice

_FILLS = ("_FillValue", "missing_value")


class Variable:
    """A variable, or a part of one: nothing is read before ``to_numpy``.

    Attributes
    ----------
    dims
        Names of its axes.
    """

    def __init__(
        self, variable: Any, key: tuple[Place, ...], order: tuple[str, ...], *, is_decoded: bool
    ) -> None:
        self._variable, self._key, self._is_decoded = variable, key, is_decoded
        self.dims = order

    @property
    def name(self) -> str:
        """What the file calls it."""
        return str(self._variable.name)

    @cached_property
    def attrs(self) -> dict[str, Any]:
        """What the file says of it."""
        return {name: self._variable.getncattr(name) for name in self._variable.ncattrs()}

    @property
    def encoding(self) -> dict[str, Any]:
        """Its chunks, ``chunksizes``, if it has any."""
        chunks = self._variable.chunking()
        return {"chunksizes": tuple(chunks)} if isinstance(chunks, list) else {}

    @property
    def sizes(self) -> dict[str, int]:
        """The length of each axis of the whole variable."""
        return dict(zip(self._variable.dimensions, self._variable.shape, strict=True))

    @property
    def size(self) -> int:
        """How many values the whole variable has."""
        return int(self._variable.size)

    def isel(self, places: Mapping[str, Place]) -> Variable:
        """Return a part: an axis for which a place is given is none of it."""
        key = tuple(places.get(name, slice(None)) for name in self._variable.dimensions)
        order = tuple(
            name
            for name, place in zip(self._variable.dimensions, key, strict=True)
            if isinstance(place, slice)
        )
        return Variable(self._variable, key, order, is_decoded=self._is_decoded)

    def transpose(self, *dims: str) -> Variable:
        """Return it with its axes in this order."""
        return Variable(self._variable, self._key, dims, is_decoded=self._is_decoded)

    def to_numpy(self) -> NDArray[Any]:
        """Read it; where it is decoded, packed numbers are unpacked, and NaN where they are missing."""
        values = np.asarray(self._variable[self._key])
        kept = [
            name
            for name, place in zip(self._variable.dimensions, self._key, strict=True)
            if isinstance(place, slice)
        ]
        values = values.transpose([kept.index(name) for name in self.dims])
        return self._unpacked(values) if self._is_decoded else values

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
    """A file."""

    def __init__(self, path: Path, *, is_decoded: bool) -> None:
        from netCDF4 import Dataset as Opened

        self._file = Opened(path)
        self._file.set_auto_maskandscale(False)
        self._file.set_auto_chartostring(False)
        self._is_decoded = is_decoded

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(self._file.dimensions)

    @property
    def sizes(self) -> dict[str, int]:
        """The length of each axis."""
        return {name: len(dimension) for name, dimension in self._file.dimensions.items()}

    @cached_property
    def attrs(self) -> dict[str, Any]:
        """What the file says of all of it."""
        return {name: self._file.getncattr(name) for name in self._file.ncattrs()}

    @cached_property
    def variables(self) -> dict[str, Variable]:
        """All variables."""
        return {
            name: Variable(
                variable,
                (slice(None),) * variable.ndim,
                variable.dimensions,
                is_decoded=self._is_decoded,
            )
            for name, variable in self._file.variables.items()
        }

    @property
    def data_vars(self) -> dict[str, Variable]:
        """The variables that are no axes."""
        axes = self._file.dimensions
        return {name: each for name, each in self.variables.items() if name not in axes}

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def __contains__(self, name: object) -> bool:
        return name in self.variables

    def __iter__(self) -> Iterator[str]:
        return iter(self.variables)

    def __getitem__(self, name: str) -> Variable:
        return self.variables[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
