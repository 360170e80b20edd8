"""From events to state: a join, so that neither order, nor duplicates, nor clocks matter.

The state of a simulation is the maximum of its events under ``SimState.rank``, a total order on what
events say. The state of a batch is the union of what was said about it. Both are commutative,
associative and idempotent; ``spec/log-format.md`` states them normatively.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from stilt.identity import Writer  # noqa: TC001 - msgspec reads the annotation
from stilt.log.events import (
    Cancelled,
    Closed,
    Invalid,
    Outcome,
    Output,
    Pending,
    Segment,
    Submitted,
    Submitting,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stilt.log.reader import Damage

SUCCESSES = frozenset({"complete", "empty"})

_PHASE = {"running": 0, "interrupted": 1, "failed": 2, "empty": 3, "complete": 4, "invalid": 5}


class Life(Struct, eq=False):
    """One process's life, which is one segment: where, for whom and with which settings it worked.

    Attributes
    ----------
    name
        The segment's path relative to the ``log`` folder.
    at
        When it began; 0 where the header is damaged.
    transport, footprints
        The settings digests of everything made in this life, by met and by footprint name.
    closed
        Why the segment ended; empty if it has not ended cleanly.
    """

    name: str
    batch: str
    seq: int
    role: str = ""
    attempt: int = 0
    task: int | None = None
    at: float = 0.0
    writer: Writer | None = None
    transport: dict[str, str] = field(default_factory=dict)
    footprints: dict[str, str] = field(default_factory=dict)
    closed: str = ""


class SimState(Struct, gc=False, tag_field="event"):
    """The latest that is known of a simulation: one event, and the life that it comes from.

    Attributes
    ----------
    at
        When, in seconds since 1970, by the clock of the node that wrote it.
    outcome
        ``running`` (started), an outcome of ``done``, or ``invalid`` (an output is gone or damaged).
    """

    sim: str
    at: float
    outcome: str = "running"
    wall_s: float = 0.0
    peak_rss_bytes: int = 0
    reason: str = ""
    message: str = ""
    life: Life = None  # type: ignore[assignment]  # never of what is folded: State.add sets it

    @property
    def seq(self) -> int:
        """The sequence number of the batch that this state belongs to."""
        return self.life.seq

    @property
    def batch(self) -> str:
        """The batch that this state belongs to."""
        return self.life.batch

    @property
    def attempt(self) -> int:
        """The attempt of the task."""
        return self.life.attempt

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do: complete or empty."""
        return self.outcome in SUCCESSES

    @property
    def transport(self) -> str:
        """The transport digest of the settings that it was made with; empty if it is not known."""
        digests = self.life.transport
        mets = [met for met in digests if self.sim.startswith(f"{met}_")]
        return digests[max(mets, key=len)] if mets else ""

    @property
    def footprints(self) -> dict[str, str]:
        """The footprint digests of the settings that it was made with, by name."""
        return self.life.footprints

    @property
    def rank(self) -> tuple[Any, ...]:
        """What orders the states of one simulation: the greatest holds.

        Everything from ``at`` on only decides between equals, so that the outcome never depends on
        the order of reading.
        """
        phase = _PHASE[self.outcome]
        return (
            self.life.seq,
            phase >= _PHASE["empty"],
            self.life.attempt,
            phase,
            self.at,
            self.life.batch,
            self.life.name,
            self.reason,
            self.message,
            self.wall_s,
            self.peak_rss_bytes,
        )


class Started(SimState, gc=False, tag="started"):
    """A ``started`` event, as much of it as the fold needs."""


class Done(SimState, gc=False, tag="done", kw_only=True):
    """A ``done`` event, as much of it as the fold needs."""

    outcome: Outcome


class DoneWithOutputs(Done, gc=False, tag="done", kw_only=True):
    """A ``done`` event with the files that it names."""

    outputs: tuple[Output, ...] = ()


BatchEvent = Pending | Submitting | Submitted | Cancelled
LeanEvent = (
    Segment | Closed | Invalid | Pending | Submitting | Submitted | Cancelled | Started | Done
)
LeanEventWithOutputs = (
    Segment
    | Closed
    | Invalid
    | Pending
    | Submitting
    | Submitted
    | Cancelled
    | Started
    | DoneWithOutputs
)


class BatchState(Struct, eq=True):
    """What is known of a batch.

    Attributes
    ----------
    chunks
        The ``pending`` events, by task and chunk digest.
    intents
        The ``submitting`` events, by token.
    submissions
        The ``submitted`` events, by token and job.
    cancelled
        When it was cancelled last; ``None`` if it never was.
    lives
        The lives that worked for it, by segment name.
    """

    id: str
    seq: int = 0
    chunks: dict[tuple[int, str], Pending] = field(default_factory=dict)
    intents: dict[str, Submitting] = field(default_factory=dict)
    submissions: dict[tuple[str, str], Submitted] = field(default_factory=dict)
    cancelled: float | None = None
    lives: dict[str, Life] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many simulations were registered."""
        return sum(pending.count for pending in self.chunks.values())

    @property
    def jobs(self) -> list[str]:
        """The job ids, in the order of submission."""
        known = sorted(self.submissions.values(), key=lambda event: (event.at, event.job))
        return list(dict.fromkeys(event.job for event in known if event.job))

    @property
    def tasks(self) -> dict[int, Life]:
        """The latest life of each task that has begun."""
        latest: dict[int, Life] = {}
        for life in sorted(
            self.lives.values(), key=lambda life: (life.attempt, life.at, life.name)
        ):
            if life.task is not None:
                latest[life.task] = life
        return latest

    def add(self, event: BatchEvent) -> None:
        """Join one event about this batch."""
        if isinstance(event, Pending):
            self.seq = max(self.seq, event.seq)
            _keep_greater(self.chunks, (event.task, event.chunk), event)
        elif isinstance(event, Submitting):
            _keep_greater(self.intents, event.token, event)
        elif isinstance(event, Submitted):
            _keep_greater(self.submissions, (event.token, event.job), event)
        else:
            self.cancelled = max(self.cancelled or 0.0, event.at)


class State(Struct):
    """What the log says, as a whole.

    Attributes
    ----------
    sims
        The state of every simulation that was ever begun, by id.
    earlier
        For simulations that several batches worked on, the state each older batch left them in:
        batch id -> simulation id -> state. The latest is in ``sims`` only.
    unknown
        How many events are of kinds that this version does not know.
    damaged
        How many segments are damaged; ``damages`` names the places.
    """

    sims: dict[str, SimState] = field(default_factory=dict)
    earlier: dict[str, dict[str, SimState]] = field(default_factory=dict)
    batches: dict[str, BatchState] = field(default_factory=dict)
    segments: int = 0
    events: int = 0
    unknown: int = 0
    damaged: int = 0
    damages: list[Damage] = field(default_factory=list)

    def batch(self, name: str) -> BatchState:
        """Return the state of a batch, a new one if it was never heard of."""
        if name not in self.batches:
            self.batches[name] = BatchState(id=name)
        return self.batches[name]

    def add(self, life: Life, events: Iterable[Any]) -> None:
        """Join the events of one segment (or some of them); headers excepted."""
        begun: list[SimState] = []
        ended: list[SimState] = []
        for event in events:
            kind = type(event)
            if kind is Started:
                event.life = life
                begun.append(event)
            elif kind is Done or kind is DoneWithOutputs:
                event.life = life
                ended.append(event)
            elif kind is Closed:
                life.closed = max(life.closed, event.why)
            elif kind is Invalid:
                self._join(_invalidated(life, event))
            else:
                self.batch(event.batch).add(event)
        self._join_life(life)
        self._join_block(begun, ended)

    def tally(self) -> Counter[tuple[Life, str, str]]:
        """Count the simulations by the life they belong to, outcome and reason."""
        return Counter((sim.life, sim.outcome, sim.reason) for sim in self.sims.values())

    def _join_life(self, life: Life) -> None:
        if life.role == "verify":
            return  # it looks at simulations of all batches, and belongs to none
        batch = self.batch(life.batch)
        batch.seq = max(batch.seq, life.seq)
        batch.lives[life.name] = life

    def _join_block(self, begun: list[SimState], ended: list[SimState]) -> None:
        """Join what one life says of its simulations, usually each begun once and ended once."""
        starts = {state.sim: state for state in begun}
        block = {state.sim: state for state in ended}
        if len(starts) == len(begun) and len(block) == len(ended):
            block = starts | block  # in one life an end outranks a start
            if self.sims.keys().isdisjoint(block):
                self.sims.update(block)
            else:
                for state in block.values():
                    self._join(state)
        else:
            for state in (*begun, *ended):
                self._join(state)

    def _join(self, state: SimState) -> None:
        old = self.sims.get(state.sim)
        if old is None:
            self.sims[state.sim] = state
        elif old.life.batch == state.life.batch:
            if state.rank > old.rank:
                self.sims[state.sim] = state
        else:
            self._join_across_batches(old, state)

    def _join_across_batches(self, old: SimState, state: SimState) -> None:
        upper, lower = (state, old) if state.rank > old.rank else (old, state)
        self.sims[state.sim] = upper
        below = self.earlier.setdefault(lower.life.batch, {})
        known = below.get(lower.sim)
        if known is None or lower.rank > known.rank:
            below[lower.sim] = lower
        # A batch that rises to the top leaves its older state behind, which it outranks.
        self.earlier.get(upper.life.batch, {}).pop(upper.sim, None)


def _invalidated(life: Life, event: Invalid) -> SimState:
    """Return the state that takes the place of the ``done`` that the event names, and just of that."""
    named = Life(name=life.name, batch=event.batch, seq=event.seq, attempt=event.attempt)
    return SimState(
        sim=event.sim,
        at=event.at,
        outcome="invalid",
        message=f"{event.path}: {event.why}",
        life=named,
    )


def _keep_greater(events: dict[Any, Any], key: object, event: BatchEvent) -> None:
    known = events.get(key)
    if known is None or _order(event) > _order(known):
        events[key] = event


def _order(event: BatchEvent) -> tuple[Any, ...]:
    """Return what decides between two events that say the same thing of a batch: the greater holds."""
    match event:
        case Pending():
            return event.count, event.at, event.seq
        case Submitting():
            return event.at, event.first_task, event.tasks
        case Submitted():
            return event.at, event.cluster, event.backend
        case Cancelled():
            return event.at, event.jobs
