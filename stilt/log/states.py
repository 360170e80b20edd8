"""What is known of one simulation: the latest event about it, and the life that it comes from."""

from __future__ import annotations

from itertools import chain
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct, field

from stilt.foundations.identity import EngineIdentity  # noqa: TC001 - msgspec reads the annotation
from stilt.foundations.paths import plain_and_imprint
from stilt.foundations.writers import Writer  # noqa: TC001 - msgspec reads the annotation
from stilt.log.bounds import (
    ANY_NUMBER,
    IMPRINT_PATTERN,
    MOST_OF_A_NAME,
    MOST_OF_A_TEXT,
    NO_NAMES,
    NUMBERS,
    PARTS,
    TEXTS,
    all_fit,
)
from stilt.log.events import (
    Archived,
    Cancelled,
    Closed,
    Identified,
    Invalid,
    Outcome,
    Pending,
    Segment,
    Submitted,
    Submitting,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SUCCESSES = frozenset({"complete", "empty"})

ENDED = SUCCESSES | {"failed", "invalid"}
"""What a simulation is in when its task has nothing left to do with it."""

OUTCOMES = ("running", "interrupted", "failed", "empty", "complete", "invalid")
"""What can be known of a simulation, the lower first where batch and attempt are the same."""

PLAIN = "plain"
"""In place of the imprint of particles: they have a plain name, as older versions gave it."""

PHASE = {outcome: phase for phase, outcome in enumerate(OUTCOMES)}
"""The place of each among these."""


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
    engine
        What made everything in this life; None where the record is older than that.
    imprint
        What the names of all outputs of this life carry; empty: they have plain names.
    ahead_s
        By how much its clock was ahead of the file server's when it began; 0 where nobody looked.
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
    engine: EngineIdentity | None = None
    imprint: str = ""
    ahead_s: float = 0.0

    @property
    def was_run(self) -> bool:
        """Whether it was a `stilt run`, which begins no simulation."""
        return self.role == "run"


# Bounds that msgspec holds while it decodes cost next to nothing; `stilt.log.bounds` has them all.
_Moment = Annotated[float, Meta(ge=NUMBERS["at"][0], le=NUMBERS["at"][1])]
_Duration = Annotated[float, Meta(ge=NUMBERS["wall_s"][0], le=NUMBERS["wall_s"][1])]
_Bytes = Annotated[
    int, Meta(ge=int(NUMBERS["peak_rss_bytes"][0]), le=int(NUMBERS["peak_rss_bytes"][1]))
]
_Name = Annotated[str, Meta(min_length=1, max_length=MOST_OF_A_NAME)]
_NameOrNone = Annotated[str, Meta(max_length=MOST_OF_A_NAME)]
_Reason = Annotated[str, Meta(max_length=MOST_OF_A_TEXT)]
_Message = Annotated[str, Meta(max_length=TEXTS["message"])]
_Imprint = Annotated[str, Meta(pattern=IMPRINT_PATTERN)]
_Fact = Annotated[float, Meta(ge=ANY_NUMBER[0], le=ANY_NUMBER[1])]
Facts = Annotated[dict[_Name, _Fact], Meta(max_length=PARTS["facts"])]


class SimState(Struct, gc=False):
    """The latest that is known of a simulation: one event, and the life that it comes from.

    Attributes
    ----------
    at
        When, in seconds since 1970, by the clock of the node that wrote it.
    outcome
        ``running`` (started), an outcome of ``done``, or ``invalid`` (an output is gone or damaged).
    met, receptor
        The meteorology, and the digest of the receptor; empty where the record is older than that.
    particles
        The imprint of its particles where that is not the life's.
    facts
        What happened to the receptor on the way, by name; None where nothing is told.
    """

    sim: _Name
    at: _Moment
    outcome: str = "running"
    wall_s: _Duration = 0.0
    peak_rss_bytes: _Bytes = 0
    reason: _Reason = ""
    message: _Message = ""
    met: _NameOrNone = ""
    receptor: _NameOrNone = ""
    particles: _Imprint = ""
    facts: Facts | None = None
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
    def particles_imprint(self) -> str:
        """What the name of its particles carries; empty if they have a plain name."""
        return "" if self.particles == PLAIN else self.particles or self.life.imprint

    @property
    def imprints(self) -> tuple[str, ...]:
        """What the names of its outputs carry; of an invalid one, that of the output that does not hold."""
        if self.outcome == "invalid":  # its message begins with the path of that output
            broken = plain_and_imprint(PurePath(self.message.partition(": ")[0]).name)[1]
            return (broken or PLAIN,)
        return tuple(dict.fromkeys((self.particles_imprint or PLAIN, self.life.imprint or PLAIN)))

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do: complete or empty."""
        return self.outcome in SUCCESSES

    @property
    def was_refused(self) -> bool:
        """Whether the run that handed its batch over wrote it: nobody has begun it."""
        return self.life.was_run

    @property
    def met_name(self) -> str:
        """The meteorology; of an older record as the id begins, and empty if it is not known."""
        if self.met:
            return self.met
        mets = [met for met in self.life.transport if self.sim.startswith(f"{met}_")]
        return max(mets, key=len, default="")

    @property
    def rank(self) -> tuple[Any, ...]:
        """What orders the states of one simulation: the greatest holds.

        Everything from ``at`` on only decides between equals, so that the outcome never depends on
        the order of reading.
        """
        phase = PHASE[self.outcome]
        return (
            self.life.seq,
            phase >= PHASE["empty"],
            self.life.attempt,
            phase,
            self.at,
            self.life.batch,
            self.life.name,
            self.reason,
            self.message,
            self.wall_s,
            self.peak_rss_bytes,
            self.met,
            self.receptor,
            self.particles,
            sorted(self.facts.items()) if self.facts else [],
        )

    def outranks(self, other: SimState) -> bool:
        """Return whether this is the greater of two states of one simulation, as ``rank`` orders them."""
        mine, others = self.life.seq, other.life.seq
        # These decide mostly, for a tenth of what the whole rank costs.
        return mine > others if mine != others else self.rank > other.rank


class Started(Struct, gc=False, tag_field="event", tag="started"):
    """A ``started`` event as the fold reads it: mostly only to find that the simulation has ended too."""

    sim: _Name
    at: _Moment
    met: _NameOrNone = ""
    receptor: _NameOrNone = ""

    def as_state(self) -> SimState:
        """Return the state of a simulation of which no more is known."""
        return SimState(self.sim, self.at, met=self.met, receptor=self.receptor)


class Done(SimState, gc=False, tag_field="event", tag="done", kw_only=True):
    """A ``done`` event, as much of it as the fold needs."""

    outcome: Outcome


BatchEvent = Pending | Submitting | Submitted | Cancelled
LeanEvent = (
    Segment
    | Closed
    | Invalid
    | Identified
    | Archived
    | Pending
    | Submitting
    | Submitted
    | Cancelled
    | Started
    | Done
)

_LEAN = frozenset({Started, Done})


def lean_fit(events: Sequence[Any], lines: bytes) -> bool:
    """Return whether all of these events, decoded from these lines as ``LeanEvent``, have values that stilt writes.

    Numbers and lengths are as they should be, or they would not have been decoded.
    """
    begun = [event for event in events if type(event) is Started]
    ended = [event for event in events if type(event) is Done]
    if b"\\" in lines or not _have_plain_names(begun, ended):
        return all_fit(events)
    return all_fit([event for event in events if type(event) not in _LEAN])


def _have_plain_names(begun: Sequence[Started], ended: Sequence[Done]) -> bool:
    """Return whether names in valid JSON without escapes are of printable ASCII and fit; in one look at all of them."""
    names = [event.sim for event in ended]
    names += [event.sim for event in begun]
    names += [event.receptor for event in ended]
    names += [event.receptor for event in begun]
    names += {event.met for event in ended}
    names += {event.met for event in begun}
    names += chain.from_iterable([event.facts for event in ended if event.facts])
    text = "".join(names)
    is_plain = text.isascii() and "/" not in text and "\x7f" not in text
    return is_plain and NO_NAMES.isdisjoint(names)


def latest_by_reason(states: Iterable[SimState]) -> dict[str, SimState]:
    """Return the latest state with each reason; of several at one moment that with the greatest id."""
    latest: dict[str, SimState] = {}
    for state in states:
        known = latest.get(state.reason)
        if known is None or (state.at, state.sim) > (known.at, known.sim):
            latest[state.reason] = state
    return latest


def invalidated(life: Life, event: Invalid) -> SimState:
    """Return the state that takes the place of the ``done`` that the event names, and just of that."""
    named = Life(name=life.name, batch=event.batch, seq=event.seq, attempt=event.attempt)
    return SimState(
        sim=event.sim,
        at=event.at,
        outcome="invalid",
        message=f"{event.path}: {event.why}",
        life=named,
    )
