"""Two runs at once where locks are a lie: just one of them goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stilt.foundations.errors import NotFinishedError
from stilt.foundations.writers import Writer, host_in_name, is_alive, this_writer
from stilt.log.events import Closed, Submitted, Submitting
from stilt.log.names import parse_name
from stilt.log.reader import read_segment
from stilt.log.silence import Silence

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from stilt.log.batches import BatchState
    from stilt.log.fold import State
    from stilt.log.index import OutputIndex

_POLL_S = 0.2
_STARTS = (Submitting, Submitted)


def give_way(index: OutputIndex, known: Collection[str], own: Path) -> None:
    """Return when no other run that has handed over meanwhile goes on; or stop, since it does.

    Each of two runs registers its batch before it looks, so at least one sees the other. A run that has started
    goes on. Of two that have not, that with the lesser name waits for the other one to give way: the other one
    does so, unless it looked before this one had registered, and then it starts, which this one sees.

    Parameters
    ----------
    index, known
        The log, and the segments that it had when this run was planned, by their names in it.
    own
        This run's segment.

    Raises
    ------
    NotFinishedError
        If another run goes on.
    """
    mine = _name(own)
    while True:
        silence = Silence(index.log_dir)
        found = (_Rival(path, silence) for path in _new_runs(index, known))
        rivals = [rival for rival in found if rival.may_go_on]
        others = [rival for rival in rivals if rival.name != mine]
        if any(rival.has_started or rival.name < mine for rival in others):
            first = min(others, key=lambda rival: (not rival.has_started, rival.name))
            raise NotFinishedError(
                f"another `stilt run` ({first.who}) handed over at the same moment",
                "this one started nothing; run it again to see what is left",
                code="PROJECT_BUSY",
            )
        if not others:
            return
        time.sleep(_POLL_S)


def settled_runs(state: State) -> frozenset[str]:
    """Return the segments of runs that had started what they registered, or given it up, when this was planned."""
    return frozenset(
        life.name
        for batch in state.batches.values()
        for life in batch.lives.values()
        if life.closed or batch.submissions or batch.intents
    )


def may_still_start(index: OutputIndex, batch: BatchState) -> bool:
    """Tell whether a run that registered a batch may still start it: it lives, or nobody knows that it does not."""
    runs = (life for life in batch.lives.values() if life.role == "run" and not life.closed)
    silence = Silence(index.log_dir)
    return any(_Rival(index.log_dir / life.name, silence).may_live for life in runs)


class _Rival:
    """Another run, as its segment shows it."""

    def __init__(self, path: Path, silence: Silence) -> None:
        self.name = _name(path)
        scan = read_segment(path)
        self.has_started = any(isinstance(event, _STARTS) for event in scan.events)
        closed = next((event for event in scan.events if isinstance(event, Closed)), None)
        self._closed = closed.why if closed else ""
        self._writer = scan.header.writer if scan.header else _writer_in_name(path)
        self._silence = silence

    @property
    def who(self) -> str:
        """Host and pid."""
        return f"{self._writer.host}, pid {self._writer.pid}" if self._writer else self.name

    @property
    def may_go_on(self) -> bool:
        """Whether it has started what it registered, or may still do so."""
        return self.has_started or self.may_live

    @property
    def may_live(self) -> bool:
        """Whether it may still do anything: it lives, or nobody knows that it does not."""
        if self._closed:
            return False
        alive = is_alive(self._writer) if self._writer else None
        if alive is None:
            return not self._silence.is_over(self.name)
        return alive


def _writer_in_name(path: Path) -> Writer | None:
    """Return who writes a segment that has no header yet, as far as its name tells."""
    name = parse_name(path.name)
    here = this_writer("run")
    if name is None or name.host != host_in_name(here.node or here.host):
        return None
    return Writer("run", here.host, name.pid)


def _new_runs(index: OutputIndex, known: Collection[str]) -> Iterator[Path]:
    """Yield the segments of runs that were not there when this run was planned."""
    for path in index.segments():
        name = parse_name(path.name)
        if name is not None and name.role == "run" and _name(path) not in known:
            yield path


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
