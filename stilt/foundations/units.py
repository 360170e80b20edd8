"""Units as files of the field write them, and how many of ours each is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MOLECULES_PER_CM2 = 1e4 / 6.02214076e23
"""In mol m-2."""

HPA = {
    **dict.fromkeys(("hPa", "mbar", "mb", "millibar", "millibars", "hectopascal"), 1.0),
    **dict.fromkeys(("Pa", "pascal", "pascals"), 0.01),
    "kPa": 10.0,
}
METRES = {
    **dict.fromkeys(("m", "meter", "metre", "meters", "metres"), 1.0),
    **dict.fromkeys(("km", "kilometer", "kilometre", "kilometers", "kilometres"), 1000.0),
}
PPM = {
    **dict.fromkeys(("ppm", "ppmv", "umol mol-1", "umol/mol", "micromol mol-1", "1e-6"), 1.0),
    **dict.fromkeys(("ppb", "ppbv", "nmol mol-1", "nmol/mol", "1e-9"), 1e-3),
    **dict.fromkeys(("ppt", "pptv", "pmol mol-1", "pmol/mol", "1e-12"), 1e-6),
    **dict.fromkeys(("mol mol-1", "mol/mol", "mole mole-1", "1", "mole/mole"), 1e6),
}
COLUMN = {
    **dict.fromkeys(("mol m-2", "mol/m2", "mol m^-2", "mol m**-2"), 1.0),
    **dict.fromkeys(
        ("molecules cm-2", "molec cm-2", "molec/cm2", "molecules/cm2"), MOLECULES_PER_CM2
    ),
}
DEGREES = {
    **dict.fromkeys(("degree", "degrees", "deg", "degrees_north", "degrees_east"), 1.0),
    **dict.fromkeys(("degree_north", "degree_east", "Degrees"), 1.0),
    **dict.fromkeys(("radian", "radians", "rad"), 57.29577951308232),
}
SHARE = {
    **dict.fromkeys(("1", "", "-", "none", "None", "unitless", "Unitless", "dimensionless"), 1.0),
    **dict.fromkeys(("%", "percent", "1e-2"), 0.01),
}

OURS: Mapping[str, Mapping[str, float]] = {
    "hPa": HPA,
    "m": METRES,
    "ppm": PPM,
    "mol m-2": COLUMN,
    "degrees": DEGREES,
    "1": SHARE,
}
"""By the unit that numbers are wanted in: how many of it each known unit is."""
