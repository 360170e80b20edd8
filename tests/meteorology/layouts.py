"""The air of an ARL file as NASA's GMAO and the ICON model lay out NetCDF.

MERRA-2: File Specification (GMAO Office Note 9, 2016), sections 2 and 4, inst3_3d_asm_Np and inst3_3d_asm_Nv, and the
names of GEOS' own exports; ICON: its output on a regular grid, levels numbered from above, motion on half levels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import netCDF4
import numpy as np

from stilt.transport.native.arl import read_index
from stilt.transport.native.projection import map_grid
from tests.meteorology.netcdf import GRAVITY, decode

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

ABSENT = 1e15
"""What GMAO writes where there is no value."""


class Out(NamedTuple):
    """A variable: name, unit, standard name, and what the canonical values are multiplied by."""

    name: str
    unit: str
    standard: str
    factor: float = 1.0


_GEOS_GROUND = {
    "PRSS": Out("PS", "Pa", "surface_pressure", 100.0),
    "SHGT": Out("PHIS", "m+2 s-2", "surface geopotential height", GRAVITY),
    "T02M": Out("T2M", "K", "2-meter_air_temperature"),
    "U10M": Out("U10M", "m s-1", "10-meter_eastward_wind"),
    "V10M": Out("V10M", "m s-1", "10-meter_northward_wind"),
    "USTR": Out("USTAR", "m s-1", "surface_velocity_scale"),
    "SHTF": Out("HFLUX", "W m-2", "sensible_heat_flux_from_turbulence"),
    "PBLH": Out("PBLH", "m", "planetary_boundary_layer_height"),
}
_GEOS_ALOFT = {
    "UWND": Out("U", "m s-1", "eastward_wind"),
    "VWND": Out("V", "m s-1", "northward_wind"),
    "TEMP": Out("T", "K", "air_temperature"),
    "WWND": Out("OMEGA", "Pa s-1", "vertical_pressure_velocity", 100.0),
    "SPHU": Out("QV", "kg kg-1", "specific_humidity"),
    "RELH": Out("RH", "1", "relative_humidity_after_moist", 0.01),
}
GEOS_PRESSURE = _GEOS_GROUND, _GEOS_ALOFT | {"HGTS": Out("H", "m", "edge_heights")}
GEOS_MODEL = _GEOS_GROUND, _GEOS_ALOFT | {"PRES": Out("PL", "Pa", "mid_level_pressure", 100.0)}
ICON = (
    {
        "PRSS": Out("pres_sfc", "Pa", "surface_air_pressure", 100.0),
        "SHGT": Out("topography_c", "m", "surface_altitude"),
        "T02M": Out("t_2m", "K", "air_temperature"),
        "U10M": Out("u_10m", "m s-1", "eastward_wind"),
        "V10M": Out("v_10m", "m s-1", "northward_wind"),
    },
    {
        "UWND": Out("u", "m s-1", "eastward_wind"),
        "VWND": Out("v", "m s-1", "northward_wind"),
        "TEMP": Out("temp", "K", "air_temperature"),
        "PRES": Out("pres", "Pa", "air_pressure", 100.0),
        "SPHU": Out("qv", "kg kg-1", "specific_humidity"),
        "DZDT": Out("w", "m s-1", "upward_air_velocity"),
    },
)


def write_layout(path: Path, arl: Path, layout: tuple[dict[str, Out], dict[str, Out]]) -> Path:
    """Write one file with all times of an ARL file in degrees, eight bytes a number."""
    fields, index = decode(arl), read_index(arl)
    grid, is_icon = index[0].grid, layout is ICON
    if "DIFW aloft" in fields:
        fields["WWND aloft"] = fields["WWND aloft"] + fields["DIFW aloft"]
    fields["PRES aloft"] = pressures(index, fields["PRSS"])
    level = "height" if is_icon else "lev"
    count = len(index[0].levels) - 1
    with netCDF4.Dataset(path, "w") as file:
        _axes(file, grid, index)
        heights = [each.height for each in index[0].levels[1:]]
        _level_axis(file, level, heights if layout is GEOS_PRESSURE else None, count)
        if is_icon:
            _level_axis(file, "height_2", None, count + 1)
        for is_aloft, outs in enumerate(layout):
            for name, out in outs.items():
                values = fields.get(f"{name} aloft" if is_aloft else name)
                if values is None:
                    continue
                values = values.astype(np.float64) * out.factor
                along = level
                if is_icon and name == "DZDT":
                    values, along = _on_borders(values), "height_2"
                if is_aloft and layout is not GEOS_PRESSURE:
                    values = values[:, ::-1]
                if is_aloft and layout is GEOS_PRESSURE:
                    buried = np.array(heights)[:, None, None] > fields["PRSS"][:, None]
                    values = np.where(buried, ABSENT, values)
                dims = ("time", *((along,) if is_aloft else ()), "lat", "lon")
                variable = file.createVariable(out.name, "f8", dims, fill_value=ABSENT)
                variable.setncatts({"units": out.unit, "standard_name": out.standard})
                variable[:] = values
    return path


def pressures(index, ground: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the pressure of each level, hPa, shape (times, levels, rows, columns)."""
    hpa, share = index[0].hybrid
    if len(hpa):
        return hpa[:, None, None] + share[:, None, None] * ground[:, None].astype(np.float64)
    heights = np.array([each.height for each in index[0].levels[1:]])
    return heights[:, None, None] + 0.0 * ground[:, None].astype(np.float64)


def _on_borders(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values on borders whose means are those of the levels, from the ground, where there is none."""
    found = [np.zeros_like(values[:, 0])]
    for level in range(values.shape[1]):
        found.append(2.0 * values[:, level] - found[-1])
    return np.stack(found, axis=1)


def _axes(file: netCDF4.Dataset, grid, index) -> None:
    x, y = np.arange(grid.nx) + 1.0, np.arange(grid.ny) + 1.0
    lon = map_grid(grid).to_longlat(x, np.full_like(x, 1.0))[0]
    lat = map_grid(grid).to_longlat(np.full_like(y, 1.0), y)[1]
    first = np.datetime64(index[0].minutes, "m").astype(object)
    axes = {
        "lon": ((np.round(lon, 6) + 180.0) % 360.0 - 180.0, "degrees_east"),
        "lat": (np.round(lat, 6), "degrees_north"),
        "time": (
            np.array([each.minutes - index[0].minutes for each in index]),
            f"minutes since {first:%Y-%m-%d %H:%M:%S}",
        ),
    }
    for name, (values, unit) in axes.items():
        file.createDimension(name, len(values))
        variable = file.createVariable(name, "i4" if name == "time" else "f8", (name,))
        variable.units = unit
        variable[:] = values


def _level_axis(file: netCDF4.Dataset, name: str, heights: list[float] | None, count: int) -> None:
    file.createDimension(name, count)
    axis = file.createVariable(name, "f8", (name,))
    axis[:] = np.arange(count) + 1.0 if heights is None else heights
    if name.startswith("height"):
        axis.setncatts({"standard_name": "height", "long_name": "generalized_height"})
        return
    says = {"long_name": "vertical level", "positive": "down"}
    is_layer = heights is None
    axis.setncatts(
        says
        | {"units": "layer" if is_layer else "hPa", "coordinate": "eta" if is_layer else "PLE"}
        | {"standard_name": "model_layers" if is_layer else "PLE_level"}
    )
