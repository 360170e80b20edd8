"""Turbulent motion of one particle during half a minute.

Vertical velocity is a Markov chain inside layers of constant statistics; at an interface the particle passes
or bounces with a probability that keeps a well-mixed tracer well mixed (Thomson, Physick & Maryon 1997;
Lin et al. 2003, doi:10.1029/2002JD003161).

What makes this fast: nearly every sub-step lasts the same fraction of the layer's time scale, so its
exponential is one constant; the wind is linear in height inside a layer, so only the sum of the heights is
carried and the horizontal motion follows when the particle leaves the layer; a level's properties are
looked up when the particle first gets there.
"""

# ruff: noqa: PLR0917 - compiled functions take no keyword-only arguments

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from stilt.transport.native.compiled import inline
from stilt.transport.native.interpolation import at_level, level_below, turbulence_at
from stilt.transport.native.randomness import normal, uniform

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stilt.transport.native.interpolation import Corners, Frame, Layering, Moment

    Float64 = NDArray[np.float64]

M_AIR = 0.02884
_TOP_OF_SURFACE_INFLUENCE = 0.9
_INSERTED = 0.05
_DONE_MIN = 1e-9

# Columns of the table of levels that a half-step has looked up.
EAST, NORTH, DENSITY, SIGMA_W, TIME_SCALE, STAMP = range(6)
LEVEL_VALUES = 6


class Spreading(NamedTuple):
    """Settings of the dispersion.

    ``keep`` and ``kick`` are exp(-tlfrac) and sqrt(1 - exp(-2 tlfrac)): what is left of the old vertical
    velocity, and the weight of the new deviate, after a sub-step of full length. ``veght`` up to 9 is a
    fraction of the mixed layer, else metres.
    """

    tlfrac: float
    keep: float
    kick: float
    veght: float
    horizontal_keep: float
    horizontal_kick: float


class Half(NamedTuple):
    """What half a step starts and ends with.

    ``x``, ``y`` index units, ``sigma``, ``ratio`` of vertical velocity to sigma_w, ``state`` of the stream,
    ``low_min`` minutes in the layer that the surface influences, and sigma_w and time scale of the last
    sub-step.
    """

    x: float
    y: float
    sigma: float
    ratio: float
    state: np.uint64
    low_min: float
    sigma_w: float
    time_scale: float


@inline
def mixed_level(frame: Frame, mixed_m: float, depth: float) -> int:
    """Find the first level (from 0) at or above the mixed-layer height, in sigma to four digits."""
    last = frame.sigma.shape[0] - 2
    target = math.floor((1.0 - mixed_m / depth) * 1e4 + 0.5)
    k = 0
    while k < last and frame.rounded[k] > target:
        k += 1
    return k


@inline
def influence_height(frame: Frame, veght: float, mixed_m: float) -> float:
    """Height of the layer that the surface influences, m."""
    height = veght * mixed_m if veght <= 9.0 else veght  # noqa: PLR2004 - HYSPLIT's switch
    return min(height, _TOP_OF_SURFACE_INFLUENCE * frame.top_m)


@inline
def column_mass(
    frame: Frame, moment: Moment, at: Corners, height: float, depth: float, is_second: bool
) -> float:
    """Mass of air up to a height, kg m-2, as a staircase of the levels' densities."""
    k = 0
    while k + 2 < frame.sigma.shape[0] and (1.0 - frame.sigma[k + 1]) * depth < height:
        k += 1
    lower = 0.0 if k == 0 else (1.0 - frame.sigma[k - 1]) * depth
    dry_below, dry, thin_below, thin = at_level(
        moment.first.mass, moment.second.mass, at, frame.sigma.shape[0], k
    )
    if is_second:
        return float(depth * thin_below + thin * (height - lower))
    return float(depth * dry_below + dry * (height - lower))


@inline
def _look_up(
    frame: Frame,
    moment: Moment,
    at: Corners,
    layering: Layering,
    k: int,
    stamp: float,
    errors: Float64,
    table: Float64,
) -> None:
    """Put level ``k`` (from 0) into the table, unless this half-step already did."""
    if table[k, STAMP] == stamp:
        return
    levels = frame.sigma.shape[0]
    east, north, _, density = at_level(moment.first.flow, moment.second.flow, at, levels, k)
    table[k, EAST] = east + errors[0, k]
    table[k, NORTH] = north + errors[1, k]
    table[k, DENSITY] = density
    sigma_w, time_scale = turbulence_at(frame, moment, at, layering, k)
    table[k, SIGMA_W] = sigma_w
    table[k, TIME_SCALE] = time_scale
    table[k, STAMP] = stamp


@inline
def _sigma_of(frame: Frame, extended: int, mixed: int) -> float:
    """Sigma of a level of the extended list, which has one more level just above ``mixed``."""
    if extended <= mixed:
        return float(frame.sigma[extended])
    if extended == mixed + 1:
        return float(frame.sigma[mixed] - _INSERTED * (frame.sigma[mixed] - frame.sigma[mixed + 1]))
    return float(frame.sigma[extended - 1])


@inline
def _source_of(extended: int, mixed: int) -> int:
    """Name the level whose properties a level of the extended list has."""
    return extended if extended <= mixed + 1 else extended - 1


@inline
def _extended_below(frame: Frame, sigma: float, mixed: int) -> int:
    """Find the highest level of the extended list at or below a sigma."""
    k = level_below(frame, sigma)
    if k < mixed:
        return k
    if k == mixed:
        return mixed + 1 if _sigma_of(frame, mixed + 1, mixed) >= sigma else mixed
    return k + 1


@inline
def half_step(  # noqa: C901, PLR0912, PLR0915 - one loop, kept whole so that it stays in registers
    frame: Frame,
    moment: Moment,
    at: Corners,
    layering: Layering,
    spreading: Spreading,
    depth: float,
    direction: float,
    gamma: np.uint64,
    stamp: float,
    errors: Float64,
    table: Float64,
    start: Half,
) -> Half:
    """Move a particle for half a minute with the profiles of one place and time.

    ``depth`` is the model top over the terrain, m; ``direction`` 1 forward and -1 backward; ``errors`` is
    added to the wind of each level (cells/min, shape (2, levels)); ``table`` is working space.
    """
    x, y, sigma, state = start.x, start.y, start.sigma, start.state
    mixed = mixed_level(frame, layering.mixed_m, depth)
    low_sigma = 1.0 - influence_height(frame, spreading.veght, layering.mixed_m) / depth
    lowest, top_level = frame.sigma[0], frame.sigma.shape[0]
    level = _extended_below(frame, sigma, mixed)
    _look_up(frame, moment, at, layering, _source_of(level, mixed), stamp, errors, table)
    source = _source_of(level, mixed)
    w = start.ratio * table[source, SIGMA_W]
    left, low_min = 0.5, 0.0
    sigma_w, time_scale = table[source, SIGMA_W], table[source, TIME_SCALE]
    while left > _DONE_MIN:
        # The layer between this level and the next, until the particle leaves it.
        source = _source_of(level, mixed)
        above = _source_of(level + 1, mixed)
        _look_up(frame, moment, at, layering, source, stamp, errors, table)
        _look_up(frame, moment, at, layering, above, stamp, errors, table)
        sigma_w, time_scale = table[source, SIGMA_W], table[source, TIME_SCALE]
        top = _sigma_of(frame, level + 1, mixed)
        base = _sigma_of(frame, level, mixed)
        bottom = base if level > 0 else 1.0
        full = spreading.tlfrac * time_scale / 60.0
        fall = 60.0 / depth
        fall_full = fall * full
        kick = spreading.kick * sigma_w
        # Minutes and sigma-minutes, above and below the first level.
        minutes, sigma_minutes, low_minutes, low_sigma_minutes = 0.0, 0.0, 0.0, 0.0
        is_inside = True
        while is_inside and left > _DONE_MIN:
            steps = int(left / full)
            done, near, below_first = 0, 0, 0
            sum_sigma, sum_low = 0.0, 0.0
            crossed = False
            while done < steps:
                deviate, state = normal(state, gamma)
                w = spreading.keep * w + kick * deviate
                moved = sigma - w * fall_full
                if moved < top or moved > bottom:
                    crossed = True
                    break
                sigma = moved
                done += 1
                sum_sigma += sigma
                near += sigma > low_sigma
                if sigma > lowest:
                    below_first += 1
                    sum_low += sigma
            left -= done * full
            low_min += near * full
            low_minutes += below_first * full
            low_sigma_minutes += sum_low * full
            minutes += (done - below_first) * full
            sigma_minutes += (sum_sigma - sum_low) * full
            step = full
            if not crossed:
                step = left
                if step <= _DONE_MIN:
                    break
                keep = math.exp(-60.0 * step / time_scale)
                deviate, state = normal(state, gamma)
                w = keep * w + math.sqrt(1.0 - keep * keep) * sigma_w * deviate
                moved = sigma - w * fall * step
                crossed = moved < top or moved > bottom
            if crossed:
                edge = top if w > 0.0 else bottom
                step = min(step, abs(sigma - edge) / (fall * abs(w)))
                sigma = edge
            else:
                sigma = moved
            left -= step
            if sigma > low_sigma:
                low_min += step
            if sigma > lowest:
                low_minutes += step
                low_sigma_minutes += step * sigma
            else:
                minutes += step
                sigma_minutes += step * sigma
            if not crossed:
                continue
            if w > 0.0:
                if level + 2 > top_level:
                    w = -w
                    continue
                target = above
            elif level == 0:
                w = -w
                continue
            else:
                target = _source_of(level - 1, mixed)
                _look_up(frame, moment, at, layering, target, stamp, errors, table)
            passing = (table[target, DENSITY] * table[target, SIGMA_W]) / (
                table[source, DENSITY] * sigma_w
            )
            is_passing = passing >= 1.0
            if not is_passing:
                state = state + gamma
                is_passing = uniform(state) <= passing
            if is_passing:
                level += 1 if w > 0.0 else -1
                w *= table[target, SIGMA_W] / sigma_w
                is_inside = False
            else:
                w = -w
        # The horizontal motion of the time in this layer.
        thickness = base - top
        share = (base * minutes - sigma_minutes) / thickness
        ground = (low_minutes - low_sigma_minutes) / (1.0 - lowest)
        east, north = table[source, EAST], table[source, NORTH]
        x += direction * (east * (minutes + ground) + (table[above, EAST] - east) * share)
        y += direction * (north * (minutes + ground) + (table[above, NORTH] - north) * share)
    final = _source_of(level, mixed)
    return Half(x, y, sigma, w / table[final, SIGMA_W], state, low_min, sigma_w, time_scale)
