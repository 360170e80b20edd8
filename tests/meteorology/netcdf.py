"""The air of an ARL file as the Climate Data Store writes ERA5: the same numbers, other names, units and orders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import netCDF4
import numpy as np
from pyproj import CRS, Proj

from stilt.met.analysis import HYBRID, SIGMA
from stilt.transport.native.arl import AnalysisReader, read_index
from stilt.transport.native.projection import map_grid

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from stilt.met.analysis import Analysis, GridHeader

GRAVITY = 9.80665


@dataclass(frozen=True)
class Out:
    """A variable: what it is made of, and by what that is multiplied."""

    name: str
    unit: str
    factor: float = 1.0
    offset: float = 0.0
    standard_name: str = ""


LEVELS = {
    "UWND": Out("u", "m s**-1", standard_name="eastward_wind"),
    "VWND": Out("v", "m s**-1", standard_name="northward_wind"),
    "TEMP": Out("t", "K", standard_name="air_temperature"),
    "HGTS": Out("z", "m**2 s**-2", GRAVITY, standard_name="geopotential"),
    "WWND": Out("w", "Pa s**-1", 100.0, standard_name="lagrangian_tendency_of_air_pressure"),
    "RELH": Out("r", "%", standard_name="relative_humidity"),
    "SPHU": Out("q", "kg kg**-1", standard_name="specific_humidity"),
}
SURFACE = {
    "PRSS": Out("sp", "Pa", 100.0, standard_name="surface_air_pressure"),
    "SHGT": Out("z", "m**2 s**-2", GRAVITY, standard_name="geopotential"),
    "T02M": Out("t2m", "K"),
    "U10M": Out("u10", "m s**-1"),
    "V10M": Out("v10", "m s**-1"),
    "USTR": Out("zust", "m s**-1"),
    "PBLH": Out("blh", "m"),
    # as the store's files have it: the name says upward, the numbers are positive downward
    "SHTF": Out("sshf", "J m**-2", -3600.0, standard_name="surface_upward_sensible_heat_flux"),
    "LHTF": Out("slhf", "J m**-2", -3600.0, standard_name="surface_upward_latent_heat_flux"),
    "UMOF": Out("ewss", "N m**-2 s", 3600.0),
    "VMOF": Out("nsss", "N m**-2 s", 3600.0),
    "EXCO": Out("exchange", "kg m-2 s-1"),
    "DSWF": Out("ssrd", "J m**-2", 3600.0),
    "TCLD": Out("tcc", "(0 - 1)", 0.01),
}


@dataclass(frozen=True)
class Style:
    """How a file is written.

    Attributes
    ----------
    is_new
        Names since 2024: valid_time, pressure_level, expver as a text for each time.
    is_double
        Eight bytes a number, so that nothing is lost.
    is_packed
        Two bytes a number, with scale and offset, as before 2024.
    from_north, from_east
        The order of rows and columns.
    west
        The longitude that all others are at or east of, by less than 360.
    calendar
        Of the times.
    coefficients
        How levels of the model say what they are: ``formula_terms``, ``ap`` (CF), ``cdo`` or ``GRIB_pv``.
    has_log
        Whether the surface pressure comes as its logarithm, on the first level of the model.
    """

    is_new: bool = True
    is_double: bool = False
    is_packed: bool = False
    from_north: bool = True
    from_east: bool = False
    west: float = 0.0
    calendar: str = "proleptic_gregorian"
    coefficients: str = "formula_terms"
    has_log: bool = False

    @property
    def time(self) -> str:
        """The name of the axis of times."""
        return "valid_time" if self.is_new else "time"


USUAL = Style()


def decode(arl: Path) -> dict[str, NDArray[np.float32]]:
    """Return the fields of an ARL file: shape (times, levels, rows, columns), at the surface without levels."""
    found: dict[str, list[NDArray[np.float32]]] = {}
    for index in read_index(arl):
        reader, grid = AnalysisReader(index), index.grid
        area = (0, grid.ny), (0, grid.nx)
        for name in index.levels[0].variables:
            found.setdefault(name, []).append(reader.field(name, 0, *area))
        for name in index.levels[1].variables:
            levels = [(name, level) for level in range(1, len(index.levels))]
            wanted = [each if reader.has(*each) else None for each in levels]
            found.setdefault(f"{name} aloft", []).append(reader.stack(wanted, *area))
    return {name: np.stack(values) for name, values in found.items()}


def write_era5(
    folder: Path,
    arl: Path,
    style: Style = USUAL,
    *,
    leave_out: frozenset[str] = frozenset(),
    instead: dict[str, Out] | None = None,
) -> list[Path]:
    """Write two files, levels and surface, with the air of an ARL file of pressure levels in degrees."""
    fields = decode(arl)
    if "DIFW aloft" in fields:
        fields["WWND aloft"] = fields["WWND aloft"] + fields["DIFW aloft"]
    if "HFLX" in fields:  # as NCEP's NGM named it
        fields["SHTF"] = fields["HFLX"]
    outs = {f"{name} aloft": out for name, out in LEVELS.items()} | SURFACE | (instead or {})
    known = {
        name: out for name, out in outs.items() if name in fields and out.name not in leave_out
    }
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "era5_levels.nc", folder / "era5_surface.nc"]
    for path, is_aloft in zip(paths, (True, False), strict=True):
        chosen = {name: out for name, out in known.items() if name.endswith("aloft") == is_aloft}
        if chosen:
            _write(path, arl, style, {out: fields[name] for name, out in chosen.items()})
    return [path for path in paths if path.exists()]


def _write(path: Path, arl: Path, style: Style, fields: dict[Out, NDArray[np.float32]]) -> None:
    index = read_index(arl)
    grid = index[0].grid
    row, column = ("y", "x") if grid.size_km else ("latitude", "longitude")
    lon, lat = _on_map(grid) if grid.size_km else _in_degrees(grid, style)
    rows = slice(None, None, -1 if style.from_north else 1)
    columns = slice(None, None, -1 if style.from_east else 1)
    time, level = style.time, ""
    kind = "NETCDF4" if style.is_new else "NETCDF3_64BIT_OFFSET"
    with netCDF4.Dataset(path, "w", format=kind) as file:
        file.Conventions = "CF-1.7"
        _times(file, time, np.array([each.minutes for each in index]), style)
        if any(values.ndim == 4 for values in fields.values()):
            level = _levels(file, index[0], style)
        elif style.has_log:
            _axis(file, "hybrid", np.array([1]), "1")
        _places(file, grid, lat[rows], lon[columns])
        for out, values in fields.items():
            dims = (time, *((level,) if values.ndim == 4 else ()), row, column)
            turned = values.astype(np.float64)[..., rows, columns]
            turned = turned[:, ::-1] if level == "hybrid" and values.ndim == 4 else turned
            turned = turned * out.factor + out.offset
            if style.has_log and out.name in {"sp", "z"} and values.ndim == 3:
                dims, turned = (time, "hybrid", row, column), turned[:, None]
                if out.name == "sp":
                    out, turned = Out("lnsp", "~"), np.log(turned)  # noqa: PLW2901
            _variable(file, out, dims, turned, style)
        for name in file.variables if grid.size_km else ():
            file[name].grid_mapping = "crs"
            if name in {"u", "v", "u10", "v10"}:
                file[name].standard_name = f"{'x' if name[0] == 'u' else 'y'}_wind"
        if style.coefficients == "GRIB_pv" and level == "hybrid":
            file["t"].GRIB_pv = coefficients(index[0])


def _places(file: netCDF4.Dataset, grid: GridHeader, rows: NDArray, columns: NDArray) -> None:
    """Write the axes of rows and columns, and what the map is if they lie on one."""
    if not grid.size_km:
        _axis(file, "latitude", rows, "degrees_north")
        _axis(file, "longitude", columns, "degrees_east")
        return
    for name, values in (("y", rows), ("x", columns)):
        _axis(file, name, values, "m")
        file[name].standard_name = f"projection_{name}_coordinate"
    file.createVariable("crs", "i4", ()).setncatts(mapping(grid))


def _in_degrees(grid: GridHeader, style: Style) -> tuple[NDArray, NDArray]:
    """Return longitudes and latitudes, rising."""
    x, y = np.arange(grid.nx) + 1.0, np.arange(grid.ny) + 1.0
    lon = map_grid(grid).to_longlat(x, np.full_like(x, 1.0))[0]
    lat = map_grid(grid).to_longlat(np.full_like(y, 1.0), y)[1]
    lon = np.round(style.west + np.mod(np.round(lon - style.west, 6), 360.0), 6)
    if np.any(np.diff(lon) < 0):
        lon = np.round(np.unwrap(lon, period=360.0), 6)
    return lon, lat


def _on_map(grid: GridHeader) -> tuple[NDArray, NDArray]:
    """Return x and y in metres, rising."""
    first = map_grid(grid).to_longlat(np.array([1.0]), np.array([1.0]))
    x, y = Proj(CRS.from_cf(mapping(grid)))(*first)
    step = 1000.0 * grid.size_km
    return x[0] + step * np.arange(grid.nx), y[0] + step * np.arange(grid.ny)


def mapping(grid: GridHeader) -> dict[str, object]:
    """Return what CF says of a map, with the sphere of ARL's files."""
    sphere = {"earth_radius": 6371200.0}
    if abs(grid.tang_lat) == 90.0:
        return {
            "grid_mapping_name": "polar_stereographic",
            "latitude_of_projection_origin": grid.tang_lat,
            "straight_vertical_longitude_from_pole": grid.ref_lon,
            "standard_parallel": grid.ref_lat,
        } | sphere
    if grid.tang_lat == 0.0:
        return {
            "grid_mapping_name": "mercator",
            "longitude_of_projection_origin": grid.ref_lon,
            "standard_parallel": grid.ref_lat,
        } | sphere
    return {
        "grid_mapping_name": "lambert_conformal_conic",
        "standard_parallel": grid.ref_lat,
        "longitude_of_central_meridian": grid.ref_lon,
        "latitude_of_projection_origin": grid.ref_lat,
    } | sphere


def coefficients(time: Analysis) -> list[float]:
    """Return pressures, Pa, and shares of the surface pressure at the borders of the layers, from above."""
    hpa, share = (values[::-1] for values in time.hybrid)
    borders = []
    for middles in (100.0 * hpa, share):
        found = [0.0]
        for middle in middles:
            found.append(2.0 * middle - found[-1])
        borders += found
    return borders


def _levels(file: netCDF4.Dataset, time: Analysis, style: Style) -> str:
    """Write the axis of levels; return its name."""
    if time.grid.level_type == HYBRID:
        _hybrid(file, time, style)
        return "hybrid"
    if time.grid.level_type == SIGMA:
        _sigma(file, time)
        return "lev"
    level, unit = ("pressure_level", "hPa") if style.is_new else ("level", "millibars")
    _axis(file, level, np.array([each.height for each in time.levels[1:]]), unit)
    return level


def _hybrid(file: netCDF4.Dataset, time: Analysis, style: Style) -> None:
    """Write the axis of levels, numbered from above, and what they are."""
    hpa, share = (values[::-1] for values in time.hybrid)
    _axis(file, "hybrid", np.arange(len(hpa)) + 1, "1")
    if style.coefficients == "GRIB_pv":
        return
    names = ("hyam", "hybm") if style.coefficients == "cdo" else ("apart", "bpart")
    for name, values, unit in zip(names, (hpa, share), ("Pa", "1"), strict=True):
        variable = file.createVariable(name, "f8", ("hybrid",))
        is_share = name == "apart" and style.coefficients == "formula_terms"
        variable.units = "1" if is_share else unit
        variable[:] = values * ((1e-3 if is_share else 100.0) if values is hpa else 1.0)
    if style.coefficients == "cdo":
        return
    file["hybrid"].standard_name = "atmosphere_hybrid_sigma_pressure_coordinate"
    terms = "ap: apart b: bpart ps: sp"
    if style.coefficients == "formula_terms":
        terms = "a: apart b: bpart ps: sp p0: p0"
        reference = file.createVariable("p0", "f8", ())
        reference.units = "Pa"
        reference.assignValue(1e5)
    file["hybrid"].formula_terms = terms


def _sigma(file: netCDF4.Dataset, time: Analysis) -> None:
    """Write the axis of levels that are shares of the pressure, and their top."""
    _axis(file, "lev", np.array([each.height for each in time.levels[1:]]), "1")
    file["lev"].standard_name = "atmosphere_sigma_coordinate"
    file["lev"].formula_terms = "sigma: lev ps: sp ptop: ptop"
    top = file.createVariable("ptop", "f8", ())
    top.units = "Pa"
    top.assignValue(100.0 * time.grid.pressure_offset)


def _times(file: netCDF4.Dataset, name: str, minutes: NDArray[np.int64], style: Style) -> None:
    if style.is_new:
        _axis(file, name, minutes * 60, "seconds since 1970-01-01", "i8")
        file.createVariable("number", "i8", ()).assignValue(0)
        versions = file.createVariable("expver", str, (name,))
        versions[:] = np.array(["0001"] * len(minutes), object)
    else:
        hours = minutes // 60 + 613608  # from 1900
        _axis(file, name, hours, "hours since 1900-01-01 00:00:00.0", "i4")
    file[name].calendar = style.calendar


def _axis(
    file: netCDF4.Dataset, name: str, values: NDArray[np.float64], unit: str, kind: str = "f8"
) -> None:
    file.createDimension(name, len(values))
    variable = file.createVariable(name, kind, (name,))
    variable.units = unit
    variable[:] = values


def _variable(
    file: netCDF4.Dataset,
    out: Out,
    dims: tuple[str, ...],
    values: NDArray[np.float64],
    style: Style,
) -> None:
    if style.is_packed:
        variable = file.createVariable(out.name, "i2", dims, fill_value=-32767)
        low, high = float(values.min()), float(values.max())
        variable.scale_factor = (high - low) / 65500 or 1.0
        variable.add_offset = 0.5 * (high + low)
    else:
        variable = file.createVariable(
            out.name, "f8" if style.is_double else "f4", dims, zlib=style.is_new
        )
    variable.units = out.unit
    if out.standard_name:
        variable.standard_name = out.standard_name
    variable[:] = values
