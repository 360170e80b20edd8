"""What the files of meteorological models look like: grid, levels, variables; fields come from the same air."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stilt.met.analysis import GridHeader
from stilt.transport.native.projection import MapGrid, map_grid
from tests.meteorology.air import USUAL, Air

SIGMA, PRESSURE, HEIGHT, HYBRID = 1, 2, 3, 4

Place = tuple[float, ...]
Names = tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """What a file is like.

    Attributes
    ----------
    place
        The eleven numbers of the header that say where the grid lies.
    levels
        Coordinates above the surface, as ``level_type`` has them.
    surface, volume
        Variables of the surface and of each level, in the order of the file.
    motion_levels, humidity_levels
        Levels that have vertical motion, and humidity.
    pressure_offset
        The reserved number of the header, hPa.
    pressure_factor
        What the pressures (PRES) in the file are multiplied by.
    residual
        What is added to the residual of the packing (DIFW).
    staggered
        Whether winds lie between the points, as WRF has them.
    """

    model: str
    level_type: int
    levels: tuple[float, ...]
    nx: int
    ny: int
    place: Place
    surface: Names = ("PRSS", "SHGT", "T02M", "U10M", "V10M", "USTR", "SHTF")
    volume: Names = ("UWND", "VWND", "TEMP", "WWND", "SPHU")
    step_h: float = 3.0
    motion_levels: int = 999
    humidity_levels: int = 999
    pressure_offset: float = 0.0
    pressure_factor: float = 1.0
    residual: float = 0.0
    staggered: bool = False
    bits: int = 8
    air: Air = USUAL

    @property
    def grid(self) -> MapGrid:
        """Where its points lie."""
        offset = self.pressure_offset
        header = GridHeader(self.model, *self.place, offset, self.nx, self.ny, self.level_type)
        return map_grid(header)

    def at(self, east: float, north: float) -> tuple[float, float]:
        """Longitude and latitude at these shares of the grid's columns and rows."""
        x, y = 1 + east * (self.nx - 1), 1 + north * (self.ny - 1)
        longitude, latitude = self.grid.to_longlat(np.array(x), np.array(y))
        return float(longitude), float(latitude)


def degrees(west: float, south: float, step: float, nx: int, ny: int) -> Place:
    """Longitude and latitude; the first two numbers are the last point. hycs_std wants east to be 0 to 360."""
    north, east = south + step * (ny - 1), (west + step * (nx - 1)) % 360
    return (north, east, step, step, 0.0, 0.0, 0.0, 1.0, 1.0, south, west % 360)


def lambert(
    tangent: float,
    meridian: float,
    size_km: float,
    south: float,
    west: float,
    *,
    turned: float = 0.0,
) -> Place:
    return (90.0, 0.0, tangent, meridian, size_km, turned, tangent, 1.0, 1.0, south, west)


def polar(pole: float, meridian: float, size_km: float, middle: float) -> Place:
    """Polar stereographic, the pole on a point in its middle."""
    true = 60.0 if pole > 0 else -60.0
    return (pole, 0.0, true, meridian, size_km, 0.0, pole, middle, middle, pole, 0.0)


def sigma(count: int) -> tuple[float, ...]:
    """Sigma levels, close together near the ground."""
    return tuple(np.round(1 - np.linspace(0.04, 0.985, count) ** 1.9, 5).tolist())


def hybrid(count: int) -> tuple[float, ...]:
    """Levels like the ECMWF's: whole hPa plus a share of the surface pressure, as four characters can say it."""
    share = np.linspace(0.001, 0.985, count) ** 1.5
    pressure = 1013.0 * (1 - share)
    whole = np.floor(np.where(pressure > 900, 0, 140 * np.sin(np.pi * (1 - share) ** 0.8)))
    whole = np.minimum(whole, pressure - 1)
    return tuple(
        float(_readable(w + (p - w) / 1013.0)) for w, p in zip(whole, pressure, strict=True)
    )


def _readable(value: float) -> str:
    """Cut a number to what six characters hold."""
    return f"{value:.6f}"[: 7 if value < 1 else 6]


SIGMA_25 = (
    *(0.9976, 0.9921, 0.985, 0.975, 0.9625, 0.947, 0.9285, 0.907, 0.8825, 0.855, 0.8245, 0.791),
    *(0.7545, 0.715, 0.6725, 0.627, 0.5785, 0.527, 0.4725, 0.415, 0.354, 0.29, 0.222, 0.15, 0.08),
)
NGM_LEVELS = (0.9823, 0.9432, 0.8967, 0.8437, 0.7848, 0.721, 0.6531, 0.582, 0.5086, 0.4341)
PRESSURE_25 = (
    *(1000.0, 975.0, 950.0, 925.0, 900.0, 875.0, 850.0, 825.0, 800.0, 750.0, 700.0, 650.0, 600.0),
    *(550.0, 500.0, 450.0, 400.0, 350.0, 300.0, 250.0, 200.0, 150.0, 100.0, 50.0, 20.0),
)
PRESSURE_37 = (
    *(1000.0, 975.0, 950.0, 925.0, 900.0, 875.0, 850.0, 825.0, 800.0, 775.0, 750.0, 700.0, 650.0),
    *(600.0, 550.0, 500.0, 450.0, 400.0, 350.0, 300.0, 250.0, 225.0, 200.0, 175.0, 150.0, 125.0),
    *(100.0, 70.0, 50.0, 30.0, 20.0, 10.0, 7.0, 5.0, 3.0, 2.0, 1.0),
)
PRESSURE_39 = tuple(float(p) for p in range(1000, 25, -25))
HYBRID_30 = (
    *(0.9978, 0.9933, 0.988, 0.9815, 0.9735, 0.9638, 0.9519, 0.9377, 0.9207, 1.9008, 3.8745),
    *(6.8442, 10.8082, 16.7674, 24.7217, 35.6716, 47.6175, 61.5603, 75.501, 89.4408, 102.3812),
    *(112.3236, 119.269, 121.2185, 117.1728, 106.1328, 88.099, 65.072, 40.052, 22.02),
)
HEIGHTS_26 = tuple(float(round(30 + 20 * k + 24 * k**2)) for k in range(26))

SIGMA_VOLUME = ("UWND", "VWND", "TEMP", "WWND", "SPHU")
PRESSURE_VOLUME = ("HGTS", "TEMP", "UWND", "VWND", "WWND", "RELH")
HRRR_SURFACE = (
    *("PRSS", "MSLP", "TPP1", "T02M", "RH2M", "U10M", "V10M", "PBLH", "SHGT", "USTR", "SHTF"),
    *("LHTF", "DSWF", "TCLD"),
)
GFS_SURFACE = (
    *("PRSS", "MSLP", "TPP3", "UMOF", "VMOF", "SHTF", "LHTF", "DSWF", "TCLD", "T02M", "RH2M"),
    *("U10M", "V10M", "PBLH", "SHGT"),
)
WRF_SURFACE = (
    *("SHGT", "PRSS", "TPP1", "T02M", "U10M", "V10M", "USTR", "SHTF", "LHTF", "PBLH", "DSWF"),
)
HRRR_VOLUME = ("PRES", "TEMP", "UWND", "VWND", "WWND", "DIFW", "SPHU", "TKEN")
WRF_VOLUME = ("PRES", "UWND", "VWND", "WWND", "TEMP", "SPHU", "TKEN")

_CONUS = lambert(38.5, 262.5, 24.0, 31.0, 252.0)

KINDS = {
    "ngm": Kind(
        *("NGM ", SIGMA, NGM_LEVELS, 41, 37),
        (90.0, 0.0, 60.0, -105.0, 182.9, 0.0, 90.0, 21.1, 13.47, 40.0, -90.0),
        surface=("PRSS", "EXCO", "HFLX", "SHGT", "TPPT"),
        step_h=2.0,
    ),
    "hrrr36": Kind(
        *("HRRR", SIGMA, sigma(36), 90, 80, _CONUS, HRRR_SURFACE, HRRR_VOLUME), step_h=1.0
    ),
    "hrrr50": Kind(
        *("HRRR", SIGMA, sigma(50), 90, 80, _CONUS, HRRR_SURFACE, HRRR_VOLUME), step_h=1.0
    ),
    "nam12": Kind(
        *("NAM ", PRESSURE, PRESSURE_39, 100, 90, lambert(25.0, 265.0, 24.0, 27.0, 252.0)),
        surface=(
            *("SHGT", "MSLP", "TPP3", "CPP3", "T02M", "RH2M", "U10M", "V10M", "PRSS", "LHTF"),
            *("SHTF", "USTR", "RGHS", "DSWF"),
        ),
        volume=("UWND", "VWND", "HGTS", "TEMP", "WWND", "RELH", "TKEN"),
    ),
    "gfs": Kind(
        *("GFSQ", HYBRID, HYBRID_30, 130, 90, degrees(150.0, 10.0, 0.5, 130, 90), GFS_SURFACE),
        ("UWND", "VWND", "TEMP", "WWND", "DIFW", "SPHU"),
    ),
    "gdas1": Kind(
        *("GDAS", PRESSURE, PRESSURE_25, 360, 181, degrees(0.0, -90.0, 1.0, 360, 181)),
        surface=(
            *("PRSS", "MSLP", "TPP6", "UMOF", "VMOF", "SHTF", "DSWF", "RH2M", "U10M", "V10M"),
            *("T02M", "TCLD", "SHGT", "CAPE", "CINH", "LISD", "LCLD", "TMPS"),
        ),
        volume=PRESSURE_VOLUME,
        motion_levels=21,
        humidity_levels=21,
    ),
    "gdas0.5": Kind(
        *("GFSG", HYBRID, hybrid(55), 110, 80, degrees(230.0, 15.0, 0.5, 110, 80)),
        surface=("PRSS", "T02M", "RH2M", "U10M", "V10M", "SHGT", "TCLD", "TPP3"),
        volume=("TEMP", "UWND", "VWND", "WWND", "RELH"),
    ),
    "narr": Kind(
        *("NARR", PRESSURE, PRESSURE_25, 90, 80, lambert(50.0, 253.0, 32.0, 30.0, 238.0)),
        surface=(
            *("MSLP", "PRSS", "T02M", "U10M", "V10M", "SHGT", "HPBL", "SHTF", "LHTF", "EXCO"),
            "TPP3",
        ),
        volume=("HGTS", "TEMP", "UWND", "VWND", "WWND", "SPHU"),
    ),
    "edas": Kind(
        *("EDAS", PRESSURE, PRESSURE_25, 80, 70, lambert(25.0, 265.0, 40.0, 25.0, 248.0)),
        surface=(
            *("SHGT", "MSLP", "TPP3", "T02M", "RH2M", "U10M", "V10M", "PRSS", "LHTF", "SHTF"),
            *("USTR", "RGHS", "DSWF"),
        ),
        volume=PRESSURE_VOLUME,
    ),
    "era5": Kind(
        *("ERA5", PRESSURE, PRESSURE_37, 121, 101, degrees(-20.0, 35.0, 0.25, 121, 101)),
        surface=(
            *("T02M", "V10M", "U10M", "PRSS", "PBLH", "CAPE", "SHGT", "SHTF", "LHTF", "USTR"),
            *("UMOF", "VMOF", "DSWF"),
        ),
        volume=("TEMP", "UWND", "VWND", "WWND", "RELH", "HGTS", "DIFW"),
        step_h=1.0,
    ),
    # As many as hycs_std reads. A label has two digits for the level: the ECMWF's 137 cannot be in an ARL file.
    "era5 of 74 levels": Kind(
        *("ERA5", HYBRID, hybrid(74), 61, 51, degrees(-10.0, 35.0, 0.5, 61, 51), GFS_SURFACE),
    ),
    "wrf": Kind(
        *("AWRF", SIGMA, SIGMA_25, 90, 80, lambert(40.0, 248.0, 12.0, 36.0, 242.0)),
        *(WRF_SURFACE, WRF_VOLUME),
        step_h=1.0,
        staggered=True,
    ),
    "mercator": Kind(
        *("MERC", SIGMA, SIGMA_25, 90, 70),
        (90.0, 0.0, 0.0, 100.0, 30.0, 0.0, 0.0, 1.0, 1.0, -10.0, 90.0),
    ),
    "north pole": Kind(*("POLR", SIGMA, SIGMA_25, 71, 71, polar(90.0, -80.0, 80.0, 36.0))),
    "south pole": Kind(
        *("SPOL", PRESSURE, PRESSURE_25, 71, 71, polar(-90.0, 0.0, 80.0, 36.0)),
        surface=("PRSS", "SHGT", "T02M", "U10M", "V10M", "UMOF", "VMOF", "SHTF"),
        volume=PRESSURE_VOLUME,
    ),
    "global": Kind(
        *("GLOB", PRESSURE, PRESSURE_25, 144, 73, degrees(0.0, -90.0, 2.5, 144, 73)),
        volume=PRESSURE_VOLUME,
        step_h=6.0,
    ),
    "turned": Kind(
        *("TURN", SIGMA, SIGMA_25, 90, 70, lambert(45.0, 10.0, 20.0, 38.0, 2.0, turned=20.0))
    ),
    "south": Kind(*("SHEM", SIGMA, SIGMA_25, 90, 70, lambert(-30.0, 25.0, 20.0, -40.0, 15.0))),
    "regional": Kind(
        *("MADE", PRESSURE, PRESSURE_25, 55, 43, degrees(-104.0, 27.0, 0.5, 55, 43)),
        surface=("PRSS", "SHGT", "T02M", "U10M", "V10M", "SHTF", "UMOF", "VMOF"),
        volume=PRESSURE_VOLUME,
        humidity_levels=21,
    ),
    "no motion": Kind(
        *("STIL", SIGMA, SIGMA_25, 60, 50, lambert(38.5, 262.5, 24.0, 34.0, 255.0)),
        volume=("UWND", "VWND", "TEMP", "SPHU"),
    ),
    "coarse": Kind(*("CRSE", SIGMA, SIGMA_25, 60, 50, lambert(38.5, 262.5, 24.0, 34.0, 255.0))),
    "nest": Kind(
        *("FINE", SIGMA, SIGMA_25, 40, 35, lambert(38.5, 262.5, 6.0, 38.6, 261.3)),
        air=Air(wind=1.4),
    ),
}
