"""Turbulent motion of one particle during half a minute.

Vertical velocity is a Markov chain inside layers of constant statistics; at an interface the particle passes
or bounces with a probability that keeps a well-mixed tracer well mixed (Thomson, Physick & Maryon 1997;
Lin et al. 2003, doi:10.1029/2002JD003161).

What makes this fast: nearly every sub-step lasts the same fraction of the layer's time scale, so its
exponential is one constant; the wind is linear in height inside a layer, so only the sum of the heights is
carried and the horizontal motion follows when the particle leaves the layer; a level's properties are
looked up when the particle first gets there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stilt.foundations.surface_layer import MOST_PART
from stilt.kernels.compiled import fast
from stilt.transport.native.interpolation import (
    HALF_CELLS,
    at_level,
    east_of,
    layering_at,
    level_below,
    north_of,
    turbulence_at,
)
from stilt.transport.native.randomness import normal, uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.transport.native.interpolation import Air, Corners, Frame, Layering

    Float64 = NDArray[np.float64]

M_AIR = 0.02884
"""Molar mass of air, kg mol-1, that is compiled into hycs_std (T49). The near-field correction, which R-STILT computes
outside of it, has another one: ``spec/transport.md``, "Two molar masses"."""

_TOP_OF_SURFACE_INFLUENCE = 0.9
_INSERTED = 0.05
_DONE_MIN = 1e-9

# Columns of the table of levels that a half-step has looked up.
EAST, NORTH, DENSITY, SIGMA_W, TIME_SCALE, STAMP = range(6)
LEVEL_VALUES = 6


class Spreading(NamedTuple):
    """Settings of the dispersion.

    ``keep`` and ``kick`` are exp(-tlfrac) and sqrt(1 - exp(-2 tlfrac)): what is left of the old vertical
    velocity, and the weight of the new deviate, after a sub-step of full length. ``veght`` up to 1 is a
    fraction of the mixed layer, else metres. ``rounded`` is 0, or the direction of a run whose places are rounded as
    ``single`` says.
    """

    tlfrac: float
    keep: float
    kick: float
    veght: float
    horizontal_keep: float
    horizontal_kick: float
    rounded: float


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


class Levels(NamedTuple):
    """Levels that are looked up when a particle first gets there.

    ``table`` holds those that bear ``stamp``, shape (levels, LEVEL_VALUES); ``errors`` is added to the wind of each
    (cells/min, shape (2, levels)).
    """

    table: Float64
    errors: Float64
    stamp: float


class Column(NamedTuple):
    """The air over one place at one time.

    ``depth`` is the model top over the terrain, m; ``mixed`` the first level (from 0) at or above the mixed layer's
    height; ``influenced_m`` the height of the layer that the surface influences. Where sigma is greater than
    ``first_sigma`` a particle is below the first level, where greater than ``influenced_sigma`` in that layer.
    """

    air: Air
    at: Corners
    layering: Layering
    depth: float
    mixed: int
    influenced_m: float
    first_sigma: float
    influenced_sigma: float
    levels: Levels


class Layer(NamedTuple):
    """Air above ``level`` of the extended list: one turbulence up to the next, wind linear in sigma.

    ``source`` and ``above`` are the levels whose properties it has at ``base`` and ``top``, sigma; at ``top`` and
    ``bottom`` a particle passes or bounces. ``full`` is the minutes of a sub-step of full length and ``kick`` the
    weight of its deviate, m/s; ``fall`` is sigma per minute at 1 m/s. ``rounded`` as in ``Spreading``.
    """

    level: int
    source: int
    above: int
    base: float
    top: float
    bottom: float
    sigma_w: float
    time_scale: float
    full: float
    kick: float
    fall: float
    rounded: float


class Flight(NamedTuple):
    """A particle inside a layer, and its time there.

    ``w`` vertical velocity, m/s; ``left`` minutes of the half-step; ``low_min`` as in ``Half``; ``minutes`` and their
    integral of sigma above the first level, ``ground_minutes`` and theirs below it. ``x`` and ``y`` are its place,
    kept up to date in single precision only.
    """

    sigma: float
    w: float
    state: np.uint64
    left: float
    low_min: float
    minutes: float
    sigma_minutes: float
    ground_minutes: float
    ground_sigma_minutes: float
    x: float
    y: float


@fast.inline
def mixed_level(frame: Frame, mixed_m: float, depth: float) -> int:
    """Find the first level (from 0) at or above the mixed-layer height, in sigma to four digits (T41)."""
    last = frame.sigma.shape[0] - 2
    target = math.floor((1.0 - mixed_m / depth) * 1e4 + 0.5)
    k = 0
    while k < last and frame.rounded[k] > target:
        k += 1
    return k


@fast.inline
def column_over(air: Air, at: Corners, depth: float, veght: float, levels: Levels) -> Column:
    """Return the column over a place (T41, T47)."""
    frame, layering = air.frame, layering_at(air, at)
    mixed = mixed_level(frame, layering.mixed_m, depth)
    height = veght * layering.mixed_m if veght <= MOST_PART else veght
    height = min(height, _TOP_OF_SURFACE_INFLUENCE * frame.top_m)
    sigma = 1.0 - height / depth
    return Column(air, at, layering, depth, mixed, height, frame.sigma[0], sigma, levels)


@fast.inline
def column_mass(column: Column, is_second: bool) -> float:
    """Mass of the air that the surface influences, kg m-2, as a staircase of the levels' densities (T48, T50)."""
    air, depth, height = column.air, column.depth, column.influenced_m
    sigma = air.frame.sigma
    k = 0
    while k + 2 < sigma.shape[0] and (1.0 - sigma[k + 1]) * depth < height:
        k += 1
    lower = 0.0 if k == 0 else (1.0 - sigma[k - 1]) * depth
    dry_below, dry, thin_below, thin = at_level(
        air.first.mass, air.second.mass, column.at, sigma.shape[0], k
    )
    if is_second:
        return float(depth * thin_below + thin * (height - lower))
    return float(depth * dry_below + dry * (height - lower))


@fast.inline
def _look_up(column: Column, k: int) -> None:
    """Put level ``k`` (from 0) into the column's table, unless this half-step already did."""
    table, errors = column.levels.table, column.levels.errors
    if table[k, STAMP] == column.levels.stamp:
        return
    air, at = column.air, column.at
    frame, first, second = air.frame, air.first.flow, air.second.flow
    levels = frame.sigma.shape[0]
    east, north, _, density = at_level(first, second, at, levels, k)
    if frame.staggering == HALF_CELLS:
        east, _, _, _ = at_level(first, second, east_of(frame, at), levels, k)
        _, north, _, _ = at_level(first, second, north_of(frame, at), levels, k)
    table[k, EAST] = east + errors[0, k]
    table[k, NORTH] = north + errors[1, k]
    table[k, DENSITY] = density
    sigma_w, time_scale = turbulence_at(air, at, column.layering, k)
    table[k, SIGMA_W] = sigma_w
    table[k, TIME_SCALE] = time_scale
    table[k, STAMP] = column.levels.stamp


@fast.inline
def _sigma_of(frame: Frame, extended: int, mixed: int) -> float:
    """Sigma of a level of the extended list, which has one more level just above ``mixed``."""
    if extended <= mixed:
        return float(frame.sigma[extended])
    if extended == mixed + 1:
        return float(frame.sigma[mixed] - _INSERTED * (frame.sigma[mixed] - frame.sigma[mixed + 1]))
    return float(frame.sigma[extended - 1])


@fast.inline
def _source_of(extended: int, mixed: int) -> int:
    """Name the level whose properties a level of the extended list has."""
    return extended if extended <= mixed + 1 else extended - 1


@fast.inline
def _extended_below(frame: Frame, sigma: float, mixed: int) -> int:
    """Find the highest level of the extended list at or below a sigma."""
    k = level_below(frame, sigma)
    if k < mixed:
        return k
    if k == mixed:
        return mixed + 1 if _sigma_of(frame, mixed + 1, mixed) >= sigma else mixed
    return k + 1


@fast.inline
def half_step(
    column: Column, spreading: Spreading, direction: float, gamma: np.uint64, start: Half
) -> Half:
    """Move a particle for half a minute in one column (T40).

    ``direction`` is 1 forward and -1 backward, ``gamma`` the increment of the particle's stream.
    """
    table, mixed = column.levels.table, column.mixed
    x, y, sigma = start.x, start.y, start.sigma
    level = _extended_below(column.air.frame, sigma, mixed)
    source = _source_of(level, mixed)
    _look_up(column, source)
    sigma_w, time_scale = table[source, SIGMA_W], table[source, TIME_SCALE]
    w, state, left, low_min = start.ratio * sigma_w, start.state, 0.5, 0.0
    while left > _DONE_MIN:
        layer = _layer(column, spreading, level)
        flight = Flight(sigma, w, state, left, low_min, 0.0, 0.0, 0.0, 0.0, x, y)
        flight, level = _fly(column, spreading, layer, gamma, flight)
        if spreading.rounded != 0.0:
            x, y = flight.x, flight.y
        else:
            east, north = _carried(column, layer, flight)
            x += direction * east
            y += direction * north
        sigma, w, state = flight.sigma, flight.w, flight.state
        left, low_min = flight.left, flight.low_min
        sigma_w, time_scale = layer.sigma_w, layer.time_scale
    final = _source_of(level, mixed)
    return Half(x, y, sigma, w / table[final, SIGMA_W], state, low_min, sigma_w, time_scale)


@fast.inline
def _layer(column: Column, spreading: Spreading, level: int) -> Layer:
    """Return the layer above a level of the extended list (T41)."""
    frame, mixed, table = column.air.frame, column.mixed, column.levels.table
    source, above = _source_of(level, mixed), _source_of(level + 1, mixed)
    _look_up(column, source)
    _look_up(column, above)
    base, top = _sigma_of(frame, level, mixed), _sigma_of(frame, level + 1, mixed)
    sigma_w, time_scale = table[source, SIGMA_W], table[source, TIME_SCALE]
    return Layer(
        level,
        source,
        above,
        base,
        top,
        base if level > 0 else 1.0,
        sigma_w,
        time_scale,
        spreading.tlfrac * time_scale / 60.0,
        spreading.kick * sigma_w,
        60.0 / column.depth,
        spreading.rounded,
    )


@fast.inline
def _fly(
    column: Column, spreading: Spreading, layer: Layer, gamma: np.uint64, flight: Flight
) -> tuple[Flight, int]:
    """Move a particle until its time is over or it passes an interface; return the level below it then."""
    while flight.left > _DONE_MIN:
        flight, is_crossing = _full_steps(column, spreading.keep, layer, gamma, flight)
        flight, is_crossing = _last_step(column, layer, gamma, flight, is_crossing)
        if not is_crossing:
            break
        next_level = layer.level + 1 if flight.w > 0.0 else layer.level - 1
        w, state = -flight.w, flight.state
        if 0 <= next_level < column.air.frame.sigma.shape[0]:
            source = _source_of(next_level, column.mixed)
            is_passing, state = _passes(column, layer, source, gamma, state)
            if is_passing:
                w = flight.w * (column.levels.table[source, SIGMA_W] / layer.sigma_w)
                return _turned(flight, w, state), next_level
        flight = _turned(flight, w, state)
    return flight, layer.level


@fast.inline
def _full_steps(
    column: Column, keep: float, layer: Layer, gamma: np.uint64, flight: Flight
) -> tuple[Flight, bool]:
    """Do all sub-steps of full length, up to one that leads out of the layer; return whether there is such a one (T42).

    Of that one only the new velocity is taken.
    """
    sigma, w, state = flight.sigma, flight.w, flight.state
    steps = int(flight.left / layer.full)
    kick, fall = layer.kick, layer.fall * layer.full
    top, bottom = layer.top, layer.bottom
    done, low, below_first = 0, 0, 0
    sum_sigma, sum_below = 0.0, 0.0
    is_crossing = False
    x, y = flight.x, flight.y
    while done < steps:
        deviate, state = normal(state, gamma)
        w = keep * w + kick * deviate
        moved = sigma - w * fall
        if moved < top or moved > bottom:
            is_crossing = True
            break
        sigma = moved
        done += 1
        if layer.rounded != 0.0:
            east, north = _moved(column, layer, sigma, layer.full)
            x, y = single(x + east), single(y + north)
        sum_sigma += sigma
        low += sigma > column.influenced_sigma
        if sigma > column.first_sigma:
            below_first += 1
            sum_below += sigma
    full = layer.full
    return Flight(
        sigma,
        w,
        state,
        flight.left - done * full,
        flight.low_min + low * full,
        flight.minutes + (done - below_first) * full,
        flight.sigma_minutes + (sum_sigma - sum_below) * full,
        flight.ground_minutes + below_first * full,
        flight.ground_sigma_minutes + sum_below * full,
        x,
        y,
    ), is_crossing


@fast.inline
def _last_step(
    column: Column, layer: Layer, gamma: np.uint64, flight: Flight, is_crossing: bool
) -> tuple[Flight, bool]:
    """Go to the edge if the particle is crossing it, else for the time that is left, at most to the edge (T43).

    Return whether the particle is at an edge.
    """
    sigma, w, state = flight.sigma, flight.w, flight.state
    step, moved = layer.full, sigma
    if not is_crossing:
        step = flight.left
        if step <= _DONE_MIN:
            return flight, False
        keep = math.exp(-60.0 * step / layer.time_scale)
        deviate, state = normal(state, gamma)
        w = keep * w + math.sqrt(1.0 - keep * keep) * layer.sigma_w * deviate
        moved = sigma - w * layer.fall * step
        is_crossing = moved < layer.top or moved > layer.bottom
    if is_crossing:
        edge = layer.top if w > 0.0 else layer.bottom
        step = min(step, abs(sigma - edge) / (layer.fall * abs(w)))
        moved = edge
    low = step if moved > column.influenced_sigma else 0.0
    ground = step if moved > column.first_sigma else 0.0
    free = step - ground
    x, y = flight.x, flight.y
    if layer.rounded != 0.0:
        east, north = _moved(column, layer, moved, step)
        x, y = single(x + east), single(y + north)
    return Flight(
        moved,
        w,
        state,
        flight.left - step,
        flight.low_min + low,
        flight.minutes + free,
        flight.sigma_minutes + free * moved,
        flight.ground_minutes + ground,
        flight.ground_sigma_minutes + ground * moved,
        x,
        y,
    ), is_crossing


@fast.inline
def _passes(
    column: Column, layer: Layer, source: int, gamma: np.uint64, state: np.uint64
) -> tuple[bool, np.uint64]:
    """Decide whether a particle passes into air with the properties of a level; return the stream's state too (T44)."""
    _look_up(column, source)
    table = column.levels.table
    there = table[source, DENSITY] * table[source, SIGMA_W]
    share = there / (table[layer.source, DENSITY] * layer.sigma_w)
    if share >= 1.0:
        return True, state
    state = state + gamma
    return uniform(state) <= share, state


@fast.inline
def _turned(flight: Flight, w: float, state: np.uint64) -> Flight:
    """Return a flight with another vertical velocity and state of the stream."""
    return Flight(
        flight.sigma,
        w,
        state,
        flight.left,
        flight.low_min,
        flight.minutes,
        flight.sigma_minutes,
        flight.ground_minutes,
        flight.ground_sigma_minutes,
        flight.x,
        flight.y,
    )


@fast.inline
def _carried(column: Column, layer: Layer, flight: Flight) -> tuple[float, float]:
    """Return how far the wind has carried a particle in a layer, in cells eastward and northward (T45)."""
    table = column.levels.table
    east, north = table[layer.source, EAST], table[layer.source, NORTH]
    thickness = layer.base - layer.top
    share = (layer.base * flight.minutes - flight.sigma_minutes) / thickness
    ground = (flight.ground_minutes - flight.ground_sigma_minutes) / (1.0 - column.first_sigma)
    minutes = flight.minutes + ground
    return (
        east * minutes + (table[layer.above, EAST] - east) * share,
        north * minutes + (table[layer.above, NORTH] - north) * share,
    )


@fast.inline
def _moved(column: Column, layer: Layer, sigma: float, minutes: float) -> tuple[float, float]:
    """Return how far the wind moves a particle in one sub-step, in cells, in the direction of the run."""
    table = column.levels.table
    east, north = table[layer.source, EAST], table[layer.source, NORTH]
    if sigma > column.first_sigma:
        share = (1.0 - sigma) / (1.0 - column.first_sigma)
        east, north = share * east, share * north
    else:
        share = (layer.base - sigma) / (layer.base - layer.top)
        east += (table[layer.above, EAST] - east) * share
        north += (table[layer.above, NORTH] - north) * share
    run = layer.rounded * minutes
    return run * east, run * north


@fast.inline
def single(index: float) -> float:
    """Return an index after a sub-step, rounded to single precision as hycs_std's is.

    A sub-step near the ground is as short as the last digit of an index is long, and what is rounded is rounded the
    same way each time: hycs_std's own particles are carried too far or not far enough there. Only for comparisons
    with it.
    """
    return np.float64(np.float32(index))
