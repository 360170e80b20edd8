"""What is known of a batch: the union of what was said about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from stilt.log.events import Cancelled, Pending, Submitted, Submitting

if TYPE_CHECKING:
    from stilt.log.states import BatchEvent, Life


GAVE_WAY = "gave way"
"""Why the segment of a run ends that leaves its batch to another run."""

REFUSED = "refused"
"""Why the segment of a run ends of whose batch Slurm would not take a single array."""


class BatchState(Struct, eq=True):
    """What is known of a batch.

    Attributes
    ----------
    chunks
        The ``pending`` events, by task and chunk digest.
    intents
        The ``submitting`` events, by token.
    submissions
        The ``submitted`` events, by token and job.
    cancellations
        The last ``cancelled`` event, if there is one.
    lives
        The lives that worked for it, by segment name.
    """

    id: str
    seq: int = 0
    chunks: dict[tuple[int, str], Pending] = field(default_factory=dict)
    intents: dict[str, Submitting] = field(default_factory=dict)
    submissions: dict[tuple[str, str], Submitted] = field(default_factory=dict)
    cancellations: list[Cancelled] = field(default_factory=list)
    lives: dict[str, Life] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many simulations were registered."""
        return sum(pending.count for pending in self.chunks.values())

    @property
    def cancelled(self) -> float | None:
        """When it was cancelled last; ``None`` if it never was."""
        return self.cancellations[0].at if self.cancellations else None

    @property
    def was_given_up(self) -> bool:
        """Whether no run that registered it started anything of it: it claims nothing, and never starts."""
        runs = [life.closed for life in self.lives.values() if life.role == "run"]
        return bool(runs) and not self.submissions and {GAVE_WAY, REFUSED}.issuperset(runs)

    @property
    def jobs(self) -> list[str]:
        """The job ids, in the order of submission."""
        known = sorted(self.submissions.values(), key=lambda event: (event.at, event.job))
        return list(dict.fromkeys(event.job for event in known if event.job))

    @property
    def tasks(self) -> dict[int, Life]:
        """The latest life of each task that has begun."""
        latest: dict[int, Life] = {}
        for life in sorted(
            self.lives.values(), key=lambda life: (life.attempt, life.at, life.name)
        ):
            if life.task is not None:
                latest[life.task] = life
        return latest

    @property
    def is_over(self) -> bool:
        """Whether every task that is known of it has worked through its chunk, so that no more is to come."""
        tasks = self.tasks
        registered = {task for task, _ in self.chunks}
        return bool(registered) and all(
            task in tasks and tasks[task].closed == "finished" for task in registered | tasks.keys()
        )

    def was_started(self, task: int) -> bool:
        """Tell whether anyone was ever asked to run a task; Slurm is asked for one array after the other."""
        if any(
            intent.first_task <= task < intent.first_task + intent.tasks
            for intent in self.intents.values()
        ):
            return True
        if self.submissions and not self.intents:
            return True
        return any(life.task == task for life in self.lives.values())

    def was_accepted(self, task: int) -> bool:
        """Tell whether Slurm is known to have taken an array with a task."""
        taken = [self.intents.get(token) for token, _ in self.submissions]
        return any(
            intent.first_task <= task < intent.first_task + intent.tasks
            for intent in taken
            if intent is not None
        )

    def add(self, event: BatchEvent) -> None:
        """Join one event about this batch."""
        if isinstance(event, Pending):
            self.seq = max(self.seq, event.seq)
            _keep_greater(self.chunks, (event.task, event.chunk), event)
        elif isinstance(event, Submitting):
            _keep_greater(self.intents, event.token, event)
        elif isinstance(event, Submitted):
            _keep_greater(self.submissions, (event.token, event.job), event)
        else:
            self.cancellations = [max([*self.cancellations, event], key=_order)]


def _keep_greater(events: dict[Any, Any], key: object, event: BatchEvent) -> None:
    known = events.get(key)
    if known is None or _order(event) > _order(known):
        events[key] = event


def _order(event: BatchEvent) -> tuple[Any, ...]:
    """Return what decides between two events that say the same thing of a batch: the greater holds."""
    match event:
        case Pending():
            return event.count, event.at, event.seq
        case Submitting():
            return event.at, event.first_task, event.tasks, event.clusters
        case Submitted():
            return event.at, event.cluster, event.backend
        case Cancelled():
            return event.at, event.jobs
