"""Footprint files in archives: a row for each cell of each layer that is not zero.

Everything else that a footprint file has goes into ``about``, and the grid, which all of a product have in common,
into the footer. From these the file is written again, the same bytes with the same NetCDF library.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Struct

from stilt.archive.container import Packed
from stilt.footprint.content import FORM_NAME, WRITTEN_ANEW
from stilt.footprint.netcdf import (
    UNREADABLE,
    check_values,
    damaged,
    footprint_bytes,
    read_footprint,
    write_footprint,
)
from stilt.footprint.sparse import read_entries
from stilt.foundations.announced import check_room
from stilt.foundations.errors import DamagedError
from stilt.foundations.inside import opened
from stilt.foundations.simulation import Receptor

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr
    from numpy.typing import NDArray

    from stilt.footprint.sparse import Entries

SCHEMA = pa.schema(
    [("layer", pa.int32()), ("y", pa.int32()), ("x", pa.int32()), ("foot", pa.float32())]
)


class Grid(Struct, frozen=True):
    """The cells of a product, with their centres."""

    projection: str
    is_longlat: bool
    x: tuple[float, ...]
    y: tuple[float, ...]


class About(Struct, frozen=True):
    """What a footprint is made of besides its values.

    Attributes
    ----------
    times
        The start of each layer, seconds since 1970.
    grid
        The number of the text in the footer that is its grid.
    form
        The version of what its file holds (``stilt.footprint.content``).
    """

    sim: str
    receptor: Receptor
    times: tuple[int, ...]
    grid: int
    is_integrated: bool
    provenance: dict[str, str]
    form: int = 1


@dataclass(frozen=True, slots=True)
class Cells:
    """A grid as the NetCDF writer takes it."""

    projection: str
    is_longlat: bool
    x: NDArray[np.float64]
    y: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PackedFootprint:
    """A footprint from an archive: ``values`` are (layer, y, x), ``times`` the start of each layer."""

    about: About
    values: NDArray[np.float32]
    geometry: Cells
    times: NDArray[np.datetime64]
    is_integrated: bool

    def write(self, path: Path) -> None:
        """Write the file that it was."""
        about = self.about
        write_footprint(path, self, about.receptor, about.sim, about.provenance, form=about.form)

    def to_dataset(self) -> xr.Dataset:
        """Return what ``read_footprint`` makes of the file that it was."""
        about = self.about
        made = footprint_bytes(self, about.receptor, about.sim, about.provenance, form=about.form)
        return read_footprint(made)


def pack(path: Path, share: Callable[[str], int]) -> Packed:
    """Return a footprint file as rows; ``share`` takes the text of the grid and returns its number.

    Raises
    ------
    DamagedError
        If the file is not a whole footprint file of stilt's.
    """
    from netCDF4 import Dataset

    try:
        with opened(path) as place, Dataset(place) as file:
            check_values(path, file, place)
            file.set_auto_maskandscale(False)
            return _packed(file, share)
    except UNREADABLE as error:
        raise damaged(path, error) from error


def provenance_of(packed: Packed) -> dict[str, str]:
    """Return what the footprint says of its making.

    Raises
    ------
    DamagedError
        If it says nothing that can be read.
    """
    try:
        return msgspec.json.decode(packed.about, type=About).provenance
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DamagedError(
            f"a footprint in an archive does not say what it is: {error}",
            "stilt verify finds such archives, stilt run remakes what is in them",
            code="ARCHIVE_DAMAGED",
        ) from error


class Cellwise(NamedTuple):
    """The values of a footprint that are not zero, one after the other: ``place`` is layer, row and column of each."""

    about: About
    grid: Grid
    place: tuple[NDArray[np.int32], ...]
    values: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Layers, rows and columns."""
        return len(self.about.times), len(self.grid.y), len(self.grid.x)


def unpack_cells(packed: Packed, shared: tuple[str, ...]) -> Cellwise:
    """Return the footprint as its values that are not zero; ``shared`` are the texts of the archive's footer.

    Raises
    ------
    DamagedError
        If the rows do not fit the grid.
    """
    try:
        about = msgspec.json.decode(packed.about, type=About)
        grid = _grid(shared[about.grid])
        place = tuple(packed.rows.column(name).to_numpy() for name in ("layer", "y", "x"))
        found = Cellwise(about, grid, place, packed.rows.column("foot").to_numpy())
        _check_inside(found)
    except (msgspec.MsgspecError, UnicodeDecodeError, LookupError) as error:
        raise DamagedError(
            f"a footprint in an archive does not fit its grid: {error}",
            "stilt verify finds such archives, stilt run remakes what is in them",
            code="ARCHIVE_DAMAGED",
        ) from error
    return found


def _check_inside(found: Cellwise) -> None:
    for each, size in zip(found.place, found.shape, strict=True):
        if len(each) and not 0 <= each.min() <= each.max() < size:
            raise LookupError("a cell lies outside of it")


@lru_cache(maxsize=16)
def _grid(text: str) -> Grid:
    return msgspec.json.decode(text, type=Grid)


def unpack(packed: Packed, shared: tuple[str, ...]) -> PackedFootprint:
    """Return the footprint; ``shared`` are the texts of the archive's footer.

    Raises
    ------
    DamagedError
        If the rows do not fit the grid.
    """
    found = unpack_cells(packed, shared)
    about, grid = found.about, found.grid
    check_room("a footprint in an archive", math.prod(found.shape) * np.float32().nbytes)
    values = np.zeros(found.shape, np.float32)
    values[found.place] = found.values
    return PackedFootprint(
        about=about,
        values=values,
        geometry=Cells(grid.projection, grid.is_longlat, np.array(grid.x), np.array(grid.y)),
        times=np.array(about.times, "datetime64[s]"),
        is_integrated=about.is_integrated,
    )


def equal(footprint: PackedFootprint, path: Path) -> bool:
    """Return whether an archive gives the very bytes of a footprint file, or at least the same content.

    The latter where another version of the NetCDF library wrote the file.
    """
    with tempfile.TemporaryDirectory(prefix="stilt-archive-") as scratch:
        written_anew = Path(scratch) / path.name
        footprint.write(written_anew)
        if written_anew.read_bytes() == path.read_bytes():
            return True
        ours, theirs = read_footprint(written_anew), read_footprint(path)
    return bool(ours.identical(theirs)) and all(
        ours[name].dtype == theirs[name].dtype for name in theirs.variables
    )


def _packed(file: Any, share: Callable[[str], int]) -> Packed:
    attributes = {name: file.getncattr(name) for name in file.ncattrs()}
    provenance = {key: text for key, text in attributes.items() if key not in WRITTEN_ANEW}
    is_longlat = "lat" in file.variables
    x, y = ("lon", "lat") if is_longlat else ("x", "y")
    grid = Grid(
        attributes["crs"], is_longlat, tuple(map(float, file[x][:])), tuple(map(float, file[y][:]))
    )
    about = About(
        sim=attributes["simulation_id"],
        receptor=msgspec.json.decode(provenance["receptor"], type=Receptor),
        times=tuple(map(int, file["time"][:])),
        grid=share(msgspec.json.encode(grid).decode()),
        is_integrated="interval" not in file["foot"].cell_methods,
        provenance=provenance,
        form=int(attributes.get(FORM_NAME, 1)),
    )
    return Packed(msgspec.json.encode(about), _rows(read_entries(file)))


def _rows(entries: Entries) -> pa.Table:
    place: tuple[NDArray[Any], ...] = (
        entries.layer,
        *np.divmod(entries.cell, entries.x.number),
    )
    values = entries.values
    if not len(values):  # a row group has one row at least: it says that the first cell is zero
        place, values = tuple(np.zeros(1, np.int64) for _ in place), np.zeros(1, np.float32)
    columns = [pa.array(index.astype(np.int32)) for index in place]
    return pa.table([*columns, pa.array(values)], schema=SCHEMA)
