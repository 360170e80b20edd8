"""One run: particles from their release to the end of the run or of the meteorology."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from stilt.particles.table import ParticleTable
from stilt.transport.native.analysis import LONGEST_GAP_MIN
from stilt.transport.native.diagnostics import EXTRA_COLUMNS
from stilt.transport.native.dispersion import Spreading
from stilt.transport.native.interpolation import Moment, flat
from stilt.transport.native.march import (
    GONE,
    MAIN_COLUMNS,
    MARGIN,
    WAITING,
    Clock,
    Options,
    Particles,
    Rows,
    X,
    Y,
    march,
    working_space,
)
from stilt.transport.native.perturbation import ERROR_ROWS, NO_PERTURBATION, Perturbation
from stilt.transport.native.randomness import Stream, stream_keys
from stilt.transport.native.release import release
from stilt.transport.protocol import Reason, TransportError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.foundations.simulation import Receptor
    from stilt.transport.native.analysis import Analyses, OpenAnalysis
    from stilt.transport.native.interpolation import Frame

_CONSTANT_COLUMNS = {"icdx": 2.0, "zcfx": 0.0, "zloc": -999.0}


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a run is done with.

    Attributes
    ----------
    n_hours
        Negative for backward.
    every_min
        Minutes between rows of output.
    zi_factors
        Factors on the mixed-layer height, one for each hour from the start; later ones are 1.
    """

    n_hours: int
    numpar: int
    columns: tuple[str, ...]
    emission_hours: float = 0.01
    every_min: int = 1
    is_turbulent: bool = True
    tlfrac: float = 0.1
    hscale_s: float = 10800.0
    veght: float = 0.5
    zi_factors: tuple[float, ...] = ()
    perturbation: Perturbation = field(default=NO_PERTURBATION)

    @property
    def options(self) -> Options:
        """The same, as the kernel takes it."""
        tlfrac, hscale_s = float(self.tlfrac), float(self.hscale_s)
        keep = math.exp(-tlfrac)
        horizontal = math.exp(-60.0 / hscale_s)
        spreading = Spreading(
            tlfrac=tlfrac,
            keep=keep,
            kick=math.sqrt(1.0 - keep * keep),
            veght=float(self.veght),
            horizontal_keep=horizontal,
            horizontal_kick=math.sqrt(1.0 - horizontal * horizontal),
        )
        return Options(spreading, self.perturbation, int(self.is_turbulent), 0)


def transport(
    analyses: Analyses, receptor: Receptor, settings: RunSettings, stream: Stream
) -> ParticleTable:
    """Transport the particles of a receptor and return their table.

    Rows are in the order of time, then of particle number.

    Raises
    ------
    TransportError
        ``MET_COVERAGE`` if the analyses do not hold the start or the end, ``MET_INTERVAL`` for a gap in
        them, ``BAD_RECEPTOR`` for a receptor outside of their grid.
    """
    start = int(receptor.when.timestamp()) // 60
    direction = -1 if settings.n_hours < 0 else 1
    length = 60 * abs(settings.n_hours)
    times = sorted((direction * (time - start), time) for time in analyses.minutes)
    _check_cover(times, length, receptor)
    streams = stream_keys(stream, settings.numpar)
    particles = _start(analyses, receptor, settings, streams)
    released = particles.minute.copy()
    steps = length // settings.every_min
    rows = Rows(
        np.empty((len(MAIN_COLUMNS), steps, settings.numpar)),
        np.empty((_extra_count(settings), steps, settings.numpar)),
    )
    options = settings.options._replace(is_above_sea=int(receptor.reference == "asl"))
    frame = analyses.frame
    for (first, first_time), (second, second_time) in pairwise(times):
        if second <= 0 or first >= length:
            continue
        clock = Clock(
            min(second, length), float(first), float(second), float(direction), settings.every_min
        )
        pair = (
            analyses.at(first_time, _zi_factor(settings, first)),
            analyses.at(second_time, _zi_factor(settings, second)),
        )
        _march_between(frame, pair, clock, options, particles, rows)
        if np.all(particles.status == GONE):
            break
    present = _present(released, particles.minute, steps, settings.every_min)
    return _table(analyses, settings, rows, direction, present)


def _march_between(  # noqa: PLR0917 - what the kernel takes
    frame: Frame,
    pair: tuple[OpenAnalysis, OpenAnalysis],
    clock: Clock,
    options: Options,
    particles: Particles,
    rows: Rows,
) -> None:
    first, second = pair[0].stored, pair[1].stored
    moment = Moment(flat(first.columns), flat(second.columns), first.ready, second.ready)
    wanted = np.zeros_like(first.ready)
    space = working_space(frame.sigma.shape[0])
    while not march(frame, moment, clock, options, particles, wanted, rows, space):
        for analysis in pair:
            analysis.compute(wanted)
        wanted[:] = 0


def _check_cover(times: list[tuple[int, int]], length: int, receptor: Receptor) -> None:
    if not times or times[0][0] > 0 or times[-1][0] <= 0:
        raise TransportError(
            Reason.MET_COVERAGE,
            f"the meteorology does not hold the receptor's time {receptor.time}",
        )
    if times[-1][0] < length:
        raise TransportError(
            Reason.MET_COVERAGE,
            f"the meteorology ends {times[-1][0] / 60:g} h from {receptor.time}, "
            f"the run needs {length / 60:g} h",
        )
    for (first, _), (second, _) in pairwise(times):
        if second > 0 and first < length and second - first > LONGEST_GAP_MIN:
            raise TransportError(
                Reason.MET_INTERVAL,
                f"{(second - first) / 60:g} h between two analyses, more than {LONGEST_GAP_MIN / 60:g} h",
            )


def _zi_factor(settings: RunSettings, distance_min: int) -> float:
    factors = settings.zi_factors
    hour = abs(distance_min) // 60
    return factors[hour] if hour < len(factors) else 1.0


def _start(
    analyses: Analyses, receptor: Receptor, settings: RunSettings, streams: NDArray[np.uint64]
) -> Particles:
    points = release(receptor, settings.numpar, settings.emission_hours, streams)
    x, y = analyses.grid.to_index(points.longitude, points.latitude)
    header = analyses.grid.header
    inside = (y >= MARGIN) & (y < header.ny - MARGIN)
    if not analyses.grid.wraps:
        inside &= (x >= MARGIN) & (x < header.nx - MARGIN)
    if not np.all(inside):
        first = int(np.argmin(inside))
        raise TransportError(
            Reason.BAD_RECEPTOR,
            f"{points.longitude[first]:g}, {points.latitude[first]:g} lies outside of the meteorology's grid "
            f"or on its outermost cells",
        )
    highest = float(points.height_m.max())
    if highest > analyses.vertical.highest_release_m:
        raise TransportError(
            Reason.BAD_RECEPTOR,
            f"a release height of {highest:g} m is above the meteorology's highest level",
        )
    count = settings.numpar
    place = np.zeros((count, 6))
    place[:, 0], place[:, 1] = x, y
    return Particles(
        place=place,
        stream=streams,
        minute=points.minute,
        status=np.full(count, WAITING, np.uint8),
        release_m=points.height_m,
        errors=np.zeros((count, ERROR_ROWS, analyses.vertical.count)),
    )


def _extra_count(settings: RunSettings) -> int:
    return len(EXTRA_COLUMNS) if set(settings.columns) & set(EXTRA_COLUMNS) else 0


def _present(
    released: NDArray[np.int64], ended: NDArray[np.int64], steps: int, every_min: int
) -> NDArray[np.bool_] | None:
    """Tell which rows were written, shape (steps, particles); None for all of them.

    A row tells the state at the end of a minute, so a particle has those after its release and up to its end.
    """
    time = every_min * np.arange(1, steps + 1)
    if (
        released.max(initial=0) < every_min
        and ended.min(initial=every_min * steps) >= every_min * steps
    ):
        return None
    return (time[:, None] > released) & (time[:, None] <= ended)


def _table(
    analyses: Analyses,
    settings: RunSettings,
    rows: Rows,
    direction: int,
    present: NDArray[np.bool_] | None,
) -> ParticleTable:
    steps, count = rows.main.shape[1:]

    def chosen(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return values.reshape(-1) if present is None else values[present]

    time = direction * settings.every_min * np.arange(1.0, steps + 1.0)
    shape = (steps, count)
    made = {
        "time": chosen(np.repeat(time, count).reshape(shape)),
        "indx": chosen(np.tile(np.arange(1.0, count + 1.0), steps).reshape(shape)),
    }
    x, y = chosen(rows.main[X]), chosen(rows.main[Y])
    made["long"], made["lati"] = analyses.grid.table_longlat(x, y)
    columns = {}
    for name in settings.columns:
        if name in made:
            columns[name] = made[name]
        elif name in MAIN_COLUMNS:
            columns[name] = chosen(rows.main[MAIN_COLUMNS.index(name)])
        elif name in EXTRA_COLUMNS:
            columns[name] = chosen(rows.extra[EXTRA_COLUMNS.index(name)])
        else:
            columns[name] = np.full_like(made["time"], _CONSTANT_COLUMNS[name])
    return ParticleTable(columns)
