"""The air of an ARL file in GRIB messages, as the ECMWF writes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from stilt.met.analysis import HYBRID
from stilt.met.dataset.codes import library
from stilt.transport.native.arl import read_index
from stilt.transport.native.projection import map_grid
from tests.meteorology.netcdf import GRAVITY, coefficients, decode

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LEVELS = {
    "UWND": (131, 1.0),
    "VWND": (132, 1.0),
    "TEMP": (130, 1.0),
    "HGTS": (129, GRAVITY),
    "WWND": (135, 100.0),
    "RELH": (157, 1.0),
    "SPHU": (133, 1.0),
}
SURFACE = {
    "PRSS": (134, 100.0),
    "SHGT": (129, GRAVITY),
    "T02M": (167, 1.0),
    "U10M": (165, 1.0),
    "V10M": (166, 1.0),
    "USTR": (228003, 1.0),
    "SHTF": (231, -1.0),
    "UMOF": (229, 1.0),
    "VMOF": (230, 1.0),
    "PBLH": (159, 1.0),
}
"""By ECMWF's numbers, with what the canonical values are multiplied by."""


@dataclass(frozen=True)
class Packing:
    """How numbers are packed, and in which edition; how many members there are, and which centre wrote them."""

    name: str = "grid_simple"
    bits: int = 24
    edition: int = 2
    members: int = 1
    centre: str = "ecmf"
    south_first: bool = False


USUAL = Packing()


def write_grib(
    path: Path,
    arl: Path,
    packing: Packing = USUAL,
    *,
    leave_out: frozenset[str] = frozenset(),
    pv: list[float] | None = None,
) -> Path:
    """Write one file with all times of an ARL file in degrees: levels of pressure, or hybrid ones as the ECMWF's."""
    fields, index = decode(arl), read_index(arl)
    if "DIFW aloft" in fields:
        fields["WWND aloft"] = fields["WWND aloft"] + fields["DIFW aloft"]
    with library() as eccodes, path.open("wb") as file:
        writer = partial(_write, eccodes, file, pv)
        for number, time in enumerate(index):
            is_hybrid = time.grid.level_type == HYBRID
            for name, (param, factor) in SURFACE.items():
                if name in fields and name not in leave_out:
                    values = fields[name][number].astype(np.float64) * factor
                    is_log = is_hybrid and name == "PRSS"
                    height = float(is_hybrid and name in {"PRSS", "SHGT"})
                    number_of = 152 if is_log else param
                    values = np.log(values) if is_log else values
                    writer(time, packing, number_of, height, values)
            for name, (param, factor) in LEVELS.items():
                every = fields.get(f"{name} aloft")
                for level, values in enumerate([] if every is None else every[number], 1):
                    height = time.levels[level].height
                    if f"{name} {height:g}" not in leave_out and name not in leave_out:
                        place = float(len(time.levels) - level) if is_hybrid else height
                        writer(time, packing, param, place, values * factor)
    return path


def _write(  # noqa: PLR0917
    eccodes, file, pv, time, packing: Packing, param: int, height: float, values: NDArray
) -> None:
    grid = time.grid
    lon, lat = map_grid(grid).to_longlat(np.array([1.0, grid.nx]), np.array([1.0, float(grid.ny)]))
    when = np.datetime64(time.minutes, "m").astype(object)
    for member in range(packing.members):
        handle = eccodes.codes_grib_new_from_samples(f"regular_ll_pl_grib{packing.edition}")
        levels = "hybrid" if grid.level_type == HYBRID else "isobaricInhPa"
        keys = {
            "centre": packing.centre,
            "Ni": grid.nx,
            "Nj": grid.ny,
            "jScansPositively": int(packing.south_first),
            "longitudeOfFirstGridPointInDegrees": float(lon[0]) % 360.0,
            "longitudeOfLastGridPointInDegrees": float(lon[1]) % 360.0,
            "latitudeOfFirstGridPointInDegrees": float(lat[0 if packing.south_first else 1]),
            "latitudeOfLastGridPointInDegrees": float(lat[1 if packing.south_first else 0]),
            "iDirectionIncrementInDegrees": grid.ref_lon,
            "jDirectionIncrementInDegrees": grid.ref_lat,
            "dataDate": int(f"{when:%Y%m%d}"),
            "dataTime": int(f"{when:%H%M}"),
            "typeOfLevel": levels if height else "surface",
            "level": int(height),
            "paramId": param,
            "packingType": packing.name,
            "bitsPerValue": packing.bits,
        }
        if packing.members > 1:
            keys = {"productDefinitionTemplateNumber": 1, "number": member} | keys
        for key, value in keys.items():
            eccodes.codes_set(handle, key, value)
        if levels == "hybrid" and height:
            eccodes.codes_set(handle, "PVPresent", 1)
            eccodes.codes_set_array(handle, "pv", pv or coefficients(time))
        turned = np.asarray(values, np.float64)[:: 1 if packing.south_first else -1]
        eccodes.codes_set_values(handle, np.ascontiguousarray(turned + member).ravel())
        eccodes.codes_write(handle, file)
        eccodes.codes_release(handle)


_OF_LEVELS = {
    "PRES": (3, 0, 100.0),
    "TEMP": (0, 0, 1.0),
    "UWND": (2, 2, 1.0),
    "VWND": (2, 3, 1.0),
    "WWND": (2, 8, 100.0),
    "SPHU": (1, 0, 1.0),
}
_OF_GROUND = {
    "PRSS": (3, 0, 1, 0, 100.0),
    "SHGT": (3, 5, 1, 0, 1.0),
    "T02M": (0, 0, 103, 2, 1.0),
    "U10M": (2, 2, 103, 10, 1.0),
    "V10M": (2, 3, 103, 10, 1.0),
    "USTR": (2, 197, 1, 0, 1.0),
    "SHTF": (0, 11, 1, 0, 1.0),
    "LHTF": (0, 10, 1, 0, 1.0),
    "PBLH": (3, 196, 1, 0, 1.0),
    "DSWF": (4, 192, 1, 0, 1.0),
}
"""NCEP's: category and number of a meteorological parameter, level type and level at the ground, and factor."""


def write_hrrr(path: Path, arl: Path, *, beside: bool = True) -> Path:
    """Write the last time of an ARL file on Lambert's map as HRRR's native levels: from below, pressure a field.

    ``beside``: with some fields on levels of pressure, as its files have them.
    """
    fields, time = decode(arl), read_index(arl)[-1]
    if "DIFW aloft" in fields:
        fields["WWND aloft"] = fields["WWND aloft"] + fields["DIFW aloft"]
    with library() as eccodes, path.open("wb") as file:
        put = partial(_write_ncep, eccodes, file, time)
        for name, (category, number, factor) in _OF_LEVELS.items():
            for level, values in enumerate(fields[f"{name} aloft"][-1], 1):
                put((category, number, 105, level), values * factor)
        for category, number in ((0, 0), (3, 5)) if beside else ():
            put((category, number, 100, 50000), np.full_like(fields["PRSS"][-1], 250.0))
        for name, (category, number, kind, level, factor) in _OF_GROUND.items():
            if name in fields:
                put((category, number, kind, level), fields[name][-1] * factor)
    return path


def _write_ncep(eccodes, file, time, what: tuple[int, int, int, int], values: NDArray) -> None:
    grid = time.grid
    lon, lat = map_grid(grid).to_longlat(np.array(1.0), np.array(1.0))
    when = np.datetime64(time.minutes, "m").astype(object)
    keys = {
        "centre": "kwbc",
        "tablesVersion": 2,
        "localTablesVersion": 1,
        "gridType": "lambert",
        "shapeOfTheEarth": 6,
        "Nx": grid.nx,
        "Ny": grid.ny,
        "latitudeOfFirstGridPointInDegrees": float(lat),
        "longitudeOfFirstGridPointInDegrees": float(lon) % 360.0,
        "LaDInDegrees": grid.ref_lat,
        "LoVInDegrees": grid.ref_lon,
        "Latin1InDegrees": grid.tang_lat,
        "Latin2InDegrees": grid.tang_lat,
        "DxInMetres": 1000.0 * grid.size_km * 6371.229 / 6371.2,
        "DyInMetres": 1000.0 * grid.size_km * 6371.229 / 6371.2,
        "uvRelativeToGrid": 1,
        "jScansPositively": 1,
        "dataDate": int(f"{when:%Y%m%d}"),
        "dataTime": int(f"{when:%H%M}"),
        "discipline": 0,
        "parameterCategory": what[0],
        "parameterNumber": what[1],
        "typeOfFirstFixedSurface": what[2],
        "scaleFactorOfFirstFixedSurface": 0,
        "scaledValueOfFirstFixedSurface": what[3],
        "packingType": "grid_complex_spatial_differencing",
        "bitsPerValue": 24,
    }
    handle = eccodes.codes_grib_new_from_samples("GRIB2")
    for key, value in keys.items():
        eccodes.codes_set(handle, key, value)
    eccodes.codes_set_values(handle, np.asarray(values, np.float64).ravel())
    eccodes.codes_write(handle, file)
    eccodes.codes_release(handle)
