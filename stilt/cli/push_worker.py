"""``stilt push-worker``: work through one chunk."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stilt.cli import offered
from stilt.cli.options import project_argument

if TYPE_CHECKING:
    from stilt.foundations.paths import Layout


_OUT_OF_TIME = frozenset({"SIGUSR1", "time"})
"""Why a worker stopped, where Slurm does not start it again by itself."""


@click.command("push-worker")
@project_argument
@click.option("--chunk", type=click.Path(path_type=Path), help="The chunk, by its file.")
@click.option(
    "--batch", metavar="ID", shell_complete=offered.batches, help="The chunk, by its batch ..."
)
@click.option("--task", type=click.IntRange(min=0), help="... and its ordinal in there.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="The output root; read from config.yaml unless given.",
)
@click.option("--cpus", type=click.IntRange(min=1), default=1, help="Simulations at a time.")
@click.option(
    "--max-requeues",
    type=click.IntRange(min=0),
    default=0,
    help="As a Slurm task out of time: how often to go back into the queue.",
)
@click.option("--parent", type=int, hidden=True, help="Stop when this process, the parent, ends.")
def command(  # noqa: PLR0917 - click passes them by name
    project: Path,
    chunk: Path | None,
    batch: str | None,
    task: int | None,
    output: Path | None,
    cpus: int,
    max_requeues: int,
    parent: int | None,
) -> int:
    """Work through one chunk, given as --chunk FILE or as --batch ID --task N.

    Exit code: 0 all done, 1 some failed, 4 this machine will not do, 5 the chunk is damaged, 75 stopped
    and to be requeued.
    """
    if parent is not None:
        from signal import SIGTERM

        from stilt.foundations.processes import die_with_parent

        die_with_parent(parent, SIGTERM)  # so that it can still say what it was doing
    from stilt.worker.push_worker import EXIT_STOPPED, slurm_deadline, work

    if chunk is not None:
        if batch is not None or task is not None:
            raise click.UsageError("Give --chunk, or --batch and --task, not both.")
        layout, batch, task = _of_chunk(chunk)
    elif batch is None or task is None:
        raise click.UsageError("Give --chunk FILE, or --batch ID and --task N.")
    else:
        layout = _layout(project, output)
    ending = work(layout, batch, task, cpus, slurm_deadline(), _say)
    _say(
        f"batch {batch} task {task}: {ending.done} done, {ending.failed} failed, {ending.left} left "
        f"({ending.why})"
    )
    if ending.error is not None:
        raise ending.error
    if ending.exit_code == EXIT_STOPPED and ending.why in _OUT_OF_TIME and max_requeues:
        from stilt.backends.slurm.requeue import requeue_self
        from stilt.foundations.processes import ignore_stop_signals

        # Slurm ends this life as soon as it is in the queue again, scontrol included: that is to be said first
        ignore_stop_signals()
        _say(requeue_self(max_requeues))
    return ending.exit_code


def _say(line: str) -> None:
    """Print a line. The log says the same, so a full disk or a reader that went away is no reason to stop."""
    try:
        click.echo(line)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _layout(project: Path, output: Path | None) -> Layout:
    from stilt.foundations.paths import Layout

    if output is None:
        from stilt.config.load import load_config

        output_setting = load_config(project / "config.yaml").output
        return Layout.of(project, output_setting)
    return Layout.of(project, output.absolute())


def _of_chunk(chunk: Path) -> tuple[Layout, str, int]:
    """Find batch, task and output root from where a chunk lies: <output>/chunks/<batch>/<digest>.json."""
    from stilt.batch.manifest import read_manifest
    from stilt.foundations.errors import InputError
    from stilt.foundations.paths import Layout

    chunk = chunk.absolute()
    folder = chunk.parent
    manifest = read_manifest(folder / "batch.json")
    tasks = [task for task, ref in enumerate(manifest.chunks) if ref.digest == chunk.stem]
    if not tasks:
        raise InputError(
            f"{chunk} is none of the chunks that {folder / 'batch.json'} lists",
            "take one of that folder, or give --batch and --task",
            code="TASK_UNKNOWN",
        )
    output = folder.parent.parent
    return Layout(output.parent, output), manifest.batch, tasks[0]
