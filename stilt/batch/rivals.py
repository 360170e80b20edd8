"""Two runs at once where locks are a lie: at most one of them goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.foundations.errors import NotFinishedError
from stilt.foundations.writers import this_writer
from stilt.log.names import host_in_name, parse_name

if TYPE_CHECKING:
    from stilt.log.fold import State
    from stilt.log.index import OutputIndex


def give_way(index: OutputIndex, state: State, batch: str) -> None:
    """Stop if another run has handed over since the log was read.

    Each of two runs registers its batch before it looks, so at least one sees the other. What it leaves is
    a hand-over that nobody was asked to run, as after a crash.

    Parameters
    ----------
    index, state
        The log, and what it said when this run was planned.
    batch
        What this run has registered; another one with the same plan has registered the same.

    Raises
    ------
    NotFinishedError
        If there is one.
    """
    # By host too: in containers on two nodes both runs may have the same pid.
    this = this_writer("run")
    own = host_in_name(this.node or this.host), this.pid
    known = {life.name for seen in state.batches.values() for life in seen.lives.values()}
    for folder in index.batches():
        if folder in state.batches and folder != batch:
            continue
        for path in index.segments(folder):
            name = parse_name(path.name)
            if name is None or name.role != "run" or (name.host, name.pid) == own:
                continue
            if f"{folder}/{path.name}" not in known:
                raise NotFinishedError(
                    f"another `stilt run` ({name.host}, pid {name.pid}) handed over at the same moment",
                    "this one started nothing; run it again to see what is left",
                )
