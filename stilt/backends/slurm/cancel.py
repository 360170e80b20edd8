"""Take a project's jobs out of Slurm."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilt.backends.liveness import Fate
from stilt.backends.slurm import commands
from stilt.backends.slurm.observe import live_jobs, observe_slurm, open_arrays, submitters
from stilt.backends.slurm.queue import forget_queue, local_limits
from stilt.foundations.errors import EnvironmentFailure
from stilt.foundations.writers import this_writer
from stilt.log.events import Cancelled
from stilt.log.writer import SegmentWriter

if TYPE_CHECKING:
    from stilt.backends.slurm.observe import Array
    from stilt.foundations.paths import Layout
    from stilt.log.fold import State


@dataclass(frozen=True, slots=True)
class CancelledJob:
    """A job that was cancelled, and how many of its tasks were running or waiting."""

    batch: str
    job: str
    tasks: int


def cancel_jobs(layout: Layout, state: State) -> tuple[CancelledJob, ...]:
    """Cancel every array of which a task lives, or may live; say so in the log.

    Raises
    ------
    EnvironmentFailure
        If there is no Slurm here, or it does not do it.
    """
    found = open_arrays(state)
    if not found:
        return ()
    commands.require_slurm()
    lives, queue = observe_slurm(found, fresh=True)
    if queue.problem and not all(array.job for array in found):
        raise EnvironmentFailure(
            f"{queue.problem}: whether Slurm has accepted a job that was cut off is not known",
            "run `stilt cancel` again when Slurm answers",
        )
    listed = live_jobs(queue)
    cancelled = []
    for array in found:
        # by name: a script that was submitted by hand has another id, and an id may be another's by now
        jobs = listed.get(array.token, ()) or ((array.job,) if array.job else ())
        left = sum(lives[array.batch, task].fate is not Fate.GONE for task in array.numbers)
        for job in jobs if left else ():
            _scancel(array, job)
            cancelled.append(CancelledJob(array.batch, job, left))
    forget_queue(submitters(found))
    _record(layout, state, cancelled)
    return tuple(cancelled)


def _scancel(array: Array, job: str) -> None:
    here = local_limits().cluster
    elsewhere = array.cluster if here and array.cluster != here else ""
    answer = commands.scancel([job], name=array.token, cluster=elsewhere)
    if answer.code != 0 and "invalid job id" not in answer.err.lower():
        raise EnvironmentFailure(
            f"scancel {job} (batch {array.batch}): {answer.words or 'it said nothing'}",
            "run `stilt cancel` again when Slurm answers; what was cancelled stays cancelled",
        )


def _record(layout: Layout, state: State, cancelled: list[CancelledJob]) -> None:
    for batch in sorted({job.batch for job in cancelled}):
        ids = tuple(job.job for job in cancelled if job.batch == batch)
        log = SegmentWriter(layout.log_dir, batch, state.batches[batch].seq, this_writer("cancel"))
        log.append(Cancelled(batch, time.time(), ids))
        log.close()
