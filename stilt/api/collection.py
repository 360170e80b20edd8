"""The footprints of many receptors as one array that is read where it is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from stilt.api.accessor import register_accessor
from stilt.footprint.content import middle_longitude
from stilt.footprint.grid import RESOLUTION, geometry_of
from stilt.footprint.labels import attributes_of, axes
from stilt.footprint.netcdf import UNREADABLE, check_values, damaged
from stilt.footprint.sparse import Axis, Entries, read_entries
from stilt.foundations.errors import DamagedError, InputError
from stilt.foundations.inside import opened
from stilt.outputs.shelf import Found
from stilt.outputs.store import RELEASE_RULE, Own, Store, receptor_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from stilt.archive.footprints import Cellwise
    from stilt.config.schema import Config, FootprintGrid
    from stilt.footprint.grid import Geometry
    from stilt.foundations.paths import Layout
    from stilt.foundations.simulation import Simulation
    from stilt.log.fold import State
    from stilt.receptors.sequence import Receptors

SECONDS_PER_HOUR = 3600
_OURS = (
    *("receptor", "hour", "lat", "lon", "y", "x", "foot", "flux"),
    *("receptor_time", "receptor_lon", "receptor_lat", "receptor_height"),
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

    @property
    def count(self) -> int:
        """How many receptors there are."""
        return len(self.paths)

    @property
    def shape(self) -> tuple[int, int, int]:
        """How many hours, rows and columns one receptor has."""
        return len(self.hours), self.geometry.ny, self.geometry.nx

    def read(self, place: int) -> NDArray[np.float32]:
        """Return all layers of one receptor: (hour, y, x), zero where the file has none."""
        values = np.zeros(self.shape, np.float32)
        hour, cell, found = self.cells(place)
        if self.integrated:
            np.add.at(values.reshape(-1), cell, found)
        else:
            values.reshape(len(self.hours), -1)[hour, cell] = found
        return values

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

    def cells(self, place: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
        """Return what is not zero of one receptor, hour by hour: which hour, which cell (row by row), and its value."""
        path = self.paths[place]
        if path is None:
            none = np.empty(0, np.intp)
            return none, none, np.empty(0, np.float32)
        # what was archived since is not in the list of archives that is known
        found = self.store.find(path) or Store(self.store.layout).find(path)
        read = (
            _of_file(path)
            if found is None or isinstance(found, Own)
            else _of_archived(found.cells())
        )
        return self._checked(place, read, found.where if found else path)

    def cells_of(
        self, first: int, last: int
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]]:
        """Yield the ``cells`` of the receptors from one place to another; those of an archive are read together."""
        archived = self._archived(range(first, last))
        for place in range(first, last):
            found = archived.get(place)
            if found is None:
                yield self.cells(place)
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

    def _checked(
        self, place: int, read: _Read, where: Path
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
        """Return hours and cells of what was read, if it is of this receptor, and on this grid.

        Cells as large elsewhere would be taken for it.
        """
        found, own = read.entries, self.geometry
        if read.receptor and read.receptor != self.receptors[place]:
            raise DamagedError(
                f"{where} is of another receptor than the log says",
                "stilt run makes it again",
                code="RESULT_OF_ANOTHER",
            )
        hours = np.rint(found.starts / SECONDS_PER_HOUR).astype(np.int64)
        if self.integrated:
            hours = np.zeros_like(hours)
        numbers = hours - self.hours[0]
        known = (numbers >= 0) & (numbers < len(self.hours))
        is_here = read.projection == own.projection and all(
            axis.is_near(Axis.of(centres), size)
            for axis, centres, size in ((found.x, own.x, own.xres), (found.y, own.y, own.yres))
        )
        if not is_here or not (known.all() or known[found.layer].all()):
            raise InputError(
                f"{self.paths[place]} was made with other settings than config.yaml has now",
                "stilt run makes what is stale anew",
                code="RESULT_STALE",
            )
        hour = numbers[found.layer]
        if np.any(hour[1:] < hour[:-1]):  # no order that stilt writes
            order = np.argsort(hour, kind="stable")
            return hour[order], found.cell[order], found.values[order]
        return hour, found.cell, found.values


class _Read(NamedTuple):
    """What was read of one receptor, and what it says that it is of."""

    entries: Entries
    projection: str
    receptor: str


def _of_file(path: Path) -> _Read:
    from netCDF4 import Dataset

    try:
        with opened(path) as place, Dataset(place) as file:
            check_values(path, file, place)
            said = {key: str(getattr(file, key, "")) for key in ("receptor", RELEASE_RULE)}
            return _Read(read_entries(file), file.crs, receptor_digest(said))
    except UNREADABLE as error:
        raise damaged(path, error) from error


def _of_archived(cells: Cellwise) -> _Read:
    about, grid, (layer, y, x), values = cells
    entries = Entries(
        layer,
        y.astype(np.intp) * len(grid.x) + x,
        values,
        np.array(about.times) - about.receptor.when.timestamp(),
        Axis(grid.x[0], grid.x[-1], len(grid.x)),
        Axis(grid.y[0], grid.y[-1], len(grid.y)),
    )
    return _Read(entries, grid.projection, receptor_digest(about.provenance))


class Files(Protocol):
    """Footprints that are read one by one."""

    @property
    def count(self) -> int:
        """How many receptors there are."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """How many hours, rows and columns one receptor has."""

    def read(self, place: int) -> NDArray[np.float32]:
        """Return all layers of one receptor."""


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
            one: NDArray[np.float32] = _outer(self.files.read(int(which)), rest)
            return one
        places = np.arange(self.shape[0])[which]
        parts = [_outer(self.files.read(int(place)), rest) for place in places]
        shape = _outer(np.empty(self.shape[1:], np.bool_), rest).shape
        return np.stack(parts) if parts else np.empty((0, *shape), np.float32)


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
    placed = [
        (place, simulation)
        for place, simulation in enumerate(project.receptors)
        if (known := state.find(simulation.sim)) is not None
        and known.is_done
        and state.may_be_of(known, simulation.receptor)
    ]
    if not placed:
        raise InputError(
            f"{project.path} has no complete simulation",
            "stilt run runs what is left",
            code="NO_RESULTS",
        )
    places, simulations = (list(each) for each in zip(*placed, strict=True))
    files = FootprintFiles(
        paths=tuple(_path(project.layout, name, sim, state) for sim in simulations),
        receptors=tuple(sim.receptor.digest for sim in simulations),
        store=Store(project.layout),
        hours=_hours(config, grid),
        geometry=geometry,
        integrated=grid.time_integrate,
    )
    y, x = axes(is_longlat=geometry.is_longlat)
    about = {} if geometry.is_longlat else {"crs": geometry.projection}
    hour = {"units": "h", "long_name": "start of the layer, from the receptor's time"}
    array = xr.DataArray(
        indexing.LazilyIndexedArray(LazyFootprints(files)),
        dims=("receptor", "hour", y, x),
        coords={
            "hour": ("hour", files.hours, hour),
            y: (y, geometry.y, about | {RESOLUTION: geometry.yres}),
            x: (x, geometry.x, about | {RESOLUTION: geometry.xres}),
            **about_receptors(simulations),
            **_labels(project.receptors, places),
        },
        name="foot",
        attrs=attributes_of(geometry.projection),
    )
    return files, array


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
    columns = receptors.label_columns(np.array(places), _OURS)
    return {name: ("receptor", values) for name, values in columns.items()}


def _hours(config: Config, grid: FootprintGrid) -> NDArray[np.int64]:
    if grid.time_integrate:
        return np.zeros(1, np.int64)
    if config.n_hours < 0:
        return np.arange(config.n_hours, 0)
    return np.arange(
        config.n_hours + 1
    )  # forward, the last minute of a run begins an hour of its own
