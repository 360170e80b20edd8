"""Which simulations a live task has, or is going to have: they are not handed over again."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from stilt.batch.chunks import read_chunk
from stilt.foundations.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.foundations.paths import Layout
    from stilt.log.fold import BatchState, State

ENDED = frozenset({"complete", "empty", "failed", "invalid"})
"""What a simulation is in when its task has nothing left to do with it."""


def queued(layout: Layout, state: State, keeps: Callable[[str, int], bool]) -> dict[str, int]:
    """Return the ids that live tasks, and those of which nothing is known, have not ended yet.

    Each with the hash of its receptor: where a receptor was edited since, what is queued is of another one.

    ``keeps`` tells of a batch and a task whether it still has its simulations.
    """
    waiting: dict[str, int] = {}
    for of_batch in queued_by_batch(layout, state, keeps).values():
        waiting |= of_batch
    return waiting


def queued_by_batch(
    layout: Layout, state: State, keeps: Callable[[str, int], bool]
) -> dict[str, dict[str, int]]:
    """Return what ``queued`` does by batch, the oldest first; two batches may have the same simulation."""
    batches = sorted(state.batches.values(), key=lambda batch: batch.seq)
    found = ((batch.id, _of_batch(layout, state, batch, keeps)) for batch in batches)
    return {batch: waiting for batch, waiting in found if waiting}


def _of_batch(
    layout: Layout, state: State, batch: BatchState, keeps: Callable[[str, int], bool]
) -> dict[str, int]:
    waiting: dict[str, int] = {}
    for task, digest in batch.chunks:
        if keeps(batch.id, task):
            # its worker refuses a damaged chunk too, so what that lists is work to do
            with contextlib.suppress(DamagedError):
                chunk = read_chunk(layout.chunk(batch.id, digest))
                waiting |= {entry.sim: hash(entry.receptor) for entry in chunk.simulations}
    return {sim: of for sim, of in waiting.items() if not has_ended(state, sim, batch.id)}


def has_ended(state: State, sim: str, batch: str) -> bool:
    """Tell whether a batch has nothing left to do with a simulation."""
    left = state.left_by(batch, sim)
    return left is not None and left.outcome in ENDED
