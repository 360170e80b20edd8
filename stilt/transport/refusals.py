"""Which runs cannot succeed, from headers, settings and receptors: asked by ``check``, ``run`` and the worker alike.

An engine gives its rules for runs that read the same files (``Rules``); what holds for every engine is here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stilt.foundations.failures import Reason, Refused
from stilt.met.minutes import minute_of
from stilt.met.needed import needed
from stilt.transport.shares import why_too_few

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from stilt.config.schema import Config
    from stilt.foundations.simulation import Receptor, Simulation
    from stilt.met.needed import Needed, Supply
    from stilt.receptors.sequence import Receptors
    from stilt.transport.protocol import Engine

    Rules = Callable[[Supply, "Starts", Config], Iterator[Refused]]
    Place = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Starts:
    """When and where runs begin: what an engine is asked about.

    Attributes
    ----------
    minutes
        Time of each receptor, minutes since 1970 UTC, shape (runs,).
    first
        Position of each receptor's first release point, and the number of points at the end, shape (runs + 1,).
    longitudes, latitudes, heights_m
        Release points, degrees and metres, those of one receptor next to each other, shape (points,).
    """

    minutes: NDArray[np.int64]
    first: NDArray[np.int64]
    longitudes: NDArray[np.float64]
    latitudes: NDArray[np.float64]
    heights_m: NDArray[np.float64]

    @classmethod
    def of(cls, receptor: Receptor) -> Starts:
        """Return the one start of a receptor."""
        return cls(
            np.array([minute_of(receptor.when)]),
            np.array([0, len(receptor.heights_m)]),
            np.array(receptor.longitudes, float),
            np.array(receptor.latitudes, float),
            np.array(receptor.heights_m, float),
        )

    @classmethod
    def of_all(cls, receptors: Receptors) -> Starts:
        """Return the starts of all receptors of a project, in their order."""
        places = receptors.longitudes, receptors.latitudes, receptors.heights_m
        return cls(receptors.minutes, receptors.first, *places)

    def __len__(self) -> int:
        return len(self.minutes)

    def points_of(self, runs: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the release points of some runs, and for each point the place of its run among them."""
        counts = self.first[runs + 1] - self.first[runs]
        owner = np.repeat(np.arange(len(runs)), counts)
        offset = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.first[runs][owner] + offset, owner

    def any_point(
        self, runs: NDArray[np.int64], is_so: NDArray[np.bool_], owner: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return those of some runs that have a point of which something is so."""
        return runs[np.bincount(owner, is_so, len(runs)) > 0]


@dataclass(frozen=True, slots=True)
class Refusals:
    """What an engine says of runs.

    Attributes
    ----------
    refused
        Those that cannot succeed, each once.
    needed
        What all of them need of the meteorology.
    """

    refused: list[Refused]
    needed: Needed


def judge(starts: Starts, met: str, config: Config, rules: Rules) -> Refusals:
    """Return the runs with a meteorology that are refused, by what holds for all engines and an engine's rules."""
    found = needed(config.mets[met], starts.minutes, config.n_hours)
    refused = [*_shares(starts, config.numpar), *found.refused]
    for supply in found.supplies:
        refused += rules(supply, starts, config)
    return Refusals(_each_once(refused, len(starts)), found)


def refusals(engine: Engine, starts: Starts, met: str, config: Config) -> Refusals | None:
    """Return the runs with a meteorology that an engine refuses; None of an engine that cannot tell."""
    asked = getattr(engine, "refusals", None)
    found: Refusals | None = asked(starts, met, config) if asked else None
    return found


def usual(starts: Starts, met: str, config: Config) -> Refusals:
    """Return what is refused by most engines: shares, hours, and places that are on no grid."""

    def rules(supply: Supply, starts: Starts, _: Config) -> Iterator[Refused]:
        every = np.ones(len(supply.runs), bool)
        grids = {header.grid: every for header in supply.headers or ()}
        if grids:
            yield from outside(supply, starts, [(g.can_start_at, e) for g, e in grids.items()])

    return judge(starts, met, config, rules)


def files_of(simulation: Simulation, config: Config, rules: Rules) -> tuple[Path, ...]:
    """Return the met files of one simulation, in the order of time.

    Raises
    ------
    TransportError
        If it is refused.
    """
    found = judge(Starts.of(simulation.receptor), simulation.met, config, rules)
    for each in found.refused:
        raise each.error()
    return found.needed.supplies[0].files


def outside(
    supply: Supply, starts: Starts, places: Iterable[tuple[Place, NDArray[np.bool_]]]
) -> Iterator[Refused]:
    """Refuse runs with a release point on none of the grids that hold their start.

    ``places`` are for each grid whether particles can start at longitudes and latitudes, and which runs of the
    supply start in its hours.
    """
    points, owner = starts.points_of(supply.runs)
    lon, lat = starts.longitudes[points], starts.latitudes[points]
    inside = np.zeros(len(points), bool)
    for can_start, in_hours in places:
        inside |= in_hours[owner] & can_start(lon, lat)
    outer = np.flatnonzero(~inside)
    owners, firsts = np.unique(owner[outer], return_index=True)
    runs, points = supply.runs[owners], points[outer[firsts]]

    def says(run: int) -> str:
        point = points[np.searchsorted(runs, run)]
        place = f"{starts.longitudes[point]:g}, {starts.latitudes[point]:g}"
        return f"{place} lies outside of the meteorology's grid or on its outermost cells"

    if len(runs):
        yield Refused(Reason.BAD_RECEPTOR, says, runs)


def too_high(
    supply: Supply, starts: Starts, is_too_high: NDArray[np.bool_], top: str
) -> Iterator[Refused]:
    """Refuse runs with a release point that is too high; ``is_too_high`` is asked of all points of the project."""
    points, owner = starts.points_of(supply.runs)
    runs = starts.any_point(supply.runs, is_too_high[points], owner)

    def says(run: int) -> str:
        span = slice(starts.first[run], starts.first[run + 1])
        height = starts.heights_m[span][is_too_high[span]][0]
        return f"a release height of {height:g} m is {top}"

    if len(runs):
        yield Refused(Reason.BAD_RECEPTOR, says, runs)


def _shares(starts: Starts, numpar: int) -> Iterator[Refused]:
    """Refuse receptors with more levels or places than there are particles."""
    found: dict[str, list[int]] = {}
    for run in np.flatnonzero(np.diff(starts.first) > numpar).tolist():
        span = slice(starts.first[run], starts.first[run + 1])
        places = len({*zip(starts.longitudes[span], starts.latitudes[span], strict=True)})
        why = why_too_few(span.stop - span.start, places, numpar)
        if why:
            found.setdefault(why, []).append(run)
    for why, runs in found.items():
        yield Refused(Reason.BAD_RECEPTOR, why, np.array(runs))


def _each_once(refused: list[Refused], count: int) -> list[Refused]:
    """Let the first reason of a run be its only one."""
    free = np.ones(count, bool)
    found = []
    for each in refused:
        runs = each.runs[free[each.runs]]
        free[runs] = False
        if len(runs):
            found.append(Refused(each.reason, each.says, runs))
    return found
