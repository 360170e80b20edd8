"""Which tasks live, which are gone, and of which nothing is known.

``gone`` is only said of a task that whoever must know says is gone: an answer that is missing is
``unknown``, and unknown keeps what it has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stilt.log.batches import BatchState


class Fate(StrEnum):
    """What is known of a task."""

    LIVE = "live"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TaskFate:
    """What is known of one task, and who said so.

    Attributes
    ----------
    state
        Slurm's word, such as ``RUNNING`` or ``PENDING``; empty where Slurm said nothing.
    node
        Where it runs.
    since
        When it started, in seconds since 1970; None before that.
    why
        Slurm's reason for a waiting task, or what is not known and why.
    job
        The job id, with the array index: ``1234_5``.
    """

    fate: Fate
    state: str = ""
    node: str = ""
    since: float | None = None
    why: str = ""
    job: str = ""

    @property
    def is_running(self) -> bool:
        """Whether a worker is at work on it now, not only waiting in the queue."""
        return self.fate is Fate.LIVE and self.state not in {"PENDING", "CONFIGURING"}

    def fate_in(self, batch: BatchState) -> Fate:
        """Return the fate of a task of a batch: of a cancelled one nothing begins, what is at work is at it still."""
        return Fate.GONE if batch.cancelled is not None and not self.is_running else self.fate


_NOTHING_KNOWN = TaskFate(Fate.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Liveness:
    """What is known of all tasks at one moment.

    Attributes
    ----------
    as_of
        When it was asked, in seconds since 1970.
    tasks
        By batch id and task number (the chunk's ordinal in the batch).
    problem
        Why the scheduler did not answer; empty if it did or was not needed.
    server_time
        The moment by the file server's clock, as ``as_of`` is by one's own; 0 where nobody asked.
    """

    as_of: float
    tasks: Mapping[tuple[str, int], TaskFate] = field(default_factory=dict)
    problem: str = ""
    server_time: float = 0.0

    def of(self, batch: str, task: int) -> TaskFate:
        """Return what is known of a task."""
        return self.tasks.get((batch, task), _NOTHING_KNOWN)
