"""Decide what there is to do: receptors, the folded log and the files at hand in, work out.

Pure: what touches the disk or a scheduler comes in through ``Present`` and ``queued``.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol
from zlib import crc32

from stilt.config.variants import Kind
from stilt.foundations.errors import EXIT_COMPLETE, EXIT_NOT_FINISHED, EXIT_SOME_FAILED
from stilt.foundations.paths import imprinted
from stilt.outputs.products import ERROR_PARTICLES, PARTICLES, file_of, footprint_product
from stilt.particles.table import NOT_KEPT

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from stilt.batch.chunks import Label, Task
    from stilt.batch.today import Today
    from stilt.foundations.simulation import Receptor, Simulation
    from stilt.log.fold import SimState

_TIMES = 10**12  # more than any YYYYMMDDHHMM


class Simulations(Protocol):
    """All simulations of a project, as ``stilt.receptors.sequence.Receptors`` holds them."""

    def __len__(self) -> int:
        """Return how many there are."""

    def __iter__(self) -> Iterator[Simulation]:
        """Return all, in their order."""

    def take(self, indices: Sequence[int]) -> list[Simulation]:
        """Return those with these indices."""

    def labels_of(self, indices: Sequence[int]) -> list[dict[str, Label]]:
        """Return the labels of those with these indices."""


class Present(Protocol):
    """Which outputs are on disk, by product, dated folder and name of the file."""

    def has(self, product: str, date: str, file: str) -> bool:
        """Tell whether there is a file of that name, of its own or in an archive."""

    def has_own(self, product: str, date: str, file: str) -> bool:
        """Tell whether there is a file of that name in the dated folder."""

    def imprint_of(self, product: str, date: str, plain: str) -> str:
        """Return the imprint that the file of a plain name has in its own; empty if it has no other name."""

    def is_exposed(self, product: str, date: str, file: str, plain: str) -> bool:
        """Tell whether a plain name is the file of that name; where that is in an archive, whether it is not there."""


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
    redo_engine
        Also what another version of the engine, or one with other inputs, has made.
    """

    skip: bool = True
    failed: bool = False
    reasons: frozenset[str] = frozenset()
    redo_engine: bool = False

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
    superseded
        Those that a live task has and nobody asks for any more as it is: of receptors, or realizations, that were taken
        out or edited. Not counted where only failures are asked for.
    left_out
        Those that the selection did not ask for.
    other_engine
        Those among the done that another version of the engine, or one with other inputs, has made.
    why
        For those to do: how many for which reason.
    not_kept
        Those whose footprints alone would have to be made anew, if their particles had been kept.
    rowless
        Those among the done whose worker made no row of the matrix that is asked for now.
    unidentified
        Indexes of those among the done of which the log does not say which receptor they are of.
    edited
        Indexes of those whose receptor is not the one that the result is of.
    unnamed
        Indexes of those that are to be done again since outputs are not there under the name that the log has, where
        there are files with the plain names.
    unwanted
        Plain names that should not be there, of footprints of what is empty and of what is in an archive: product,
        date, name.
    unexposed
        Outputs whose plain name is not the file that it should be: product, date, name of the file, plain name.
    """

    transport: array[int] = field(default_factory=lambda: array("L"))
    footprints: array[int] = field(default_factory=lambda: array("L"))
    total: int = 0
    complete: int = 0
    empty: int = 0
    queued: int = 0
    superseded: int = 0
    left_out: int = 0
    other_engine: int = 0
    not_kept: int = 0
    rowless: int = 0
    why: Counter[str] = field(default_factory=Counter)
    unidentified: array[int] = field(default_factory=lambda: array("L"))
    edited: array[int] = field(default_factory=lambda: array("L"))
    unnamed: array[int] = field(default_factory=lambda: array("L"))
    unwanted: list[tuple[str, str, str]] = field(default_factory=list)
    unexposed: list[tuple[str, str, str, str]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """What it says of all that was asked for: done, failed in part, or not at its end."""
        failed = self.why["failed"]
        if self.queued or self.work > failed:
            return EXIT_NOT_FINISHED
        return EXIT_SOME_FAILED if failed else EXIT_COMPLETE

    @property
    def work(self) -> int:
        """How many simulations there are to do."""
        return len(self.transport) + len(self.footprints)

    def remarks(self) -> Iterator[str]:
        """Say what counts alone do not: what nobody needs any more, and what was not kept for what is to do."""
        if self.superseded:
            yield (
                f"{self.superseded:,} queued or running {'is' if self.superseded == 1 else 'are'} not asked for any "
                "more: `stilt cancel`, or Ctrl-C where a local run is, ends all that is in hand; then `stilt run` "
                "takes up what is left"
            )
        if self.not_kept:
            yield (
                f"{self.not_kept:,} of {self.work:,} need transport again for other footprints: of their particles "
                "only the ends were kept"
            )

    def without(self, refused: Container[int]) -> Plan:
        """Return the plan without the simulations that cannot succeed."""
        left = array("L", [index for index in self.transport if index not in refused])
        return replace(self, transport=left)


def plan(
    simulations: Simulations,
    past: Past,
    today: Today,
    present: Present,
    *,
    queued: Mapping[str, int | None] | None = None,
    selection: Selection = EVERYTHING,
    reweighed: Container[str] = (),
) -> Plan:
    """Return what there is to do.

    Parameters
    ----------
    simulations
        All simulations of the project.
    past
        The folded log.
    today, present
        Today's settings and engine, and the outputs on disk.
    queued
        Ids that a live task has or is going to have, with the hash of the receptor; None where that is not known.
    selection
        What the command line asks for.
    reweighed
        Ids of those whose receptor has another kernel by now.
    """
    planner = _Planner(simulations, past, today, present, selection)
    planner.reweighed = reweighed
    for index, simulation in enumerate(simulations):
        planner.consider(index, simulation, queued or {})
    planner.judge_remembered()
    if selection.skip and not selection.only_failed:
        planner.result.superseded = len(queued or {}) - planner.result.queued
    return planner.finish()


class Past(Protocol):
    """What the log says of simulations, as ``stilt.log.fold.State``."""

    @property
    def sims(self) -> Mapping[str, SimState]:
        """The state of every simulation that was ever begun, by id."""

    def receptor_of(self, state: SimState) -> str:
        """Return the digest of the receptor that a state is about; empty if it is not known."""

    def may_be_of(self, state: SimState, receptor: Receptor) -> bool:
        """Tell whether a state is about a receptor, as far as it is known."""


class _Planner:
    """Judges simulations one by one."""

    def __init__(
        self,
        simulations: Simulations,
        past: Past,
        today: Today,
        present: Present,
        selection: Selection,
    ) -> None:
        self.result = Plan(total=len(simulations))
        self._simulations = simulations
        self._past = past
        self._states = past.sims
        self._today = today
        self._present = present
        self._selection = selection
        self.reweighed: Container[str] = ()
        self._footprints = tuple(map(footprint_product, today.products))
        self._mets: dict[str, int] = {}
        self._places: dict[str, int] = {}
        self._chosen = {
            "transport": (self.result.transport, array("Q")),
            "footprints": (self.result.footprints, array("Q")),
        }
        self._why: dict[str, int] = {}  # a Counter is several times slower to count into
        self._remembered: dict[str, array[int]] = {}

    def consider(
        self, index: int, simulation: Simulation, queued: Mapping[str, int | None]
    ) -> None:
        """Decide what needs no look at the disk, and remember the rest by date."""
        state = self._states.get(simulation.sim)
        if self._selection.only_failed and not self._selection.wants(state):
            self.result.left_out += 1
        elif not self._selection.skip:
            self._take(index, simulation, "transport", "forced")
        elif simulation.sim in queued and queued[simulation.sim] in {
            None,
            hash(simulation.receptor),
        }:
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
        if state.outcome == "invalid":
            self._take(index, simulation, "transport", "invalid")
        elif state.is_done:
            self._judge_done(index, simulation, date, state)
        else:
            # a run that got as far as its particles need not do that again; the worker looks closely
            why = "failed" if state.outcome == "failed" else "interrupted"
            self._look_at_footprints(date)
            has_particles = all(
                self._keeps_particles(date, file_of(product, simulation.sim), product)
                for product in self._particles_of(simulation.met)
            )
            self._take(index, simulation, "footprints" if has_particles else "transport", why)

    def _particles_of(self, kind: str) -> tuple[str, ...]:
        has_errors = self._today.settings_of(kind).has_error_run
        return (PARTICLES, ERROR_PARTICLES) if has_errors else (PARTICLES,)

    def _keeps_particles(self, date: str, plain: str, product: str) -> bool:
        """Tell whether a plain name is a file of particles that has more of them than where they end."""
        if not self._present.has(product, date, plain):
            return False
        return self._today.kept_particles(self._present.imprint_of(product, date, plain))

    def _judge_done(self, index: int, simulation: Simulation, date: str, state: SimState) -> None:
        match = self._today.match(state.life, simulation.met)
        if self._is_of_another_receptor(index, simulation, state):
            self.result.edited.append(index)
            self._take(index, simulation, "transport", "receptor changed")
        elif not match.transport:
            self._take(index, simulation, "transport", "settings changed")
        elif not match.engine and self._selection.redo_engine:
            self._take(index, simulation, "transport", "made by another engine")
        elif not self._has(
            index, date, state, self._particles_of(simulation.met), state.particles_imprint
        ):
            self._take(index, simulation, "transport", "output missing")
        elif not match.footprints or simulation.sim in self.reweighed:
            # particles of another version of the engine would be signed as this one's
            work: Task = self._footprints_of(state) if match.engine else "transport"
            why = "kernel changed" if match.footprints else "settings changed"
            self._take(index, simulation, work, why)
        elif state.outcome == "complete" and not self._has(
            index, date, state, self._footprints, state.life.imprint
        ):
            self._take(index, simulation, self._footprints_of(state), "output missing")
        else:
            if state.outcome == "empty":
                self._note_footprints(date, state.sim)
            self.result.other_engine += not match.engine
            self.result.rowless += not self._today.has_rows(state.life, state.outcome)
            self.result.complete += state.outcome == "complete"
            self.result.empty += state.outcome == "empty"

    def _footprints_of(self, state: SimState) -> Task:
        """Return what it takes to have other footprints of a result."""
        if NOT_KEPT not in (state.facts or {}):
            return "footprints"
        self.result.not_kept += 1
        return "transport"

    def _is_of_another_receptor(self, index: int, simulation: Simulation, state: SimState) -> bool:
        if not self._past.receptor_of(state):
            self.result.unidentified.append(index)
        return not self._past.may_be_of(state, simulation.receptor)

    def _has(
        self, index: int, date: str, state: SimState, products: tuple[str, ...], imprint: str
    ) -> bool:
        """Tell whether all outputs of some products are there, and note what is odd about their names."""
        for product in products:
            plain = file_of(product, state.sim)
            file = imprinted(plain, imprint)
            if not self._present.has(product, date, file):
                if imprint and self._present.has_own(product, date, plain):
                    self.result.unnamed.append(index)
                return False
            if imprint and not self._present.is_exposed(product, date, file, plain):
                if self._present.has_own(product, date, file):
                    self.result.unexposed.append((product, date, file, plain))
                else:
                    self.result.unwanted.append((product, date, plain))
        return True

    def _note_footprints(self, date: str, sim: str) -> None:
        """Note footprints that an older worker left: what is empty has none."""
        for product in self._footprints:
            plain = file_of(product, sim)
            if self._present.has_own(product, date, plain):
                self.result.unwanted.append((product, date, plain))

    def _look_at_footprints(self, date: str) -> None:
        """Have the folders listed where something was under way when it ended: it may have left a file."""
        for product in self._footprints:
            self._present.has(product, date, "")

    def _take(self, index: int, simulation: Simulation, work: Task, why: str) -> None:
        indexes, keys = self._chosen[work]
        indexes.append(index)
        keys.append(self._key(simulation))
        self._why[why] = self._why.get(why, 0) + 1

    def _key(self, simulation: Simulation) -> int:
        """Return by what work is ordered: the meteorology, which variants have in common, then the time.

        Variants of one time take turns as to which is first: dealt out like cards, else one worker gets all that
        take long.
        """
        kind = self._today.kinds.get(simulation.met, Kind(simulation.met))
        count = len(self._today.kinds)
        met = self._mets.setdefault(kind.met, len(self._mets))
        turn = 0
        if self._today.config.variants:
            place = self._places.setdefault(simulation.met, len(self._places))
            turn = (place + crc32(simulation.receptor.time.encode())) % count
        return (met * _TIMES + int(simulation.receptor.time)) * count + turn


def _sorted(indexes: array[int], keys: array[int]) -> array[int]:
    order = sorted(range(len(indexes)), key=keys.__getitem__)
    return array("L", map(indexes.__getitem__, order))
