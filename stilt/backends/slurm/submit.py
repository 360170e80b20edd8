"""Hand a registered batch to Slurm: scripts into place, intent, sbatch, acceptance.

Each step is durable before the next. A job's name is its token: whoever finds an intent without an
acceptance looks the name up before anything is submitted again.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from stilt.backends.slurm import commands
from stilt.backends.slurm.answers import Limits
from stilt.backends.slurm.arrays import split
from stilt.backends.slurm.observe import Array
from stilt.backends.slurm.refusals import refusal
from stilt.backends.slurm.script import Script, job_name, render, time_limit_s
from stilt.foundations.durable import publish
from stilt.foundations.errors import EnvironmentFailure, InputError
from stilt.log.events import Submitted, Submitting

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stilt.backends.slurm.answers import JobId
    from stilt.backends.slurm.script import ArrayPart
    from stilt.config.schema import Execution
    from stilt.foundations.paths import Layout
    from stilt.log.events import Event

Answered = TypeVar("Answered")

DEFAULT_MAX_ARRAY_SIZE = 1001
"""Slurm's own default, for a controller that does not say."""

WAITS_S = (2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 30.0)
"""Between attempts, where sbatch may go well the next time."""

SETTLING_S = 2.0
"""Between two looks for a job that may have been accepted unheard."""

PATIENCE_S = 300.0
"""No attempt is begun later than this: sbatch itself waits minutes for a full controller."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A batch to be run by Slurm.

    Attributes
    ----------
    tasks
        How many: one for each chunk.
    cpus
        Simulations that a task runs at the same time.
    """

    layout: Layout
    batch: str
    tasks: int
    cpus: int
    execution: Execution

    def scripts(self, limits: Limits) -> tuple[tuple[Script, Path], ...]:
        """Return the script of each array and where it lies."""
        size = DEFAULT_MAX_ARRAY_SIZE if limits.max_array_size is None else limits.max_array_size
        if size < 1:
            raise EnvironmentFailure(
                "this cluster allows no job arrays (MaxArraySize is 0)",
                "ask its support, or run with --backend local",
                code="SLURM_NO_ARRAYS",
            )
        if limits.max_job_count and self.tasks > limits.max_job_count:
            raise InputError(
                f"{self.tasks:,} tasks are more jobs than this cluster holds (MaxJobCount "
                f"{limits.max_job_count:,})",
                "lower execution.n_workers, then run the same command again",
                code="SLURM_TASKS_LIMIT",
            )
        parts = split(self.tasks, size, self.execution.array_parallelism)
        return tuple(map(self.script, parts))

    def make_folders(self) -> None:
        """Make the folder that tasks print into: Slurm does not."""
        commands.require_slurm()
        self.layout.slurm_logs(self.batch).mkdir(parents=True, exist_ok=True)

    def script(self, part: ArrayPart) -> tuple[Script, Path]:
        """Return the script of one array and where it lies."""
        return self._script(part), self.layout.submit_script(self.batch, part.number)

    def _script(self, part: ArrayPart) -> Script:
        return Script(
            name=job_name(self.batch, part.number, self.layout.output),
            batch=self.batch,
            part=part,
            cpus=self.cpus,
            logs=self.layout.slurm_logs(self.batch),
            project=self.layout.project,
            output=self.layout.output,
            python=sys.executable,
            max_requeues=self.execution.max_requeues,
            setup=self.execution.setup,
            options=self.execution.sbatch,
            time_limit_s=time_limit_s(self.execution.sbatch.get("time")),
        )


@dataclass(slots=True)
class Submitter:
    """Submits arrays one by one, and keeps those that Slurm has accepted.

    Parameters
    ----------
    record
        Appends an event to the batch's log; it is durable on return.
    say
        Tells the person at the terminal what takes time.
    cluster
        Its name, from ``ask_limits``.

    Attributes
    ----------
    was_refused
        Whether Slurm has plainly said of an array that it does not take it.
    """

    submission: Submission
    record: Callable[[Event], None]
    say: Callable[[str], None]
    cluster: str = ""
    accepted: list[Array] = field(default_factory=list)
    was_refused: bool = False

    def submit(self, script: Script, path: Path) -> Array:
        """Put the script into place, note the intent, submit it and note the acceptance.

        Raises
        ------
        InputError
            If sbatch refuses what config.yaml says.
        EnvironmentFailure
            If it does not take the array for another reason; ``TasksLimitError`` for so many tasks.
        """
        publish(path, render(script).encode(), root=self.submission.layout.project)
        mode = path.stat().st_mode
        path.chmod(mode | (mode & 0o444) >> 2)  # for whom the umask lets read it
        part = script.part
        clusters = str(script.options.get("clusters", "")) or self.cluster
        self.record(
            Submitting(script.batch, script.name, time.time(), part.first, part.tasks, clusters)
        )
        job = self._take(script, path)
        at, cluster = time.time(), job.cluster or self.cluster
        self.record(Submitted(script.batch, script.name, job.job, at, cluster=cluster))
        array = Array(script.batch, script.name, part.first, part.tasks, at, job.job, cluster)
        self.accepted.append(array)
        return array

    def _take(self, script: Script, path: Path) -> JobId:
        """Have one script taken, once."""
        attempts = _Attempts(script, path, _dependency(script, self.accepted), self.say)
        began = time.monotonic()
        try:
            job = _patiently(attempts.make_one, self.say)
        except commands.SlurmError as error:
            self.was_refused = attempts.made == 1 and not error.transient
            raise refusal(error, script, tuple(job.job for job in self.accepted)) from error
        if attempts.made > 1 or time.monotonic() - began > commands.SILENCE_S:
            attempts.cancel_all_but(job)
        return job


@dataclass(slots=True)
class _Attempts:
    """Submits one script until it is taken, and sees to it that there is one job of it in the end."""

    script: Script
    path: Path
    arguments: tuple[str, ...]
    say: Callable[[str], None]
    made: int = 0

    def make_one(self) -> JobId:
        """Submit it, unless an earlier attempt was taken after all."""
        if self.made and (found := self._find() or self._find_later()):
            job = found[0]
            self.say(f"Slurm had accepted it all the same, as job {job.job}")
            return job
        self.made += 1
        return commands.sbatch(self.path, *self.arguments, say=self.say)

    def cancel_all_but(self, job: JobId) -> None:
        """Cancel what a slow controller took besides, from an attempt that seemed lost."""
        try:
            surplus = [other.job for other in self._find() if other.job != job.job]
        except commands.SlurmError:
            return  # its tasks find their simulations claimed, and end
        if surplus:
            self.say(f"Slurm had accepted it twice; cancelling {', '.join(surplus)}")
            commands.scancel(surplus, cluster=self._clusters)

    def _find(self) -> tuple[JobId, ...]:
        return commands.find_by_name(self.script.name, self._clusters)

    def _find_later(self) -> tuple[JobId, ...]:
        """Look again: what comes back to life answers a question while it still takes what came before it."""
        time.sleep(SETTLING_S)
        return self._find()

    @property
    def _clusters(self) -> str:
        return str(self.script.options.get("clusters", ""))


def _dependency(script: Script, earlier: list[Array]) -> tuple[str, ...]:
    """Have an array that the throttle has no room for wait, besides what the user asked for."""
    if script.part.after is None:
        return ()
    own = f"afterany:{earlier[script.part.after].job}"
    given = script.options.get("dependency")
    return (f"--dependency={f'{given},{own}' if given else own}",)


def ask_limits(say: Callable[[str], None]) -> Limits:
    """Ask for the cluster's limits; Slurm's defaults where the controller is away for the moment."""
    commands.require_slurm()
    try:
        return commands.show_limits()
    except commands.SlurmError as error:
        say(f"{error.message}; assuming MaxArraySize {DEFAULT_MAX_ARRAY_SIZE}")
        return Limits()


def await_limits(say: Callable[[str], None]) -> Limits:
    """Ask for the cluster's limits until the controller answers, as long as sbatch would be tried.

    Raises
    ------
    SlurmError
        If it stays silent.
    """
    try:
        return _patiently(commands.show_limits, say)
    except commands.SlurmError as error:
        raise commands.SlurmError(
            error.message, "the work is registered: run the same command again when Slurm answers"
        ) from error


def _patiently(action: Callable[[], Answered], say: Callable[[str], None]) -> Answered:
    """Do it, and again after a while where it may go well the next time."""
    began = time.monotonic()
    for wait_s in WAITS_S:
        try:
            return action()
        except commands.SlurmError as error:
            if not error.transient or time.monotonic() - began + wait_s > PATIENCE_S:
                raise
            say(f"{error.message}; trying again in {wait_s:.0f} s")
            time.sleep(wait_s)
    return action()
