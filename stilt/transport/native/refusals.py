"""What this engine refuses of met files and receptors, from headers alone: told before a run."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from stilt.foundations.failures import Reason, Refused, TransportError
from stilt.met.minutes import minute_of
from stilt.transport.native.analysis import LONGEST_GAP_MIN
from stilt.transport.native.journey import holds
from stilt.transport.native.levels import vertical_grid
from stilt.transport.native.meteorology import check_file, first_analysis
from stilt.transport.native.projection import map_grid
from stilt.transport.refusals import outside, too_high

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from stilt.config.schema import Config
    from stilt.met.arl import ArlFile
    from stilt.met.needed import Supply
    from stilt.transport.native.analysis import Setting
    from stilt.transport.refusals import Place, Starts

    Kind = tuple[object, ...]


class Rules:
    """The rules of this engine for runs that read the same files.

    Parameters
    ----------
    setting
        What the columns of analyses are computed with.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._refused: dict[Kind | Path, TransportError | None] = {}
        self._tops: dict[tuple[Path, ...], float] = {}

    def __call__(self, supply: Supply, starts: Starts, config: Config) -> Iterator[Refused]:
        """Yield the runs that are refused."""
        if supply.headers is None:
            found = {path: self._why(path, path) for path in supply.files}
        else:
            kinds = {_kind(header): header.path for header in reversed(supply.headers)}
            found = {path: self._why(kind, path) for kind, path in kinds.items()}
        wrong = next(filter(None, found.values()), None)
        if wrong is not None:
            yield Refused(wrong.reason, wrong.message, supply.runs)
            return
        if supply.headers is None:
            return
        yield from _hours(supply)
        top = self._top(tuple(found), config.z_top)
        where = "above the meteorology's highest level"
        yield from too_high(supply, starts, starts.heights_m > top, where)
        yield from outside(supply, starts, _places(supply, starts))

    def _why(self, key: Kind | Path, path: Path) -> TransportError | None:
        """Return why files of a kind are refused, of which this is one."""
        if key not in self._refused:
            self._refused[key] = None
            try:
                check_file(path, self._setting)
            except TransportError as error:
                self._refused[key] = error
        return self._refused[key]

    def _top(self, paths: tuple[Path, ...], z_top: float) -> float:
        """Return the highest release that files of these kinds allow."""
        if paths not in self._tops:
            indices = [first_analysis(path) for path in paths]
            self._tops[paths] = vertical_grid(indices, z_top).highest_release_m
        return self._tops[paths]


def _hours(supply: Supply) -> Iterator[Refused]:
    """Refuse runs over a stretch between two analyses that is too long, or that no grid holds."""
    headers = supply.headers or ()
    spans: dict[object, tuple[int, int]] = {}
    for header in headers:
        first, last = spans.get(header.grid, (minute_of(header.times[0]), 0))
        first = min(first, minute_of(header.times[0]))
        spans[header.grid] = first, max(last, minute_of(header.times[-1]))
    times = sorted({minute_of(time) for header in headers for time in header.times})
    for begin, end in pairwise(times):
        reason, message = None, ""
        if not any(first <= begin and end <= last for first, last in spans.values()):
            reason = Reason.MET_COVERAGE
            names = _names(headers, begin, end)
            message = f"the grid changes between {names}, and none has analyses on both sides"
        elif end - begin > LONGEST_GAP_MIN:
            reason = Reason.MET_INTERVAL
            message = f"{(end - begin) / 60:g} h between two analyses, more than {LONGEST_GAP_MIN / 60:g} h"
        runs = supply.runs[(supply.begin < end) & (supply.end > begin)]
        if reason is not None and len(runs):
            yield Refused(reason, message, runs)


def _names(headers: tuple[ArlFile, ...], begin: int, end: int) -> str:
    before = [h.path.name for h in headers if minute_of(h.times[-1]) == begin]
    after = [h.path.name for h in headers if minute_of(h.times[0]) == end]
    return f"{(before or [headers[0].path.name])[0]} and {(after or [headers[-1].path.name])[0]}"


def _places(supply: Supply, starts: Starts) -> list[tuple[Place, NDArray[np.bool_]]]:
    """Return for each grid where particles can start on it, and for which runs it has analyses then."""
    minutes = starts.minutes[supply.runs]
    files: dict[object, list[ArlFile]] = {}
    for header in supply.headers or ():
        files.setdefault(header.grid, []).append(header)
    found = []
    for some in files.values():
        first = min(minute_of(header.times[0]) for header in some)
        last = max(minute_of(header.times[-1]) for header in some)
        found.append((_can_start(some[0].path), (first <= minutes) & (minutes <= last)))
    return found


def _can_start(path: Path) -> Place:
    grid = map_grid(first_analysis(path).grid)

    def can(longitude: NDArray[np.float64], latitude: NDArray[np.float64]) -> NDArray[np.bool_]:
        return holds(grid, *grid.to_index(longitude, latitude))

    return can


def _kind(header: ArlFile) -> Kind:
    """Return what makes files alike to this engine's reader."""
    levels = header.levels, header.level_type, header.pressure_offset
    return header.model, header.grid, levels, header.changes is None or header.path
