"""What this engine refuses of met files and receptors, from headers alone: told before a run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from stilt.foundations.failures import Reason, Refused, TransportError
from stilt.met.dataset.analyses import analyses_of
from stilt.met.dataset.magic import name_of
from stilt.met.files import Span
from stilt.met.header import read_header
from stilt.met.minutes import minute_of, time_of
from stilt.transport.native.analysis import LONGEST_GAP_MIN
from stilt.transport.native.journey import holds
from stilt.transport.native.levels import vertical_grid
from stilt.transport.native.meteorology import arl_file, check_fields, files_of, kinds_of
from stilt.transport.native.projection import map_grid
from stilt.transport.refusals import outside, too_high

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from stilt.config.schema import Config
    from stilt.met.analysis import Analysis
    from stilt.met.arl import ArlFile
    from stilt.met.dataset.naming import Table
    from stilt.met.grid import Grid
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
        self._refused: dict[Kind, TransportError | None] = {}
        self._tops: dict[tuple[Kind, ...], float] = {}
        self._starts: dict[Grid, Place] = {}

    def __call__(self, supply: Supply, starts: Starts, config: Config) -> Iterator[Refused]:
        """Yield the runs that are refused."""
        if supply.headers is None:
            wrong = next(
                filter(None, (self._why_unread(path, supply.table) for path in supply.files)), None
            )
            if wrong is not None:
                yield Refused(wrong.reason, wrong.message, supply.runs)
            return
        try:
            stretches = _stretches(supply)
            kinds = {each.kind: each.analysis for each in reversed(stretches)}
            for kind, analysis in kinds.items():
                self._check(kind, analysis)
        except TransportError as wrong:
            yield Refused(wrong.reason, wrong.message, supply.runs)
            return
        yield from _not_together(supply, stretches)
        yield from _hours(supply, stretches)
        top = self._top(kinds, config.z_top)
        where = "above the meteorology's highest level"
        is_above = starts.heights_m >= config.z_top
        yield from too_high(supply, starts, ~is_above & (starts.heights_m > top), where)
        where = f"at or above the model's top ({config.z_top:g} m): raise z_top"
        yield from too_high(supply, starts, is_above, where)
        yield from outside(supply, starts, self._places(supply, starts, stretches))

    def _places(
        self, supply: Supply, starts: Starts, stretches: list[_Stretch]
    ) -> Iterator[tuple[Place, NDArray[np.bool_]]]:
        """Yield for each grid where particles can start on it, and for which runs it has analyses then."""
        minutes = starts.minutes[supply.runs]
        by_grid: dict[Grid, list[_Stretch]] = {}
        for stretch in stretches:
            by_grid.setdefault(stretch.grid, []).append(stretch)
        for grid, some in by_grid.items():
            first = min(stretch.minutes[0] for stretch in some)
            last = max(stretch.minutes[-1] for stretch in some)
            if grid not in self._starts:
                self._starts[grid] = _can_start(some[0].analysis())
            yield self._starts[grid], (first <= minutes) & (minutes <= last)

    def _why_unread(self, path: Path, table: Table) -> TransportError | None:
        """Return why a file is refused, beside others that say nothing of themselves."""
        key = (path, table)
        if key not in self._refused:
            self._refused[key] = None
            try:
                for analysis in kinds_of(files_of([path], table)):
                    check_fields(analysis, self._setting)
            except TransportError as error:
                self._refused[key] = error
        return self._refused[key]

    def _check(self, kind: Kind, analysis: Callable[[], Analysis]) -> None:
        """Raise what speaks against a kind of analyses, of which this is one."""
        if kind not in self._refused:
            self._refused[kind] = None
            try:
                check_fields(analysis(), self._setting)
            except TransportError as error:
                self._refused[kind] = error
        refused = self._refused[kind]
        if refused is not None:
            raise refused

    def _top(self, kinds: dict[Kind, Callable[[], Analysis]], z_top: float) -> float:
        """Return the highest release that analyses of these kinds allow."""
        key = tuple(kinds)
        if key not in self._tops:
            analyses = [analysis() for analysis in kinds.values()]
            self._tops[key] = vertical_grid(analyses, z_top).highest_release_m
        return self._tops[key]


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Analyses of one kind that follow each other.

    Attributes
    ----------
    path
        For messages.
    grid, kind
        What tells it from others.
    minutes
        Since 1970 UTC, rising.
    analysis
        Returns one of them: the file is read then.
    """

    path: Path
    grid: Grid
    kind: Kind
    minutes: list[int]
    analysis: Callable[[], Analysis]


def _stretches(supply: Supply) -> list[_Stretch]:
    """Return what the files hold: each ARL file by itself, NetCDF files together."""
    headers = supply.headers or ()
    found = [
        _Stretch(h.path, h.grid, _kind(h), [minute_of(t) for t in h.times], partial(_first, h.path))
        for h in headers
        if h.format == "ARL"
    ]
    if len(found) < len(supply.files):
        found += _of_datasets(supply)
    if not found:
        raise TransportError(
            Reason.MET_COVERAGE, f"{supply.files[0]}: no file has levels, only surface fields"
        )
    return found


def _first(path: Path) -> Analysis:
    return arl_file(path)[0]


def _of_datasets(supply: Supply) -> Iterator[_Stretch]:
    """Yield the analyses that NetCDF files have together, those of one kind after the other."""
    headers = supply.headers or ()
    known = {header.path for header in headers}
    constant = [read_header(path, supply.table) for path in supply.files if path not in known]
    datasets = [header for header in headers if header.format != "ARL"]
    together = analyses_of([*datasets, *constant])
    for analyses in together:
        for levels, some in groupby(analyses, key=lambda analysis: analysis.levels):
            each = list(some)
            first, grid = each[0], each[0].horizontal
            kind = grid, levels, supply.table
            yield _Stretch(first.path, grid, kind, [a.minutes for a in each], partial(_same, first))


def _same(analysis: Analysis) -> Analysis:
    return analysis


def _not_together(supply: Supply, stretches: list[_Stretch]) -> Iterator[Refused]:
    """Refuse runs beyond the times that NetCDF files have in common."""
    minutes = [minute for stretch in stretches for minute in stretch.minutes]
    first, last = min(minutes), max(minutes)
    runs = supply.runs[(supply.begin < first) | (supply.end > last)]
    if len(runs):
        span = Span(time_of(first), time_of(last))
        yield Refused(
            Reason.MET_COVERAGE,
            f"{stretches[0].path}: the files have levels and surface fields together only for {span}",
            runs,
        )


def _hours(supply: Supply, stretches: list[_Stretch]) -> Iterator[Refused]:
    """Refuse runs over a stretch between two analyses that is too long, or that no grid holds."""
    spans: dict[object, tuple[int, int]] = {}
    for stretch in stretches:
        first, last = spans.get(stretch.grid, (stretch.minutes[0], 0))
        first = min(first, stretch.minutes[0])
        spans[stretch.grid] = first, max(last, stretch.minutes[-1])
    times = sorted({minute for stretch in stretches for minute in stretch.minutes})
    for begin, end in pairwise(times):
        reason, message = None, ""
        if not any(first <= begin and end <= last for first, last in spans.values()):
            reason = Reason.MET_COVERAGE
            names = _names(stretches, begin, end)
            message = f"the grid changes between {names}, and none has analyses on both sides"
        elif end - begin > LONGEST_GAP_MIN:
            reason = Reason.MET_INTERVAL
            message = f"{(end - begin) / 60:g} h between two analyses, more than {LONGEST_GAP_MIN / 60:g} h"
        runs = supply.runs[(supply.begin < end) & (supply.end > begin)]
        if reason is not None and len(runs):
            yield Refused(reason, message, runs)


def _names(stretches: list[_Stretch], begin: int, end: int) -> str:
    before = [name_of(each.path) for each in stretches if each.minutes[-1] == begin]
    after = [name_of(each.path) for each in stretches if each.minutes[0] == end]
    first, last = name_of(stretches[0].path), name_of(stretches[-1].path)
    return f"{(before or [first])[0]} and {(after or [last])[0]}"


def _can_start(analysis: Analysis) -> Place:
    grid = map_grid(analysis.grid)

    def can(longitude: NDArray[np.float64], latitude: NDArray[np.float64]) -> NDArray[np.bool_]:
        return holds(grid, *grid.to_index(longitude, latitude))

    return can


def _kind(header: ArlFile) -> Kind:
    """Return what makes files alike to this engine's reader."""
    levels = header.levels, header.level_type, header.pressure_offset
    return header.model, header.grid, levels, header.changes is None or header.path
