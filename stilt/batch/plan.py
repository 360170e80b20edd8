"""Decide what there is to do: receptors, the folded log and the files at hand in, work out.

Pure: what touches the disk or a scheduler comes in through ``Present`` and ``queued``.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from stilt.batch.chunks import Task
    from stilt.foundations.simulation import Simulation
    from stilt.log.fold import SimState

_TIMES = 10**12  # more than any YYYYMMDDHHMM


@dataclass(frozen=True, slots=True)
class Settings:
    """The digests that today's config gives to a simulation's outputs.

    Attributes
    ----------
    transports
        Transport digest by meteorology.
    footprints
        Digest by footprint product.
    has_error_run
        Whether a simulation has particles of a second run, with errors in wind or mixed layer.
    """

    transports: Mapping[str, str]
    footprints: Mapping[str, str]
    has_error_run: bool = False


class Simulations(Protocol):
    """All simulations of a project, as ``stilt.receptors.sequence.Receptors`` holds them."""

    def __len__(self) -> int:
        """Return how many there are."""

    def __iter__(self) -> Iterator[Simulation]:
        """Return all, in their order."""

    def take(self, indices: Sequence[int]) -> list[Simulation]:
        """Return those with these indices."""


class Present(Protocol):
    """Which outputs are on disk."""

    def particles(self, date: str) -> Container[str]:
        """Return the ids of simulations with particles in the folder of a date."""

    def error_particles(self, date: str) -> Container[str]:
        """Return the ids of simulations with particles of an error run in the folder of a date."""

    def footprints(self, name: str, date: str) -> Container[str]:
        """Return the ids of simulations with a footprint of that product in the folder of a date."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which simulations a command line asks for.

    Attributes
    ----------
    skip
        False: everything again, whatever the log says.
    failed
        Only what failed.
    reasons
        Only what failed for one of these reasons.
    """

    skip: bool = True
    failed: bool = False
    reasons: frozenset[str] = frozenset()

    @property
    def only_failed(self) -> bool:
        """Whether everything that did not fail is left alone."""
        return self.failed or bool(self.reasons)

    def wants(self, state: SimState | None) -> bool:
        """Return whether a simulation in that state is asked for, where only failures are."""
        if state is None or state.outcome != "failed":
            return False
        return not self.reasons or state.reason in self.reasons


EVERYTHING = Selection()


@dataclass(slots=True)
class Plan:
    """What there is to do.

    Attributes
    ----------
    transport, footprints
        Indexes of simulations to run whole, and of those whose footprints alone are to be computed
        again; each ordered by meteorology and time.
    total
        Simulations of the project.
    complete, empty
        Those that are done, with today's settings and their outputs in place.
    queued
        Those that a live task has or is going to have.
    left_out
        Those that the selection did not ask for.
    why
        For those to do: how many for which reason.
    """

    transport: array[int] = field(default_factory=lambda: array("L"))
    footprints: array[int] = field(default_factory=lambda: array("L"))
    total: int = 0
    complete: int = 0
    empty: int = 0
    queued: int = 0
    left_out: int = 0
    why: Counter[str] = field(default_factory=Counter)

    @property
    def work(self) -> int:
        """How many simulations there are to do."""
        return len(self.transport) + len(self.footprints)


def plan(
    simulations: Simulations,
    states: Mapping[str, SimState],
    settings: Settings,
    present: Present,
    *,
    queued: Container[str] = frozenset(),
    selection: Selection = EVERYTHING,
) -> Plan:
    """Return what there is to do.

    Parameters
    ----------
    simulations
        All simulations of the project.
    states
        What the log says of them, by id.
    settings, present
        Today's digests, and the outputs on disk.
    queued
        Ids that a live task has or is going to have.
    selection
        What the command line asks for.
    """
    planner = _Planner(simulations, states, settings, present)
    for index, simulation in enumerate(simulations):
        planner.consider(index, simulation, queued, selection)
    planner.judge_remembered()
    return planner.finish()


class _Planner:
    """The running plan, and the order that its work is going to have."""

    def __init__(
        self,
        simulations: Simulations,
        states: Mapping[str, SimState],
        settings: Settings,
        present: Present,
    ) -> None:
        self.result = Plan(total=len(simulations))
        self._simulations = simulations
        self._states = states
        self._settings = settings
        self._present = present
        self._mets: dict[str, int] = {}
        self._chosen = {
            "transport": (self.result.transport, array("Q")),
            "footprints": (self.result.footprints, array("Q")),
        }
        self._why: dict[str, int] = {}  # a Counter is several times slower to count into
        self._remembered: dict[str, array[int]] = {}
        self._same_settings: dict[tuple[int, str], tuple[bool, bool]] = {}

    def consider(
        self, index: int, simulation: Simulation, queued: Container[str], selection: Selection
    ) -> None:
        """Decide what needs no look at the disk, and remember the rest by date."""
        state = self._states.get(simulation.sim)
        if selection.only_failed and not selection.wants(state):
            self.result.left_out += 1
        elif not selection.skip:
            self._take(index, simulation, "transport", "forced")
        elif simulation.sim in queued:
            self.result.queued += 1
        elif state is None:
            self._take(index, simulation, "transport", "never run")
        else:
            self._remembered.setdefault(simulation.date, array("L")).append(index)

    def judge_remembered(self) -> None:
        """Look at the outputs of what has run before, one dated folder after the other."""
        for date in sorted(self._remembered):
            indexes = self._remembered[date]
            for index, simulation in zip(indexes, self._simulations.take(indexes), strict=True):
                self._judge(index, simulation, date, self._states[simulation.sim])

    def finish(self) -> Plan:
        """Return the plan with its work ordered by meteorology and time."""
        self.result.transport = _sorted(*self._chosen["transport"])
        self.result.footprints = _sorted(*self._chosen["footprints"])
        self.result.why.update(self._why)
        return self.result

    def _judge(self, index: int, simulation: Simulation, date: str, state: SimState) -> None:
        has_particles = self._has_particles(simulation.sim, date)
        if state.outcome == "invalid":
            self._take(index, simulation, "transport", "invalid")
        elif not state.is_done:
            # a run that got as far as its particles need not do that again; the worker looks closely
            why = "failed" if state.outcome == "failed" else "interrupted"
            self._look_at_footprints(date)
            self._take(index, simulation, "footprints" if has_particles else "transport", why)
        else:
            self._judge_done(index, simulation, date, state, has_particles)

    def _judge_done(
        self, index: int, simulation: Simulation, date: str, state: SimState, has_particles: bool
    ) -> None:
        same_transport, same_footprints = self._compare(state, simulation.met)
        if not same_transport:
            self._take(index, simulation, "transport", "settings changed")
        elif not has_particles:
            self._take(index, simulation, "transport", "output missing")
        elif not same_footprints:
            self._take(index, simulation, "footprints", "settings changed")
        elif state.outcome == "complete" and not self._has_footprints(simulation.sim, date):
            self._take(index, simulation, "footprints", "output missing")
        elif state.outcome == "complete":
            self.result.complete += 1
        else:
            self.result.empty += 1

    def _compare(self, state: SimState, met: str) -> tuple[bool, bool]:
        """Return whether transport and footprint settings are still those of that state."""
        key = (id(state.life), met)
        if key not in self._same_settings:
            wanted = self._settings.footprints
            self._same_settings[key] = (
                state.life.transport.get(met) == self._settings.transports.get(met),
                all(state.life.footprints.get(name) == wanted[name] for name in wanted),
            )
        return self._same_settings[key]

    def _look_at_footprints(self, date: str) -> None:
        """Have the folders listed where something was under way when it ended: it may have left a file."""
        for name in self._settings.footprints:
            self._present.footprints(name, date)

    def _has_particles(self, sim: str, date: str) -> bool:
        return sim in self._present.particles(date) and (
            not self._settings.has_error_run or sim in self._present.error_particles(date)
        )

    def _has_footprints(self, sim: str, date: str) -> bool:
        return all(
            sim in self._present.footprints(name, date) for name in self._settings.footprints
        )

    def _take(self, index: int, simulation: Simulation, work: Task, why: str) -> None:
        indexes, keys = self._chosen[work]
        indexes.append(index)
        met = self._mets.setdefault(simulation.met, len(self._mets))
        keys.append(met * _TIMES + int(simulation.receptor.time))
        self._why[why] = self._why.get(why, 0) + 1


def _sorted(indexes: array[int], keys: array[int]) -> array[int]:
    order = sorted(range(len(indexes)), key=keys.__getitem__)
    return array("L", map(indexes.__getitem__, order))
