"""Whose the work is: which tasks keep their simulations, as far as anybody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.backends.liveness import Fate
from stilt.batch.rivals import may_still_start

if TYPE_CHECKING:
    from stilt.backends.liveness import Liveness
    from stilt.log.fold import Life, State
    from stilt.log.index import OutputIndex


class WorkInHand:
    """Answers from one moment of the log and of what lives.

    Parameters
    ----------
    index, state
        The log.
    liveness
        What is known of its tasks.
    """

    def __init__(self, index: OutputIndex, state: State, liveness: Liveness) -> None:
        self._index = index
        self._state = state
        self._liveness = liveness
        self._starting: dict[str, bool] = {}

    def keeps(self, batch: str, task: int) -> bool:
        """Tell whether a task may still work on its simulations: they are not handed over again."""
        known = self._state.batches[batch]
        if known.cancelled is None and not known.was_started(task):
            return self._may_start(batch)
        return self._liveness.of(batch, task).fate_in(known) is not Fate.GONE

    def lives(self, batch: str, task: int) -> bool:
        """Tell whether a task is known to live, in the queue or at work."""
        return self.keeps(batch, task) and self._liveness.of(batch, task).fate is Fate.LIVE

    def is_gone(self, life: Life) -> bool:
        """Tell whether a worker has ended, as far as whoever must know says."""
        if life.closed:
            return True
        if life.task is None:
            return False
        return self._liveness.of(life.batch, life.task).fate is Fate.GONE

    def _may_start(self, batch: str) -> bool:
        if batch not in self._starting:
            known = self._state.batches[batch]
            self._starting[batch] = may_still_start(self._index, known)
        return self._starting[batch]
