"""From the levels of a met file to the model's own, one column at a time.

A column is first put into the shape (height, log pressure, temperature, relative humidity, winds) at the
ground and at the data levels, whatever the file's vertical coordinate; then interpolated.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from stilt.kernels.compiled import fast
from stilt.transport.native.thermodynamics import (
    EPSILON,
    GAS_CONSTANT,
    GRAVITY,
    KAPPA,
    VIRTUAL,
    saturation_hpa,
    specific_humidity,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Rows of a data column (ground first, then the data levels).
HEIGHT, LOG_P, TEMP, HUMIDITY, EAST, NORTH, VERTICAL = range(7)
DATA_ROWS = 7

# Rows of an internal column.
P, T, RH, U, V, W, RHO, THETA, Z = range(9)
INTERNAL_ROWS = 9

# What humidity and vertical motion a file holds.
NO_HUMIDITY, SPECIFIC, RELATIVE = range(3)
NO_MOTION, PRESSURE_MOTION, HEIGHT_MOTION = range(3)

_SEA_LEVEL_HPA = 1013.0


class Remap(NamedTuple):
    """How a data column becomes an internal one.

    ``levels`` data levels; ``skip_low`` drops those below the first internal one (pressure data); ``is_linear``
    interpolates the pressure itself, not its logarithm (height levels); ``motion`` is the kind of vertical motion;
    ``depth`` is the model top over the terrain, m.
    """

    levels: int
    skip_low: bool
    is_linear: bool
    motion: int
    depth: float


@fast.inline
def ground_pressure(
    given: float, terrain: float, temperature: float, level_p: float, height: float
) -> float:
    """Surface pressure, hPa: as given, else from the lowest level or from sea level (T15).

    ``height`` is that of the lowest level above sea level, NaN where the file has no heights.
    """
    if not math.isnan(given):
        return given
    if not math.isnan(height):
        return level_p * math.exp((height - terrain) * GRAVITY / (GAS_CONSTANT * temperature))
    return _SEA_LEVEL_HPA * math.exp(-terrain * GRAVITY / (GAS_CONSTANT * temperature))


@fast.inline
def relative_humidity(kind: int, value: float, temperature: float, pressure: float) -> float:
    """Relative humidity as a fraction, from what the file holds."""
    if kind == SPECIFIC:
        return value * pressure / (EPSILON * saturation_hpa(temperature))
    if kind == RELATIVE:
        return value / 100.0
    return 0.0


@fast.inline
def heights_by_thickness(column: NDArray[np.float64], count: int) -> None:
    """Fill the heights of a data column from the thickness of its layers (virtual temperature) (T11)."""
    column[HEIGHT, 0] = 0.0
    for k in range(1, count + 1):
        pressure = math.exp(column[LOG_P, k])
        humidity = specific_humidity(column[HUMIDITY, k], column[TEMP, k], pressure)
        virtual = column[TEMP, k] * (1.0 + VIRTUAL * humidity)
        if k == 1:
            below = column[TEMP, 0] * (1.0 + VIRTUAL * humidity)
        thickness = (
            GAS_CONSTANT
            / GRAVITY
            * (column[LOG_P, k - 1] - column[LOG_P, k])
            * 0.5
            * (below + virtual)
        )
        column[HEIGHT, k] = column[HEIGHT, k - 1] + thickness
        below = virtual


@fast.inline
def set_ground_wind(
    column: NDArray[np.float64], east: float, north: float, lowest: float, roughness: float
) -> None:
    """Put the wind at the ground: the 10 m wind, or the lowest level's brought down by the log law (T15)."""
    if not math.isnan(east):
        column[EAST, 0], column[NORTH, 0] = east, north
        return
    factor = 1.0
    if column[HEIGHT, 1] > lowest:
        factor = math.log(lowest / roughness) / math.log(column[HEIGHT, 1] / roughness)
    column[EAST, 0] = column[EAST, 1] * factor
    column[NORTH, 0] = column[NORTH, 1] * factor


@fast.inline
def interpolate_column(column: NDArray[np.float64], remap: Remap, out: NDArray[np.float64]) -> int:
    """Fill an internal column, whose heights ``out[Z]`` are set, from a data column (T12, T14).

    Returns how many internal levels lie within the data.
    """
    levels, count = out.shape[1], remap.levels
    bottom, top = 0, 1
    inside = 0
    for k in range(levels):
        height = out[Z, k]
        while top <= count and column[HEIGHT, top] < height:
            if not (remap.skip_low and k == 0):
                bottom = top
            top += 1
        if top > count:
            break
        _interpolate_level(column, remap, (bottom, top), out, k)
        inside = k + 1
    for k in range(inside, levels):
        _extend_level(column[HUMIDITY, count], remap.skip_low, out, k)
    for k in range(levels):
        out[RH, k] = min(1.0, max(0.0, out[RH, k]))
    return inside


@fast.inline
def interpolate_motion_between(
    column: NDArray[np.float64], remap: Remap, out: NDArray[np.float64]
) -> None:
    """Replace the vertical motion of an internal column by that of a file which has it between the levels (T36).

    The first value is at the ground, and the pressure of each level lies in the middle between those of its own value
    and the next (found by trial with hycs_std: one level's motion at a time, the heights between from its weights).
    """
    pressure, below = math.exp(column[LOG_P, 0]), 0.0
    n = 1
    pressure, above = _next_between(column, n, pressure, below)
    for k in range(out.shape[1]):
        while above < out[Z, k] and n + 1 < remap.levels:
            n += 1
            below = above
            pressure, above = _next_between(column, n, pressure, below)
        if above < out[Z, k]:
            return
        f = (out[Z, k] - below) / (above - below)
        value = (1.0 - f) * column[VERTICAL, n] + f * column[VERTICAL, n + 1]
        out[W, k] = _sigma_motion(remap, value, out[RHO, k])


@fast.inline
def _next_between(
    column: NDArray[np.float64], n: int, pressure: float, height: float
) -> tuple[float, float]:
    """Pressure and height above level ``n`` from those below it, by the thickness of its air."""
    at_level = math.exp(column[LOG_P, n])
    above = 2.0 * at_level - pressure
    humidity = specific_humidity(column[HUMIDITY, n], column[TEMP, n], at_level)
    virtual = column[TEMP, n] * (1.0 + VIRTUAL * humidity)
    return above, height + GAS_CONSTANT / GRAVITY * virtual * math.log(pressure / above)


@fast.inline
def _sigma_motion(remap: Remap, value: float, density: float) -> float:
    """Sigma motion, 1/s, of a file's vertical motion (T13)."""
    if remap.motion == PRESSURE_MOTION:
        return 100.0 * value / (density * GRAVITY * remap.depth)
    return -value / remap.depth if remap.motion == HEIGHT_MOTION else 0.0


@fast.inline
def _interpolate_level(
    column: NDArray[np.float64],
    remap: Remap,
    between: tuple[int, int],
    out: NDArray[np.float64],
    k: int,
) -> None:
    bottom, top = between
    f = (out[Z, k] - column[HEIGHT, bottom]) / (column[HEIGHT, top] - column[HEIGHT, bottom])
    g = 1.0 - f
    temperature = g * column[TEMP, bottom] + f * column[TEMP, top]
    relative = g * column[HUMIDITY, bottom] + f * column[HUMIDITY, top]
    if remap.is_linear:
        pressure = g * math.exp(column[LOG_P, bottom]) + f * math.exp(column[LOG_P, top])
    else:
        pressure = math.exp(g * column[LOG_P, bottom] + f * column[LOG_P, top])
    vertical = g * column[VERTICAL, bottom] + f * column[VERTICAL, top]
    humidity = specific_humidity(relative, temperature, pressure)
    density = 100.0 * pressure / (GAS_CONSTANT * temperature * (1.0 + VIRTUAL * humidity))
    out[P, k], out[T, k], out[RH, k] = pressure, temperature, relative
    out[U, k] = g * column[EAST, bottom] + f * column[EAST, top]
    out[V, k] = g * column[NORTH, bottom] + f * column[NORTH, top]
    out[RHO, k] = density
    out[THETA, k] = temperature * (1000.0 / pressure) ** KAPPA
    out[W, k] = _sigma_motion(remap, vertical, density)


@fast.inline
def _extend_level(
    last_humidity: float, keeps_humidity: bool, out: NDArray[np.float64], k: int
) -> None:
    """Continue a column above the data: constant but for pressure, density and the dying vertical motion."""
    out[T, k], out[THETA, k] = out[T, k - 1], out[THETA, k - 1]
    out[U, k], out[V, k], out[W, k] = out[U, k - 1], out[V, k - 1], 0.5 * out[W, k - 1]
    out[RH, k] = out[RH, k - 1] if keeps_humidity else last_humidity
    out[P, k] = out[P, k - 1] - out[RHO, k - 1] * GRAVITY * (out[Z, k] - out[Z, k - 1]) / 100.0
    out[RHO, k] = 100.0 * out[P, k] / (GAS_CONSTANT * out[T, k])
