"""Simulations that cannot succeed: written as failed at the hand-over, and in no chunk."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stilt.log.events import Done

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stilt.batch.plan import Simulations
    from stilt.foundations.failures import Refused
    from stilt.log.fold import State

_AT_ONCE = 4096


def unsaid(refused: Iterable[Refused], simulations: Simulations, state: State) -> Iterator[Done]:
    """Yield what the log is to say of refused simulations, by index: of each that it does not say already."""
    for each in refused:
        for first in range(0, len(each.runs), _AT_ONCE):
            indices = each.runs[first : first + _AT_ONCE].tolist()
            for index, simulation in zip(indices, simulations.take(indices), strict=True):
                message, receptor = each.message_of(index), simulation.receptor.digest
                done = Done(
                    simulation.sim,
                    "failed",
                    time.time(),
                    reason=str(each.reason),
                    message=message,
                    met=simulation.met,
                    receptor=receptor,
                )
                if not _says(state, done):
                    yield done


def _says(state: State, done: Done) -> bool:
    known = state.find(done.sim)
    return known is not None and all(
        getattr(known, name) == getattr(done, name)
        for name in ("outcome", "reason", "message", "receptor")
    )
