"""What hycs_std refuses, or reads wrongly, of met files and receptors: told before a run.

Found by trial (some 400 runs over files of 1 to 4 times, 1 to 3 hours apart, that touch, overlap or leave a gap, on
equal and other grids and levels). Where its behaviour depends on more than headers tell, the run is refused: it may
stop with a runtime error, or read the wrong record without a word.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from stilt.foundations.failures import Reason, Refused
from stilt.foundations.quantities import duration
from stilt.met.arl import is_arl
from stilt.met.minutes import minute_of
from stilt.transport.refusals import outside, too_high

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from stilt.config.schema import Config
    from stilt.met.arl import ArlFile
    from stilt.met.grid import Grid
    from stilt.met.needed import Supply
    from stilt.transport.refusals import Place, Starts

MOST_FILES = 128
"""``DEFGRID``: so many met files NOAA's builds take."""

MOST_LEVELS = 74
"""Above the surface."""

HEIGHT = 3
"""The type of levels that are metres above the ground."""

STOPPED_BY = frozenset({"RAMS"})
"""Models in whose files it stops without a reason: for which it has ways of its own."""

CENTURY = datetime(2040, 1, 1, tzinfo=UTC)
"""The years 40 to 99 are of the last century to hycs_std."""

_SINGLE, _STEPS, _KINDS = "single", "steps", "kinds"
_Stretch = tuple[int, int]


def rules(supply: Supply, starts: Starts, config: Config) -> Iterator[Refused]:
    """Yield the runs that hycs_std would fail, or do wrongly; where a file does not read, for what it begins with."""
    if supply.headers is None:
        strange = next((path for path in supply.files if not is_arl(str(path))), None)
        if strange is not None:
            message = f"{strange}: not an ARL file: no index record at its beginning"
            yield Refused(Reason.MET_COVERAGE, message, supply.runs)
        return
    other = next((header for header in supply.headers if header.format != "ARL"), None)
    if other is not None:
        yield Refused(
            Reason.MET_COVERAGE,
            f"{other.path} is {other.format}, and hycs_std reads ARL files only: use model: native, "
            "or write ARL files of it with `stilt met --convert NAME --to FOLDER`",
            supply.runs,
        )
        return
    for reason, message in _of_files(supply.headers):
        yield Refused(reason, message, supply.runs)
    yield from _changes(supply)
    yield from _century(supply)
    yield from _unreached(supply)
    top = f"at or above the model's top ({config.z_top:g} m): raise z_top"
    yield from too_high(supply, starts, starts.heights_m >= config.z_top, top)
    yield from outside(supply, starts, _places(supply, starts))


def _places(supply: Supply, starts: Starts) -> Iterator[tuple[Place, NDArray[np.bool_]]]:
    """Yield for each grid where particles can start on it, and for which runs it has analyses then."""
    minutes = starts.minutes[supply.runs]
    found: dict[Grid, NDArray[np.bool_]] = {}
    for header, (begin, end) in _stretches(supply.headers or ()):
        in_hours = (begin <= minutes) & (minutes <= end)
        found[header.grid] = found.get(header.grid, np.zeros(len(minutes), bool)) | in_hours
    for grid, in_hours in found.items():
        yield grid.can_start_at, in_hours


def _of_files(headers: Sequence[ArlFile]) -> Iterator[tuple[Reason, str]]:
    """Say what is wrong with files whatever a run needs of them: hycs_std looks at all of each."""
    if len(headers) > MOST_FILES:
        yield (
            Reason.MET_COVERAGE,
            f"a run needs {len(headers)} met files and hycs_std takes {MOST_FILES}: join them, or shorten n_hours",
        )
    for header in headers:
        if header.varies:
            yield (
                Reason.MET_INTERVAL,
                f"{header.path}: the time between analyses changes at {header.varies:%Y-%m-%d %H:%M}",
            )
        if header.model in STOPPED_BY:
            yield (
                Reason.MET_COVERAGE,
                f"{header.path}: hycs_std stops in files of the model {header.model}",
            )
        for what in _lacking(header):
            yield Reason.MET_COVERAGE, f"{header.path}: {what}, without which hycs_std does not run"


def _lacking(header: ArlFile) -> Iterator[str]:
    surface = set(header.levels[0].variables)
    lowest = set(header.levels[1].variables) if len(header.levels) > 1 else set()
    for name in ("UWND", "VWND", "TEMP"):
        if name not in lowest:
            yield f"no {name} at the lowest level"
    if header.level_type == HEIGHT and "PRES" not in lowest:
        yield "levels by height and no PRES at the lowest"
    if not surface & {"SHGT", "TERR", "PRSS"}:
        yield "neither a surface pressure (PRSS) nor a terrain height (SHGT)"
    if len(header.levels) - 1 > MOST_LEVELS:
        yield f"{len(header.levels) - 1} levels, more than {MOST_LEVELS}"


def _changes(supply: Supply) -> Iterator[Refused]:
    """Refuse runs beyond the time at which a file's levels or variables change: all records after it lie elsewhere."""
    for header in supply.headers or ():
        if header.changes is None:
            continue
        last = minute_of(max(time for time in header.times if time < header.changes))
        runs = supply.runs[(supply.end > last) & (supply.begin < minute_of(header.times[-1]))]
        if len(runs):
            yield Refused(
                Reason.MET_COVERAGE,
                f"{header.path}: its levels or variables change at {header.changes:%Y-%m-%d %H:%M}, which hycs_std "
                "does not follow; split it there",
                runs,
            )


def _century(supply: Supply) -> Iterator[Refused]:
    turn = minute_of(CENTURY)
    both = [h for h in supply.headers or () if h.times[0] < CENTURY <= h.times[-1]]
    runs = supply.runs[(supply.begin < turn) & (supply.end >= turn) | bool(both)]
    if len(runs):
        yield Refused(
            Reason.MET_COVERAGE, "hycs_std takes 2040 for 1940 and cannot cross that new year", runs
        )


def _unreached(supply: Supply) -> Iterator[Refused]:
    """Refuse runs over a stretch of time that no file holds and hycs_std does not bridge, with the reason."""
    headers = supply.headers or ()
    times = sorted({minute_of(time) for header in headers for time in header.times})
    reached = [stretch for _, stretch in _stretches(headers)]
    for begin, end in itertools.pairwise(times):
        if any(low <= begin and end <= high for low, high in reached):
            continue
        runs = supply.runs[(supply.begin < end) & (supply.end > begin)]
        if len(runs):
            yield Refused(*_why(headers, begin, end), runs)
    first, last = (
        min(low for low, _ in reached) if reached else 0,
        max((high for _, high in reached), default=0),
    )
    runs = supply.runs[(supply.begin < first) | (supply.end > last)]
    if len(runs):
        yield Refused(*_why(headers, times[0], times[-1]), runs)


def _stretches(headers: Sequence[ArlFile]) -> Iterator[tuple[ArlFile, _Stretch]]:
    """Yield the time that each file of two or more analyses holds, and the time between two that are alike."""
    several = [header for header in headers if header.step]
    for header in several:
        yield header, (minute_of(header.times[0]), minute_of(header.times[-1]))
    for one in several:
        for other in several:
            gap = other.times[0] - one.times[-1]
            if (
                one.step
                and 0 < gap.total_seconds() <= one.step.total_seconds()
                and _go_on(one, other)
            ):
                yield one, (minute_of(one.times[-1]), minute_of(other.times[0]))


def _go_on(one: ArlFile, other: ArlFile) -> bool:
    """Tell whether hycs_std goes on from one file to the other as if they were one."""
    return _kind(one) == _kind(other) and one.step == other.step


def _kind(header: ArlFile) -> tuple[object, ...]:
    return header.grid, header.level_type, tuple(level.height for level in header.levels)


def _why(headers: Sequence[ArlFile], begin: int, end: int) -> tuple[Reason, str]:
    """Say why hycs_std does not get from one analysis to another."""
    near = [h for h in headers if minute_of(h.times[-1]) >= begin and minute_of(h.times[0]) <= end]
    single = next((header for header in near if not header.step), None)
    if single is not None:
        return (
            Reason.MET_INTERVAL,
            f"{single.path} holds a single time, and hycs_std needs two or more in each met file: join them",
        )
    steps = sorted({header.step for header in near if header.step})
    if len(steps) > 1:
        words = " to ".join(duration(step.total_seconds()) for step in (steps[-1], steps[0]))
        return (
            Reason.MET_INTERVAL,
            (
                f"the time between analyses changes from {words} between {_names(near)}, and hycs_std does not go from "
                "one to the other; model: native does"
            ),
        )
    return (
        Reason.MET_COVERAGE,
        f"the grid or the levels change between {_names(near)}, and no file holds the time between them",
    )


def _names(headers: Sequence[ArlFile]) -> str:
    ordered = sorted(headers, key=lambda header: header.times[0])
    return f"{ordered[0].path.name} and {ordered[-1].path.name}"
