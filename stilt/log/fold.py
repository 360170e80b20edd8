"""From events to state: a join, so that neither order, nor duplicates, nor clocks matter.

The state of a simulation is the maximum of its events under ``SimState.rank``, a total order on what
events say. The state of a batch is the union of what was said about it. Both are commutative,
associative and idempotent; ``spec/log-format.md`` states them normatively.
"""

from __future__ import annotations

from array import array
from collections import Counter
from itertools import chain
from operator import attrgetter, is_
from typing import TYPE_CHECKING, Any

from stilt.log.batches import BatchState
from stilt.log.costs import Columns, costs_of, merged
from stilt.log.events import Archived, Closed, Identified, Invalid
from stilt.log.reader import Damage
from stilt.log.states import (
    SUCCESSES,
    Done,
    Life,
    SimState,
    Started,
    invalidated,
    latest_by_reason,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from stilt.foundations.simulation import Receptor
    from stilt.log.bulk.rows import Rows
    from stilt.log.costs import ColumnName, Cost
    from stilt.log.facts import SegmentFacts
    from stilt.log.frozen import FrozenSims

__all__ = ["SUCCESSES", "BatchState", "Life", "SimState", "State"]

_OF_NO_BATCH = frozenset({"verify", "archive"})
"""Roles that look at simulations of all batches."""


class State:
    """What the log says, as a whole.

    Attributes
    ----------
    batches
        The state of every batch, by id.
    files
        What is known of each segment, by its path relative to the ``log`` folder.
    lives
        The life that each segment is, by the same name.
    identified
        What was found out later of a ``done`` without a receptor: (simulation, batch, seq, attempt) -> digest.
    settled
        When the folders of batches were changed last, in nanoseconds: as long as that is so, all their segments are
        here, and only those that have not ended are looked at.
    is_outgrown
        Whether something came of what a sealed batch left: only the log itself tells what holds then.
    """

    def __init__(self, frozen: FrozenSims | None = None) -> None:
        self.batches: dict[str, BatchState] = {}
        self.files: dict[str, SegmentFacts] = {}
        self.lives: dict[str, Life] = {}
        self.identified: dict[tuple[str, str, int, int], str] = {}
        self.settled: dict[str, int] = {}
        self._sims: dict[str, SimState] = {}
        self._earlier: dict[str, dict[str, SimState]] = {}
        self._frozen = frozen
        self._is_thawed = False  # all that hold, of the frozen ones
        self.is_outgrown = False

    @property
    def sims(self) -> dict[str, SimState]:
        """The state of every simulation that was ever begun, by id.

        With a million of them this takes a second; counts and columns below do not.
        """
        if self._frozen is not None and not self._is_thawed:
            self._is_thawed = True
            self._sims |= {state.sim: state for state in self._frozen.take_all(earlier=False)}
        return self._sims

    @property
    def earlier(self) -> dict[str, dict[str, SimState]]:
        """For simulations that several batches worked on, the state each older batch left them in.

        Batch id -> simulation id -> state. The latest state is in ``sims`` only, and what ended in ``sealed`` batches
        may be counted alone.
        """
        frozen = self._frozen
        for state in frozen.take_all(earlier=True) if frozen else ():
            self._earlier.setdefault(state.batch, {})[state.sim] = state
        return self._earlier

    @property
    def sealed(self) -> frozenset[str]:
        """The batches that are over and left simulations that later ones took up: which these are is not kept."""
        return self._frozen.sealed if self._frozen else frozenset()

    @property
    def segments(self) -> int:
        """How many segments there are."""
        return len(self.files)

    @property
    def events(self) -> int:
        """How many events were read, headers included and unknown ones not."""
        return sum(file.events for file in self.files.values())

    @property
    def unknown(self) -> int:
        """How many events are of kinds that this version does not know."""
        return sum(file.unknown for file in self.files.values())

    @property
    def damaged(self) -> int:
        """How many segments are damaged."""
        return sum(bool(file.damage) for file in self.files.values())

    @property
    def damages(self) -> list[Damage]:
        """Every damaged place."""
        files = self.files.values()
        return [Damage(file.name, offset, what) for file in files for offset, what in file.damage]

    def begun(self) -> int:
        """Count the simulations that were ever begun."""
        return len(self._sims) + (self._frozen.count() if self._frozen else 0)

    def find(self, sim: str) -> SimState | None:
        """Return the state of one simulation; ``None`` if it was never begun."""
        if self._frozen is not None and sim not in self._sims:
            state = self._frozen.take_top(sim)
            if state is not None:
                self._sims[sim] = state
        return self._sims.get(sim)

    def left_by(self, batch: str, sim: str) -> SimState | None:
        """Return the state in which a batch has left a simulation.

        ``None`` if it never began it, or if it is sealed, ended it and a later one took it up.
        """
        known = self.find(sim)
        if known is None or known.batch == batch:
            return known
        if self.batch(batch).seq > known.seq:
            return None  # a state of its own would hold
        if self._frozen is not None:
            self._thaw(self._frozen, sim, batch)
        return self._earlier.get(batch, {}).get(sim)

    def receptor_of(self, state: SimState) -> str:
        """Return the digest of the receptor that a state is about; empty if it is not known."""
        if state.receptor or not self.identified:
            return state.receptor
        return self.identified.get((state.sim, state.batch, state.seq, state.attempt), "")

    def may_be_of(self, state: SimState, receptor: Receptor) -> bool:
        """Tell whether a state is about a receptor, as far as it is known.

        What older records do not say is not different; but all of them are of the first rule of release.
        """
        known = self.receptor_of(state)
        return known == receptor.digest if known else receptor.release_rule == 1

    def having(self, *outcomes: str) -> list[SimState]:
        """Return the simulations whose state is one of these outcomes."""
        loose = [state for state in self._sims.values() if state.outcome in outcomes]
        return loose + list(self._frozen.having(outcomes)) if self._frozen else loose

    def last_failed(self) -> dict[str, SimState]:
        """Return, for each reason, the simulation that failed last, of those whose state that is."""
        loose = (state for state in self._sims.values() if state.outcome == "failed")
        frozen = self._frozen.last_failed() if self._frozen else ()
        return latest_by_reason(chain(loose, frozen))

    def tally(self, *, earlier: bool = False) -> Counter[tuple[Life, str, str]]:
        """Count simulations by the life they belong to, outcome and reason.

        ``earlier`` counts what older batches left them in, instead of the state that holds.
        """
        loose = self._loose(earlier=earlier)
        counts = Counter((sim.life, sim.outcome, sim.reason) for sim in loose)
        return counts + self._frozen.tally(earlier=earlier) if self._frozen else counts

    def costs(self, *, earlier: bool = False) -> dict[str, Cost]:
        """Return what simulations have cost, by outcome. ``earlier`` is as for ``tally``."""
        loose = costs_of(self._loose(earlier=earlier))
        if self._frozen is None:
            return loose
        return merged(self._frozen.costs(earlier=earlier), loose)

    def columns(self, outcomes: Collection[str], *, sample: int | None = None) -> Columns:
        """Return moment, wall time and memory of simulations whose state is one of these outcomes.

        ``sample``: at most so many, taken by chance where there are more.
        """
        loose = [state for state in self._sims.values() if state.outcome in outcomes]
        frozen = self._frozen
        rows = frozen.rows(outcomes) if frozen else array("I")
        if sample is not None and len(rows) + len(loose) > sample:
            # by chance, not every n-th: chunks have a rhythm of their own
            from random import Random

            picked = Random(0).choices(range(len(rows) + len(loose)), k=sample)  # noqa: S311 - statistics
            loose = [loose[place - len(rows)] for place in picked if place >= len(rows)]
            rows = array("I", [rows[place] for place in picked if place < len(rows)])

        def column(name: ColumnName) -> list[float]:
            return (frozen.of_rows(name, rows) if frozen else []) + list(
                map(attrgetter(name), loose)
            )

        return Columns(column)

    def latest(self) -> float | None:
        """Return the latest moment of any simulation's state; ``None`` where there is none."""
        moments = map(attrgetter("at"), self._sims.values())
        frozen = self._frozen.costs(earlier=False) if self._frozen else {}
        return max(chain(moments, (cost.latest for cost in frozen.values())), default=None)

    def count_since(self, moment: float, outcomes: Collection[str], lives: Collection[str]) -> int:
        """Count simulations in one of these states since a moment or later, in lives of these names."""
        loose = sum(
            state.at >= moment and state.outcome in outcomes and state.life.name in lives
            for state in self._sims.values()
        )
        return loose + self._frozen.count_since(moment, outcomes, lives) if self._frozen else loose

    def facts(self, names: Collection[str]) -> Iterable[tuple[str, float]]:
        """Return name and value of what happened to receptors of complete and empty simulations."""
        done = (
            state for state in self._sims.values() if state.facts and state.outcome in SUCCESSES
        )
        loose = (
            (name, value)
            for state in done
            for name, value in (state.facts or {}).items()
            if name in names
        )
        return chain(loose, self._frozen.facts(names, SUCCESSES)) if self._frozen else loose

    def batch(self, name: str) -> BatchState:
        """Return the state of a batch, a new one if it was never heard of."""
        if name not in self.batches:
            self.batches[name] = BatchState(id=name)
        return self.batches[name]

    def add(self, life: Life, events: Sequence[Any]) -> None:
        """Join the events of one segment (or some of them); headers excepted."""
        begun = [event for event in events if type(event) is Started]
        ended: list[SimState] = [event for event in events if type(event) is Done]
        if len(begun) + len(ended) < len(events):
            self._add_others(life, events)
        self.add_life(life)
        self._join_block(life, begun, ended)

    def add_life(self, life: Life) -> None:
        """Let a life be known, to its batch too."""
        self.lives[life.name] = life
        if life.role in _OF_NO_BATCH:
            return
        batch = self.batch(life.batch)
        batch.seq = max(batch.seq, life.seq)
        batch.lives[life.name] = life

    def _add_others(self, life: Life, events: Sequence[Any]) -> None:
        for event in events:
            kind = type(event)
            if kind is Started or kind is Done:
                continue
            if kind is Closed:
                life.closed = max(life.closed, event.why)
            elif kind is Invalid:
                self._join(invalidated(life, event))
            elif kind is Identified:
                key = (event.sim, event.batch, event.seq, event.attempt)
                self.identified[key] = max(event.receptor, self.identified.get(key, ""))
            elif kind is not Archived:  # that says where outputs lie, not how simulations stand
                self.batch(event.batch).add(event)

    def freeze(self, rows: Rows | None = None, *, seal: bool = True) -> FrozenSims:
        """Turn all simulations into columns, and return them; ``rows`` are more of them, to be joined.

        ``seal``: whether of what batches that are over left to later ones only counts and sums are kept.

        Raises
        ------
        ValueError
            If the digest of a receptor would not come back as the text that it is: nothing has changed then, but
            that ``rows`` are lost.
        """
        lives = [self.lives[name] for name in self.files]
        if rows is None and self._frozen is not None and self._is_all_frozen(lives):
            return self._frozen
        if rows is None:
            from stilt.log.bulk.rows import Rows

            rows = Rows()
        rows.add_states([*self._loose(earlier=True), *self._sims.values()])
        if self._frozen is not None:
            rows.add_frozen(self._frozen)
        # Before they are joined: all this once more is much.
        self._sims, self._earlier, self._frozen, self._is_thawed = {}, {}, None, False
        over = (batch.id for batch in self.batches.values() if batch.is_over)
        self._frozen = rows.join(lives, frozenset(over) if seal else frozenset())
        return self._frozen

    def _is_all_frozen(self, lives: list[Life]) -> bool:
        """Tell whether columns have all simulations, and these lives as the first."""
        known = self._frozen.lives[: len(lives)] if self._frozen else []
        is_loose = self._sims or any(self._earlier.values())
        return not is_loose and len(known) == len(lives) and all(map(is_, known, lives))

    def _loose(self, *, earlier: bool) -> Iterable[SimState]:
        if earlier:
            return chain.from_iterable(older.values() for older in self._earlier.values())
        return self._sims.values()

    def _thaw(self, frozen: FrozenSims, sim: str, batch: str) -> None:
        """Take what holds of a simulation, and what older batches left of it where this batch may be one of them.

        Of a new batch it is not, and hundreds of old ones stay where they are.
        """
        self.find(sim)
        if batch in frozen.batches:
            for state in frozen.take(sim):
                self._earlier.setdefault(state.batch, {})[sim] = state

    def _meet(self, frozen: FrozenSims, sim: str, batch: str) -> None:
        """Thaw what something new of a simulation in a batch is to be held against."""
        self._thaw(frozen, sim, batch)
        known = self._sims.get(sim)
        if batch in frozen.sealed and known is not None and known.batch != batch:
            self.is_outgrown = True

    def _join_block(self, life: Life, begun: list[Started], ended: list[SimState]) -> None:
        """Join what one life says of its simulations, usually each begun once and ended once."""
        ids = {state.sim for state in ended}
        # In one life an end outranks a start, of which not even the id is kept: a million of them are 80 MB.
        states = ended + [event.as_state() for event in begun if event.sim not in ids]
        for state in states:
            state.life = life
        if self._frozen is not None:
            for state in states:
                self._meet(self._frozen, state.sim, life.batch)
        before = len(self._sims)
        held = list(map(self._sims.setdefault, map(attrgetter("sim"), states), states))
        if len(self._sims) < before + len(states):
            for state, other in zip(states, held, strict=True):
                if other is not state:
                    self._join(state)

    def _join(self, state: SimState) -> None:
        if self._frozen is not None:
            self._meet(self._frozen, state.sim, state.life.batch)
        old = self._sims.get(state.sim)
        if old is None:
            self._sims[state.sim] = state
        elif old.life.batch == state.life.batch:
            if state.outranks(old):
                self._sims[state.sim] = state
        else:
            self._join_across_batches(old, state)

    def _join_across_batches(self, old: SimState, state: SimState) -> None:
        upper, lower = (state, old) if state.outranks(old) else (old, state)
        self._sims[state.sim] = upper
        below = self._earlier.setdefault(lower.life.batch, {})
        known = below.get(lower.sim)
        if known is None or lower.outranks(known):
            below[lower.sim] = lower
        # A batch that rises to the top leaves its older state behind, which it outranks.
        self._earlier.get(upper.life.batch, {}).pop(upper.sim, None)
