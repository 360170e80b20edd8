"""Work through one chunk, and be the only one who writes its task's events.

What a simulation needs is in the batch's folder: the chunk, and the settings as they were when it was
handed over. ``config.yaml`` may have been edited since and is not read.
"""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.batch.chunks import read_chunk
from stilt.batch.manifest import read_manifest
from stilt.batch.snapshot import read_settings
from stilt.config.digests import digest_of
from stilt.foundations.errors import EXIT_COMPLETE, EXIT_SOME_FAILED, EnvironmentFailure, InputError
from stilt.foundations.quantities import counted
from stilt.foundations.writers import age_of_process, new_imprint, this_writer
from stilt.log.events import Closed
from stilt.log.index import OutputIndex
from stilt.log.writer import SegmentWriter
from stilt.transport.engines import with_roughness
from stilt.worker.loop import Loop, Share, Tally
from stilt.worker.scratch import make_scratch, remove_scratch

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.batch.chunks import Chunk
    from stilt.batch.manifest import Manifest
    from stilt.config.schema import Config
    from stilt.foundations.paths import Layout
    from stilt.foundations.writers import Writer
    from stilt.log.fold import State

EXIT_STOPPED = 75


@dataclass(slots=True)
class Ending:
    """How a worker ended.

    Attributes
    ----------
    exit_code
        0 all done, 1 some failed, 4 the environment, 75 stopped and can be requeued.
    why
        What the segment's ``closed`` says: ``finished``, a signal's name, ``time`` or an error.
    left
        How many simulations of the chunk are still to do.
    """

    exit_code: int
    why: str
    left: int
    done: int = 0
    failed: int = 0
    error: EnvironmentFailure | None = None


def _say_nothing(_: str) -> None:
    """Keep quiet."""


def work(  # noqa: PLR0917 - what a command line says, in its order
    layout: Layout,
    batch: str,
    task: int,
    cpus: int = 1,
    deadline: float | None = None,
    say: Callable[[str], None] = _say_nothing,
) -> Ending:
    """Work through the chunk of a task and return how that ended.

    Parameters
    ----------
    layout
        The project. Its ``config.yaml`` is not read.
    batch, task
        Which chunk.
    cpus
        Simulations at the same time.
    deadline
        When this process is going to be ended, in seconds since 1970; no simulation is started that is
        likely to take longer than until then.
    say
        Gets a line for each simulation that ended, for the output of the task.

    Raises
    ------
    DamagedError
        If manifest, settings or chunk are not what was handed over.
    EnvironmentFailure
        If the log or the scratch folder cannot be written, or the engine cannot run here.
    """
    manifest = read_manifest(layout.manifest(batch))
    chunk = _chunk(layout, manifest, task)
    config = with_roughness(read_settings(layout, manifest), manifest.made_by)
    check_copies(config)
    index = OutputIndex(layout.log_dir)
    tally = _left(index.fold_task(batch, task), chunk)
    writer = this_writer("worker", task, index.next_attempt(batch, task))
    imprint = new_imprint(manifest.seq, writer)
    log = _segment(layout, manifest, writer, imprint)
    if not tally.todo:
        log.append(Closed(time.time()))
        return _ending(tally, "finished")
    say(
        f"batch {batch} task {task} attempt {writer.attempt} on {writer.node or writer.host} "
        f"(pid {writer.pid}): {len(tally.todo)} simulations, {cpus} at a time"
    )
    scratch = make_scratch(config.execution.scratch)
    try:
        share = Share(layout, manifest, config, imprint, deadline)
        why = Loop(share, log, scratch, tally, say).run(cpus)
    finally:
        remove_scratch(scratch)
    if tally.left:
        say(f"left to a newer batch that claims it: {counted(tally.left, 'simulation')}")
    return _ending(tally, why)


def check_copies(config: Config) -> None:
    """Refuse files of a matrix that are not those handed over: the folder of each is the digest of its bytes.

    Raises
    ------
    EnvironmentFailure
        If one is another, or is not there.
    """
    files = {} if config.jacobian is None else config.jacobian.files
    for path, _ in files.values():
        if digest_of(path) != Path(path).parent.name:
            raise EnvironmentFailure(
                f"{path} is not the file of jacobian that was handed over",
                "`stilt run` hands its work over again",
                code="INPUT_CHANGED",
            )


def _segment(layout: Layout, manifest: Manifest, writer: Writer, imprint: str) -> SegmentWriter:
    return SegmentWriter(
        layout.log_dir,
        manifest.batch,
        manifest.seq,
        writer,
        transport=manifest.transports,
        footprints=manifest.footprints,
        engine=manifest.made_by,
        imprint=imprint,
    )


def _chunk(layout: Layout, manifest: Manifest, task: int) -> Chunk:
    if not 0 <= task < len(manifest.chunks):
        raise InputError(
            f"batch {manifest.batch} has tasks 0 to {len(manifest.chunks) - 1}, not {task}",
            "submit the array that `stilt run` rendered",
            code="TASK_UNKNOWN",
        )
    return read_chunk(layout.chunk(manifest.batch, manifest.chunks[task].digest))


def _left(state: State, chunk: Chunk) -> Tally:
    """Return what earlier lives of a task have left to do."""
    ended = {
        sim: simulation.outcome
        for sim, simulation in state.sims.items()
        if simulation.outcome in {"complete", "empty", "failed"}
    }
    todo = deque(entry for entry in chunk.simulations if entry.sim not in ended)
    return Tally(todo, failed=sum(outcome == "failed" for outcome in ended.values()))


_PROLOG_S = 300.0
"""A job may have begun so long before its script, on a node whose clock is right."""


def slurm_deadline() -> float | None:
    """Return when Slurm is going to end this job, in seconds since 1970 by this node's clock, if it says so.

    Slurm says it by the controller's clock. Where the two differ, how long the job may take counts from when its
    script began, both of which are differences on one clock.
    """
    end, start = _moment("SLURM_JOB_END_TIME"), _moment("SLURM_JOB_START_TIME")
    age_s = age_of_process(os.getppid())
    if end is None or start is None or age_s is None:
        return end
    began = time.time() - age_s
    return end if 0 <= began - start <= _PROLOG_S else began + (end - start)


def _moment(name: str) -> float | None:
    text = os.environ.get(name, "")
    return float(text) if text.isdigit() and int(text) > 0 else None


def _ending(tally: Tally, why: str) -> Ending:
    return Ending(
        _exit_code(tally, why), why, len(tally.todo), tally.succeeded, tally.failed, tally.broken
    )


def _exit_code(tally: Tally, why: str) -> int:
    if tally.broken is not None:
        return tally.broken.exit_code
    if tally.todo and why != "failures":
        return EXIT_STOPPED
    return EXIT_SOME_FAILED if tally.failed else EXIT_COMPLETE
