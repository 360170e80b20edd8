"""All particles of a run from one analysis time to the next.

Each particle goes through its minutes on its own: nothing in here depends on another particle, so the order
and the number of threads, processes or chunks cannot matter. A particle that comes to columns that have not
been computed stops before its next minute, and the caller computes them and calls again.
"""

# ruff: noqa: PLR0917 - compiled functions take no keyword-only arguments

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stilt.kernels.compiled import fast
from stilt.transport.native.advection import wind_at
from stilt.transport.native.diagnostics import write_extra
from stilt.transport.native.dispersion import (
    LEVEL_VALUES,
    M_AIR,
    STAMP,
    Column,
    Half,
    Spreading,
    column_mass,
    half_step,
    influence_height,
)
from stilt.transport.native.interpolation import (
    Corners,
    Frame,
    Moment,
    at_level,
    cell_metres,
    corners_at,
    is_ready,
    layering_at,
    level_below,
    level_index,
    over_pole,
    terrain_at,
)
from stilt.transport.native.perturbation import (
    Perturbation,
    perturb_mixed_layer,
    perturb_winds,
    start_errors,
)
from stilt.transport.native.randomness import normal
from stilt.transport.native.thermodynamics import dry_density

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]

ERROR_PROFILES = 5
"""East and north before and after a step, and one to work in."""

WAITING, MOVING, GONE = range(3)

MARGIN = 2
"""A particle whose index is less than this, or within this of the last, has left the grid."""

MAIN_COLUMNS = ("x", "y", "zagl", "foot", "mlht", "dens", "samt", "sigw", "tlgr")
X, Y, ZAGL, FOOT, MLHT, DENS, SAMT, SIGW, TLGR = range(len(MAIN_COLUMNS))


class Particles(NamedTuple):
    """State of every particle, each array of shape (particles, ...).

    ``place``: x, y, sigma, horizontal turbulent velocities (twice, m/s), ratio of vertical velocity to
    sigma_w. ``stream``: counter and increment. ``minute``: the next minute to do, from 0. ``status``:
    waiting for its first minute, moving, or gone for good. ``release_m``: release height. ``errors``: wind
    error of each level (twice), and the mixed-layer error in its last place.
    """

    place: Float64
    stream: NDArray[np.uint64]
    minute: NDArray[np.int64]
    status: NDArray[np.uint8]
    release_m: Float64
    errors: Float64


class Clock(NamedTuple):
    """The minutes to do, counted from the start of the run, and where the analyses lie among them.

    ``first`` and ``second`` are the analyses' minutes, in the same count and in the direction of the run. A row is
    written every ``every`` minutes and at the end of the run, minute ``last``.
    """

    stop: int
    last: int
    first: float
    second: float
    direction: float
    every: int


class Rows(NamedTuple):
    """Output, shape (column, step, particle); ``extra`` has no columns if nobody asked for them.

    The columns of footprint and minutes near the ground are sums over the minutes of a row, and begin with zeros.
    """

    main: Float64
    extra: Float64


class Space(NamedTuple):
    """Working space: levels looked up, shape (levels, ...), and errors of the wind, shape (5, levels)."""

    table: Float64
    errors: Float64


def working_space(levels: int) -> Space:
    """Return working space for columns of so many levels."""
    return Space(np.zeros((levels, LEVEL_VALUES)), np.zeros((ERROR_PROFILES, levels)))


class Mean(NamedTuple):
    """Where the mean wind takes a particle in a minute; ``motion`` is the sigma motion of both ends, 1/min."""

    x: float
    y: float
    sigma: float
    motion: float


class End(NamedTuple):
    """A particle after a minute: as in ``Half``, with its minutes near ground and its footprint."""

    x: float
    y: float
    sigma: float
    samt: float
    foot: float
    sigma_w: float
    time_scale: float


class Options(NamedTuple):
    """What a run is done with; see the parts."""

    spreading: Spreading
    perturbation: Perturbation
    is_turbulent: int
    is_above_sea: int


@fast.kernel()
def march(
    frame: Frame,
    moment: Moment,
    clock: Clock,
    options: Options,
    particles: Particles,
    wanted: NDArray[np.uint8],
    rows: Rows,
    space: Space,
) -> int:
    """Move all particles to minute ``clock.stop``; return 1 if all of them got there, else 0.

    Blocks of columns that are missing are marked in ``wanted``, shape (block rows, block columns).
    """
    space.table[:, STAMP] = -1.0
    stamp = 0.0
    is_done = 1
    for p in range(particles.minute.shape[0]):
        while particles.minute[p] < clock.stop and particles.status[p] != GONE:
            stamp += 2.0
            if not _one_minute(
                frame, moment, clock, options, particles, p, stamp, wanted, rows, space
            ):
                is_done = 0
                break
    return is_done


@fast.inline
def _has_left(frame: Frame, x: float, y: float) -> bool:
    row = math.floor(y)
    if not frame.has_poles and (row < MARGIN or row >= frame.ny - MARGIN):
        return True
    if frame.wraps:
        return False
    column = math.floor(x)
    return column < MARGIN or column >= frame.nx - MARGIN


@fast.inline
def _want(wanted: NDArray[np.uint8], at: Corners) -> None:
    wanted[at.south, at.west] = 1
    wanted[at.south, at.east] = 1
    wanted[at.north, at.west] = 1
    wanted[at.north, at.east] = 1


@fast.inline
def _one_minute(
    frame: Frame,
    moment: Moment,
    clock: Clock,
    options: Options,
    particles: Particles,
    p: int,
    stamp: float,
    wanted: NDArray[np.uint8],
    rows: Rows,
    space: Space,
) -> bool:
    """Do one minute of one particle; return False, with nothing changed, if columns are missing."""
    place = particles.place[p]
    x, y, sigma = place[0], place[1], place[2]
    if _has_left(frame, x, y):
        particles.status[p] = GONE
        return True
    minute = particles.minute[p]
    span = clock.second - clock.first
    before = corners_at(frame, x, y, (minute - clock.first) / span)
    if not is_ready(moment, before):
        _want(wanted, before)
        return False
    later = (minute + 1 - clock.first) / span
    if particles.status[p] == WAITING:
        height = particles.release_m[p]
        sigma = _release_sigma(frame, moment, before, clock, options, x, y, height, later, wanted)
        if math.isnan(sigma):
            return False
    mean = _advect(frame, moment, clock, before, x, y, sigma, later, wanted)
    if math.isnan(mean.sigma):
        return False
    after = corners_at(frame, mean.x, mean.y, later)
    if not is_ready(moment, after):
        _want(wanted, after)
        return False
    end = End(mean.x, mean.y, mean.sigma, 0.0, 0.0, 0.0, 0.0)
    if options.is_turbulent:
        end = _disperse(
            frame, moment, clock, options, particles, p, stamp, space, before, after, mean
        )
    place[0], place[1], place[2] = end.x, over_pole(frame, end.y), end.sigma
    particles.status[p] = MOVING
    particles.minute[p] = minute + 1
    rows.main[FOOT, minute // clock.every, p] += end.foot
    rows.main[SAMT, minute // clock.every, p] += end.samt
    if (minute + 1) % clock.every == 0 or minute + 1 == clock.last:
        mixed_m = layering_at(moment, before).mixed_m + layering_at(moment, after).mixed_m
        _write(
            frame, moment, clock, options, rows, minute // clock.every, p, after, mixed_m, mean, end
        )
    return True


@fast.inline
def _advect(
    frame: Frame,
    moment: Moment,
    clock: Clock,
    before: Corners,
    x: float,
    y: float,
    sigma: float,
    later: float,
    wanted: NDArray[np.uint8],
) -> Mean:
    """Move with the mean wind, once with that of the start and again with the mean of both ends (T37).

    The sigma is NaN if columns are missing; they are then marked in ``wanted``.
    """
    share = (1.0 - sigma) / (1.0 - frame.sigma[0])
    u0, v0, w0 = wind_at(frame, moment, before, sigma, share)
    xg, yg = x + u0 * clock.direction, y + v0 * clock.direction
    sigma_g = sigma + w0 * clock.direction
    guess = corners_at(frame, xg, yg, later)
    if not is_ready(moment, guess):
        _want(wanted, guess)
        return Mean(x, y, math.nan, 0.0)
    u1, v1, w1 = wind_at(frame, moment, guess, sigma_g, share)
    return Mean(
        0.5 * (xg + x + u1 * clock.direction),
        0.5 * (yg + y + v1 * clock.direction),
        min(1.0, 0.5 * (sigma_g + sigma + w1 * clock.direction)),
        w0 + w1,
    )


@fast.inline
def _write(
    frame: Frame,
    moment: Moment,
    clock: Clock,
    options: Options,
    rows: Rows,
    step: int,
    p: int,
    after: Corners,
    mixed_m: float,
    mean: Mean,
    end: End,
) -> None:
    """Write the state in a particle's row; ``mixed_m`` is the mixed-layer height before and after together."""
    terrain = terrain_at(moment, after)
    depth = frame.top_m - terrain
    main = rows.main
    main[X, step, p], main[Y, step, p] = end.x, over_pole(frame, end.y)
    main[ZAGL, step, p] = (1.0 - end.sigma) * depth
    main[MLHT, step, p] = 0.5 * mixed_m
    main[SIGW, step, p], main[TLGR, step, p] = end.sigma_w, end.time_scale
    low, f = _between_levels(frame, end.sigma)
    below, above = _density(frame, moment, after, low), _density(frame, moment, after, low + 1)
    main[DENS, step, p] = below + f * (above - below)
    if rows.extra.shape[0] > 0:
        motion = -0.5 * mean.motion * clock.direction * depth / 60.0
        write_extra(
            frame,
            moment,
            after,
            step,
            p,
            low,
            f,
            terrain,
            motion,
            options.is_turbulent,
            end.sigma,
            rows.extra,
        )


@fast.inline
def _release_sigma(
    frame: Frame,
    moment: Moment,
    before: Corners,
    clock: Clock,
    options: Options,
    x: float,
    y: float,
    height: float,
    later: float,
    wanted: NDArray[np.uint8],
) -> float:
    """Return the sigma of a release height, over the terrain that a trial minute leads to (T53).

    NaN if the columns there are missing; they are then marked in ``wanted``.
    """
    sigma = _sigma_over(frame, options, height, terrain_at(moment, before))
    share = (1.0 - sigma) / (1.0 - frame.sigma[0])
    u, v, _ = wind_at(frame, moment, before, sigma, share)
    there = corners_at(frame, x + u * clock.direction, y + v * clock.direction, later)
    if not is_ready(moment, there):
        _want(wanted, there)
        return math.nan
    return _sigma_over(frame, options, height, terrain_at(moment, there))


@fast.inline
def _sigma_over(frame: Frame, options: Options, height: float, terrain: float) -> float:
    above_ground = height - terrain if options.is_above_sea else height
    return min(1.0, 1.0 - above_ground / (frame.top_m - terrain))


@fast.inline
def _between_levels(frame: Frame, sigma: float) -> tuple[int, float]:
    """Return the level (from 0) below a sigma and the share of the next one, linear in sigma."""
    low = level_below(frame, sigma)
    share = (frame.sigma[low] - sigma) / (frame.sigma[low] - frame.sigma[low + 1])
    return low, min(1.0, max(0.0, share))


@fast.inline
def _density(frame: Frame, moment: Moment, at: Corners, k: int) -> float:
    """Return the dry density of a level, kg m-3, from its interpolated state (not itself interpolated)."""
    pressure, temperature, relative, _ = at_level(
        moment.first.state, moment.second.state, at, frame.sigma.shape[0], k
    )
    return dry_density(pressure, temperature, relative)


@fast.inline
def _horizontal_sigma(frame: Frame, moment: Moment, at: Corners, sigma: float) -> float:
    """Return the standard deviation of each horizontal turbulent velocity, m/s (T31).

    Its variance is half of the vertical one and, unlike that, interpolated: bilinear, linear in time and in
    the level index (found by trial with hycs_std at 13 heights on a night with strong gradients).
    """
    levels = frame.sigma.shape[0]
    index = min(max(level_index(frame, sigma), 1.0), float(levels) - 1e-6)
    low = min(int(index) - 1, levels - 2)
    f = index - (low + 1)
    first, second = moment.first.state, moment.second.state
    _, _, _, below = at_level(first, second, at, levels, low)
    _, _, _, above = at_level(first, second, at, levels, low + 1)
    return math.sqrt(0.5 * ((1.0 - f) * below + f * above))


@fast.inline
def _disperse(
    frame: Frame,
    moment: Moment,
    clock: Clock,
    options: Options,
    particles: Particles,
    p: int,
    stamp: float,
    space: Space,
    before: Corners,
    after: Corners,
    mean: Mean,
) -> End:
    """Do the turbulent part of a minute, whose mean motion is known (T38 to T50)."""
    place, gamma = particles.place[p], particles.stream[p, 1]
    dx, dy = cell_metres(moment, after)
    travelled_km = 1e-3 * math.hypot((mean.x - place[0]) * dx, (mean.y - place[1]) * dy)
    state = _new_velocities(frame, moment, options, particles, p, space, after, travelled_km, mean)
    x, y = place[0] + place[3] * 60.0 / dx, place[1] + place[4] * 60.0 / dy
    start = Half(x, y, mean.sigma, place[5], state, 0.0, 0.0, 0.0)
    depth = frame.top_m - terrain_at(moment, after)
    samt, foot = 0.0, 0.0
    for half in range(2):
        at = before if half == 0 else after
        layering = layering_at(moment, at)
        errors = space.errors[:2] if half == 0 else space.errors[2:4]
        column = Column(frame, moment, at, layering, depth, stamp + half, errors, space.table)
        start = half_step(column, options.spreading, clock.direction, gamma, start)
        if start.low_min > 0.0:
            height = influence_height(frame, options.spreading.veght, layering.mixed_m)
            mass = column_mass(frame, moment, at, height, depth, half == 1)
            samt += start.low_min
            foot += start.low_min * 60.0 * M_AIR / mass
    place[5] = start.ratio
    state = start.state
    if options.perturbation.mixed_sd > 0.0:
        factor, state = perturb_mixed_layer(
            options.perturbation, travelled_km, state, gamma, particles.errors[p]
        )
        foot *= factor
    particles.stream[p, 0] = state
    return End(start.x, start.y, start.sigma, samt, foot, start.sigma_w, start.time_scale)


@fast.inline
def _new_velocities(
    frame: Frame,
    moment: Moment,
    options: Options,
    particles: Particles,
    p: int,
    space: Space,
    after: Corners,
    travelled_km: float,
    mean: Mean,
) -> np.uint64:
    """Renew the horizontal turbulent velocities and the errors of the wind (T39, T57); return the stream's state."""
    place, spreading = particles.place[p], options.spreading
    state: np.uint64 = particles.stream[p, 0]
    gamma: np.uint64 = particles.stream[p, 1]
    sigma_u = _horizontal_sigma(frame, moment, after, mean.sigma)
    errors = particles.errors[p]
    if particles.status[p] == WAITING:
        for velocity in range(3, 6):
            place[velocity], state = normal(state, gamma)
        place[3] *= sigma_u
        place[4] *= sigma_u
        state = start_errors(frame.heights, options.perturbation, state, gamma, errors)
    if options.perturbation.wind_sd > 0.0:
        dx, dy = cell_metres(moment, after)
        state = perturb_winds(
            frame.heights,
            options.perturbation,
            travelled_km,
            60.0 / dx,
            60.0 / dy,
            state,
            gamma,
            errors,
            space.errors,
            space.errors[4],
        )
    for velocity in range(3, 5):
        deviate, state = normal(state, gamma)
        kick = spreading.horizontal_kick * sigma_u
        place[velocity] = spreading.horizontal_keep * place[velocity] + kick * deviate
    return state
