"""Zarr v3: all receptors in one store, a chunk for each, many chunks in a shard; layers of zeros take no room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from stilt.footprint.grid import crs_attributes, named_crs
from stilt.footprint.labels import LONG_NAME, UNITS
from stilt.formats.export import crs_of, needed

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.formats.export import Source

SHARD = 64
"""Receptors in a file of the store."""


def write(source: Source, folder: Path) -> None:
    """Write the store."""
    zarr = needed("zarr", "zarr", "Zarr")
    footprints = source.footprints
    count, *shape = footprints.shape
    frame = xr.Dataset(coords={name: _stored(c) for name, c in footprints.coords.items()})
    frame = frame.assign_coords(
        projection=xr.DataArray(0, attrs=crs_attributes(named_crs(crs_of(footprints))))
    )
    frame.attrs = {"Conventions": "CF-1.8", "crs": crs_of(footprints)}
    frame.to_zarr(folder, mode="w", zarr_format=3, consolidated=False)
    store = zarr.open_group(folder, mode="r+")
    shard = min(SHARD, max(count, 1))
    array: Any = store.create_array(
        "foot",
        shape=footprints.shape,
        dtype="float32",
        chunks=(1, *shape),
        shards=(shard, *shape),
        fill_value=0.0,
        dimension_names=[str(name) for name in footprints.dims],
    )
    array.attrs.update({"units": UNITS, "long_name": LONG_NAME, "grid_mapping": "projection"})
    for first in range(0, count, shard):
        last = min(first + shard, count)
        array[first:last] = np.stack([footprints[n].to_numpy() for n in range(first, last)])
        source.done(last)


def _stored(label: xr.DataArray) -> xr.Variable:
    """Return a coordinate; texts of any length as such, which Zarr has a specification for."""
    values = label.to_numpy()
    if values.dtype.kind in "OU":
        values = np.array([_text(each) for each in values], dtype=object)
    return xr.Variable(label.dims, values, label.attrs)


def _text(value: object) -> str:
    return "" if value is None else str(value)
