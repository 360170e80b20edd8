"""Results of R-STILT, X-STILT and PYSTILT, read-only: footprints and particles as those of a project.

No project is made of them, and no command counts them.
"""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from xarray.core import indexing

from stilt.api.collection import SECONDS_PER_HOUR, LazyFootprints, about_receptors
from stilt.config.schema import FootprintGrid
from stilt.footprint.grid import PLAIN_DEGREES, outer_edges, to_degrees
from stilt.footprint.labels import attributes_of
from stilt.footprint.netcdf import UNREADABLE, check_values
from stilt.footprint.sparse import Axis
from stilt.foundations.errors import DamagedError, EnvironmentFailure, InputError
from stilt.foundations.inside import opened
from stilt.foundations.simulation import Receptor, Simulation

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    import pandas as pd
    from matplotlib.figure import Figure
    from netCDF4 import Dataset
    from numpy.typing import NDArray

    from stilt.api.jacobian import Jacobian
    from stilt.matrix.targets import Target

_ID = re.compile(r"(?:^|_)(\d{12})_(-?[\d.]+)_(-?[\d.]+)_(-?[\d.]+|X)(?=_|$)")
_FOOT = re.compile(r"(.+?)_?foot(?:print)?\.nc")
_PARTICLES = ("*traj*.parquet", "*traj*.rds", "*particle*.parquet")


@dataclass(frozen=True, slots=True)
class _Content:
    """What a footprint file says of itself.

    Attributes
    ----------
    starts
        Where layers begin, seconds since 1970.
    """

    starts: NDArray[np.float64]
    axes: tuple[str, str]
    y: NDArray[np.float64]
    x: NDArray[np.float64]
    projection: str
    receptor: Receptor | None

    @property
    def cell_size(self) -> tuple[float, float]:
        """How far apart cell centres are along y and x; one alone is a unit wide."""
        y, x = (float(np.diff(outer_edges(each))[0]) / len(each) for each in (self.y, self.x))
        return y, x


@dataclass(frozen=True)
class Result:
    """One simulation of another tool; it is drawn, and gives its footprint and particles, as a project's does."""

    id: str
    path: Path
    receptor: Receptor

    @cached_property
    def content(self) -> _Content:
        """What its file says of itself."""
        return _content_of(self.path)

    @property
    def hours(self) -> NDArray[np.int64]:
        """Where layers begin, in hours from the receptor's time."""
        since = self.content.starts - self.receptor.when.timestamp()
        return np.floor(since / SECONDS_PER_HOUR + 1e-6).astype(np.int64)

    @property
    def grids(self) -> dict[str, FootprintGrid]:
        """The grid of its footprint."""
        own = self.content
        (south, north), (west, east) = outer_edges(own.y), outer_edges(own.x)
        size = own.cell_size[::-1]
        if own.axes[0] != "lat":
            lon, lat = to_degrees(own.projection, np.array([west, east]), np.array([south, north]))
            (west, east), (south, north) = map(float, lon), map(float, lat)
        return {"default": FootprintGrid(west, east, south, north, *size, own.projection)}

    def has_footprint(self, name: str | None = None) -> bool:  # noqa: ARG002 - there is one at most
        """Return whether there is a footprint."""
        return True

    def footprint(self, name: str | None = None) -> xr.DataArray:  # noqa: ARG002
        """Return the footprint, ppm per (umol m-2 s-1): (time, lat, lon) or (time, y, x)."""
        own = self.content
        starts = (own.starts * 1e9).astype(np.int64).astype("datetime64[ns]")
        coords: dict[str, Any] = {
            "time": starts,
            own.axes[0]: own.y,
            own.axes[1]: own.x,
            **{name: values[1][0] for name, values in self._about().items() if name != "receptor"},
        }
        return xr.DataArray(
            read_values(self.path),
            dims=("time", *own.axes),
            coords=coords,
            name="foot",
            attrs=attributes_of(own.projection),
        )

    def _about(self) -> dict[str, Any]:
        return {
            name: (["receptor"], values) if name == "receptor" else values
            for name, values in about_receptors([Simulation(self.id, "", self.receptor)]).items()
        }

    def particles(self, *, error: bool = False) -> pd.DataFrame:  # noqa: ARG002
        """Return the particles: a row for each and each minute.

        Raises
        ------
        InputError
            If there are none beside the footprint.
        EnvironmentFailure
            If R's files can't be read for want of rdata.
        """
        import pandas as pd

        found = [path for kind in _PARTICLES for path in sorted(self.path.parent.glob(kind))]
        if not found:
            raise InputError(
                f"{self.id} has no particles beside {self.path}",
                f"they are looked for as {', '.join(_PARTICLES)}",
                code="RESULT_ABSENT",
            )
        if found[0].suffix == ".parquet":
            return pd.read_parquet(found[0])
        return _particles_of_r(found[0])

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw footprint and particles; ``path`` is where to save the picture, if anywhere."""
        from stilt.plot import draw

        drawn = draw(self)
        if path is not None:
            drawn.savefig(path)
        return drawn


class Results:
    """Simulations of another tool, in the order of their ids.

    Attributes
    ----------
    path
        The folder.
    """

    def __init__(self, path: Path, results: dict[str, Result]) -> None:
        self.path = path
        self._results = results

    def __repr__(self) -> str:
        return f"Results({str(self.path)!r}: {len(self)} simulations)"

    def __len__(self) -> int:
        return len(self._results)

    def __iter__(self) -> Iterator[Result]:
        yield from self._results.values()

    def __getitem__(self, sim: str | int) -> Result:
        """Return one simulation, by its id or its place.

        Raises
        ------
        InputError
            If there is none of that id.
        """
        if isinstance(sim, int):
            return list(self._results.values())[sim]
        if sim not in self._results:
            raise InputError(
                f"{self.path}: no simulation {sim!r}",
                "`.ids` has them all",
                code="SIMULATION_UNKNOWN",
            )
        return self._results[sim]

    @property
    def ids(self) -> list[str]:
        """The ids of all simulations."""
        return list(self._results)

    def footprints(self) -> xr.DataArray:
        """Return all footprints as one array (receptor, hour, lat, lon), read where it is used, as a project's.

        Raises
        ------
        InputError
            If they are not on one grid.
        """
        results = list(self)
        first = results[0].content
        _check_grids(results)
        all_hours = [each.hours for each in results]
        hours = np.arange(min(map(np.min, all_hours)), max(map(np.max, all_hours)) + 1)
        files = _Files(results, hours)
        about = {"units": "h", "long_name": "start of the layer, from the receptor's time"}
        return xr.DataArray(
            indexing.LazilyIndexedArray(LazyFootprints(files)),
            dims=("receptor", "hour", *first.axes),
            coords={
                "hour": ("hour", hours, about),
                first.axes[0]: first.y,
                first.axes[1]: first.x,
                **about_receptors([Simulation(each.id, "", each.receptor) for each in results]),
            },
            name="foot",
            attrs=attributes_of(first.projection),
        )

    def jacobian(self, target: Target = None, bins: str = "run", **options: Any) -> Jacobian:
        """Return the matrix of all simulations against bins of time and surface elements; see ``stilt.jacobian``."""
        from stilt.api.jacobian import jacobian

        return jacobian(self.footprints(), target, bins, **options)

    def endpoints(self) -> pd.DataFrame:
        """Return where particles end, a row each, as ``Project.endpoints`` does, for ``background``.

        Those whose last row is the simulation's last have ``ended`` with it (``end``), others have ``left`` the
        meteorology, through which side is not known.

        Raises
        ------
        InputError
            If particles of one are not there.
        """
        from stilt.api.endpoints import endpoints_of_particles

        return endpoints_of_particles(self)

    def particles(self) -> pd.DataFrame:
        """Return the particles of all simulations in one frame, with their id in the column ``sim``."""
        import pandas as pd

        return pd.concat([each.particles().assign(sim=each.id) for each in self], ignore_index=True)


@dataclass(frozen=True, slots=True)
class _Files:
    """The files as an array takes them that is read where it is used."""

    results: list[Result]
    hours: NDArray[np.int64]

    @property
    def count(self) -> int:
        return len(self.results)

    @property
    def shape(self) -> tuple[int, int, int]:
        first = self.results[0].content
        return len(self.hours), len(first.y), len(first.x)

    def fill(self, place: int, values: NDArray[np.float32]) -> None:
        result = self.results[place]
        np.add.at(values, result.hours - self.hours[0], read_values(result.path))


def open_results(folder: str | os.PathLike[str]) -> Results:
    """Return what another tool computed: R-STILT's, X-STILT's or PYSTILT's ``by-id`` folder, or one that holds it.

    Footprints are NetCDF files ``..._foot.nc``, each in a folder or under a name that is the simulation id. Particles,
    where they are beside them, are ``..._traj.rds`` (needs ``stilt-hpc[rds]``) or ``..._traj.parquet``. Nothing is
    written.

    Raises
    ------
    InputError
        If there are none, or one says neither by its name nor in itself of which receptor it is.
    DamagedError
        If a footprint that needs to be read for that can't be.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(
            f"{root} is no folder", "name the folder that holds by-id", code="BY_ID_UNREADABLE"
        )
    results: dict[str, Result] = {}
    for path in sorted(root.rglob("*foot*.nc")):
        sim = _id_of(path)
        if sim in results:
            raise InputError(
                f"{path} and {results[sim].path} are both of {sim}",
                "name a folder with one of them",
                code="BY_ID_UNREADABLE",
            )
        results[sim] = Result(sim, path, _receptor_of(path))
    if not results:
        raise InputError(
            f"{root} has no footprints",
            "they are NetCDF files whose names end in _foot.nc",
            code="BY_ID_UNREADABLE",
        )
    return Results(root, results)


def _id_of(path: Path) -> str:
    """Return the folder that has the name of an id, else what a file is called before ``foot``."""
    if _ID.search(path.parent.name):
        return path.parent.name
    named = _FOOT.fullmatch(path.name)
    return named[1] if named else path.stem


def _receptor_of(path: Path) -> Receptor:
    for name in (path.name.removesuffix(".nc"), path.parent.name):
        found = _ID.search(name)
        if found:
            time, longitude, latitude, height = found.groups()
            # X stands for several heights, which such a name does not say
            above = float("nan") if height == "X" else float(height)
            return Receptor(time, (float(longitude),), (float(latitude),), (above,))
    said = _content_of(path).receptor
    if said is None:
        raise InputError(
            f"{path} says neither by its name nor in itself of which receptor it is",
            "name its folder YYYYMMDDHHMM_longitude_latitude_height, as R-STILT does",
            code="BY_ID_UNREADABLE",
        )
    return said


def _content_of(path: Path) -> _Content:
    from netCDF4 import Dataset

    try:
        with opened(path) as place, Dataset(place) as file:
            check_values(path, file, place)
            return _content(file)
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def _content(file: Dataset) -> _Content:
    from netCDF4 import num2date

    time = file["time"]
    axes = ("lat", "lon") if "lat" in file.variables else ("y", "x")
    calendar = getattr(time, "calendar", "standard")
    dates: Any = num2date(np.atleast_1d(time[:]).astype(float), time.units, calendar)
    epoch: Any = num2date(np.zeros(1), "seconds since 1970-01-01", calendar)
    y, x = (np.asarray(file[name][:], np.float64) for name in axes)
    said = {name: file.getncattr(name) for name in file.ncattrs()}
    return _Content(
        starts=np.array([(each - epoch[0]).total_seconds() for each in dates]),
        axes=axes,
        y=y,
        x=x,
        projection=str(said.get("crs") or said.get("projection") or PLAIN_DEGREES),
        receptor=_receptor_in(said.get("receptor")),
    )


def _receptor_in(text: Any) -> Receptor | None:
    """Return the receptor that PYSTILT's files name, if it is one point."""
    try:
        said = json.loads(text)
        when = np.datetime64(said["time"]).astype("datetime64[m]")
        longitude, latitude, height = (
            (float(said[name]),) for name in ("longitude", "latitude", "altitude")
        )
        is_asl = said.get("altitude_ref") in {"asl", "msl"}
        time = re.sub(r"\D", "", str(when))
        return Receptor(time, longitude, latitude, height, "asl" if is_asl else "agl")
    except (TypeError, ValueError, LookupError):
        return None


def read_values(path: Path) -> NDArray[np.float32]:
    """Return the values of a footprint file of another tool: (layer, y, x); what is missing is zero.

    Raises
    ------
    DamagedError
        If it can't be read.
    """
    from netCDF4 import Dataset

    try:
        with opened(path) as place, Dataset(place) as file:
            check_values(path, file, place)
            foot = file["foot"]
            values = np.ma.filled(foot[:].astype(np.float32), 0.0)
            names = tuple(foot.dimensions)
    except UNREADABLE as error:
        raise _unreadable(path, error) from error
    order = [name for name in ("receptor", "time", "lat", "y", "lon", "x") if name in names]
    arranged = np.transpose(values, [names.index(name) for name in order])
    return np.asarray(np.nan_to_num(arranged.reshape(arranged.shape[-3:]), nan=0.0))


def _unreadable(path: Path, error: Exception) -> DamagedError:
    return DamagedError(
        f"{path} can't be read as a footprint: {error}",
        "make or copy it again",
        code="FOOTPRINT_DAMAGED",
    )


def _check_grids(results: list[Result]) -> None:
    first = results[0].content
    for result in results[1:]:
        own = result.content
        pairs = zip((own.y, own.x), (first.y, first.x), first.cell_size, strict=True)
        is_near = all(Axis.of(one).is_near(Axis.of(other), abs(size)) for one, other, size in pairs)
        if not is_near or own.projection != first.projection:
            raise InputError(
                f"{result.path} is on another grid than {results[0].path}",
                "open folders of one grid, or take the footprints one by one",
                code="GRIDS_DIFFER",
            )


def _particles_of_r(path: Path) -> pd.DataFrame:
    """Return the particles of a ``_traj.rds``: a list whose ``particle`` is a data frame."""
    try:
        import rdata
    except ImportError:
        raise EnvironmentFailure(
            f"{path}: reading .rds files needs the package rdata",
            "pip install 'stilt-hpc[rds]'",
            code="PACKAGE_MISSING",
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of classes of R's that do not matter here
            found: Any = rdata.read_rds(path)
        particle = found["particle"] if isinstance(found, dict) else found
        frame: pd.DataFrame = particle.reset_index(drop=True)
    except Exception as error:
        raise DamagedError(
            f"{path} can't be read as particles: {error}",
            "make or copy it again",
            code="PARTICLES_DAMAGED",
        ) from error
    return frame
