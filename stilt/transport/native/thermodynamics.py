"""Constants and formulas of moist air, as the transport model uses them."""

from __future__ import annotations

import math

from stilt.kernels.compiled import fast

GRAVITY = 9.80616
GAS_CONSTANT = 287.04
KAPPA = 0.286
HEAT_CAPACITY = 1005.0
VON_KARMAN = 0.4
EPSILON = 0.622
VIRTUAL = 0.61


@fast.inline
def saturation_hpa(temperature: float) -> float:
    """Saturation vapour pressure of the profile remap, hPa (T9)."""
    return math.exp(21.4 - 5351.0 / temperature)


@fast.inline
def specific_humidity(relative: float, temperature: float, pressure: float) -> float:
    """Specific humidity (kg/kg) of a relative humidity given as a fraction (T9)."""
    return EPSILON * relative * saturation_hpa(temperature) / pressure


@fast.inline
def dry_density(pressure: float, temperature: float, relative: float) -> float:
    """Density of the dry part of the air, kg m-3, from hPa, K and a fraction (T16)."""
    vapour = relative * saturation_hpa(temperature)
    return 100.0 * (pressure - vapour) / (GAS_CONSTANT * temperature)


@fast.inline
def humidity_of_column_mass(density: float, temperature: float, relative: float) -> float:
    """Mixing ratio by which the second half-step thins the column mass (T50).

    The temperature enters as if it were a potential temperature, which lowers the vapour pressure; HYSPLIT
    does so, and the footprint (0.1 to 0.3 %) follows it.
    """
    exner = density * temperature * GAS_CONSTANT / 100.0 * 1000.0 ** (-KAPPA)
    pressure = exner ** (1.0 / (1.0 - KAPPA))
    lowered = temperature * (pressure / 1000.0) ** KAPPA
    if lowered >= 273.15:  # noqa: PLR2004 - freezing point, K
        saturated = 6.1078 * math.exp(17.29694 * (lowered - 273.16) / (lowered - 35.86))
    else:
        saturated = math.exp(23.33086 - 6111.72784 / lowered + 0.15215 * math.log(lowered))
    vapour = relative * saturated
    return float(EPSILON * vapour / (pressure - vapour))
