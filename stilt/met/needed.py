"""Which met files runs need, and what is missing: for one run as for a million.

``check``, ``run`` and the worker ask the same function: the worker for the one run that it is about to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from stilt.foundations.failures import Reason, Refused
from stilt.foundations.quantities import counted
from stilt.met.dataset.naming import table_of_met
from stilt.met.distant.awaited import is_awaited
from stilt.met.files import Span, gaps
from stilt.met.minutes import minute_of, time_of
from stilt.met.overlaps import overlap_words, overlaps
from stilt.met.sources import source_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from stilt.config.schema import Met
    from stilt.met.arl import ArlFile
    from stilt.met.dataset.naming import Table
    from stilt.met.sources import Choice


@dataclass(frozen=True, slots=True)
class Supply:
    """Runs that read the same files.

    Attributes
    ----------
    runs
        Their places among those that were asked about.
    begin, end
        When each begins and ends, whichever way it goes: minutes since 1970 UTC, ``begin`` before ``end``.
    files
        In the order of time, then those whose fields do not change in time.
    headers
        What those with times say of themselves; None where one of them does not read: then nothing is concluded.
    table
        Which of their variables are which fields because the config says so.
    """

    runs: NDArray[np.int64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    files: tuple[Path, ...]
    headers: tuple[ArlFile, ...] | None
    table: Table = ()

    def span_of(self, run: int) -> Span:
        """Return the time that one of the runs needs."""
        place = np.searchsorted(self.runs, run)
        return Span(time_of(self.begin[place]), time_of(self.end[place]))


@dataclass(frozen=True, slots=True)
class Needed:
    """What runs need of one meteorology.

    Attributes
    ----------
    supplies
        Runs that have all their hours, by the files that they read.
    refused
        Those that have not.
    left_out
        Files whose name fits and that are no met files, or not whole where another one for the same time is.
    missing
        Names of files that are due, and that some run lacks.
    is_nothing_there
        Whether not one file was found for any run.
    """

    supplies: list[Supply]
    refused: list[Refused]
    left_out: tuple[Path, ...]
    missing: tuple[str, ...]
    is_nothing_there: bool

    @property
    def headers(self) -> list[ArlFile]:
        """What all files that runs read say of themselves, in the order of time."""
        found = {h.path: h for supply in self.supplies for h in supply.headers or ()}
        return sorted(found.values(), key=lambda header: header.times[0])

    @property
    def overlaps(self) -> str:
        """Which of these hold the same hours with other values, and which is used; empty where none do."""
        return overlap_words(overlaps(self.headers))


def needed(met: Met, minutes: NDArray[np.int64], n_hours: int) -> Needed:
    """Return which files runs need that are released at these minutes since 1970 UTC.

    Those of every file time from the one that begins before a run to the one in which it ends. The last hours of a
    run can lie between the last analysis of their file and the first of the next, so the neighbouring file is taken
    too where it is needed, or where the headers do not tell: one file more never changes a result.

    Runs are refused with MET_MISSING, naming the files, unless what is there covers them without; with MET_COVERAGE
    where the files are there and their headers say that they end too early, or where products overlap in time of
    which the settings pick none. Of runs whose files are still at a distance nothing is said.
    """
    begin = np.minimum(minutes, minutes + 60 * n_hours)
    end = np.maximum(minutes, minutes + 60 * n_hours)
    source, table = source_of(met), table_of_met(met)
    supplies: list[Supply] = []
    refused: list[Refused] = []
    missing: dict[str, None] = {}
    is_nothing_there = True
    for choice, runs in source.choices(begin, end):
        if is_awaited(met, choice.missing, choice.files):
            is_nothing_there = False
            continue
        is_nothing_there &= not choice.files
        supply = Supply(runs, begin[runs], end[runs], choice.files, choice.headers, table)
        rows, found = _judged(met, choice, supply)
        refused += found
        if any(each.reason is Reason.MET_MISSING for each in found):
            missing |= dict.fromkeys(choice.missing)
        if len(rows):
            supplies.append(_only(supply, rows))
    names = tuple(sorted(missing))
    return Needed(supplies, refused, source.left_out, names, is_nothing_there)


def _judged(met: Met, choice: Choice, supply: Supply) -> tuple[NDArray[np.int64], list[Refused]]:
    """Return which of the runs have what they need, and the others with the reason."""
    everything = np.arange(len(supply.runs))
    gap = list(_gaps(supply, choice.holes))
    short = np.logical_or.reduce([rows for *_, rows in gap] or [np.zeros(len(everything), bool)])
    missing = choice.missing
    if choice.refusal:
        return everything[:0], [Refused(Reason.MET_COVERAGE, choice.refusal, supply.runs)]
    if not supply.files:
        return everything[:0], [_missing(choice, supply, everything)]
    if len(supply.files) < met.n_met_min:
        there = f"{met.directory} has {counted(len(supply.files), 'file')} for this"
        words = f"{there}, fewer than n_met_min, which is {met.n_met_min}"
        says = partial(_short_words, supply, words)
        return everything[:0], [Refused(Reason.MET_MISSING, says, supply.runs)]
    if missing and supply.headers is None:
        return everything[:0], [_missing(choice, supply, everything)]
    refused = []
    if missing and short.any():
        refused.append(_missing(choice, supply, everything[short]))
    elif short.any():
        taken = np.zeros(len(everything), bool)
        for reason, words, rows in gap:
            now = np.flatnonzero(rows & ~taken)
            taken |= rows
            if len(now):
                says = partial(_short_words, supply, words)
                refused.append(Refused(reason, says, supply.runs[now]))
    return everything[~short], refused


def _missing(choice: Choice, supply: Supply, rows: NDArray[np.int64]) -> Refused:
    def says(run: int) -> str:
        return choice.missing_words(supply.span_of(run))

    return Refused(Reason.MET_MISSING, says, supply.runs[rows])


def _short_words(supply: Supply, words: str, run: int) -> str:
    return f"the run needs {supply.span_of(run)}, and {words}"


def _gaps(supply: Supply, holes: Sequence[Span]) -> Iterator[tuple[Reason, str, NDArray[np.bool_]]]:
    """Yield what the analyses do not enclose, and which runs need it."""
    if not supply.headers:
        return
    first = min(header.times[0] for header in supply.headers)
    last = max(header.times[-1] for header in supply.headers)
    beyond = (supply.begin < minute_of(first)) | (supply.end > minute_of(last))
    if beyond.any():
        cut = cut_words(supply.headers)
        yield Reason.MET_COVERAGE, f"the meteorology covers {Span(first, last)}{cut}", beyond
    has_steps = any(header.step for header in supply.headers)
    reason = Reason.MET_COVERAGE if has_steps else Reason.MET_MISSING
    rule = "" if has_steps else ", where files of a single time are closer together as a rule"
    for gap in gaps(supply.headers) if has_steps else holes:
        inside = (supply.begin < minute_of(gap.end)) & (supply.end > minute_of(gap.start))
        if inside.any():
            yield reason, f"the meteorology has nothing between {gap}{rule}", inside


def cut_words(headers: Sequence[ArlFile]) -> str:
    """Name the files that are cut off, to stand behind something else."""
    cut = [header.cut for header in headers if header.cut]
    return f"; {'; '.join(cut[:2])}" if cut else ""


def _only(supply: Supply, rows: NDArray[np.int64]) -> Supply:
    if len(rows) == len(supply.runs):
        return supply
    return Supply(
        supply.runs[rows],
        supply.begin[rows],
        supply.end[rows],
        supply.files,
        supply.headers,
        supply.table,
    )
