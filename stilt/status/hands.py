"""How many simulations tasks have in hand: queued or running, for the first time or again."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from stilt.batch.queued import ENDED, has_ended
from stilt.log.fold import SUCCESSES
from stilt.status.counting import by_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.log.fold import SimState, State
    from stilt.status.counting import ChunkReader, OpenChunk, Tally


@dataclass(frozen=True, slots=True)
class InHand:
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


def count_in_hand(
    state: State,
    tally: Tally,
    keeps: Callable[[str, int], bool],
    holds: Callable[[SimState], bool],
    read_chunk: ChunkReader,
) -> InHand:
    """Count what tasks have in hand, each simulation once, as ``stilt.batch.queued.queued`` lists it.

    Counts alone tell it as long as there is one batch. Then chunks of tasks that live are read.

    Parameters
    ----------
    state, tally
        The folded log and its tally.
    keeps
        Tells of a batch and a task whether it may still work on its simulations.
    holds
        Tells whether a simulation's result is what would be made today.
    read_chunk
        Goes from batch id and chunk digest to the ids of its simulations.
    """
    found = _open_chunks(state, tally, keeps)
    batches = {batch for batch, _, _ in found}
    # what was found invalid is not known to be of one task
    has_others = any(
        outcome == "invalid" or (outcome in SUCCESSES and life.batch not in batches)
        for life, outcome, _ in chain(tally, state.tally(earlier=True))
    )
    if len(batches) <= 1 and not has_others:
        return InHand(sum(left for _, _, left in found))
    total, again = set[str](), 0
    for batch, chunk, _ in found:
        for sim in read_chunk(batch, chunk):
            if sim in total or has_ended(state, sim, batch):
                continue
            known = state.find(sim)
            total.add(sim)
            again += known is not None and known.is_done and holds(known)
    return InHand(len(total), again)


def _open_chunks(state: State, tally: Tally, keeps: Callable[[str, int], bool]) -> list[OpenChunk]:
    ended = by_task(state, tally, ENDED)
    return [
        (batch.id, pending.chunk, left)
        for batch in state.batches.values()
        for pending in batch.chunks.values()
        if (left := pending.count - ended[batch.id, pending.task]) > 0
        and keeps(batch.id, pending.task)
    ]
