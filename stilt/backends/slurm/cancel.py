"""Take a project's jobs out of Slurm, and no others.

A log may come from somebody else, and name any number as that of a job. So a job is cancelled only if Slurm says
that it is this user's, and has the name that the project's submission gave it.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilt.backends.liveness import Fate
from stilt.backends.slurm import commands
from stilt.backends.slurm.answers import JobId
from stilt.backends.slurm.observe import (
    foreign_clusters,
    live_jobs,
    observe_slurm,
    open_arrays,
    submitters,
)
from stilt.backends.slurm.queue import forget_queue, local_limits
from stilt.foundations.errors import DamagedError, EnvironmentFailure
from stilt.foundations.writers import this_writer
from stilt.log.events import Cancelled
from stilt.log.writer import SegmentWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stilt.backends.slurm.observe import Array
    from stilt.foundations.paths import Layout
    from stilt.log.fold import State


SHOWN = 5


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
    DamagedError
        If the log names jobs that are not the project's, or not this user's; all others are cancelled before.
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
            code="SLURM_SILENT",
        )
    listed = live_jobs(queue)
    cancelled, others = [], []
    for array in found:
        # by name: a script that was submitted by hand has another id, and an id may be another's by now
        jobs = listed.get(array.token, ()) or ((array.job,) if array.job else ())
        left = sum(lives[array.batch, task].fate is not Fate.GONE for task in array.numbers)
        for job in _where(array, jobs) if left else ():
            whose = _whose(array, job)
            if whose:
                others.append(f"job {job.job} (batch {array.batch}) is {whose}")
                continue
            if _scancel(array, job):
                cancelled.append(CancelledJob(array.batch, job.job, left))
    forget_queue(submitters(found), foreign_clusters(found))
    _record(layout, state, cancelled)
    if others:
        raise DamagedError(
            f"{'; '.join(others[:SHOWN])}: not cancelled, whatever the log says",
            "if it is yours and should end: scancel and its number; else see who wrote this log",
            code="JOB_NOT_OURS",
        )
    return tuple(cancelled)


def _where(array: Array, jobs: Sequence[str]) -> tuple[JobId, ...]:
    """Return jobs with the cluster that each is on: of several, the number may be another's job on the next one."""
    if len(array.clusters) > 1:
        found = commands.find_by_name(array.token, array.cluster)
        return tuple(job for job in found if job.job in jobs)
    return tuple(JobId(job, array.cluster) for job in jobs)


def _whose(array: Array, job: JobId) -> str:
    """Say what a job is, if it is not this user's or not the array that the log calls it; nothing if it is."""
    cluster = _elsewhere(job)
    try:
        tasks = commands.squeue(f"--jobs={job.job}", clusters=[cluster] if cluster else [])
    except commands.SlurmError as error:
        raise EnvironmentFailure(
            f"{error.message}: whether job {job.job} is this project's is not known",
            "run `stilt cancel` again when Slurm answers; what was cancelled stays cancelled",
            code="SLURM_SILENT",
        ) from error
    user = this_writer("cancel").user
    named = [task for task in tasks if task.job == job.job]  # several in one word are none
    if not named:
        return f"none that Slurm shows to {user}"
    for task in named:
        if task.name != array.token or task.user not in {user, str(os.getuid())}:
            return f"{task.name} of {task.user}, not {array.token} of {user}"
    return ""


def _elsewhere(job: JobId) -> str:
    here = local_limits().cluster
    return job.cluster if here and job.cluster != here else ""


def _scancel(array: Array, job: JobId) -> bool:
    """Cancel a job; False if it has ended meanwhile."""
    answer = commands.scancel([job.job], cluster=_elsewhere(job))
    if "invalid job id" in answer.err.lower():
        return False
    if answer.code != 0:
        raise EnvironmentFailure(
            f"scancel {job.job} (batch {array.batch}): {answer.words or 'it said nothing'}",
            "run `stilt cancel` again when Slurm answers; what was cancelled stays cancelled",
            code="JOB_NOT_CANCELLED",
        )
    return True


def _record(layout: Layout, state: State, cancelled: list[CancelledJob]) -> None:
    for batch in sorted({job.batch for job in cancelled}):
        ids = tuple(job.job for job in cancelled if job.batch == batch)
        log = SegmentWriter(layout.log_dir, batch, state.batches[batch].seq, this_writer("cancel"))
        log.append(Cancelled(batch, time.time(), ids))
        log.close()
