"""What became of each worker process: at work, gone, or nobody can tell from here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.backends.liveness import Life as Fate
from stilt.backends.liveness import Liveness, TaskLife
from stilt.identity import is_alive

if TYPE_CHECKING:
    from stilt.log.fold import BatchState, Life, State

__all__ = ["Fate", "Fates"]


class Fates:
    """Knows the fate of every life in a log.

    Parameters
    ----------
    state
        The folded log.
    liveness
        What the scheduler says of tasks; None where it was not asked.
    look
        Whether to look for processes on this machine. Not for a moment in the past.
    """

    def __init__(
        self, state: State, liveness: Liveness | None = None, *, look: bool = True
    ) -> None:
        self._batches = state.batches
        self._liveness = liveness
        self._look = look
        self._known: dict[str, Fate] = {}

    def of(self, life: Life) -> Fate:
        """Return what became of a process."""
        fate = self._known.get(life.name)
        if fate is None:
            fate = self._known[life.name] = self._find(life)
        return fate

    def of_task(self, batch: BatchState, task: int) -> Fate:
        """Return what became of a task, begun or not: a waiting one lives."""
        told = self.told(batch.id, task)
        if told.life is not Fate.UNKNOWN:
            return told.life
        if batch.cancelled is not None:
            return Fate.GONE
        life = batch.tasks.get(task)
        if life is not None:
            return self.of(life)
        return self._of_starter(batch)

    def told(self, batch: str, task: int) -> TaskLife:
        """Return what the scheduler said of a task."""
        return (self._liveness or Liveness(0.0)).of(batch, task)

    def _find(self, life: Life) -> Fate:
        if life.closed:
            return Fate.GONE
        alive = is_alive(life.writer) if self._look and life.writer is not None else None
        if alive is not None and not self._is_slurm(life.batch):
            return Fate.LIVE if alive else Fate.GONE
        if life.task is None:
            return Fate.UNKNOWN
        batch = self._batches[life.batch]
        latest = batch.tasks.get(life.task)
        if latest is not None and latest.name != life.name:
            return Fate.GONE  # a task starts again only when its former life has ended
        if alive is False:
            return Fate.GONE
        told = self.told(life.batch, life.task)
        # A task that waits in the queue was requeued: the life that the log knows is over.
        return Fate.GONE if told.life is Fate.LIVE and not told.is_running else told.life

    def _is_slurm(self, batch: str) -> bool:
        return any(event.backend == "slurm" for event in self._batches[batch].submissions.values())

    def _of_starter(self, batch: BatchState) -> Fate:
        """Return the fate of a task that has not begun: a local one is gone with the run that would start it."""
        if self._is_slurm(batch.id) or batch.intents:
            return Fate.UNKNOWN
        starters = [life for life in batch.lives.values() if life.role == "run"]
        fates = {self.of(life) for life in starters if not life.closed}
        if Fate.LIVE in fates:
            return Fate.LIVE
        return Fate.UNKNOWN if Fate.UNKNOWN in fates else Fate.GONE
