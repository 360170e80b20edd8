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
from stilt.transport.native.journey import Journey, Sheet
from stilt.transport.native.march import (
    GONE,
    MAIN_COLUMNS,
    Clock,
    Options,
    Rows,
    waiting_particles,
)
from stilt.transport.native.perturbation import NO_PERTURBATION, Perturbation
from stilt.transport.native.randomness import Stream, stream_keys
from stilt.transport.native.release import release
from stilt.transport.protocol import Reason, TransportError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.foundations.simulation import Receptor
    from stilt.transport.native.meteorology import Meteorology
    from stilt.transport.native.release import Release

_CONSTANT_COLUMNS = {"icdx": 2.0, "zcfx": 0.0, "zloc": -999.0}


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a run is done with.

    Attributes
    ----------
    n_hours
        Negative for backward.
    every_min
        Minutes between rows of output; one more is written at the end.
    zi_factors
        Factors on the mixed-layer height, one for each hour from the start; later ones are 1.
    is_single
        Round places as hycs_std's single precision does; only for comparisons with it.
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
    is_single: bool = False

    @property
    def minutes(self) -> int:
        """Length of the run."""
        return 60 * abs(self.n_hours)

    @property
    def direction(self) -> int:
        """1 forward, -1 backward."""
        return -1 if self.n_hours < 0 else 1

    @property
    def row_minutes(self) -> NDArray[np.float64]:
        """The age of the run at each row of output, minutes, shape (rows,)."""
        every = self.every_min
        count = -(-self.minutes // every)
        return np.asarray(np.minimum(every * np.arange(1.0, count + 1.0), self.minutes))

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
            rounded=float(self.direction) if self.is_single else 0.0,
        )
        return Options(spreading, self.perturbation, int(self.is_turbulent), 0)


def transport(
    meteorology: Meteorology, receptor: Receptor, settings: RunSettings, stream: Stream
) -> ParticleTable:
    """Transport the particles of a receptor and return their table.

    Rows are in the order of time, then of particle number.

    Raises
    ------
    TransportError
        ``MET_COVERAGE`` if the analyses do not hold the start or the end, ``MET_INTERVAL`` for a gap in
        them, ``BAD_RECEPTOR`` for a receptor outside of their grids.
    """
    start = int(receptor.when.timestamp()) // 60
    direction, length = settings.direction, settings.minutes
    times = sorted(direction * (time - start) for time in meteorology.minutes)
    _check_cover(times, length, receptor)
    streams = stream_keys(stream, settings.numpar)
    points = release(receptor, settings.numpar, settings.emission_hours, streams)
    journey = _start(meteorology, receptor, settings, points, streams)
    for first, second in pairwise(times):
        if second <= 0 or first >= length:
            continue
        sheets = _sheets(meteorology, settings, start, direction, (first, second))
        if not sheets:
            raise TransportError(
                Reason.MET_COVERAGE,
                f"no grid has analyses on both sides of {first / 60:g} h from {receptor.time}",
            )
        journey.go(sheets, max(0, first), min(second, length))
        if np.all(journey.particles.status == GONE):
            break
    present = _present(points.minute, journey.particles.minute, settings.row_minutes)
    return _table(journey, settings, direction, present)


def _sheets(
    meteorology: Meteorology,
    settings: RunSettings,
    start: int,
    direction: int,
    stretch: tuple[int, int],
) -> list[Sheet]:
    """Return what is to march on over a stretch, minutes of the run, finest first."""
    begin, end = sorted(start + direction * minute for minute in stretch)
    found = []
    for number, analyses in enumerate(meteorology.grids):
        pair = analyses.pair(begin, end)
        if pair is None:
            continue
        ordered = pair if direction > 0 else pair[::-1]
        minutes = [direction * (index.minutes - start) for index in ordered]
        _check_gap(minutes[1] - minutes[0])
        opened = [
            analyses.at(index, _zi_factor(settings, minute))
            for index, minute in zip(ordered, minutes, strict=True)
        ]
        clock = Clock(
            stretch[1],
            settings.minutes,
            float(minutes[0]),
            float(minutes[1]),
            float(direction),
            settings.every_min,
        )
        found.append(Sheet(number, analyses, (opened[0], opened[1]), clock))
    return found


def _check_gap(minutes: int) -> None:
    if minutes > LONGEST_GAP_MIN:
        raise TransportError(
            Reason.MET_INTERVAL,
            f"{minutes / 60:g} h between two analyses, more than {LONGEST_GAP_MIN / 60:g} h",
        )


def _check_cover(times: list[int], length: int, receptor: Receptor) -> None:
    if not times or times[0] > 0 or times[-1] <= 0:
        raise TransportError(
            Reason.MET_COVERAGE,
            f"the meteorology does not hold the receptor's time {receptor.time}",
        )
    if times[-1] < length:
        raise TransportError(
            Reason.MET_COVERAGE,
            f"the meteorology ends {times[-1] / 60:g} h from {receptor.time}, "
            f"the run needs {length / 60:g} h",
        )


def _zi_factor(settings: RunSettings, distance_min: int) -> float:
    factors = settings.zi_factors
    hour = abs(distance_min) // 60
    return factors[hour] if hour < len(factors) else 1.0


def _start(
    meteorology: Meteorology,
    receptor: Receptor,
    settings: RunSettings,
    points: Release,
    streams: NDArray[np.uint64],
) -> Journey:
    count, steps = settings.numpar, settings.row_minutes.size
    highest = float(points.height_m.max())
    if highest > meteorology.vertical.highest_release_m:
        raise TransportError(
            Reason.BAD_RECEPTOR,
            f"a release height of {highest:g} m is above the meteorology's highest level",
        )
    particles = waiting_particles(
        streams, points.minute.copy(), points.height_m, meteorology.vertical.count
    )
    rows = Rows(
        np.zeros((len(MAIN_COLUMNS), steps, count)),
        np.empty((_extra_count(settings), steps, count)),
    )
    options = settings.options._replace(is_above_sea=int(receptor.reference == "asl"))
    journey = Journey(meteorology.grids, particles, rows, options)
    if not journey.set_out(points.longitude, points.latitude):
        raise TransportError(
            Reason.BAD_RECEPTOR,
            f"{receptor.longitudes[0]:g}, {receptor.latitudes[0]:g} lies outside of the meteorology's grid "
            f"or on its outermost cells",
        )
    return journey


def _extra_count(settings: RunSettings) -> int:
    return len(EXTRA_COLUMNS) if set(settings.columns) & set(EXTRA_COLUMNS) else 0


def _present(
    released: NDArray[np.int64], ended: NDArray[np.int64], time: NDArray[np.float64]
) -> NDArray[np.bool_] | None:
    """Tell which rows were written, shape (steps, particles); None for all of them.

    A row tells the state at the end of a minute, so a particle has those after its release and up to its end.
    """
    if released.max(initial=0) < time[0] and ended.min(initial=int(time[-1])) >= time[-1]:
        return None
    return (time[:, None] > released) & (time[:, None] <= ended)


def _table(
    journey: Journey,
    settings: RunSettings,
    direction: int,
    present: NDArray[np.bool_] | None,
) -> ParticleTable:
    rows = journey.rows
    steps, count = rows.main.shape[1:]

    def chosen(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return values.reshape(-1) if present is None else values[present]

    time = direction * settings.row_minutes
    shape = (steps, count)
    made = {
        "time": chosen(np.repeat(time, count).reshape(shape)),
        "indx": chosen(np.tile(np.arange(1.0, count + 1.0), steps).reshape(shape)),
    }
    made["long"], made["lati"] = journey.longlat(chosen)
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
