"""The Slurm backend of ``stilt run``: one batch becomes one array, or a few."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from stilt.backends.interface import Sizes
from stilt.backends.liveness import Fate
from stilt.backends.slurm import commands
from stilt.backends.slurm.answers import JobId
from stilt.backends.slurm.observe import (
    accepted_unseen,
    foreign_clusters,
    observe_slurm,
    open_arrays,
    submitters,
)
from stilt.backends.slurm.preview import preview
from stilt.backends.slurm.queue import forget_queue
from stilt.backends.slurm.refusals import TasksLimitError
from stilt.backends.slurm.rest import Rest
from stilt.backends.slurm.script import check_output_folder, time_limit_s
from stilt.backends.slurm.submit import Submission, Submitter, ask_limits, await_limits
from stilt.backends.slurm.wait import Followed, wait_for
from stilt.batch.queued import queued_by_batch
from stilt.foundations.errors import EXIT_NOT_FINISHED, StiltError
from stilt.foundations.quantities import counted
from stilt.foundations.writers import this_writer
from stilt.log.batches import REFUSED
from stilt.log.events import Submitted
from stilt.log.writer import SegmentWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from stilt.backends.interface import HandOver
    from stilt.backends.slurm.observe import Array
    from stilt.backends.slurm.script import Script
    from stilt.config.schema import Config
    from stilt.foundations.paths import Layout
    from stilt.log.events import Event
    from stilt.log.fold import State

SHORT_TIME_S = 300


class SlurmBackend:
    """Workers as tasks of a Slurm array; the command returns once sbatch has accepted."""

    name = "slurm"

    def __init__(self) -> None:
        self._arrays: tuple[Array, ...] = ()
        self._rest: Rest | None = None
        self.was_left = False

    def sizes(self, config: Config, n_workers: int | None, cpus: int | None) -> Sizes:
        """Return how to divide the work, from the command line or ``execution``.

        Raises
        ------
        EnvironmentFailure
            If this machine has no Slurm.
        """
        commands.require_slurm()
        count = n_workers or config.execution.n_workers
        return Sizes(count, cpus or config.execution.cpus_per_task)

    def settle(self, layout: Layout, state: State) -> bool:
        """Look up by name the jobs that may have been accepted though nobody recorded it.

        Raises
        ------
        InputError
            If Slurm cannot write into a folder of that name.
        """
        check_output_folder(layout.slurm_logs("").as_posix())
        unsettled = [array for array in open_arrays(state) if not array.job]
        if not unsettled:
            return False
        _, queue = observe_slurm(unsettled, fresh=True)
        found = accepted_unseen(unsettled, queue)
        for array in unsettled:
            if array.token in found:
                seq = state.batches[array.batch].seq
                log = SegmentWriter(layout.log_dir, array.batch, seq, this_writer("run"))
                job = _job_of(array, found[array.token])
                now = time.time()
                log.append(Submitted(array.batch, array.token, job.job, now, cluster=job.cluster))
                log.close()
                _say(f"job {found[array.token]} is an earlier submission that Slurm had accepted")
        return bool(found)

    def start(self, handed: HandOver) -> None:
        """Submit the batch and say under which job id."""
        submission = _submission(handed)
        _warn_of_short_time(handed)
        limits = await_limits(_say)
        handed.confirm()

        def record(event: Event) -> None:
            handed.log.append(event, sync=True)

        submitter = Submitter(submission, record, _say, limits.cluster)
        try:
            self._submit_all(submitter, submission.scripts(limits), waits=handed.waits)
        except StiltError:
            if submitter.was_refused and not submitter.accepted:
                handed.log.close(REFUSED)
            raise
        self._arrays = tuple(submitter.accepted)
        forget_queue(submitters(self._arrays), foreign_clusters(self._arrays))
        _tell(handed, self._arrays, self._rest)

    def _submit_all(
        self, submitter: Submitter, scripts: Sequence[tuple[Script, Path]], *, waits: bool
    ) -> None:
        """Submit the arrays; where a limit on tasks is met and the command waits, keep the rest for later."""
        submitter.submission.make_folders()
        for script, path in scripts:
            try:
                submitter.submit(script, path)
            except TasksLimitError:
                if not waits:
                    raise
                part = script.part
                self._rest = Rest(submitter, part.first, len(scripts), part.tasks // 2)
                self._rest.offer()
                return

    def wait(self, handed: HandOver) -> int:
        """Follow the log until the arrays have ended and return the exit code."""
        if self._rest is None:
            handed.log.close()
        followed = Followed(handed.layout.log_dir, self._arrays, handed.total)
        followed.rest = self._rest
        try:
            return self._wait_for(followed, handed.log.tick)
        finally:
            if self._rest is not None:
                handed.log.close()

    def _wait_for(self, followed: Followed, tick: Callable[[], None] = lambda: None) -> int:
        code = wait_for(followed, tick)
        self.was_left = followed.was_left
        return code

    def rejoin(self, layout: Layout, state: State) -> int:
        """Wait for what earlier runs have queued and return the exit code."""
        arrays = open_arrays(state)
        lives, _ = observe_slurm(arrays, fresh=True)

        def keeps(batch: str, task: int) -> bool:
            known = lives.get((batch, task))
            return known is not None and known.fate_in(state.batches[batch]) is not Fate.GONE

        waiting = queued_by_batch(layout, state, keeps)
        if not waiting:
            return EXIT_NOT_FINISHED  # whoever has them, it is no array of this project
        live = [array for array in arrays if any(keeps(array.batch, n) for n in array.numbers)]
        total = len(set[str]().union(*waiting.values()))
        return self._wait_for(Followed(layout.log_dir, live, total, waiting))

    def preview(self, handed: HandOver) -> str:
        """Return script, command line, limits and number of tasks."""
        return preview(_submission(handed), ask_limits(_say))


def _job_of(array: Array, listed: str) -> JobId:
    """Return the job of an array that is listed, and on which of the clusters that it was offered to it is."""
    if len(array.clusters) > 1:
        found = commands.find_by_name(array.token, array.cluster)
        return found[0] if found else JobId(listed)
    return JobId(listed, array.cluster)


def _submission(handed: HandOver) -> Submission:
    return Submission(
        layout=handed.layout,
        batch=handed.manifest.batch,
        tasks=len(handed.manifest.chunks),
        cpus=handed.manifest.cpus,
        execution=handed.config.execution,
    )


def _warn_of_short_time(handed: HandOver) -> None:
    limit_s = time_limit_s(handed.config.execution.sbatch.get("time"))
    if limit_s is not None and limit_s < SHORT_TIME_S:
        _say(
            f"execution.time gives a task {limit_s / 60:.0f} min, and it is told to stop "
            "2 to 3 min before: 10 min or more waste less"
        )


def _tell(handed: HandOver, arrays: Sequence[Array], rest: Rest | None) -> None:
    """Print what the person at the terminal wants to note down."""
    if rest is not None and rest.left and rest.refusal is not None:
        _say(f"{rest.refusal.message}; {counted(rest.left, 'task')} wait here until there is room")
    if not arrays:
        return
    ids = ", ".join(array.job for array in arrays)
    tasks, taken = len(handed.manifest.chunks), sum(array.tasks for array in arrays)
    share = f"{taken:,} of " if taken < tasks else ""
    sys.stdout.write(
        f"submitted job{'s' * (len(arrays) > 1)} {ids}: {counted(handed.manifest.total, 'simulation')} in "
        f"{share}{counted(tasks, 'task')} (batch {handed.manifest.batch})\n"
    )
    sys.stdout.flush()


def _say(text: str) -> None:
    sys.stderr.write(f"stilt: {text}\n")
