"""How many simulations tasks have in hand: queued or running, for the first time or again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from stilt.batch.queued import has_ended
from stilt.batch.whole import at_work, unregistered
from stilt.log.states import ENDED, SUCCESSES
from stilt.status.counting import by_task, left_by_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.log.fold import SimState, State
    from stilt.status.counting import ChunkReader, OpenChunk, Tally


class InHand(Struct, frozen=True):
    """What tasks have not ended yet.

    Attributes
    ----------
    total
        How many simulations.
    again
        Those among them that have a result that holds meanwhile.
    """

    total: int = 0
    again: int = 0


class OpenChunks(Struct, frozen=True):
    """What tasks that may still work have left to do.

    Attributes
    ----------
    whole
        Chunks that a worker can begin with: batch, digest, how many simulations are left.
    at_work
        The simulations that tasks are at whose chunk is damaged, or of which the log has lost what lists them.
    """

    whole: list[OpenChunk]
    at_work: list[str]


def find_open(
    state: State,
    tally: Tally,
    keeps: Callable[[str, int], bool],
    is_whole: Callable[[str, str], bool],
) -> OpenChunks:
    """Return the chunks that are not worked through and that somebody may still work on.

    Parameters
    ----------
    state, tally
        The folded log and its tally.
    keeps
        Tells of a batch and a task whether it may still work on its simulations.
    is_whole
        Tells of a batch and a chunk's digest whether a worker could begin with it.
    """
    ended = by_task(state, tally, ENDED)
    found = OpenChunks([], [])
    for batch in state.batches.values():
        for task in unregistered(batch):
            if keeps(batch.id, task):
                found.at_work.extend(at_work(state, batch.id, task))
        for pending in batch.chunks.values():
            left = pending.count - ended[batch.id, pending.task]
            if left <= 0 or not keeps(batch.id, pending.task):
                continue
            if is_whole(batch.id, pending.chunk):
                found.whole.append((batch.id, pending.chunk, left))
            else:
                found.at_work.extend(at_work(state, batch.id, pending.task))
    return found


def count_in_hand(
    state: State,
    tally: Tally,
    open_chunks: OpenChunks,
    holds: Callable[[SimState], bool],
    read_chunk: ChunkReader,
) -> InHand:
    """Count what tasks have in hand, each simulation once, as ``stilt.batch.queued.queued`` lists it.

    Counts alone tell it as long as there is one batch. Then chunks of tasks that live are read.

    Parameters
    ----------
    state, tally
        The folded log and its tally.
    open_chunks
        From ``find_open``.
    holds
        Tells whether a simulation's result is what would be made today.
    read_chunk
        Goes from batch id and chunk digest to the ids of its simulations.
    """
    batches = {batch for batch, _, _ in open_chunks.whole}
    # what was found invalid is not known to be of one task
    has_others = any(
        outcome == "invalid" or (outcome in SUCCESSES and life.batch not in batches)
        for life, outcome, _ in left_by_all(state, tally)
    )
    if not open_chunks.at_work and len(batches) <= 1 and not has_others:
        return InHand(sum(left for _, _, left in open_chunks.whole))
    total, again = set(open_chunks.at_work), 0
    for batch, chunk, _ in open_chunks.whole:
        for sim in read_chunk(batch, chunk):
            if sim in total or has_ended(state, sim, batch):
                continue
            known = state.find(sim)
            total.add(sim)
            again += known is not None and known.is_done and holds(known)
    return InHand(len(total), again)
