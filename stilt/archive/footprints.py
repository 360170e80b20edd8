"""Footprint files in archives: their values that are not zero, and what each says of itself.

Layers and cells, which most of a product have in common, stand in an archive once. From all this the file is written
again, the same bytes with the same NetCDF library.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from msgspec import Struct

from stilt.archive.bundle import Bundle, Said
from stilt.footprint.content import FORM_NAME, WRITTEN_ANEW
from stilt.footprint.frame import ENTRY_BYTES, decode, encode
from stilt.footprint.netcdf import (
    UNREADABLE,
    check_values,
    damaged,
    footprint_bytes,
    read_footprint,
    write_footprint,
)
from stilt.footprint.sparse import Axis, places, read_entries
from stilt.footprint.tail import read_tail
from stilt.foundations.announced import check_room
from stilt.foundations.errors import DamagedError
from stilt.foundations.inside import opened
from stilt.foundations.simulation import Receptor, receptor_digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from numpy.typing import NDArray

    from stilt.archive.bundle import Block, BundleWriter, Member
    from stilt.archive.container import Entry, Packed
    from stilt.footprint.tail import Tail


class Grid(Struct, frozen=True):
    """The cells of a product, with their centres."""

    projection: str
    is_longlat: bool
    x: tuple[float, ...]
    y: tuple[float, ...]


class Layout(Struct, frozen=True, dict=True):
    """Where layers and cells of footprints are: ``starts`` are seconds from the receptor's time."""

    grid: Grid
    starts: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Layers, rows and columns."""
        return len(self.starts), len(self.grid.y), len(self.grid.x)

    @cached_property
    def axes(self) -> tuple[NDArray[np.float64], Axis, Axis]:
        """The starts of layers, and where the cells are along x and y."""
        grid = self.grid
        x, y = (Axis(each[0], each[-1], len(each)) for each in (grid.x, grid.y))
        return np.array(self.starts, np.float64), x, y


class About(Struct, frozen=True):
    """What a footprint is made of besides its values.

    Attributes
    ----------
    times
        The start of each layer, seconds since 1970.
    grid
        In form 1: the number of the text in the footer that is its grid.
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

    def layout(self, grid: Grid) -> Layout:
        """Return where its layers and cells are."""
        release = self.receptor.when.timestamp()
        return Layout(grid, tuple(time - release for time in self.times))


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


class Cellwise(NamedTuple):
    """The values of a footprint that are not zero, one after the other.

    Attributes
    ----------
    per_layer
        How many each layer has; the values are in the order of layers.
    cell
        Of each value, counted row by row.
    receptor
        The digest of the receptor that it says it is of.
    """

    layout: Layout
    receptor: str
    per_layer: NDArray[np.int64]
    cell: NDArray[np.integer[Any]]
    values: NDArray[np.float32]

    @property
    def place(self) -> NDArray[np.int64]:
        """Layer x cells + cell of each value."""
        _, rows, columns = self.layout.shape
        return places(self.per_layer, self.cell, rows * columns)


class Content(NamedTuple):
    """What a footprint file has in it: ``stored`` is a frame (``stilt.footprint.frame``) of ``number`` values."""

    stored: bytes
    number: int
    about: About
    grid: Grid


Known = dict[tuple[Any, ...], Grid]
"""Grids by what tells the files that have one."""


def content_of(path: Path, known: Known) -> Content:
    """Return what a footprint file has in it; ``known`` has the grids of others, and gets that of this one.

    Raises
    ------
    DamagedError
        If the file is not a whole footprint file of stilt's.
    """
    try:
        with opened(path) as place:
            tail = read_tail(place)
            return _of_file(path, place) if tail is None else _of_tail(place, tail, known)
    except UNREADABLE as error:
        raise damaged(path, error) from error


def _of_tail(place: Path, tail: Tail, known: Known) -> Content:
    from netCDF4 import Dataset

    said = tail.said
    made_with = said.provenance.get("footprint_digest", "")
    key = (made_with, said.projection, said.is_longlat, said.x, said.y)
    if key not in known:
        with Dataset(place) as file:
            known[key] = _grid_of(file)
    about = About(
        sim=said.sim,
        receptor=said.receptor,
        times=said.times,
        grid=0,
        is_integrated=said.is_integrated,
        provenance=said.provenance,
        form=said.form,
    )
    return Content(tail.stored, tail.number, about, known[key])


def _of_file(path: Path, place: Path) -> Content:
    from netCDF4 import Dataset

    with Dataset(place) as file:
        check_values(path, file, place)
        file.set_auto_maskandscale(False)
        entries = read_entries(file)
        stored = encode(entries.place, entries.values)
        return Content(stored, len(entries.values), _about_of(file), _grid_of(file))


def _grid_of(file: Any) -> Grid:
    is_longlat = "lat" in file.variables
    x, y = (
        tuple(map(float, file[name][:])) for name in (("lon", "lat") if is_longlat else ("x", "y"))
    )
    return Grid(file.getncattr("crs"), is_longlat, x, y)


def _about_of(file: Any) -> About:
    attributes = {name: file.getncattr(name) for name in file.ncattrs()}
    provenance = {key: text for key, text in attributes.items() if key not in WRITTEN_ANEW}
    return About(
        sim=attributes["simulation_id"],
        receptor=msgspec.json.decode(provenance["receptor"], type=Receptor),
        times=tuple(map(int, file["time"][:])),
        grid=0,
        is_integrated="interval" not in file["foot"].cell_methods,
        provenance=provenance,
        form=int(attributes.get(FORM_NAME, 1)),
    )


def add(writer: BundleWriter, entry: Entry, content: Content) -> None:
    """Write a footprint into an archive."""
    about = content.about
    layout = msgspec.json.encode(about.layout(content.grid)).decode()
    digest = receptor_digest(about.provenance)
    said = Said(content.number, writer.share(layout), digest, msgspec.json.encode(about))
    writer.add(entry, content.stored, said)


def unpacked(content: Content) -> PackedFootprint:
    """Return the footprint that a file has in it.

    Raises
    ------
    DamagedError
        If its values do not fit its grid.
    """
    layout = content.about.layout(content.grid)
    found = _decoded([content.stored], [content.number], [layout], [""])
    return dense(content.about, found[0])


def cells_of(path: Path, members: Sequence[Member], shared: tuple[str, ...]) -> list[Cellwise]:
    """Return the footprints of one archive; ``shared`` are the texts that its index has.

    Raises
    ------
    DamagedError
        If one is not there as a whole.
    """
    with Bundle(path) as bundle:
        stored = {member.path: data for member, data in bundle.many(members)}
    try:
        return _decoded(
            [stored[member.path] for member in members],
            [member.count for member in members],
            [layout_of(shared[member.layout]) for member in members],
            [member.receptor for member in members],
        )
    except (msgspec.MsgspecError, LookupError) as error:
        raise misfit(error) from error


def _decoded(
    stored: Sequence[bytes | memoryview],
    counts: Sequence[int],
    layouts: Sequence[Layout],
    receptors: Sequence[str],
) -> list[Cellwise]:
    layers = np.array([layout.shape[0] for layout in layouts])
    cells = np.array([math.prod(layout.shape[1:]) for layout in layouts])
    numbers = np.array(counts, np.int64)
    if np.any((numbers < 0) | (numbers > layers * cells)):
        raise misfit(ValueError("it has more values than cells"))
    check_room("a footprint in an archive", ENTRY_BYTES * sum(counts))
    try:
        found = decode(stored, numbers, layers, cells)
    except (LookupError, ValueError) as error:
        raise misfit(error) from error
    ends, last = np.cumsum(numbers).tolist(), np.cumsum(layers).tolist()
    return [
        Cellwise(
            layout,
            receptor,
            found.per_layer[end_layer - len(layout.starts) : end_layer],
            found.cell[end - count : end],
            found.values[end - count : end],
        )
        for layout, receptor, end, end_layer, count in zip(
            layouts, receptors, ends, last, counts, strict=True
        )
    ]


def about_of(path: Path, member: Member, blocks: tuple[Block, ...]) -> About:
    """Return what a footprint in an archive says of itself.

    Raises
    ------
    DamagedError
        If it is not as it was written.
    """
    try:
        with Bundle(path) as bundle:
            text = bundle.block(blocks[member.block])
        about = msgspec.json.decode(text, type=list[msgspec.Raw])[member.place]
        return msgspec.json.decode(about, type=About)
    except (msgspec.MsgspecError, UnicodeDecodeError, LookupError) as error:
        raise misfit(error) from error


def about_packed(packed: Packed) -> About:
    """Return what a footprint in an archive of form 1 says of itself.

    Raises
    ------
    DamagedError
        If it says nothing that can be read.
    """
    try:
        return msgspec.json.decode(packed.about, type=About)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise misfit(error) from error


def cells_packed(packed: Packed, shared: tuple[str, ...]) -> Cellwise:
    """Return a footprint of an archive of form 1; ``shared`` are the texts of the archive's footer.

    Raises
    ------
    DamagedError
        If the rows do not fit the grid.
    """
    about = about_packed(packed)
    try:
        layout = about.layout(_grid(shared[about.grid]))
        place = [packed.rows.column(name).to_numpy() for name in ("layer", "y", "x")]
        _check_inside(place, layout.shape)
        values = packed.rows.column("foot").to_numpy()
    except (msgspec.MsgspecError, UnicodeDecodeError, LookupError) as error:
        raise misfit(error) from error
    layer, y, x = (each.astype(np.int64) for each in place)
    per_layer = np.bincount(layer, minlength=len(layout.starts))
    cell = y * layout.shape[2] + x
    return Cellwise(layout, receptor_digest(about.provenance), per_layer, cell, values)


def _check_inside(place: Sequence[NDArray[np.integer[Any]]], shape: Sequence[int]) -> None:
    for each, size in zip(place, shape, strict=True):
        if len(each) and not 0 <= each.min() <= each.max() < size:
            raise LookupError("a cell lies outside of it")


@lru_cache(maxsize=64)
def layout_of(text: str) -> Layout:
    """Return what a text that outputs share says of layers and cells."""
    return msgspec.json.decode(text, type=Layout)


@lru_cache(maxsize=16)
def _grid(text: str) -> Grid:
    return msgspec.json.decode(text, type=Grid)


def dense(about: About, cells: Cellwise) -> PackedFootprint:
    """Return a footprint with its zeros.

    Raises
    ------
    EnvironmentFailure
        If there is too little memory.
    """
    shape, grid = cells.layout.shape, cells.layout.grid
    check_room("a footprint in an archive", math.prod(shape) * np.float32().nbytes)
    values = np.zeros(shape, np.float32)
    values.reshape(-1)[cells.place] = cells.values
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


def misfit(error: Exception) -> DamagedError:
    """Return what to raise where a footprint in an archive is not what was written."""
    return DamagedError(
        f"a footprint in an archive does not fit its grid: {error}",
        "stilt verify finds such archives, stilt run remakes what is in them",
        code="ARCHIVE_DAMAGED",
    )
