"""Numbers of batches: each is given once, also where the log has lost what it was given to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stilt.foundations.paths import Layout
    from stilt.log.fold import State

_BATCH = re.compile(r"(\d{4,8})-[0-9a-f]{10}")
_SCRIPT = re.compile(rf"submit_{_BATCH.pattern}")


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
    scripts = layout.slurm_dir.glob("submit_*.sh")
    known = [batch.seq for batch in state.batches.values()]
    known += [life.seq for life in state.lives.values()]
    known += [life.seq for life, _, _ in state.tally()]
    known += [int(match[1]) for path in scripts if (match := _SCRIPT.match(path.name))]
    return max([*known, *unheard_of(layout, state).values()], default=0)
