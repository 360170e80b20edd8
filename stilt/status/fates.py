"""What became of each worker process: at work, gone, or nobody can tell from here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.backends.liveness import Fate, Liveness, TaskFate

if TYPE_CHECKING:
    from stilt.log.fold import BatchState, Life, State


class Fates:
    """Knows the fate of every life in a log.

    Parameters
    ----------
    state
        The folded log.
    liveness
        What is known of its tasks; None for a moment in the past, of which the log alone tells.
    """

    def __init__(self, state: State, liveness: Liveness | None = None) -> None:
        self._batches = state.batches
        self._liveness = liveness or Liveness(0.0)
        self._known: dict[str, Fate] = {}
        self._latest: dict[str, dict[int, Life]] = {}

    def of(self, life: Life) -> Fate:
        """Return what became of a process."""
        fate = self._known.get(life.name)
        if fate is None:
            fate = self._known[life.name] = self._find(life)
        return fate

    def of_task(self, batch: BatchState, task: int) -> Fate:
        """Return what became of a task, begun or not: one that waits in a queue lives."""
        return self.told(batch.id, task).fate_in(batch)

    def keeps(self, batch: str, task: int) -> bool:
        """Tell whether a task may still work on its simulations, as far as the log tells."""
        return self.of_task(self._batches[batch], task) is not Fate.GONE

    def told(self, batch: str, task: int) -> TaskFate:
        """Return what is known of a task."""
        return self._liveness.of(batch, task)

    def latest_lives(self, batch: BatchState) -> dict[int, Life]:
        """Return the latest life of each task of a batch that has begun."""
        if batch.id not in self._latest:
            self._latest[batch.id] = batch.tasks
        return self._latest[batch.id]

    def _find(self, life: Life) -> Fate:
        if life.closed:
            return Fate.GONE
        if life.task is None:
            return Fate.UNKNOWN
        latest = self.latest_lives(self._batches[life.batch]).get(life.task)
        if latest is not None and latest.name != life.name:
            return Fate.GONE  # a task starts again only when its former life has ended
        told = self.told(life.batch, life.task)
        if told.fate is Fate.LIVE and not told.is_running:
            return Fate.GONE  # it waits in the queue again: the life that the log knows is over
        return told.fate
