"""Errors of the wind and of the mixed-layer height, as correlated random processes of each particle.

Lin & Gerbig (2005, doi:10.1029/2004GL021127): an error profile is correlated in height, decays with the time
and with the distance travelled, and is renewed by as much as it decays.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from stilt.kernels.compiled import fast
from stilt.transport.native.randomness import normal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]

MIXED_LAYER_PLACE = 2
"""Row of a particle's errors whose first element is that of the mixed layer, in percent."""

ERROR_ROWS = 3


class Perturbation(NamedTuple):
    """Settings; a standard deviation of 0 turns a part off.

    Wind: m/s, minutes, metres, kilometres. Mixed layer: percent, minutes, kilometres.
    """

    wind_sd: float
    wind_min: float
    wind_m: float
    wind_km: float
    mixed_sd: float
    mixed_min: float
    mixed_km: float


class Errors(NamedTuple):
    """A particle's errors and what they do to the wind around it.

    ``heights`` of the levels, m. ``own``: as in ``Particles``, shape (ERROR_ROWS, levels). ``winds``: what is added to
    the wind (cells/min), rows 0 and 1 east and north before, 2 and 3 after a step, 4 to work in.
    """

    heights: Float64
    own: Float64
    winds: Float64


class Travelled(NamedTuple):
    """How far a particle went in a minute, and what 1 m/s is there in cells/min."""

    km: float
    east_per_ms: float
    north_per_ms: float


NO_PERTURBATION = Perturbation(0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0)


@fast.inline
def _profile(
    heights: Float64, length: float, state: np.uint64, gamma: np.uint64, out: Float64
) -> np.uint64:
    """Fill a profile of standard normal deviates that are correlated in height (T57)."""
    out[0], state = normal(state, gamma)
    for k in range(1, heights.shape[0]):
        keep = math.exp(-(heights[k] - heights[k - 1]) / length)
        deviate, state = normal(state, gamma)
        out[k] = keep * out[k - 1] + math.sqrt(1.0 - keep * keep) * deviate
    return state


@fast.inline
def start_errors(
    errors: Errors, settings: Perturbation, state: np.uint64, gamma: np.uint64
) -> np.uint64:
    """Draw a particle's first errors."""
    heights, own = errors.heights, errors.own
    if settings.wind_sd > 0.0:
        state = _profile(heights, settings.wind_m, state, gamma, own[0])
        state = _profile(heights, settings.wind_m, state, gamma, own[1])
    if settings.mixed_sd > 0.0:
        deviate, state = normal(state, gamma)
        own[MIXED_LAYER_PLACE, 0] = settings.mixed_sd * deviate
    return state


@fast.inline
def perturb_winds(
    errors: Errors,
    settings: Perturbation,
    travelled: Travelled,
    state: np.uint64,
    gamma: np.uint64,
) -> np.uint64:
    """Advance the wind errors by a minute (T57); return the stream's state."""
    heights, winds = errors.heights, errors.winds
    in_time = math.exp(-1.0 / settings.wind_min)
    in_space = math.exp(-travelled.km / settings.wind_km)
    for axis in range(2):
        per_ms = travelled.east_per_ms if axis == 0 else travelled.north_per_ms
        per_ms *= settings.wind_sd
        error, scratch = errors.own[axis], winds[4]
        for k in range(heights.shape[0]):
            winds[axis, k] = error[k] * per_ms
        for keep in (in_time, in_space):
            state = _profile(heights, settings.wind_m, state, gamma, scratch)
            renewed = math.sqrt(1.0 - keep * keep)
            for k in range(heights.shape[0]):
                error[k] = keep * error[k] + renewed * scratch[k]
        for k in range(heights.shape[0]):
            winds[2 + axis, k] = error[k] * per_ms
    return state


@fast.inline
def perturb_mixed_layer(
    settings: Perturbation,
    travelled_km: float,
    state: np.uint64,
    gamma: np.uint64,
    errors: Float64,
) -> tuple[float, np.uint64]:
    """Advance the mixed-layer error by a minute; return the factor on the footprint (T58)."""
    error = errors[MIXED_LAYER_PLACE, 0]
    in_time = math.exp(-1.0 / settings.mixed_min)
    in_space = math.exp(-travelled_km / settings.mixed_km)
    for keep in (in_time, in_space):
        deviate, state = normal(state, gamma)
        error = keep * error + math.sqrt(1.0 - keep * keep) * settings.mixed_sd * deviate
    errors[MIXED_LAYER_PLACE, 0] = error
    return max(0.0, (100.0 + error) / 100.0), state
