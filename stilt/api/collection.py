"""The footprints of many receptors as one array that is read where it is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from stilt.archive.shelf import Shelf
from stilt.footprint.grid import geometry_of
from stilt.footprint.netcdf import UNREADABLE, damaged, middle_longitude
from stilt.foundations.errors import InputError
from stilt.foundations.inside import check_below, opened
from stilt.log.index import OutputIndex

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from stilt.api.project import Project
    from stilt.archive.shelf import Found
    from stilt.config.schema import Config, FootprintGrid
    from stilt.footprint.grid import Geometry
    from stilt.foundations.paths import Layout
    from stilt.foundations.simulation import Simulation

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class FootprintFiles:
    """The files of one footprint product, one for each receptor; None where nothing touched the grid.

    Attributes
    ----------
    layout
        Where archives are, for those that have no file of their own any more.
    geometry
        The grid, which all must be on.
    hours
        The layers: where each begins, in hours from the receptor's time. One, 0, if integrated over time.
    """

    paths: tuple[Path | None, ...]
    layout: Layout
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
        path = self.paths[place]
        if path is None:
            return values
        check_below(self.layout.output, self.layout.relative(path))
        archived = None if path.exists() else Shelf(self.layout).find(path)
        read = _layers_of_file(path) if archived is None else _layers_of_archived(archived)
        foot, starts = read.foot, read.starts
        if self.integrated:
            foot, starts = foot.sum(axis=0, keepdims=True), np.zeros(1)
        hours = np.rint(starts / SECONDS_PER_HOUR).astype(np.int64)
        inside = np.isin(hours, self.hours)
        if not read.is_on(self.geometry) or foot[~inside].any():
            raise InputError(
                f"{path} was made with other settings than config.yaml has now",
                "stilt run makes what is stale anew",
            )
        values[hours[inside] - self.hours[0]] = foot[inside]
        return values


@dataclass(frozen=True, slots=True)
class _Layers:
    """The layers of one receptor, where each begins in seconds from its time, and where the cells are."""

    foot: NDArray[np.float32]
    starts: NDArray[np.float64]
    projection: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]

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
            file.set_auto_mask(False)
            starts = np.asarray(file["time"][:]) - float(file["receptor_time"][0])
            y, x = (np.asarray(file[name][:]) for name in file["foot"].dimensions[-2:])
            return _Layers(file["foot"][0], starts, file.crs, x, y)
    except UNREADABLE as error:
        raise damaged(path, error) from error


def _layers_of_archived(found: Found) -> _Layers:
    footprint = found.footprint()
    about, cells = footprint.about, footprint.geometry
    starts = np.array(about.times) - about.receptor.when.timestamp()
    return _Layers(footprint.values, starts, cells.projection, cells.x, cells.y)


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


def open_footprints(project: Project, name: str | None = None) -> xr.DataArray:
    """Return the footprints of all simulations that are complete, empty or stale, as (receptor, hour, lat, lon).

    ``hour`` is where a layer begins, in hours from the receptor's time (-24 to -1 for a day back). Projected grids
    have y and x. Nothing is read until values are used; with dask, ``.chunk(receptor=10)`` makes it a dask array.

    Raises
    ------
    InputError
        If there is no such footprint, or nothing is complete; when values are read, if one is on another grid.
    """
    config = project.config
    name = project.footprint_name(name)
    grid = config.footprints[name]
    geometry = geometry_of(grid)
    state = OutputIndex(project.layout.log_dir).fold()
    empty = {sim.sim for sim in state.having("empty")}
    done = empty | {sim.sim for sim in state.having("complete")}
    places = [place for place, sim in enumerate(project.receptors.ids()) if sim in done]
    if not places:
        raise InputError(
            f"{project.path} has no complete simulation", "stilt run runs what is left"
        )
    simulations = project.receptors.take(places)
    files = FootprintFiles(
        paths=tuple(
            None if sim.sim in empty else project.layout.footprint(name, sim) for sim in simulations
        ),
        layout=project.layout,
        hours=_hours(config, grid),
        geometry=geometry,
        integrated=grid.time_integrate,
    )
    y, x = ("lat", "lon") if geometry.is_longlat else ("y", "x")
    hour = {"units": "h", "long_name": "start of the layer, from the receptor's time"}
    return xr.DataArray(
        indexing.LazilyIndexedArray(_LazyFootprints(files)),
        dims=("receptor", "hour", y, x),
        coords={
            "hour": ("hour", files.hours, hour),
            y: geometry.y,
            x: geometry.x,
            **_about_receptors(simulations),
        },
        name="foot",
        attrs={
            "units": "ppm (umol-1 m2 s)",
            "long_name": "stilt surface influence footprint",
            "crs": geometry.projection,
        },
    )


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


def _hours(config: Config, grid: FootprintGrid) -> NDArray[np.int64]:
    if grid.time_integrate:
        return np.zeros(1, np.int64)
    if config.n_hours < 0:
        return np.arange(config.n_hours, 0)
    return np.arange(
        config.n_hours + 1
    )  # forward, the last minute of a run begins an hour of its own
