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

``foot`` is compressed without loss in chunks of whole layers of at most 4 MiB: 66 KB in place of R-STILT's
3.9 MB for a day on 200 x 200 cells. zlib, as zstd would save another 15 % but is not everywhere to be read.
Nothing in a file changes when it is written again.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from stilt.footprint.grid import crs_attributes, length_unit
from stilt.footprint.labels import LABELS, LONG_NAME, UNITS
from stilt.foundations.announced import check_announced
from stilt.foundations.errors import DamagedError
from stilt.foundations.inside import opened

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr
    from netCDF4 import Dataset, Variable
    from numpy.typing import NDArray

    from stilt.foundations.simulation import Receptor

CONVENTIONS = "CF-1.8"
CHUNK_BYTES = 4 * 2**20
COMPRESSION_LEVEL: Literal[4] = 4
FILL = -1.0
_BLOCK_BYTES = 2**16
_VALUE_BYTES = 8
_TYPES: dict[type, Any] = {str: str, int: "i8", float: "f8"}
_TAKEN = frozenset({"foot", "time", "lat", "lon", "y", "x", "projection"})
SECONDS = "seconds since 1970-01-01 00:00:00Z"

UNREADABLE = (OSError, RuntimeError, LookupError, AttributeError, ValueError)
"""What the libraries raise for a damaged file."""


class Cells(Protocol):
    """The cells of a grid, as much of ``stilt.footprint.grid.Geometry`` as a file needs."""

    @property
    def projection(self) -> str:
        """PROJ text or authority code."""

    @property
    def is_longlat(self) -> bool:
        """Whether x and y are degrees."""

    @property
    def x(self) -> NDArray[np.float64]:
        """Cell centres from left to right."""

    @property
    def y(self) -> NDArray[np.float64]:
        """Cell centres from bottom to top."""


class Layers(Protocol):
    """The content of a footprint, as ``stilt.footprint.calc.Footprint`` has it."""

    @property
    def values(self) -> NDArray[np.float32]:
        """Layer, y, x."""

    @property
    def geometry(self) -> Cells:
        """The grid."""

    @property
    def times(self) -> NDArray[np.datetime64]:
        """The start of each layer."""

    @property
    def is_integrated(self) -> bool:
        """Whether the one layer is the sum over all hours."""


def write_footprint(
    path: Path, footprint: Layers, receptor: Receptor, sim: str, provenance: dict[str, str]
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

    Raises
    ------
    OSError
        As the filesystem gave it.
    """
    from netCDF4 import Dataset

    try:
        with Dataset(path, "w", format="NETCDF4") as file:
            _fill(file, footprint, receptor, sim, provenance)
    except (RuntimeError, PermissionError):
        # "NetCDF: HDF error", or "Permission denied" for a new file, is all that a full disk, or one without
        # locks, is to the library. Its handle may be open still and write more: not into the file that takes
        # this one's place.
        path.unlink(missing_ok=True)
        path.write_bytes(footprint_bytes(footprint, receptor, sim, provenance))


def footprint_bytes(
    footprint: Layers, receptor: Receptor, sim: str, provenance: dict[str, str]
) -> bytes:
    """Return a footprint as the bytes of a file; the library pads them otherwise than on disk."""
    from netCDF4 import Dataset

    file = Dataset("in memory", "w", format="NETCDF4", memory=_BLOCK_BYTES)
    _fill(file, footprint, receptor, sim, provenance)
    return bytes(file.close())


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
    values = sum(math.prod(variable.shape) for variable in file.variables.values())
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
    )


def _fill(
    file: Dataset, footprint: Layers, receptor: Receptor, sim: str, provenance: dict[str, str]
) -> None:
    geometry = footprint.geometry
    file.setncatts(_global_attributes(geometry, receptor, sim, provenance))
    _write_receptor(file, receptor, sim)
    _write_times(file, footprint)
    names = _write_grid(file, geometry)
    labels = _write_labels(file, provenance)
    foot = _foot_variable(file, footprint, names, labels)
    foot[0] = footprint.values


def _global_attributes(
    geometry: Cells, receptor: Receptor, sim: str, provenance: dict[str, str]
) -> dict[str, Any]:
    return {
        "Conventions": CONVENTIONS,
        "title": "STILT Footprint",
        "simulation_id": sim,
        "crs": geometry.projection,
        "crs_format": "PROJ.4" if "+proj=" in geometry.projection else "authority code",
        "receptor_longitudes": list(receptor.longitudes),
        "receptor_latitudes": list(receptor.latitudes),
        "receptor_heights_m": list(receptor.heights_m),
        "receptor_height_reference": receptor.reference,
        **provenance,
    }


def _write_receptor(file: Dataset, receptor: Receptor, sim: str) -> None:
    file.createDimension("receptor", 1)
    names = file.createVariable("receptor", str, ("receptor",))
    names.setncatts({"long_name": "simulation id"})
    names[0] = sim
    attributes = {
        "receptor_time": (
            receptor.when.timestamp(),
            {"units": SECONDS, "calendar": "standard", "long_name": "utc time of arrival"},
        ),
        "receptor_lon": (
            middle_longitude(receptor.longitudes),
            {"units": "degrees_east", "long_name": "longitude of the receptor"},
        ),
        "receptor_lat": (
            float(np.mean(receptor.latitudes)),
            {"units": "degrees_north", "long_name": "latitude of the receptor"},
        ),
        "receptor_height": (
            float(np.mean(receptor.heights_m)),
            {"units": "m", "long_name": f"mean release height, m {receptor.reference}"},
        ),
    }
    for name, (value, attrs) in attributes.items():
        variable = file.createVariable(name, "f8", ("receptor",))
        variable.setncatts(attrs)
        variable[0] = value


def _write_labels(file: Dataset, provenance: dict[str, str]) -> list[str]:
    """Write the labels that can be names of variables as coordinates of the receptor; return their names.

    All of them are in the attribute ``labels``.
    """
    written = []
    for label, value in json.loads(provenance.get(LABELS, "{}")).items():
        name = f"{label}_label" if label in file.variables or label in _TAKEN else label
        if name.isidentifier() and name not in file.variables:
            variable = file.createVariable(name, _TYPES.get(type(value), "f8"), ("receptor",))
            variable[0] = np.nan if value is None else value
            written.append(name)
    return written


def middle_longitude(longitudes: tuple[float, ...]) -> float:
    """Return the mean of longitudes near each other, also across the antimeridian."""
    first = longitudes[0]
    apart = [(longitude - first + 180.0) % 360.0 - 180.0 for longitude in longitudes]
    return first + float(np.mean(apart))


def _write_times(file: Dataset, footprint: Layers) -> None:
    file.createDimension("time", len(footprint.times))
    time = file.createVariable("time", "f8", ("time",))
    time.setncatts(
        {
            "units": SECONDS,
            "standard_name": "time",
            "long_name": "utc time",
            "calendar": "standard",
            "comment": "that of the receptor: one layer, the sum of all hours"
            if footprint.is_integrated
            else "start of each layer",
        }
    )
    time[:] = footprint.times.astype("datetime64[s]").astype(np.float64)


def _write_grid(file: Dataset, geometry: Cells) -> tuple[str, str]:
    if geometry.is_longlat:
        described = {
            "lat": (geometry.y, "degrees_north", "latitude", "latitude at cell center"),
            "lon": (geometry.x, "degrees_east", "longitude", "longitude at cell center"),
        }
    else:
        unit = length_unit(geometry.projection)
        described = {
            name: (
                centres,
                unit,
                f"projection_{name}_coordinate",
                f"{name} coordinate of projection",
            )
            for name, centres in (("y", geometry.y), ("x", geometry.x))
        }
        _write_projection(file, geometry)
    for name, (centres, units, standard_name, long_name) in described.items():
        file.createDimension(name, len(centres))
        variable = file.createVariable(name, "f8", (name,))
        variable.setncatts({"units": units, "standard_name": standard_name, "long_name": long_name})
        variable[:] = centres
    y, x = described
    return y, x


def _write_projection(file: Dataset, geometry: Cells) -> None:
    file.createVariable("projection", "i4", ()).setncatts(crs_attributes(geometry.projection))


def _foot_variable(
    file: Dataset, footprint: Layers, names: tuple[str, str], labels: list[str]
) -> Variable[Any]:
    layers, ny, nx = footprint.values.shape
    per_chunk = max(1, min(layers, CHUNK_BYTES // (4 * ny * nx)))
    foot: Variable[Any] = file.createVariable(
        "foot",
        "f4",
        ("receptor", "time", *names),
        zlib=True,
        complevel=COMPRESSION_LEVEL,
        shuffle=True,
        chunksizes=(1, per_chunk, ny, nx),
        fill_value=FILL,
    )
    attributes = {
        "units": UNITS,
        "standard_name": "footprint",
        "long_name": LONG_NAME,
        "cell_methods": "time: sum" if footprint.is_integrated else "time: sum (interval: 1 hour)",
        "coordinates": " ".join(
            ["receptor_time receptor_lon receptor_lat receptor_height", *labels]
        ),
    }
    if not footprint.geometry.is_longlat:
        attributes["grid_mapping"] = "projection"
    foot.setncatts(attributes)
    return foot
