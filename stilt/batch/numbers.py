"""Numbers of batches: each is given once, also where the log has lost what it was given to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stilt.batch.handover import Unfinished
from stilt.batch.rivals import may_still_start
from stilt.log.index import OutputIndex

if TYPE_CHECKING:
    from stilt.foundations.paths import Layout
    from stilt.log.fold import State

_BATCH = re.compile(r"(\d{4,8})-[0-9a-f]{10}")


def unheard_of(layout: Layout, state: State) -> dict[str, int]:
    """Return the batches that have chunks and of which the log has nothing, each with its number.

    Either a hand-over was cut off before it registered them, or the log has lost their segments.
    """
    try:
        names = [entry.name for entry in layout.chunks_dir.iterdir()]
    except OSError:
        return {}
    found = {name: int(match[1]) for name in names if (match := _BATCH.fullmatch(name))}
    return {name: seq for name, seq in sorted(found.items()) if name not in state.batches}


def greatest_number(layout: Layout, state: State) -> int:
    """Return the greatest number that any batch has had: a new one's results outrank all others."""
    known = [batch.seq for batch in state.batches.values()]
    known += [life.seq for life in state.lives.values()]
    known += [life.seq for life, _, _ in state.tally()]
    return max([*known, *unheard_of(layout, state).values()], default=0)


def unfinished_batch(layout: Layout, state: State) -> Unfinished | None:
    """Return the newest batch if its hand-over died: nobody was asked to run it, and nobody is going to be."""
    unregistered = max(
        ((seq, name) for name, seq in unheard_of(layout, state).items()), default=(0, "")
    )
    if unregistered[0] > max((life.seq for life in state.lives.values()), default=0):
        return Unfinished(unregistered[1], unregistered[0])
    index = OutputIndex(layout.log_dir)
    newest = max(state.batches.values(), key=lambda batch: batch.seq, default=None)
    if newest is None or newest.submissions or newest.intents or newest.tasks:
        return None
    if sum(batch.seq == newest.seq for batch in state.batches.values()) > 1:
        return None  # of two that were registered at once the other one may have gone on
    if newest.cancelled is not None or may_still_start(index, newest):
        return None
    return Unfinished(newest.id, newest.seq)
