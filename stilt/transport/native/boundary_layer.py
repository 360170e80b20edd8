"""Surface layer, mixed-layer height and turbulence profiles of one internal column.

Turbulence: Hanna (1982) with the linear stable profile of Lin et al. (2003, doi:10.1029/2002JD003161);
similarity functions with Beljaars-Holtslag and Betchov-Yaglom coefficients.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stilt.kernels.compiled import fast
from stilt.transport.native.remap import HEIGHT, RHO, THETA, U, V, Z
from stilt.transport.native.thermodynamics import GRAVITY, HEAT_CAPACITY, VON_KARMAN

if TYPE_CHECKING:
    from numpy.typing import NDArray

# How a file gives the fluxes of momentum and heat.
NO_FLUX = 0
FRICTION_VELOCITY, STRESS, EXCHANGE = 1, 2, 3
TEMPERATURE_SCALE, HEAT_FLUX = 1, 2

THIRD = 0.3333
CRITICAL_RICHARDSON = 0.25
_SAME_HEIGHT_M = 0.01
ABOVE_TIME_SCALE_S = 100.0
_SMALL_ENERGY = 0.21
_SMALLEST_SIGMA = 1e-5


class Fluxes(NamedTuple):
    """What drives the turbulence: friction velocity, m/s, temperature scale, K, and stability (T17 to T20)."""

    friction: float
    scale: float
    zeta: float


class MixedLayer(NamedTuple):
    """The mixed layer of a column: its height, and the level (from 0) at the top of the surface layer in it.

    ``depth`` is the height of the model's top over the ground, m.
    """

    height: float
    surface: int
    roughness: float
    depth: float


@fast.inline
def friction_velocity(
    kind: int, first: float, second: float, column: NDArray[np.float64], level: int
) -> float:
    """Friction velocity, m/s, from the file's own, its stress (two components) or exchange coefficient (T17)."""
    if kind == FRICTION_VELOCITY:
        return max(1e-4, first)
    density = column[RHO, level]
    if kind == STRESS:
        along = max(0.01, math.sqrt(abs(first) / density))
        across = max(0.01, math.sqrt(abs(second) / density))
    else:
        along = max(0.01, math.sqrt(abs(first * column[U, level]) / density))
        across = max(0.01, math.sqrt(abs(first * column[V, level]) / density))
    return math.hypot(along, across)


@fast.inline
def temperature_scale(kind: int, value: float, friction: float, density: float) -> float:
    """Temperature scale, K: negative when the surface warms the air; no flux counts as hardly unstable (T18)."""
    if kind == TEMPERATURE_SCALE:
        return math.copysign(max(1e-4, abs(value)), value)
    flux = max(-25.0, value)
    size = max(1e-4, abs(flux / (density * HEAT_CAPACITY * friction)))
    return size if flux < 0.0 else -size


@fast.inline
def stability(height: float, friction: float, scale: float, theta: float) -> float:
    """Height over Obukhov length at the top of the surface layer, within [-2, 15] and never zero (T19)."""
    zeta = height * VON_KARMAN * GRAVITY * scale / (friction * friction * theta)
    zeta = min(15.0, max(-2.0, zeta))
    return 0.001 if zeta == 0.0 else zeta


@fast.inline
def momentum_function(s: float) -> float:
    """Similarity function of momentum (T21)."""
    if s >= 0.0:
        e = 0.66667 * math.exp(-0.35 * s) * (1.0 + 5.0 - 0.35 * s)
        return 1.0 + (1.0 + e) * s
    return float(((1.0 + 0.625 * s * s) / (1.0 - 7.5 * s)) ** THIRD)


@fast.inline
def heat_function(s: float) -> float:
    """Similarity function of heat (T21)."""
    if s >= 0.0:
        e = 0.66667 * math.exp(-0.35 * s) * (1.0 + 5.0 - 0.35 * s)
        return 0.923 * (1.0 + (math.sqrt(1.0 + 0.66667 * s) + e) * s)
    return float(0.64 * ((3.0 - 2.5 * s) / (1.0 - 10.0 * s + 50.0 * s * s)) ** THIRD)


@fast.inline
def profile_fluxes(
    column: NDArray[np.float64], surface: int, data: int, roughness: float
) -> Fluxes:
    """Fluxes from wind and temperature of two levels (T20)."""
    rise = column[Z, data] - column[Z, 0]
    warming = column[THETA, data] - column[THETA, 0]
    shear = (column[U, data] - column[U, 0]) ** 2 + (column[V, data] - column[V, 0]) ** 2
    shear = max(1e-4, shear)
    mean = 0.5 * (column[THETA, data] + column[THETA, 0])
    height = column[Z, surface]
    richardson = GRAVITY * warming * rise / (mean * shear) / (column[Z, data] / height) ** 2
    richardson = min(1.0, max(-1.0, richardson))
    zeta = _stability_of_richardson(richardson, height, roughness)
    speed = VON_KARMAN * height * math.sqrt(shear) / (momentum_function(zeta) * rise)
    scale = VON_KARMAN * height * warming / (heat_function(zeta) * rise)
    zeta = min(15.0, max(-2.0, zeta))
    return Fluxes(speed, scale, 0.001 if zeta == 0.0 else zeta)


@fast.inline
def _stability_of_richardson(ri: float, height: float, roughness: float) -> float:
    s = math.log(height / roughness + 1.0)
    t = math.log(height / (0.1 * roughness) + 1.0)
    if ri <= 0.0:
        return ri * (s * s / t - 0.5)
    if ri < 0.08:  # noqa: PLR2004 - where the weakly stable solution ends
        root = math.sqrt(t * t - 20.0 * s * t * ri + 20.0 * s * s * ri)
        return (-t + 10.0 * s * ri + root) / (10.0 * (1.0 - 5.0 * ri))
    v = math.log(10.0)
    return (0.005 * s + 41.2) * ri * ri + (1.185 * s - 1.5 * v - 1.37) * ri


@fast.inline
def richardson_height(column: NDArray[np.float64], surface: int, fluxes: Fluxes) -> float:
    """Mixed-layer height where the bulk Richardson number with a thermal excess reaches 0.25 (T22)."""
    levels, friction = column.shape[1], fluxes.friction
    before = 0.0
    for k in range(1, levels - 1):
        excess = 0.0
        if fluxes.zeta < 0.0:
            local = fluxes.scale * column[RHO, surface] / column[RHO, k]
            plume = abs(GRAVITY * friction * local * column[Z, k] / column[THETA, 0]) ** THIRD
            excess = abs(8.5 * friction * local / (friction**3 + 0.6 * plume**3) ** THIRD)
        parcel = column[THETA, 0] + excess
        shear = (column[U, k] - column[U, 0]) ** 2 + (column[V, k] - column[V, 0]) ** 2
        rise = column[Z, k] - column[Z, 0]
        now = GRAVITY * (column[THETA, k] - parcel) * rise / (parcel * max(1e-4, shear))
        if now >= CRITICAL_RICHARDSON:
            step = column[Z, k] - column[Z, k - 1]
            share = (CRITICAL_RICHARDSON - before) / (now - before)
            return float(column[Z, k - 1] + step * share)
        before = now
    return float(column[Z, levels - 2])


@fast.inline
def temperature_height(column: NDArray[np.float64]) -> float:
    """Mixed-layer height as the highest level within 2 K of the lowest potential temperature (T23)."""
    coolest = column[THETA, 0]
    for k in range(1, column.shape[1]):
        coolest = min(coolest, column[THETA, k])
    for k in range(column.shape[1] - 1, 0, -1):
        if column[THETA, k] <= coolest + 2.0:
            return float(column[Z, k])
    return float(column[Z, 0])


@fast.inline
def energy_height(
    column: NDArray[np.float64], data: NDArray[np.float64], energy: NDArray[np.float32]
) -> float:
    """Mixed-layer height as the last level before turbulent energy is small, or halves from level to level (T23).

    ``energy``: m2 s-2 on the levels of the file, whose heights are in ``data``; linear between them.
    """
    below = _energy_at(data, energy, column[Z, 0])
    for k in range(1, column.shape[1]):
        here = _energy_at(data, energy, column[Z, k])
        if here < _SMALL_ENERGY or here < 0.5 * below:
            return float(column[Z, k - 1])
        below = here
    return float(column[Z, column.shape[1] - 1])


@fast.inline
def _energy_at(data: NDArray[np.float64], energy: NDArray[np.float32], height: float) -> float:
    """Turbulent energy at a height: near the ground and aloft that of the lowest and the highest level."""
    last = energy.shape[0]
    top = 1
    while top <= last and data[HEIGHT, top] < height:
        top += 1
    if top == 1 or top > last:
        return float(energy[min(top, last) - 1])
    f = (height - data[HEIGHT, top - 1]) / (data[HEIGHT, top] - data[HEIGHT, top - 1])
    return float((1.0 - f) * energy[top - 2] + f * energy[top - 1])


@fast.inline
def turbulence_profile(
    column: NDArray[np.float64],
    layer: MixedLayer,
    fluxes: Fluxes,
    sigma_levels: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Fill ``out[0]`` with sigma_w (m/s) and ``out[1]`` with the Lagrangian time scale (s) (T26 to T29)."""
    mixed, friction, zeta = layer.height, fluxes.friction, fluxes.zeta
    obukhov = column[Z, layer.surface] / zeta
    convective = 0.0
    if zeta < 0.0:
        buoyancy = GRAVITY * friction * fluxes.scale * mixed / column[THETA, layer.surface]
        convective = abs(buoyancy) ** THIRD
    for k in range(column.shape[1]):
        height = column[Z, k]
        if abs(height - mixed) < _SAME_HEIGHT_M:
            height = _single_height(sigma_levels[k], layer.depth)
        if height > mixed:
            out[0, k] = math.sqrt(_free_diffusivity(column, k) / ABOVE_TIME_SCALE_S)
            out[1, k] = ABOVE_TIME_SCALE_S
        elif zeta > 0.0:
            out[0, k], out[1, k] = _stable_level(height / mixed, mixed, friction)
        else:
            out[0, k], out[1, k] = _unstable_level(
                height, mixed, obukhov, convective, layer.roughness
            )


@fast.inline
def _single_height(sigma: float, depth: float) -> float:
    """Height of a level as hycs_std's single precision has it, m (T30).

    Where the mixed layer is exactly as high as a level (its least height is 150 m, and over the sea one set of levels
    has one there) this decides whether the level is a lid: just below the top there is nearly no turbulence.
    """
    share = np.float32(1.0) - np.float32(sigma)
    return float(np.float64(np.float32(share * np.float32(depth))))


@fast.inline
def _stable_level(h: float, mixed: float, friction: float) -> tuple[float, float]:
    sigma = max(_SMALLEST_SIGMA, 1.3 * friction * (1.0 - h))
    return sigma, 0.1 * (mixed / sigma) * h**0.8 if h < 1.0 else ABOVE_TIME_SCALE_S


@fast.inline
def _unstable_level(
    height: float, mixed: float, obukhov: float, convective: float, roughness: float
) -> tuple[float, float]:
    h = height / mixed
    if h < 0.03:  # noqa: PLR2004 - the layers of Hanna (1982)
        sigma = 0.96 * convective * (3.0 * h - obukhov / mixed) ** THIRD
    elif h < 0.4:  # noqa: PLR2004
        sigma = convective * min(0.96 * (3.0 * h - obukhov / mixed) ** THIRD, 0.763 * h**0.175)
    elif h < 0.96:  # noqa: PLR2004
        sigma = 0.722 * convective * (1.0 - h) ** 0.207
    else:
        sigma = 0.37 * convective
    sigma = max(_SMALLEST_SIGMA, sigma)
    above = height - roughness
    if h < 0.1 and above < abs(obukhov):  # noqa: PLR2004
        return sigma, 0.1 * height / (sigma * (0.55 + 0.38 * above / obukhov))
    if h < 0.1:  # noqa: PLR2004
        return sigma, 0.59 * height / sigma
    return sigma, 0.15 * (mixed / sigma) * (1.0 - math.exp(-5.0 * h))


@fast.inline
def _free_diffusivity(column: NDArray[np.float64], k: int) -> float:
    """Diffusivity above the mixed layer, m2/s, from the local Richardson number (T29)."""
    rise = column[Z, k] - column[Z, k - 1]
    shear = (column[U, k] - column[U, k - 1]) ** 2 + (column[V, k] - column[V, k - 1]) ** 2
    shear = max(0.1, shear)
    below = column[THETA, k - 1]
    ri = GRAVITY * rise * (column[THETA, k] - below) / (below * shear)
    ri = min(20.0, max(0.0, ri))
    length = 1.0 / (1.0 / (VON_KARMAN * column[Z, k]) + 1.0 / 150.0)
    x = 1.0893 * ri
    if ri > 0.001:  # noqa: PLR2004 - where the polynomial takes over
        x = 0.0002828 + ri * (0.8049 + ri * (1.6583 + ri * (0.00509 - 0.0010063 * ri)))
    mixing = length * length * math.sqrt(shear) / rise / heat_function(min(256.0, x))
    return float(min(200.0, max(0.01, mixing)))
