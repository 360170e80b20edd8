"""The footprints of many receptors as one array that is read where it is used."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from stilt.api.accessor import register_accessor
from stilt.footprint.grid import geometry_of
from stilt.footprint.labels import attributes_of, axes
from stilt.footprint.netcdf import UNREADABLE, check_values, damaged, middle_longitude
from stilt.foundations.errors import DamagedError, InputError
from stilt.foundations.inside import opened
from stilt.outputs.store import RELEASE_RULE, Own, Store, receptor_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from stilt.archive.footprints import Grid
    from stilt.config.schema import Config, FootprintGrid
    from stilt.footprint.grid import Geometry
    from stilt.foundations.paths import Layout
    from stilt.foundations.simulation import Simulation
    from stilt.log.fold import State
    from stilt.outputs.shelf import Found
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
        """Return what is not zero of one receptor: which hour, which cell (row by row), and its value."""
        path = self.paths[place]
        if path is None:
            none = np.empty(0, np.intp)
            return none, none, np.empty(0, np.float32)
        # what was archived since is not in the list of archives that is known
        found = self.store.find(path) or Store(self.store.layout).find(path)
        read = (
            _layers_of_file(path)
            if found is None or isinstance(found, Own)
            else _layers_of_archived(found)
        )
        if read.receptor and read.receptor != self.receptors[place]:
            raise DamagedError(
                f"{found.where if found else path} is of another receptor than the log says",
                "stilt run makes it again",
            )
        hours = np.rint(read.starts / SECONDS_PER_HOUR).astype(np.int64)
        if self.integrated:
            hours = np.zeros_like(hours)
        known = np.isin(hours, self.hours)
        if not read.is_on(self.geometry) or not known[read.layer].all():
            raise InputError(
                f"{path} was made with other settings than config.yaml has now",
                "stilt run makes what is stale anew",
            )
        return (hours - self.hours[0])[read.layer], read.cell, read.values


@dataclass(frozen=True, slots=True)
class _Layers:
    """What is not zero of one receptor, where each layer begins in seconds from its time, and where the cells are."""

    layer: NDArray[np.intp]
    cell: NDArray[np.intp]
    values: NDArray[np.float32]
    starts: NDArray[np.float64]
    projection: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    receptor: str

    def is_on(self, geometry: Geometry) -> bool:
        """Tell whether the cells are those of the grid: one as large elsewhere would be taken for it."""
        return self.projection == geometry.projection and all(
            centres.shape == others.shape and np.allclose(centres, others, rtol=0, atol=1e-6 * size)
            for centres, others, size in (
                (self.x, geometry.x, geometry.xres),
                (self.y, geometry.y, geometry.yres),
            )
        )


def _layers_of_file(path: Path) -> _Layers:
    from netCDF4 import Dataset

    try:
        with opened(path) as place, Dataset(place) as file:
            check_values(path, file, place)
            file.set_auto_mask(False)
            starts = np.asarray(file["time"][:]) - float(file["receptor_time"][0])
            y, x = (np.asarray(file[name][:]) for name in file["foot"].dimensions[-2:])
            said = {key: str(getattr(file, key, "")) for key in ("receptor", RELEASE_RULE)}
            foot = np.asarray(file["foot"][0]).reshape(len(starts), -1)
            layer, cell = np.nonzero(foot)
            values = foot[layer, cell]
            return _Layers(layer, cell, values, starts, file.crs, x, y, receptor_digest(said))
    except UNREADABLE as error:
        raise damaged(path, error) from error


def _layers_of_archived(found: Found) -> _Layers:
    about, grid, (layer, y, x), values = found.cells()
    return _Layers(
        layer.astype(np.intp),
        y.astype(np.intp) * len(grid.x) + x,
        values,
        np.array(about.times) - about.receptor.when.timestamp(),
        grid.projection,
        *_centres(grid),
        receptor_digest(about.provenance),
    )


@lru_cache(maxsize=16)
def _centres(grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array(grid.x), np.array(grid.y)


class _LazyFootprints(BackendArray):  # type: ignore[misc, unused-ignore]
    """What xarray indexes before anything is read."""

    def __init__(self, files: FootprintFiles) -> None:
        self.files = files
        self.shape = (len(files.paths), *files.shape)
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
        and state.may_be_of(known, simulation.receptor.digest)
    ]
    if not placed:
        raise InputError(
            f"{project.path} has no complete simulation", "stilt run runs what is left"
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
        indexing.LazilyIndexedArray(_LazyFootprints(files)),
        dims=("receptor", "hour", y, x),
        coords={
            "hour": ("hour", files.hours, hour),
            y: (y, geometry.y, about),
            x: (x, geometry.x, about),
            **_about_receptors(simulations),
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


def _about_receptors(simulations: Sequence[Simulation]) -> dict[str, Any]:
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
