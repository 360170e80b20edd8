"""NetCDF files as Zarr stores of both formats."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import xarray as xr

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def write_zarr(folder: Path, paths: Sequence[Path], zarr_format: int) -> list[Path]:
    """Write each file as a store with its name, in chunks of an hour; return what stands for the stores."""
    found = []
    for path in paths:
        store = folder / f"{path.stem}.zarr"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the third format's rules for texts are not settled
            with xr.open_dataset(path, decode_times=False, mask_and_scale=False) as dataset:
                plain = dataset.drop_encoding().drop_vars("expver", errors="ignore").chunk(20)
                plain.to_zarr(store, zarr_format=zarr_format, consolidated=zarr_format == 2)
        found.append(store / ("zarr.json" if zarr_format == 3 else ".zmetadata"))
    return found
