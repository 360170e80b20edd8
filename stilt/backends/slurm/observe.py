"""What Slurm says about the tasks of a project's batches.

A task is *gone* when squeue lists it as ended, or when it does not list it though it would: the
controller of the cluster that took it answered, and shows the submitter's jobs to whoever asks. Any
other silence leaves it *unknown*.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilt.backends.liveness import Fate, TaskFate
from stilt.backends.slurm import commands
from stilt.backends.slurm.queue import (
    FRESH_S,
    MAX_AGE_S,
    Queue,
    ask_queue,
    kept_queue,
    local_limits,
)
from stilt.foundations.writers import this_writer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from stilt.backends.slurm.answers import QueuedTask
    from stilt.log.events import Submitting
    from stilt.log.fold import BatchState, State

CLOCK_SKEW_S = 10.0
"""An answer this much older than a submission cannot know of it, whatever the clocks say."""


@dataclass(frozen=True, slots=True)
class Array:
    """An array that was, or may have been, submitted.

    Attributes
    ----------
    token
        Its name in Slurm.
    job
        Empty where only the intent is known.
    cluster
        Where it is; where only the intent is known, all that it was offered to, with commas between them.
    users
        Who may have submitted it: a run that was killed may have been settled by somebody else's.
        Empty where the log does not say.
    at
        When, in seconds since 1970.
    """

    batch: str
    token: str
    first: int
    tasks: int
    at: float
    job: str = ""
    cluster: str = ""
    users: tuple[str, ...] = ()

    @property
    def clusters(self) -> tuple[str, ...]:
        """The names of the clusters that it is, or may be, on."""
        return tuple(filter(None, self.cluster.split(",")))

    @property
    def numbers(self) -> range:
        """The tasks of the batch that it runs."""
        return range(self.first, self.first + self.tasks)


def arrays(batch: BatchState) -> Iterator[Array]:
    """List the arrays of a batch: intents without an acceptance, then those that Slurm accepted.

    In this order what was accepted counts of a task that was refused in a larger array before.
    """
    writers = [life.writer for life in batch.lives.values() if life.role == "run"]
    users = tuple(sorted({writer.user for writer in writers if writer and writer.user}))

    def array(token: str, intent: Submitting, at: float, job: str = "", cluster: str = "") -> Array:
        first, tasks = intent.first_task, intent.tasks
        where = cluster or intent.clusters
        return Array(batch.id, token, first, tasks, at, job=job, cluster=where, users=users)

    accepted = {token for token, _ in batch.submissions}
    for token, unheard in batch.intents.items():
        if token not in accepted:
            yield array(token, unheard, unheard.at)
    for (token, job), event in batch.submissions.items():
        intent = batch.intents.get(token)
        if event.backend == "slurm" and intent:
            yield array(token, intent, event.at, job, event.cluster)


def open_arrays(state: State) -> list[Array]:
    """List the arrays with a task that has not ended cleanly by its own account."""
    found = []
    for batch in state.batches.values():
        closed = {task for task, life in batch.tasks.items() if life.closed == "finished"}
        found += [array for array in arrays(batch) if not closed.issuperset(array.numbers)]
    return found


def observe_slurm(
    found: Sequence[Array], *, fresh: bool = False, ask: bool = True
) -> tuple[dict[tuple[str, int], TaskFate], Queue]:
    """Ask Slurm, at most once, about arrays.

    Parameters
    ----------
    found
        From ``open_arrays``.
    fresh
        Ask even if a recent answer is at hand: for commands that start or stop something.
    ask
        False: make do with a recent answer.
    """
    queue = _queue(found, fresh=fresh, ask=ask)
    if queue.problem:
        unknown = TaskFate(Fate.UNKNOWN, why=queue.problem)
        return {(array.batch, task): unknown for array in found for task in array.numbers}, queue
    listed = _by_name(queue.tasks)
    return {
        (array.batch, number): _judge(array, number, listed, queue)
        for array in found
        for number in array.numbers
    }, queue


def accepted_unseen(found: Iterable[Array], queue: Queue) -> Mapping[str, str]:
    """Return the job id by token of arrays that Slurm has accepted though no acceptance was recorded."""
    names = {task.name: task.job for task in queue.tasks}
    return {
        array.token: names[array.token] for array in found if not array.job and array.token in names
    }


def live_jobs(queue: Queue) -> Mapping[str, tuple[str, ...]]:
    """Return the ids of the jobs of each name that have a task which has not ended."""
    jobs: dict[str, dict[str, None]] = {}
    for task in queue.tasks:
        if not task.has_ended:
            jobs.setdefault(task.name, {})[task.job] = None
    return {name: tuple(ids) for name, ids in jobs.items()}


def submitters(found: Iterable[Array]) -> tuple[str, ...]:
    """Return whose queue to ask for."""
    me = this_writer("run").user
    return tuple(sorted({user for array in found for user in array.users or (me,)}))


def _queue(found: Sequence[Array], *, fresh: bool, ask: bool) -> Queue:
    users = submitters(found)
    clusters = foreign_clusters(found) if ask and commands.has_slurm() else ()
    kept = kept_queue(users, clusters, FRESH_S if fresh else MAX_AGE_S)
    if kept is not None and _knows_all(kept, found):
        return kept
    if not ask:
        return kept or Queue(0.0, problem="Slurm was not asked")
    if not commands.has_slurm():
        return Queue(0.0, problem="there is no Slurm on this machine")
    return ask_queue(users, clusters)


def _knows_all(queue: Queue, found: Sequence[Array]) -> bool:
    """Tell whether an answer is younger than every submission that it does not list."""
    names = {task.name for task in queue.tasks}
    return all(array.token in names or queue.as_of > array.at + CLOCK_SKEW_S for array in found)


def foreign_clusters(found: Sequence[Array]) -> tuple[str, ...]:
    """Return the clusters to name to squeue, where jobs went to another than the one at hand.

    An array of which no cluster is known, as in older logs, is looked for on that one.
    """
    named = {cluster for array in found for cluster in array.clusters or ("",)}
    if named <= {""}:
        return ()
    here = local_limits().cluster
    named = {cluster or here for cluster in named}
    return tuple(sorted(named)) if here and named != {here} else ()


def _by_name(tasks: Iterable[QueuedTask]) -> dict[tuple[str, int], QueuedTask]:
    """Index the queue by job name and index; of several of one name, one that has not ended.

    Not by job id: after a controller that began anew that may be somebody else's. The name holds the
    batch's digest, and finds a script that was submitted by hand as well.
    """
    listed: dict[tuple[str, int], QueuedTask] = {}
    for task in tasks:
        key = task.name, task.index or 0
        if key not in listed or listed[key].has_ended:
            listed[key] = task
    return listed


def _judge(
    array: Array, number: int, listed: Mapping[tuple[str, int], QueuedTask], queue: Queue
) -> TaskFate:
    index = number - array.first
    entry = listed.get((array.token, index))
    if entry is None:
        return _unlisted(array, f"{array.job}_{index}" if array.job else "", queue)
    return TaskFate(
        fate=Fate.GONE if entry.has_ended else Fate.LIVE,
        state=entry.state,
        node=entry.node,
        since=entry.since if entry.state != "PENDING" else None,
        why=entry.reason,
        job=f"{entry.job}_{index}",
    )


def _unlisted(array: Array, job: str, queue: Queue) -> TaskFate:
    """Judge a task that squeue does not list."""
    why = ""
    if queue.as_of < array.at:
        why = "submitted since Slurm was asked"
    elif not _shows_jobs_of(array.users):
        why = "Slurm does not show other users' jobs here"
    elif not {local_limits().cluster, *queue.clusters}.issuperset(array.clusters):
        why = f"it was submitted to the cluster {array.cluster}"
    if why:
        return TaskFate(Fate.UNKNOWN, why=why, job=job)
    return TaskFate(Fate.GONE, why="not in the queue", job=job)


def _shows_jobs_of(users: Iterable[str]) -> bool:
    others = set(users) - {this_writer("run").user}
    return not others or os.getuid() == 0 or not local_limits().private_jobs
