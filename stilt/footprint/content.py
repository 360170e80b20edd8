"""What a footprint file holds: variables and attributes, by the conventions CF-1.8 and ACDD-1.3.

``FORM`` is the version of all this. Files that were archived are written again as the form they had: 1 has no bounds,
and ``foot`` in chunks of whole layers; 2 has a group ``sparse`` where 3 has its values that are not zero behind the end
of the file (``stilt.footprint.tail``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from stilt.footprint.grid import crs_attributes, length_unit, named_crs
from stilt.footprint.labels import LABELS, LONG_NAME, UNITS
from stilt.footprint.sparse import Axis, write_entries

if TYPE_CHECKING:
    from netCDF4 import Dataset, Variable
    from numpy.typing import NDArray

    from stilt.foundations.simulation import Receptor

FORM = 3
FORM_NAME = "footprint_format"
CONVENTIONS = {1: "CF-1.8", 2: "CF-1.8, ACDD-1.3", 3: "CF-1.8, ACDD-1.3"}
CHUNK_BYTES = {1: 4 * 2**20, 2: 2**18, 3: 2**18}
WITH_TAIL = 3
TILE_CELLS = 50
COMPRESSION_LEVEL: Literal[4] = 4
FILL = -1.0
SECONDS = "seconds since 1970-01-01 00:00:00Z"
_LEAST_LONG = 2**31
_TYPES: dict[type, Any] = {str: str, int: "i8", float: "f8"}
_TAKEN = frozenset({"foot", "time", "lat", "lon", "y", "x", "projection"})
_BOUNDS = "_bnds"
_HEIGHTS = {"agl": "height", "asl": "altitude"}

WRITTEN_ANEW = frozenset(
    {
        "Conventions",
        "title",
        "simulation_id",
        "crs",
        "crs_format",
        "receptor_longitudes",
        "receptor_latitudes",
        "receptor_heights_m",
        "receptor_height_reference",
        FORM_NAME,
        "history",
        "source",
        "coordinates",
    }
)
"""Global attributes that follow from the rest."""


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


def fill(
    file: Dataset,
    footprint: Layers,
    receptor: Receptor,
    sim: str,
    provenance: dict[str, str],
    *,
    form: int,
) -> None:
    """Write a footprint into a new file; see ``stilt.footprint.netcdf.write_footprint``."""
    geometry = footprint.geometry
    file.setncatts(_global_attributes(geometry, receptor, sim, provenance))
    _write_receptor(file, receptor, sim)
    _write_times(file, footprint)
    names = _write_grid(file, geometry, form)
    labels = _write_labels(file, provenance, form)
    foot = _foot_variable(file, footprint, names, labels, form)
    if form == 1:
        foot[0] = footprint.values
        return
    file.setncatts(_about_file(provenance, form))
    _name_axes(file, names, receptor, is_longlat=geometry.is_longlat)
    _write_bounds(file, names)
    is_touched = footprint.values != 0.0
    _write_tiles(foot, footprint.values, is_touched)
    if form >= WITH_TAIL:
        return
    starts = _seconds(footprint.times) - receptor.when.timestamp()
    axes = Axis.of(geometry.x), Axis.of(geometry.y)
    write_entries(file, footprint.values, is_touched, starts, axes)


def _about_file(provenance: dict[str, str], form: int) -> dict[str, Any]:
    """Return what a file says of how it came to be; nothing that differs from one rerun to the next."""
    said = {name: provenance.get(name, "") for name in ("stilt_version", "model", "model_version")}
    program = f"stilt {said['stilt_version']}".strip()
    model = f"{said['model']} {said['model_version']}".strip() or "a particle model"
    return {
        "Conventions": CONVENTIONS[form],
        FORM_NAME: form,
        "history": f"{program}: particles by {model}, and the footprint of them",
        "source": f"backward Lagrangian particle dispersion by {model}",
    }


def _name_axes(
    file: Dataset, cells: tuple[str, str], receptor: Receptor, *, is_longlat: bool
) -> None:
    """Say what is which axis, by CF's names; of latitudes and longitudes a grid's own are to be the only ones."""
    for name, axis in zip(("time", *cells), "TYX", strict=True):
        file[name].axis = axis
    file["receptor_time"].standard_name = "time"
    height = {"standard_name": _HEIGHTS[receptor.reference], "positive": "up"}
    file["receptor_height"].setncatts(height)
    if not is_longlat:
        file["receptor_lon"].standard_name = "longitude"
        file["receptor_lat"].standard_name = "latitude"


def _write_tiles(
    foot: Variable[Any], values: NDArray[np.float32], is_touched: NDArray[np.bool_]
) -> None:
    """Write the tiles in which something is not zero."""
    sizes = tuple(map(int, foot.chunking()[1:]))
    corners = np.ndindex(
        *(-(-length // size) for length, size in zip(values.shape, sizes, strict=True))
    )
    for corner in corners:
        tile = tuple(
            slice(number * size, (number + 1) * size)
            for number, size in zip(corner, sizes, strict=True)
        )
        if is_touched[tile].any():
            foot[0, *tile] = values[tile]


def _write_bounds(file: Dataset, cells: tuple[str, str]) -> None:
    """Write where cells begin and end, where there are two of them at least to tell how large they are.

    Layers have none: xarray could not put files of several times beside each other without a word.
    """
    file.createDimension("nv", 2)
    edges = {name: _edges(file[name][:]) for name in cells if file.dimensions[name].size > 1}
    for name, values in edges.items():
        file[name].bounds = f"{name}{_BOUNDS}"
        file.createVariable(f"{name}{_BOUNDS}", "f8", (name, "nv"))[:] = values
    # xarray takes them for data otherwise, and puts them beside each other when it opens many files
    file.coordinates = " ".join(["projection", *(f"{name}{_BOUNDS}" for name in edges)])


def _edges(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    half = 0.5 * (centres[-1] - centres[0]) / (len(centres) - 1)
    return np.stack([centres - half, centres + half], axis=1)


def _global_attributes(
    geometry: Cells, receptor: Receptor, sim: str, provenance: dict[str, str]
) -> dict[str, Any]:
    return {
        "Conventions": CONVENTIONS[1],
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


def _write_labels(file: Dataset, provenance: dict[str, str], form: int) -> list[str]:
    """Write the labels that can be names of variables as coordinates of the receptor; return their names.

    All of them are in the attribute ``labels``.
    """
    written = []
    for label, value in json.loads(provenance.get(LABELS, "{}")).items():
        name = f"{label}_label" if label in file.variables or label in _TAKEN else label
        if name.isidentifier() and name not in file.variables:
            variable = file.createVariable(name, _type_of(value, form), ("receptor",))
            if form > 1:
                variable.long_name = f"{label}, as receptors.csv has it"
            variable[0] = np.nan if value is None else value
            written.append(name)
    return written


def _type_of(value: object, form: int) -> Any:
    """Return what a label is stored as; CF-1.8 has no whole numbers of 64 bits."""
    if form > 1 and isinstance(value, int):
        return "i4" if abs(value) < _LEAST_LONG else "f8"
    return _TYPES.get(type(value), "f8")


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
    time[:] = _seconds(footprint.times)


def _seconds(times: NDArray[np.datetime64]) -> NDArray[np.float64]:
    return times.astype("datetime64[s]").astype(np.float64)


def _write_grid(file: Dataset, geometry: Cells, form: int) -> tuple[str, str]:
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
    if form > 1 or not geometry.is_longlat:
        _write_projection(file, geometry)
    for name, (centres, units, standard_name, long_name) in described.items():
        file.createDimension(name, len(centres))
        variable = file.createVariable(name, "f8", (name,))
        variable.setncatts({"units": units, "standard_name": standard_name, "long_name": long_name})
        variable[:] = centres
    y, x = described
    return y, x


def _write_projection(file: Dataset, geometry: Cells) -> None:
    file.createVariable("projection", "i4", ()).setncatts(
        crs_attributes(named_crs(geometry.projection))
    )


def _foot_variable(
    file: Dataset, footprint: Layers, names: tuple[str, str], labels: list[str], form: int
) -> Variable[Any]:
    layers, *cells = footprint.values.shape
    ny, nx = cells if form == 1 else (min(size, TILE_CELLS) for size in cells)
    per_chunk = max(1, min(layers, CHUNK_BYTES[form] // (4 * ny * nx)))
    foot: Variable[Any] = file.createVariable(
        "foot",
        "f4",
        ("receptor", "time", *names),
        zlib=True,
        complevel=COMPRESSION_LEVEL,
        shuffle=True,
        chunksizes=(1, per_chunk, ny, nx),
        fill_value=FILL if form == 1 else 0.0,
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
    if form > 1:
        foot.delncattr("_FillValue")  # what is not stored is zero, not missing
        del attributes["standard_name"]  # which is in no table
    if form > 1 or not footprint.geometry.is_longlat:
        attributes["grid_mapping"] = "projection"
    foot.setncatts(attributes)
    return foot
