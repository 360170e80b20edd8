"""All particles of a run from one analysis time to the next.

Each particle goes through its minutes on its own: nothing in here depends on another particle, so the order
and the number of threads, processes or chunks cannot matter. A particle that comes to columns that have not
been computed stops before its next minute, and the caller computes them and calls again.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stilt.kernels.compiled import fast
from stilt.transport.native.advection import wind_at
from stilt.transport.native.diagnostics import Stay, write_extra
from stilt.transport.native.dispersion import (
    LEVEL_VALUES,
    M_AIR,
    STAMP,
    Half,
    Levels,
    Spreading,
    column_mass,
    column_over,
    half_step,
    single,
)
from stilt.transport.native.interpolation import (
    MISSING,
    READY,
    Air,
    Corners,
    Frame,
    at_level,
    cell_metres,
    layering_at,
    level_below,
    level_index,
    over_pole,
    ready_corners,
    terrain_at,
)
from stilt.transport.native.perturbation import (
    ERROR_ROWS,
    Errors,
    Perturbation,
    Travelled,
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

    ``x``, ``y`` index coordinates and ``sigma``; ``east`` and ``north`` turbulent velocities, m/s; ``ratio`` of the
    vertical one to sigma_w. ``stream``: counter and increment. ``minute``: the next minute to do, from 0. ``status``:
    waiting for its first minute, moving, or gone for good. ``release_m``: release height. ``errors``: wind error of
    each level (twice), and the mixed-layer error in its last place.
    """

    x: Float64
    y: Float64
    sigma: Float64
    east: Float64
    north: Float64
    ratio: Float64
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


class Options(NamedTuple):
    """What a run is done with; see the parts."""

    spreading: Spreading
    perturbation: Perturbation
    is_turbulent: int
    is_above_sea: int


class Plan(NamedTuple):
    """What to do: until when, and how."""

    clock: Clock
    options: Options


class Work(NamedTuple):
    """What it is done to and with: everything that a kernel writes to."""

    particles: Particles
    rows: Rows
    space: Space


class Start(NamedTuple):
    """Where a particle is when a minute begins, the columns there, and the weight of the second analysis at its end."""

    x: float
    y: float
    sigma: float
    at: Corners
    later: float


def waiting_particles(
    stream: NDArray[np.uint64], minute: NDArray[np.int64], release_m: Float64, levels: int
) -> Particles:
    """Return particles that wait for their first minute, at no place yet."""
    count = release_m.shape[0]
    x, y, sigma, east, north, ratio = np.zeros((6, count))
    status = np.full(count, WAITING, np.uint8)
    errors = np.zeros((count, ERROR_ROWS, levels))
    return Particles(x, y, sigma, east, north, ratio, stream, minute, status, release_m, errors)


class Mean(NamedTuple):
    """Where the mean wind takes a particle in a minute; ``motion`` is the sigma motion of both ends, 1/min."""

    x: float
    y: float
    sigma: float
    motion: float


class Minute(NamedTuple):
    """One minute of particle ``p``: where it began, where the mean wind leads, and the columns there.

    ``step`` is the row that it belongs to; ``stamp`` and the next number are those of levels looked up for its halves.
    """

    p: int
    step: int
    stamp: float
    start: Start
    mean: Mean
    after: Corners


class End(NamedTuple):
    """A particle after a minute: as in ``Half``, with its minutes near ground and its footprint."""

    x: float
    y: float
    sigma: float
    samt: float
    foot: float
    sigma_w: float
    time_scale: float


@fast.kernel()
def march(air: Air, plan: Plan, work: Work) -> int:
    """Move all particles to minute ``plan.clock.stop``; return READY if all of them got there, else MISSING."""
    work.space.table[:, STAMP] = -1.0
    stamp = 0.0
    status = READY
    particles = work.particles
    for p in range(particles.minute.shape[0]):
        while particles.minute[p] < plan.clock.stop and particles.status[p] != GONE:
            stamp += 2.0
            if _one_minute(air, plan, work, p, stamp) == MISSING:
                status = MISSING
                break
    return status


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
def _one_minute(air: Air, plan: Plan, work: Work, p: int, stamp: float) -> int:
    """Do one minute of one particle; with nothing changed if columns are MISSING."""
    particles, clock = work.particles, plan.clock
    x, y, sigma = particles.x[p], particles.y[p], particles.sigma[p]
    if _has_left(air.frame, x, y):
        particles.status[p] = GONE
        return READY
    minute = particles.minute[p]
    span = clock.second - clock.first
    before, status = ready_corners(air, x, y, (minute - clock.first) / span)
    if status == MISSING:
        return MISSING
    start = Start(x, y, sigma, before, (minute + 1 - clock.first) / span)
    if particles.status[p] == WAITING:
        sigma, status = _release_sigma(air, plan, start, particles.release_m[p])
        if status == MISSING:
            return MISSING
        start = Start(x, y, sigma, before, start.later)
    mean, status = _advect(air, clock.direction, start, _is_single(plan))
    if status == MISSING:
        return MISSING
    after, status = ready_corners(air, mean.x, mean.y, start.later)
    if status == MISSING:
        return MISSING
    _finish(air, plan, work, Minute(p, minute // clock.every, stamp, start, mean, after))
    return READY


@fast.inline
def _finish(air: Air, plan: Plan, work: Work, minute: Minute) -> None:
    """Do the rest of a minute whose columns are ready: turbulence, the particle's new state, its row."""
    particles, main, clock = work.particles, work.rows.main, plan.clock
    p, step, mean = minute.p, minute.step, minute.mean
    end = End(mean.x, mean.y, mean.sigma, 0.0, 0.0, 0.0, 0.0)
    if plan.options.is_turbulent:
        end = _disperse(air, plan, work, minute)
    particles.x[p], particles.y[p] = end.x, over_pole(air.frame, end.y)
    particles.sigma[p] = end.sigma
    particles.status[p] = MOVING
    done = particles.minute[p] + 1
    particles.minute[p] = done
    main[FOOT, step, p] += end.foot
    main[SAMT, step, p] += end.samt
    if done % clock.every == 0 or done == clock.last:
        _write(air, plan, work.rows, minute, end)


@fast.inline
def _is_single(plan: Plan) -> bool:
    """Tell whether mean trajectories are rounded as hycs_std's are; with turbulence each sub-step is."""
    return plan.options.spreading.rounded != 0.0 and plan.options.is_turbulent == 0


@fast.inline
def _single_mean(place: float, first: float, second: float) -> float:
    """Return a coordinate after a minute (T37) of which hycs_std rounds each sum to single precision."""
    guess = single(place + first)
    return single(0.5 * single(single(guess + place) + second))


@fast.inline
def _advect(air: Air, direction: float, start: Start, is_single: bool) -> tuple[Mean, int]:
    """Move with the mean wind, once with that of the start and again with the mean of both ends (T37)."""
    x, y, sigma = start.x, start.y, start.sigma
    share = (1.0 - sigma) / (1.0 - air.frame.sigma[0])
    u0, v0, w0 = wind_at(air, start.at, sigma, share)
    xg, yg = x + u0 * direction, y + v0 * direction
    sigma_g = sigma + w0 * direction
    guess, status = ready_corners(air, xg, yg, start.later)
    if status == MISSING:
        return Mean(x, y, sigma, 0.0), MISSING
    u1, v1, w1 = wind_at(air, guess, sigma_g, share)
    if is_single:
        return Mean(
            _single_mean(x, u0 * direction, u1 * direction),
            _single_mean(y, v0 * direction, v1 * direction),
            min(1.0, _single_mean(sigma, w0 * direction, w1 * direction)),
            w0 + w1,
        ), READY
    return Mean(
        0.5 * (xg + x + u1 * direction),
        0.5 * (yg + y + v1 * direction),
        min(1.0, 0.5 * (sigma_g + sigma + w1 * direction)),
        w0 + w1,
    ), READY


@fast.inline
def _write(air: Air, plan: Plan, rows: Rows, minute: Minute, end: End) -> None:
    """Write the state in a particle's row."""
    frame, after, p, step = air.frame, minute.after, minute.p, minute.step
    mixed_m = layering_at(air, minute.start.at).mixed_m + layering_at(air, after).mixed_m
    depth = frame.top_m - terrain_at(air, after)
    main = rows.main
    main[X, step, p], main[Y, step, p] = end.x, over_pole(frame, end.y)
    main[ZAGL, step, p] = (1.0 - end.sigma) * depth
    main[MLHT, step, p] = 0.5 * mixed_m
    main[SIGW, step, p], main[TLGR, step, p] = end.sigma_w, end.time_scale
    low, f = _between_levels(frame, end.sigma)
    below, above = _density(air, after, low), _density(air, after, low + 1)
    main[DENS, step, p] = below + f * (above - below)
    if rows.extra.shape[0] > 0:
        motion = -0.5 * minute.mean.motion * plan.clock.direction * depth / 60.0
        stay = Stay(end.sigma, low, f, motion, plan.options.is_turbulent)
        write_extra(air, after, stay, rows.extra[:, step, p])


@fast.inline
def _release_sigma(air: Air, plan: Plan, start: Start, height: float) -> tuple[float, int]:
    """Return the sigma of a release height, over the terrain that a trial minute leads to (T53)."""
    frame, direction, is_above_sea = air.frame, plan.clock.direction, plan.options.is_above_sea
    sigma = _sigma_over(frame, is_above_sea, height, terrain_at(air, start.at))
    share = (1.0 - sigma) / (1.0 - frame.sigma[0])
    u, v, _ = wind_at(air, start.at, sigma, share)
    there, status = ready_corners(
        air, start.x + u * direction, start.y + v * direction, start.later
    )
    if status == MISSING:
        return sigma, MISSING
    return _sigma_over(frame, is_above_sea, height, terrain_at(air, there)), READY


@fast.inline
def _sigma_over(frame: Frame, is_above_sea: int, height: float, terrain: float) -> float:
    above_ground = height - terrain if is_above_sea else height
    return min(1.0, 1.0 - above_ground / (frame.top_m - terrain))


@fast.inline
def _between_levels(frame: Frame, sigma: float) -> tuple[int, float]:
    """Return the level (from 0) below a sigma and the share of the next one, linear in sigma."""
    low = level_below(frame, sigma)
    share = (frame.sigma[low] - sigma) / (frame.sigma[low] - frame.sigma[low + 1])
    return low, min(1.0, max(0.0, share))


@fast.inline
def _density(air: Air, at: Corners, k: int) -> float:
    """Return the dry density of a level, kg m-3, from its interpolated state (not itself interpolated)."""
    pressure, temperature, relative, _ = at_level(
        air.first.state, air.second.state, at, air.frame.sigma.shape[0], k
    )
    return dry_density(pressure, temperature, relative)


@fast.inline
def _horizontal_sigma(air: Air, at: Corners, sigma: float) -> float:
    """Return the standard deviation of each horizontal turbulent velocity, m/s (T31).

    Its variance is half of the vertical one and, unlike that, interpolated: bilinear, linear in time and in
    the level index (found by trial with hycs_std at 13 heights on a night with strong gradients).
    """
    levels = air.frame.sigma.shape[0]
    index = min(max(level_index(air.frame, sigma), 1.0), float(levels) - 1e-6)
    low = min(int(index) - 1, levels - 2)
    f = index - (low + 1)
    first, second = air.first.state, air.second.state
    _, _, _, below = at_level(first, second, at, levels, low)
    _, _, _, above = at_level(first, second, at, levels, low + 1)
    return math.sqrt(0.5 * ((1.0 - f) * below + f * above))


@fast.inline
def _disperse(air: Air, plan: Plan, work: Work, minute: Minute) -> End:
    """Do the turbulent part of a minute, whose mean motion is known (T38 to T50)."""
    particles, options, p = work.particles, plan.options, minute.p
    gamma, veght = particles.stream[p, 1], options.spreading.veght
    start, mean, after = minute.start, minute.mean, minute.after
    dx, dy = cell_metres(air, after)
    km = 1e-3 * math.hypot((mean.x - start.x) * dx, (mean.y - start.y) * dy)
    state = _new_velocities(air, plan, work, minute, Travelled(km, 60.0 / dx, 60.0 / dy))
    x = start.x + particles.east[p] * 60.0 / dx
    y = start.y + particles.north[p] * 60.0 / dy
    half = Half(x, y, mean.sigma, particles.ratio[p], state, 0.0, 0.0, 0.0)
    depth = air.frame.top_m - terrain_at(air, after)
    samt, foot = 0.0, 0.0
    for second in range(2):
        at = start.at if second == 0 else after
        errors = work.space.errors[:2] if second == 0 else work.space.errors[2:4]
        levels = Levels(work.space.table, errors, minute.stamp + second)
        column = column_over(air, at, depth, veght, levels)
        half = half_step(column, options.spreading, plan.clock.direction, gamma, half)
        if half.low_min > 0.0:
            samt += half.low_min
            foot += half.low_min * 60.0 * M_AIR / column_mass(column, second == 1)
    particles.ratio[p] = half.ratio
    state = half.state
    if options.perturbation.mixed_sd > 0.0:
        factor, state = perturb_mixed_layer(
            options.perturbation, km, state, gamma, particles.errors[p]
        )
        foot *= factor
    particles.stream[p, 0] = state
    return End(half.x, half.y, half.sigma, samt, foot, half.sigma_w, half.time_scale)


@fast.inline
def _new_velocities(
    air: Air, plan: Plan, work: Work, minute: Minute, travelled: Travelled
) -> np.uint64:
    """Renew the horizontal turbulent velocities and the errors of the wind (T39, T57); return the stream's state."""
    particles, p = work.particles, minute.p
    spreading, perturbation = plan.options.spreading, plan.options.perturbation
    state: np.uint64 = particles.stream[p, 0]
    gamma: np.uint64 = particles.stream[p, 1]
    sigma_u = _horizontal_sigma(air, minute.after, minute.mean.sigma)
    errors = Errors(air.frame.heights, particles.errors[p], work.space.errors)
    if particles.status[p] == WAITING:
        particles.east[p], state = normal(state, gamma)
        particles.north[p], state = normal(state, gamma)
        particles.ratio[p], state = normal(state, gamma)
        particles.east[p] *= sigma_u
        particles.north[p] *= sigma_u
        state = start_errors(errors, perturbation, state, gamma)
    if perturbation.wind_sd > 0.0:
        state = perturb_winds(errors, perturbation, travelled, state, gamma)
    for velocity in (particles.east, particles.north):
        deviate, state = normal(state, gamma)
        kick = spreading.horizontal_kick * sigma_u
        velocity[p] = spreading.horizontal_keep * velocity[p] + kick * deviate
    return state
