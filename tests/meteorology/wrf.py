"""The air of an ARL file as WRF writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import netCDF4
import numpy as np

from stilt.met.grid import EARTH_RADIUS_KM
from stilt.transport.native.arl import read_index
from stilt.transport.native.projection import map_grid
from tests.meteorology.netcdf import decode

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SURFACE = {
    "SHGT": ("HGT", "m"),
    "PRSS": ("PSFC", "Pa"),
    "T02M": ("T2", "K"),
    "U10M": ("U10", "m s-1"),
    "V10M": ("V10", "m s-1"),
    "USTR": ("UST", "m s-1"),
    "SHTF": ("HFX", "W m-2"),
    "LHTF": ("LH", "W m-2"),
    "PBLH": ("PBLH", "m"),
    "DSWF": ("SWDOWN", "W m-2"),
}
WIDE, HIGH, DEEP = ("west_east", "south_north", "bottom_top")


def write_wrf(path: Path, arl: Path, *, leave_out: frozenset[str] = frozenset()) -> Path:
    """Write one file with all times of an ARL file of the kind ``wrf`` with DZDT, eight bytes a number."""
    fields, index = decode(arl), read_index(arl)
    grid = index[0].grid
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w", format="NETCDF3_64BIT_OFFSET") as file:
        _about(file, grid)
        sizes = {WIDE: grid.nx, HIGH: grid.ny, DEEP: len(index[0].levels) - 1}
        file.createDimension("Time", len(index))
        file.createDimension("DateStrLen", 19)
        for name, size in sizes.items():
            file.createDimension(name, size)
            file.createDimension(f"{name}_stag", size + 1)
        times = [str(np.datetime64(each.minutes, "m").astype("M8[s]")) for each in index]
        texts = [list(time.replace("T", "_")) for time in times]
        file.createVariable("Times", "S1", ("Time", "DateStrLen"))[:] = np.array(texts, "S1")
        x, y = np.meshgrid(np.arange(grid.nx) + 1.0, np.arange(grid.ny) + 1.0)
        places = map_grid(grid).to_longlat(x, y)
        for name, values in zip(("XLONG", "XLAT"), places, strict=True):
            _put(file, name, "degree", np.stack([values] * len(index)), (HIGH, WIDE))
        _levels(file, fields, index)
        for name, (out, unit) in SURFACE.items():
            if out not in leave_out:
                values = fields[name].astype(np.float64) * (100.0 if unit == "Pa" else 1.0)
                _put(file, out, unit, values, (HIGH, WIDE))
        if "HFX" not in leave_out:
            file["HFX"].description = "UPWARD HEAT FLUX AT THE SURFACE"
    return path


def _about(file: netCDF4.Dataset, grid) -> None:
    file.TITLE = " OUTPUT FROM WRF V4.5 MODEL"
    file.MAP_PROJ = 1 if grid.size_km else 6
    file.TRUELAT1 = file.TRUELAT2 = float(grid.tang_lat)
    file.STAND_LON = float(grid.ref_lon) - 360.0
    side_km = grid.size_km or 111.2 * grid.ref_lat
    file.DX = file.DY = 1000.0 * side_km * 6370.0 / EARTH_RADIUS_KM


def _levels(file: netCDF4.Dataset, fields: dict[str, NDArray[np.float32]], index) -> None:
    eta = [level.height for level in index[0].levels[1:]]
    file.createVariable("ZNU", "f8", ("Time", DEEP))[:] = np.stack([eta] * len(index))
    file.createVariable("P_TOP", "f8", ("Time",))[:] = 100.0 * index[0].grid.pressure_offset
    aloft = {name: fields[f"{name} aloft"].astype(np.float64) for name in ("UWND", "VWND", "DZDT")}
    east, north, up = (np.pad(aloft[n], w, mode="edge") for n, w in BESIDE.items())
    pressure = 100.0 * fields["PRES aloft"].astype(np.float64)
    base = np.broadcast_to(pressure.mean(axis=(0, 2, 3), keepdims=True), pressure.shape)
    theta = fields["TEMP aloft"] * (1e5 / pressure) ** (287.0 / 1004.5)
    humidity = fields["SPHU aloft"].astype(np.float64)
    _put(file, "U", "m s-1", east, (DEEP, HIGH, f"{WIDE}_stag"))
    _put(file, "V", "m s-1", north, (DEEP, f"{HIGH}_stag", WIDE))
    _put(file, "W", "m s-1", up, (f"{DEEP}_stag", HIGH, WIDE))
    _put(file, "P", "Pa", pressure - base, (DEEP, HIGH, WIDE))
    _put(file, "PB", "Pa", base, (DEEP, HIGH, WIDE))
    _put(file, "T", "K", theta - 300.0, (DEEP, HIGH, WIDE))
    _put(file, "QVAPOR", "kg kg-1", humidity / (1.0 - humidity), (DEEP, HIGH, WIDE))


BESIDE = {
    "UWND": [(0, 0), (0, 0), (0, 0), (0, 1)],
    "VWND": [(0, 0), (0, 0), (0, 1), (0, 0)],
    "DZDT": [(0, 0), (0, 1), (0, 0), (0, 0)],
}
"""One more value at the far side: the sides of cells are one more than the cells."""


def _put(file: netCDF4.Dataset, name: str, unit: str, values: NDArray, dims) -> None:
    variable = file.createVariable(name, "f8", ("Time", *dims))
    variable.units = unit
    variable[:] = values
