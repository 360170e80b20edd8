"""What the columns of a particle table mean, and with how many decimals HYSPLIT prints them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its unit, its meaning, and the decimals that hycs_std prints."""

    units: str
    long_name: str
    decimals: int


COLUMNS = {
    "time": Column("min", "time since the start of the run, negative backward", 0),
    "indx": Column("1", "particle number", 0),
    "long": Column("degrees_east", "longitude", 4),
    "lati": Column("degrees_north", "latitude", 4),
    "zagl": Column("m", "height above ground", 4),
    "foot": Column("ppm / (umol m-2 s-1)", "influence of the surface in this step", 7),
    "mlht": Column("m", "mixed layer height above ground", 2),
    "dens": Column("kg m-3", "air density at the particle", 5),
    "samt": Column("min", "time of this step spent in the layer that the surface influences", 4),
    "sigw": Column("m s-1", "standard deviation of the vertical velocity", 3),
    "tlgr": Column("s", "Lagrangian time scale", 4),
    "zsfc": Column("m", "terrain height above sea level", 4),
    "temp": Column("K", "air temperature at the lowest level", 2),
    "temz": Column("K", "air temperature at the particle", 2),
    "pres": Column("hPa", "air pressure at the particle", 2),
    "dmas": Column("1", "mass violation", 3),
    "rain": Column("m", "rain", 3),
    "crai": Column("m", "convective rain", 3),
    "tcld": Column("%", "total cloud cover", 7),
    "lcld": Column("%", "low cloud cover", 7),
    "shtf": Column("W m-2", "sensible heat flux", 2),
    "whtf": Column("W m-2", "latent heat flux", 2),
    "dswf": Column("W m-2", "downward shortwave flux", 2),
    "sphu": Column("kg kg-1", "specific humidity", 10),
    "rhfr": Column("1", "relative humidity as a fraction", 7),
    "wout": Column("m s-1", "mean vertical wind", 6),
    "zloc": Column("m", "limit of convection", 4),
    "zcfx": Column("1", "convective flux", 4),
    "icdx": Column("1", "convection flag", 0),
    "foot_no_hnf_dilution": Column(
        "ppm / (umol m-2 s-1)", "foot before the hyper-near-field correction", 7
    ),
    "xhgt": Column("m", "release height assumed for the particle", 4),
}
"""By STILT's name, in no particular order."""
