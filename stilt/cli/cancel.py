"""``stilt cancel``: take the project's jobs out of the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stilt.cli.options import project_argument

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.backends.slurm.cancel import CancelledJob


@click.command("cancel")
@project_argument
def command(project: Path) -> int:
    """Cancel the project's queued and running Slurm jobs.

    What was complete stays complete; what was running is interrupted, and `stilt run` takes it up
    again. Jobs that Slurm no longer knows are no error.
    """
    from stilt.backends.slurm.cancel import cancel_jobs
    from stilt.batch.lock import run_lock
    from stilt.log.index import OutputIndex
    from stilt.status.opened import open_project
    from stilt.status.standing import Standing

    opened = open_project(project)
    layout = opened.layout
    cancelled: tuple[CancelledJob, ...] = ()
    if layout.log_dir.is_dir():
        with run_lock(layout):  # a run that is about to submit has a job to cancel only after that
            cancelled = cancel_jobs(layout, OutputIndex(layout.log_dir).fold())
    for job in cancelled:
        tasks = f"{job.tasks:,} task{'s' * (job.tasks != 1)}"
        click.echo(f"cancelled job {job.job} (batch {job.batch}): {tasks} running or waiting")
    if not cancelled:
        at_work = layout.log_dir.is_dir() and Standing(opened, ask_slurm=False).tasks_live()
        local = "; a run without Slurm is at work: Ctrl-C ends it where it was started"
        told = "nothing to cancel: no job of this project is queued or running"
        click.echo(told + local * bool(at_work))
    return 0
