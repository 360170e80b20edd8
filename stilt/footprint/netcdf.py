"""Footprints as NetCDF-4 files with CF attributes.

One file a simulation. Names, units and attributes of ``foot``, ``lon``, ``lat``, ``time`` (``x``, ``y`` on a
projected grid) are R-STILT's. What is added:

- a first dimension ``receptor`` of length 1 whose coordinate is the simulation id, so that
  ``xarray.open_mfdataset(files, combine="nested", concat_dim="receptor", join="outer")`` puts many beside
  each other (on one time axis; ``open_footprints`` puts them on hours before arrival, which is denser);
- ``receptor_time``, ``receptor_lon``, ``receptor_lat`` and ``receptor_height`` along it;
- every hour that the particles span: R-STILT leaves out those in which nothing reached the grid, here they
  are zero, so that sums and means over ``time`` are what they seem;
- ``Conventions`` and where the file came from, as global attributes.

``foot`` is compressed without loss in tiles, and those without a value take no room: what is not stored is zero.
Behind the end of the file, where the NetCDF library does not look, stand its values that are not zero once more
(``stilt.footprint.tail``), which is faster to read. A day of 1,000 particles on 200 x 200 cells is 140 KB in place of
R-STILT's 3.9 MB.
zlib, as zstd would save another 15 % but is not everywhere to be read.
Nothing in a file changes when it is written again.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from stilt.footprint.content import FORM, WITH_TAIL, fill
from stilt.footprint.tail import tail_of
from stilt.foundations.announced import check_announced
from stilt.foundations.errors import DamagedError
from stilt.foundations.inside import opened

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr
    from netCDF4 import Dataset

    from stilt.footprint.content import Layers
    from stilt.foundations.simulation import Receptor

_BLOCK_BYTES = 2**16
_VALUE_BYTES = 8

UNREADABLE = (OSError, RuntimeError, LookupError, AttributeError, ValueError, OverflowError)
"""What the libraries raise for a damaged file."""


def write_footprint(
    path: Path,
    footprint: Layers,
    receptor: Receptor,
    sim: str,
    provenance: dict[str, str],
    *,
    form: int = FORM,
) -> None:
    """Write a footprint to ``path``; publishing it under its final name is the caller's.

    Parameters
    ----------
    path
        A new file.
    footprint
        Values and grid.
    receptor
        Where the air arrives.
    sim
        The simulation id, the value of the ``receptor`` coordinate.
    provenance
        More global attributes: versions, digests, settings.
    form
        The version of what files hold, to write again what an older one wrote.

    Raises
    ------
    OSError
        As the filesystem gave it.
    """
    from netCDF4 import Dataset

    try:
        with Dataset(path, "w", format="NETCDF4") as file:
            fill(file, footprint, receptor, sim, provenance, form=form)
        if form >= WITH_TAIL:
            # not "ab": where another run has cleared the file away meanwhile, no new one is made of the end alone
            with path.open("r+b") as end:
                end.seek(0, os.SEEK_END)
                end.write(tail_of(footprint, receptor, sim, provenance, form))
    except (RuntimeError, PermissionError):
        # "NetCDF: HDF error", or "Permission denied" for a new file, is all that a full disk, or one without
        # locks, is to the library. Its handle may be open still and write more: not into the file that takes
        # this one's place.
        path.unlink(missing_ok=True)
        path.write_bytes(footprint_bytes(footprint, receptor, sim, provenance, form=form))


def footprint_bytes(
    footprint: Layers,
    receptor: Receptor,
    sim: str,
    provenance: dict[str, str],
    *,
    form: int = FORM,
) -> bytes:
    """Return a footprint as the bytes of a file; the library pads them otherwise than on disk."""
    from netCDF4 import Dataset

    file = Dataset("in memory", "w", format="NETCDF4", memory=_BLOCK_BYTES)
    fill(file, footprint, receptor, sim, provenance, form=form)
    made = bytes(file.close())
    return made + tail_of(footprint, receptor, sim, provenance, form) * (form >= WITH_TAIL)


def read_footprint(source: Path | bytes) -> xr.Dataset:
    """Return the content of a footprint file, or of its bytes, in memory.

    Raises
    ------
    DamagedError
        If the file is not there as a whole.
    """
    import xarray as xr
    from netCDF4 import Dataset
    from xarray.backends import NetCDF4DataStore

    if isinstance(source, bytes):
        store = NetCDF4DataStore(Dataset("in memory", memory=source))  # type: ignore[no-untyped-call, unused-ignore]
        with xr.open_dataset(store) as dataset:  # type: ignore[arg-type, unused-ignore]
            return dataset.load()
    try:
        with opened(source) as place:
            with Dataset(place) as file:  # before xarray reads the coordinates
                check_values(source, file, place)
            with xr.open_dataset(place, engine="netcdf4") as dataset:
                if "foot" not in dataset:
                    raise LookupError("it has no foot")
                return dataset.load()
    except UNREADABLE as error:
        raise damaged(source, error) from error


def check_values(path: Path, file: Dataset, place: Path) -> None:
    """Refuse a file, opened by the path ``place``, that announces more values than it can have.

    Raises
    ------
    DamagedError, EnvironmentFailure
        As ``stilt.foundations.announced``.
    """
    groups = (file, *file.groups.values())
    variables = (variable for group in groups for variable in group.variables.values())
    values = sum(math.prod(variable.shape) for variable in variables)
    check_announced(path, _VALUE_BYTES * values, place)


def read_provenance(path: Path) -> dict[str, str]:
    """Return the texts that a footprint file says of its making, without reading its values.

    Raises
    ------
    DamagedError
        If the file is not there as a whole.
    """
    from netCDF4 import Dataset

    try:
        with opened(path) as place, Dataset(place) as file:
            return {
                name: text
                for name in file.ncattrs()
                if isinstance(text := file.getncattr(name), str)
            }
    except UNREADABLE as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> DamagedError:
    """Return what to raise where a footprint file can't be read."""
    return DamagedError(
        f"{path} can't be read as a footprint: {error}",
        "stilt verify finds such files, stilt run remakes them",
        code="FOOTPRINT_DAMAGED",
    )
