"""The footprints of many receptors as one array that is read where it is used."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from stilt.api.accessor import register_accessor
from stilt.footprint.content import middle_longitude
from stilt.footprint.grid import geometry_of
from stilt.footprint.labels import attributes_of, axes
from stilt.footprint.netcdf import UNREADABLE, check_values, damaged
from stilt.footprint.sparse import Axis, Entries, read_entries
from stilt.footprint.tail import read_tail
from stilt.foundations.errors import DamagedError, InputError
from stilt.foundations.inside import opened_below
from stilt.foundations.simulation import RELEASE_RULE, receptor_digest
from stilt.matrix.frame import hours_of, layers_and_cells
from stilt.outputs.shelf import Found
from stilt.outputs.store import Own, Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from stilt.archive.footprints import Cellwise
    from stilt.config.schema import Config
    from stilt.footprint.grid import Geometry
    from stilt.foundations.paths import Layout
    from stilt.foundations.simulation import Simulation
    from stilt.log.fold import State
    from stilt.receptors.sequence import Receptors

SECONDS_PER_HOUR = 3600
_OURS = (
    *("receptor", "hour", "lat", "lon", "y", "x", "foot", "flux"),
    *("met", "receptor_time", "receptor_lon", "receptor_lat", "receptor_height"),
    *(
        "value",
        "column",
        "row_start",
        "entry",
        "row",
        "bin",
        "element",
    ),  # of a Jacobian, and in .npz
    *("format", "shape", "data", "indices", "indptr", "_is_array"),
    *("background", "background_spread", "spread", "number", "prior", "enhancement", "modelled"),
    *("observed", "uncertainty", "residual"),
)
"""Names that a label has not: there it is called so with ``_label`` after it."""


class Source(Protocol):
    """A project, as far as its footprints need it."""

    path: Path

    @property
    def config(self) -> Config:
        """The settings."""

    @property
    def layout(self) -> Layout:
        """Where everything lies."""

    @property
    def receptors(self) -> Receptors:
        """All simulations."""

    def folded(self) -> State:
        """Return what the log says."""

    def footprint_name(self, name: str | None = None) -> str:
        """Return the name of a footprint product."""


class ByHour(NamedTuple):
    """What is not zero of one receptor, hour by hour: how many values each hour has, and their cells, row by row."""

    per_hour: NDArray[np.integer[Any]]
    cell: NDArray[np.integer[Any]]
    values: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FootprintFiles:
    """The files of one footprint product, one for each receptor; None where nothing touched the grid.

    Attributes
    ----------
    receptors
        The digest of the receptor that each must say it is of.
    store
        Where they are, also those that have no file of their own any more.
    geometry
        The grid, which all must be on.
    hours
        The layers: where each begins, in hours from the receptor's time. One, 0, if integrated over time.
    """

    paths: tuple[Path | None, ...]
    receptors: tuple[str, ...]
    store: Store
    hours: NDArray[np.int64]
    geometry: Geometry
    integrated: bool
    _known: dict[tuple[Any, ...], NDArray[np.int64]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many receptors there are."""
        return len(self.paths)

    @property
    def shape(self) -> tuple[int, int, int]:
        """How many hours, rows and columns one receptor has."""
        return len(self.hours), self.geometry.ny, self.geometry.nx

    def fill(self, place: int, values: NDArray[np.float32]) -> None:
        """Write all layers of one receptor into zeros: (hour, y, x)."""
        hour, cell, found = self.cells(place)
        if self.integrated:
            np.add.at(values.reshape(-1), cell, found)
        else:
            values.reshape(-1)[hour * values[0].size + cell] = found

    def total(self, places: Iterable[int], hour: int | None = None) -> NDArray[np.float64]:
        """Return the sum over receptors of one hour, or of all, (y, x)."""
        total = np.zeros(self.shape[1] * self.shape[2])
        for place in places:
            layer, cell, values = self.cells(place)
            if hour is not None:
                chosen = self.hours[layer] == hour
                cell, values = cell[chosen], values[chosen]
            np.add.at(total, cell, values)
        return total.reshape(self.shape[1:])

    def by_hour(self, places: Iterable[int]) -> NDArray[np.float64]:
        """Return the sum over receptors of each hour, (hour, y, x)."""
        total = np.zeros(self.shape)
        for place in places:
            layer, cell, values = self.cells(place)
            np.add.at(total.reshape(len(self.hours), -1), (layer, cell), values)
        return total

    def cells(
        self, place: int
    ) -> tuple[NDArray[np.intp], NDArray[np.integer[Any]], NDArray[np.float32]]:
        """Return what is not zero of one receptor, hour by hour: which hour, which cell (row by row), and its value."""
        per_hour, cell, values = self._one(place)
        return np.repeat(np.arange(len(self.hours)), per_hour), cell, values

    def _one(self, place: int) -> ByHour:
        path = self.paths[place]
        if path is None:
            none = np.empty(0, np.intp)
            return ByHour(np.zeros(len(self.hours), np.intp), none, np.empty(0, np.float32))
        read = _of_own(self.store.layout, path)
        if read is not None:
            return self._checked(place, read, path)
        # what was archived since is not in the list of archives that is known
        found = self.store.shelf.find(path) or Store(self.store.layout).shelf.find(path)
        if found is None:
            raise damaged(path, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
        return self._checked(place, _of_archived(found.cells()), found.archive)

    def by_hours(self, first: int, last: int) -> Iterator[ByHour]:
        """Yield what is not zero of the receptors from one place to another; those of an archive are read together."""
        archived = self._archived(range(first, last))
        for place in range(first, last):
            found = archived.get(place)
            if found is None:
                yield self._one(place)
            else:
                yield self._checked(place, _of_archived(found[1]), found[0])

    def _archived(self, places: range) -> dict[int, tuple[Path, Cellwise]]:
        """Return what lies in archives, by its place, with the archive."""
        paths = {place: path for place in places if (path := self.paths[place]) is not None}
        by_archive: dict[Path, dict[int, Found]] = {}
        for place, found in zip(paths, self.store.find_all(paths.values()), strict=True):
            if found is not None and not isinstance(found, Own):
                by_archive.setdefault(found.archive, {})[place] = found
        return {
            place: (archive, cells)
            for archive, those in by_archive.items()
            for place, cells in zip(those, Found.cells_of(list(those.values())), strict=True)
        }

    def _checked(self, place: int, read: _Read, where: Path) -> ByHour:
        """Return by hours what was read, if it is of this receptor, and on this grid.

        Cells as large elsewhere would be taken for it.
        """
        found = read.entries
        if read.receptor and read.receptor != self.receptors[place]:
            raise DamagedError(
                f"{where} is of another receptor than the log says",
                "stilt run makes it again",
                code="RESULT_OF_ANOTHER",
            )
        key = (found.starts.tobytes(), found.x, found.y, read.projection)
        if key not in self._known:
            self._known[key] = self._numbers(read)
        numbers = self._known[key]
        per_hour = found.per_layer
        if not np.array_equal(numbers, np.arange(len(self.hours))):
            per_hour = self._by_hour(place, found.per_layer, numbers)
            if np.any(numbers[1:] < numbers[:-1]):  # no order that stilt writes
                order = np.argsort(np.repeat(numbers, found.per_layer), kind="stable")
                return ByHour(per_hour, found.cell[order], found.values[order])
        return ByHour(per_hour, found.cell, found.values)

    def _by_hour(
        self, place: int, per_layer: NDArray[np.integer[Any]], numbers: NDArray[np.int64]
    ) -> NDArray[np.intp]:
        known = numbers >= 0
        if len(numbers) != len(per_layer) or per_layer[~known].any():
            raise InputError(
                f"{self.paths[place]} was made with other settings than config.yaml has now",
                "stilt run makes what is stale anew",
                code="RESULT_STALE",
            )
        per_hour = np.zeros(len(self.hours), np.intp)
        np.add.at(per_hour, numbers[known], per_layer[known])
        return per_hour

    def _numbers(self, read: _Read) -> NDArray[np.int64]:
        """Return which of the hours each layer is, -1 for one that is none; nothing where the grid is another."""
        found, own = read.entries, self.geometry
        is_here = read.projection == own.projection and all(
            axis.is_near(Axis.of(centres), size)
            for axis, centres, size in ((found.x, own.x, own.xres), (found.y, own.y, own.yres))
        )
        if not is_here:
            return np.empty(0, np.int64)
        if self.integrated:
            return np.zeros(len(found.starts), np.int64)
        numbers: NDArray[np.int64] = np.rint(found.starts / SECONDS_PER_HOUR).astype(np.int64)
        numbers -= self.hours[0]
        numbers[(numbers < 0) | (numbers >= len(self.hours))] = -1
        return numbers


class _Read(NamedTuple):
    """What was read of one receptor, and what it says that it is of."""

    entries: Entries
    projection: str
    receptor: str


def _of_own(layout: Layout, path: Path) -> _Read | None:
    """Read the file that a footprint has of its own; None if there is none."""
    try:
        with opened_below(layout.output, layout.relative(path)) as place:
            return _of_file(path, place)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UNREADABLE as error:
        raise damaged(path, error) from error


def _of_file(path: Path, place: Path) -> _Read:
    tail = read_tail(place)
    if tail is not None:
        digest = receptor_digest(tail.said.provenance)
        return _Read(tail.entries(), tail.said.projection, digest)
    from netCDF4 import Dataset

    with Dataset(place) as file:
        check_values(path, file, place)
        said = {key: str(getattr(file, key, "")) for key in ("receptor", RELEASE_RULE)}
        return _Read(read_entries(file), file.crs, receptor_digest(said))


def _of_archived(cells: Cellwise) -> _Read:
    entries = Entries(cells.per_layer, cells.cell, cells.values, *cells.layout.axes)
    return _Read(entries, cells.layout.grid.projection, cells.receptor)


class Files(Protocol):
    """Footprints that are read one by one."""

    @property
    def count(self) -> int:
        """How many receptors there are."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """How many hours, rows and columns one receptor has."""

    def fill(self, place: int, values: NDArray[np.float32]) -> None:
        """Write all layers of one receptor into zeros."""


class LazyFootprints(BackendArray):  # type: ignore[misc, unused-ignore]
    """What xarray indexes before anything is read."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.shape = (files.count, *files.shape)
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: Any) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._read
        )

    def _read(self, key: tuple[Any, ...]) -> NDArray[np.float32]:
        which, *rest = key
        if isinstance(which, int | np.integer):
            one: NDArray[np.float32] = _outer(self._one(int(which)), rest)
            return one
        places = np.arange(self.shape[0])[which]
        shape = _outer(np.broadcast_to(np.False_, self.shape[1:]), rest).shape
        values = np.zeros((len(places), *shape), np.float32)
        is_whole = all(isinstance(part, slice) and part == slice(None) for part in rest)
        for number, place in enumerate(places):
            if is_whole:
                self.files.fill(int(place), values[number])
            else:
                values[number] = _outer(self._one(int(place)), rest)
        return values

    def _one(self, place: int) -> NDArray[np.float32]:
        values = np.zeros(self.shape[1:], np.float32)
        self.files.fill(place, values)
        return values


def _outer(values: Any, keys: list[Any]) -> Any:
    """Index each axis by itself, last axis first so that numbers of axes before it hold."""
    for axis in reversed(range(len(keys))):
        values = values[(slice(None),) * axis + (keys[axis],)]
    return values


def open_footprints(project: Source, name: str | None = None) -> xr.DataArray:
    """Return the footprints of all simulations; see ``open_collection``."""
    return open_collection(project, name)[1]


def open_collection(
    project: Source, name: str | None = None
) -> tuple[FootprintFiles, xr.DataArray]:
    """Return the files of the footprints, and what they hold as an array that is read where it is used.

    It has the footprints of all simulations that are complete, empty or stale, as (receptor, hour, lat, lon).

    Not those of a receptor that was edited since: they are of another one.

    ``hour`` is where a layer begins, in hours from the receptor's time (-24 to -1 for a day back). Projected grids
    have y and x. Nothing is read until values are used; with dask, ``.chunk(receptor=10)`` makes it a dask array.

    Raises
    ------
    InputError
        If there is no such footprint, or nothing is complete; when values are read, if one is on another grid.
    """
    register_accessor()
    config = project.config
    name = project.footprint_name(name)
    grid = config.footprints[name]
    geometry = geometry_of(grid)
    state = project.folded()
    places, simulations = (list(each) for each in zip(*with_results(project), strict=True))
    files = FootprintFiles(
        paths=tuple(_path(project.layout, name, sim, state) for sim in simulations),
        receptors=tuple(sim.receptor.digest for sim in simulations),
        store=Store(project.layout),
        hours=hours_of(config, grid),
        geometry=geometry,
        integrated=grid.time_integrate,
    )
    y, x = axes(is_longlat=geometry.is_longlat)
    array = xr.DataArray(
        indexing.LazilyIndexedArray(LazyFootprints(files)),
        dims=("receptor", "hour", y, x),
        coords={
            **layers_and_cells(files.hours, geometry),
            **about_receptors(simulations),
            **_labels(project.receptors, places),
        },
        name="foot",
        attrs=attributes_of(geometry.projection),
    )
    return files, array


def with_results(project: Source) -> list[tuple[int, Simulation]]:
    """Return the simulations that have results of the receptors that they have today, stale ones too, and their places.

    Raises
    ------
    InputError
        If there is none.
    """
    state = project.folded()
    found = [
        (place, simulation)
        for place, simulation in enumerate(project.receptors)
        if (known := state.find(simulation.sim)) is not None
        and known.is_done
        and state.may_be_of(known, simulation.receptor)
    ]
    if not found:
        raise InputError(
            f"{project.path} has no complete simulation",
            "stilt run runs what is left",
            code="NO_RESULTS",
        )
    return found


def _path(layout: Layout, name: str, simulation: Simulation, state: State) -> Path | None:
    """Return where the footprint of a simulation is that is done; None where nothing touched the grid."""
    known = state.sims[simulation.sim]
    if known.outcome == "empty":
        return None
    return layout.footprint(name, simulation, known.life.imprint)


def about_receptors(simulations: Sequence[Simulation]) -> dict[str, Any]:
    """Return the coordinates of footprints along ``receptor``: the id, and when and where the air arrives."""
    receptors = [sim.receptor for sim in simulations]
    times = np.array([r.when.replace(tzinfo=None) for r in receptors], "datetime64[ns]")
    return {
        "receptor": [sim.sim for sim in simulations],
        "receptor_time": ("receptor", times),
        "receptor_lon": ("receptor", [middle_longitude(r.longitudes) for r in receptors]),
        "receptor_lat": ("receptor", [float(np.mean(r.latitudes)) for r in receptors]),
        "receptor_height": ("receptor", [float(np.mean(r.heights_m)) for r in receptors]),
    }


def _labels(receptors: Receptors, places: list[int]) -> dict[str, Any]:
    """Return the meteorology of simulations, what tells them apart besides, and the user's labels."""
    columns = receptors.label_columns(np.array(places), _OURS)
    mets = np.array(receptors.met_names)[receptors.apart(places)[0]]
    return {name: ("receptor", values) for name, values in {"met": mets, **columns}.items()}
