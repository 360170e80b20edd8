"""Follow what the workers of a batch write to the log, while they write it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from stilt.foundations.errors import EnvironmentFailure
from stilt.log.events import Done, Started
from stilt.log.index import OutputIndex
from stilt.log.reader import Growing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stilt.log.events import Event
    from stilt.log.reader import Scan


class BatchFollower:
    """Reads only what is new in a batch's segments.

    Attributes
    ----------
    outcomes
        The outcome of every simulation that ended in this batch; the latest counts.
    failures
        Why those failed that failed.
    running
        Simulations that were begun and have not ended.
    """

    def __init__(self, log_dir: Path, batch: str) -> None:
        self.outcomes: dict[str, str] = {}
        self.failures: dict[str, str] = {}
        self.running: set[str] = set()
        self._index = OutputIndex(log_dir)
        self._batch = batch
        self._growing = Growing()

    def poll(self) -> Iterator[Done]:
        """Yield the ``done`` events that were written since the last time.

        A segment that cannot be read just now is read the next time.
        """
        for path in self._index.segments(self._batch):
            with suppress(EnvironmentFailure):
                if scan := self._growing.scan(path):
                    yield from self._take(scan)

    def count(self, *outcomes: str) -> int:
        """Return how many simulations ended in one of these ways."""
        return sum(outcome in outcomes for outcome in self.outcomes.values())

    def _take(self, scan: Scan[Event]) -> Iterator[Done]:
        for event in scan.events:
            if isinstance(event, Started):
                self.running.add(event.sim)
            elif isinstance(event, Done):
                self.running.discard(event.sim)
                self.outcomes[event.sim] = event.outcome
                self.failures.pop(event.sim, None)
                if event.outcome == "failed":
                    self.failures[event.sim] = event.reason
                yield event
