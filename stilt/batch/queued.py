"""Which simulations a live task has, or is going to have: they are not handed over again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.batch.chunks import read_chunk
from stilt.batch.whole import at_work, damaged, unregistered
from stilt.foundations.errors import DamagedError
from stilt.log.states import ENDED

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.foundations.paths import Layout
    from stilt.log.fold import BatchState, State


def _say_nothing(_: str) -> None:
    """Keep quiet."""


def queued(
    layout: Layout,
    state: State,
    keeps: Callable[[str, int], bool],
    note: Callable[[str], None] = _say_nothing,
) -> dict[str, int | None]:
    """Return the ids that live tasks, and those of which nothing is known, have not ended yet.

    Each with the hash of its receptor: where a receptor was edited since, what is queued is of another one. None
    where that is not known: of a task whose chunk is damaged, which ``note`` is told, what it is at is all it has.

    ``keeps`` tells of a batch and a task whether it still has its simulations.
    """
    waiting: dict[str, int | None] = {}
    for of_batch in queued_by_batch(layout, state, keeps, note).values():
        waiting |= of_batch
    return waiting


def queued_by_batch(
    layout: Layout,
    state: State,
    keeps: Callable[[str, int], bool],
    note: Callable[[str], None] = _say_nothing,
) -> dict[str, dict[str, int | None]]:
    """Return what ``queued`` does by batch, the oldest first; two batches may have the same simulation."""
    batches = sorted(state.batches.values(), key=lambda batch: batch.seq)
    found = ((batch.id, _of_batch(layout, state, batch, keeps, note)) for batch in batches)
    return {batch: waiting for batch, waiting in found if waiting}


def _of_batch(
    layout: Layout,
    state: State,
    batch: BatchState,
    keeps: Callable[[str, int], bool],
    note: Callable[[str], None],
) -> dict[str, int | None]:
    waiting: dict[str, int | None] = {}
    for task in unregistered(batch):
        if keeps(batch.id, task):
            waiting |= dict.fromkeys(at_work(state, batch.id, task))
    for task, digest in batch.chunks:
        if keeps(batch.id, task):
            try:
                chunk = read_chunk(layout.chunk(batch.id, digest))
            except DamagedError as error:
                note(damaged(error))
                waiting |= dict.fromkeys(at_work(state, batch.id, task))
            else:
                waiting |= {entry.sim: hash(entry.receptor) for entry in chunk.simulations}
    return {sim: of for sim, of in waiting.items() if not has_ended(state, sim, batch.id)}


def has_ended(state: State, sim: str, batch: str) -> bool:
    """Tell whether a batch has nothing left to do with a simulation."""
    left = state.left_by(batch, sim)
    return batch in state.sealed if left is None else left.outcome in ENDED
