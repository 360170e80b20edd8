"""How many simulations are in which state.

Counted from the fold's tally; single simulations are only looked at where counts can't tell.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from msgspec import Struct, field

from stilt.backends.liveness import Fate
from stilt.log.fold import SUCCESSES
from stilt.log.states import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from typing import TypeAlias

    from stilt.log.fold import BatchState, Life, State
    from stilt.status.fates import Fates
    from stilt.status.outdated import Outdated

    OpenChunk: TypeAlias = tuple[str, str, int]
    Tally: TypeAlias = Counter[tuple[Life, str, str]]
    ChunkReader: TypeAlias = Callable[[str, str], Iterable[str]]


class Counts(Struct):
    """Simulations by state, failures by reason."""

    states: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)


def count(state: State, tally: Tally, fates: Fates, outdated: Outdated) -> Counts:
    """Count the simulations that were ever begun. ``tally`` is the state's."""
    counts = Counts()
    undecided: set[str] = set()
    for (life, outcome, reason), number in tally.items():
        name = shown_as(outcome, life, fates)
        if outcome in SUCCESSES:
            is_outdated = outdated.of_life(life)
            if is_outdated is None:
                undecided.add(life.name)
            name = "stale" if is_outdated else name
        counts.states[name] += number
        if outcome == "failed":
            counts.failures[reason] += number
    if undecided:
        _count_by_met(state, undecided, outdated, counts)
    for sim in outdated.edited:
        known = state.find(sim)
        if known and known.is_done and not outdated.of_life(known.life):
            counts.states[known.outcome] -= 1
            counts.states["stale"] += 1
    return counts


def _count_by_met(state: State, lives: set[str], outdated: Outdated, counts: Counts) -> None:
    """Settle lives in which only some meteorologies are out of date."""
    for sim in state.sims.values():
        if not (sim.is_done and sim.life.name in lives) or sim.sim in outdated.edited:
            continue  # the edited ones are counted apart
        if outdated.of_sim(sim):
            counts.states[sim.outcome] -= 1
            counts.states["stale"] += 1


def shown_as(outcome: str, life: Life, fates: Fates) -> str:
    """Return the state in which a simulation is shown.

    ``running`` is believed as long as the process may live; what was found invalid is work again.
    """
    if outcome == "running" and fates.of(life) is Fate.GONE:
        return "interrupted"
    return "pending" if outcome == "invalid" else outcome


def left_by_all(state: State, tally: Tally) -> Tally:
    """Count what each batch left simulations in, the states that hold among them."""
    return tally + state.tally(earlier=True)


def batch_counts(state: State, tally: Tally, fates: Fates) -> dict[str, Counter[str]]:
    """Count the simulations of each batch by the state that it left them in."""
    # an event may name a batch of which there is nothing else
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    counts.update({name: Counter() for name in state.batches})
    for (life, outcome, _), number in left_by_all(state, tally).items():
        counts[life.batch][shown_as(outcome, life, fates)] += number
    return counts


def count_refused(state: State, tally: Tally) -> Counter[str]:
    """Count the simulations of each batch that were written as failed when it was handed over: no chunk has them."""
    counts: Counter[str] = Counter()
    for (life, _, _), number in left_by_all(state, tally).items():
        counts[life.batch] += number * life.was_run
    return counts


class Waiting(Struct, frozen=True):
    """Simulations that are registered and not begun.

    Attributes
    ----------
    new
        Never begun in any batch.
    again
        Those that were handed over anew, with the state, and its reason, that an older batch left them in: it is to
        be taken back. What is seen to be at work is not among them.
    """

    new: int
    again: dict[str, tuple[str, str]]


def count_waiting(
    state: State, tally: Tally, fates: Fates, project_total: int, read_chunk: ChunkReader
) -> Waiting:
    """Count what is registered and not begun.

    Usually arithmetic on counts: chunks are only read where a batch took up simulations that an older one left
    failed or interrupted, or left some of an older one's out, because then counts alone can't tell how many.
    ``project_total`` is what the project had when the latest batch was planned; ``read_chunk`` goes from batch id
    and chunk digest to the ids of its simulations.
    """
    begun = by_task(state, tally)
    batches = _batches_by_age(state)
    current: list[OpenChunk] = []
    given_up: list[OpenChunk] = []
    for batch in batches:
        for pending in batch.chunks.values():
            left = pending.count - begun[batch.id, pending.task]
            if left > 0:
                gone = fates.of_task(batch, pending.task) is Fate.GONE
                where = given_up if gone and batch is not batches[-1] else current
                where.append((batch.id, pending.chunk, left))
    if given_up and _latest_takes_up_all(state, tally, project_total):
        given_up = []
    new = sum(left for _, _, left in current)
    if given_up or (current and _may_overlap(state, tally, new, project_total)):
        return _compare(state, fates, [*current, *given_up], read_chunk)
    return Waiting(new, {})


def _batches_by_age(state: State) -> list[BatchState]:
    registered = (batch for batch in state.batches.values() if batch.chunks)
    return sorted(registered, key=lambda batch: batch.seq)


def by_task(
    state: State, tally: Tally, outcomes: Collection[str] = OUTCOMES
) -> Counter[tuple[str, int | None]]:
    """Count the simulations that each task of each batch has left in one of these states; all that it has begun."""
    counts: Counter[tuple[str, int | None]] = Counter()
    for (life, outcome, _), number in left_by_all(state, tally).items():
        counts[life.batch, life.task] += number * (outcome in outcomes)
    return counts


def _latest_takes_up_all(state: State, tally: Tally, project_total: int) -> bool:
    """Tell whether the latest batch registered all that was not done: a run of just the failed ones does not."""
    latest = _batches_by_age(state)[-1]
    done = sum(
        number
        for (life, outcome, _), number in tally.items()
        if outcome in SUCCESSES and life.seq < latest.seq
    )
    return latest.total + done + count_refused(state, tally)[latest.id] >= project_total


def _may_overlap(state: State, tally: Tally, new: int, project_total: int) -> bool:
    latest = _batches_by_age(state)[-1].seq
    left_over = any(life.seq < latest and outcome not in SUCCESSES for life, outcome, _ in tally)
    return left_over or state.begun() + new > project_total


def _compare(
    state: State,
    fates: Fates,
    open_chunks: list[OpenChunk],
    read_chunk: ChunkReader,
) -> Waiting:
    """Look up the simulations of chunks that are not worked through: which are new, which were begun before."""
    new: set[str] = set()
    again: dict[str, tuple[str, str]] = {}
    for batch, chunk, _ in open_chunks:
        seq = state.batches[batch].seq
        for sim in read_chunk(batch, chunk):
            known = state.sims.get(sim)
            if known is None:
                new.add(sim)
            elif known.seq < seq and not known.is_done:
                name = shown_as(known.outcome, known.life, fates)
                if name != "running":
                    again[sim] = name, known.reason
    return Waiting(len(new), again)
