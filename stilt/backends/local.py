"""The local backend: push-workers as child processes of this command."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from stilt.backends.closing import Ends, say_end
from stilt.backends.interface import Sizes
from stilt.batch.follow import BatchFollower
from stilt.foundations.errors import (
    EXIT_COMPLETE,
    EXIT_NOT_FINISHED,
    EXIT_SOME_FAILED,
    DamagedError,
    EnvironmentFailure,
)
from stilt.foundations.linux import usable_cpus
from stilt.foundations.progress import Progress
from stilt.foundations.quantities import counted
from stilt.foundations.writers import this_writer
from stilt.log.events import Submitted
from stilt.worker.push_worker import EXIT_STOPPED
from stilt.worker.signals import StopSignals

if TYPE_CHECKING:
    from stilt.backends.interface import HandOver
    from stilt.config.schema import Config
    from stilt.foundations.paths import Layout
    from stilt.log.fold import State


_POLL_S = 0.2
_PATIENCE_S = 30.0


@dataclass(slots=True)
class _Child:
    """A push-worker, and the file that takes what it prints."""

    task: int
    process: subprocess.Popen[bytes]
    output: IO[bytes]


class LocalBackend:
    """Workers on this machine; the command waits for them."""

    name = "local"

    def __init__(self) -> None:
        self.was_left = False
        self._codes: dict[int, int] = {}
        self._words: dict[int, str] = {}

    def sizes(self, config: Config, n_workers: int | None, cpus: int | None) -> Sizes:
        """Return how to divide the work: as many simulations at a time as there are cores, in one worker.

        One worker shares its work out as its processes become free; several have fixed shares.
        """
        settings = config.execution
        if n_workers is None and settings.backend == "local":
            n_workers = settings.n_workers
        n_workers = n_workers or 1
        if cpus is None and settings.cpus_per_task > 1:
            cpus = settings.cpus_per_task
        return Sizes(n_workers, cpus or max(1, cores() // n_workers))

    def settle(self, layout: Layout, state: State) -> bool:
        """Return False: nobody else is asked to run a batch, so no submission can be left open."""
        del layout, state
        return False

    def rejoin(self, layout: Layout, state: State) -> int:
        """Leave it to the command that runs it, on this machine or another."""
        del layout, state
        return EXIT_NOT_FINISHED

    def start(self, handed: HandOver) -> None:
        """Say in the log that this process runs the batch."""
        writer = this_writer("run")
        token = f"stilt-{handed.manifest.batch}"
        job = f"{writer.host}:{writer.pid}"
        handed.log.append(
            Submitted(handed.manifest.batch, token, job, time.time(), backend="local"), sync=True
        )

    def preview(self, handed: HandOver) -> str:
        """Say how many processes there would be."""
        manifest = handed.manifest
        workers = len(manifest.chunks)
        return f"{workers} worker{'s' * (workers != 1)} with {manifest.cpus} at a time, here"

    def wait(self, handed: HandOver) -> int:
        """Run the workers to their end and return the exit code."""
        follower = BatchFollower(handed.layout.log_dir, handed.manifest.batch)
        with StopSignals() as signals, Progress(handed.total) as progress:
            why = self._run(handed, follower, progress, signals)
            self.was_left = bool(signals.name)
        handed.log.close(why or "finished")
        return self._report(handed, follower, why)

    def _run(
        self, handed: HandOver, follower: BatchFollower, progress: Progress, signals: StopSignals
    ) -> str:
        """Start workers as cores become free, until all have ended; return what stopped it."""
        waiting = deque(range(len(handed.manifest.chunks)))
        at_once = max(1, min(len(waiting), max(1, cores() // handed.manifest.cpus)))
        running: list[_Child] = []
        stopped_at: float | None = None
        selector = selectors.DefaultSelector()
        selector.register(signals.wakeup, selectors.EVENT_READ)
        why = ""
        while running or (waiting and not why):
            while waiting and len(running) < at_once and not why:
                running.append(_start(handed, waiting.popleft()))
            if selector.select(_POLL_S):
                signals.drain()
            why = signals.name or _too_many_failures(handed, follower)
            if why and stopped_at is None:
                stopped_at = time.monotonic()
                progress.say(
                    f"{why}: stopping, what runs is marked interrupted (Ctrl-C again: at once)"
                )
                _signal(running, signal.SIGTERM)
            impatient = signals.count > 1
            if stopped_at is not None and (
                impatient or time.monotonic() - stopped_at > _PATIENCE_S
            ):
                _signal(running, signal.SIGKILL)
            running = [child for child in running if not self._has_ended(child)]
            handed.log.tick()
            _show(follower, progress)
        _show(follower, progress)
        # workers that stop by themselves at --max-fails may be gone before the loop above sees it
        return why or _too_many_failures(handed, follower)

    def _has_ended(self, child: _Child) -> bool:
        code = child.process.poll()
        if code is None:
            return False
        self._codes[child.task] = code
        child.output.seek(0)
        self._words[child.task] = child.output.read().decode(errors="replace").strip()
        child.output.close()
        return True

    def _report(self, handed: HandOver, follower: BatchFollower, why: str) -> int:
        """Say how it ended, and return the exit code: the gravest of what the workers said."""
        unexpected = {
            task: code
            for task, code in sorted(self._codes.items())
            if code not in {EXIT_COMPLETE, EXIT_SOME_FAILED, EXIT_STOPPED}
        }
        for task, code in unexpected.items():
            _say_unexpected(task, code, self._words[task])
        code = self._exit_code(handed, follower, why, list(unexpected.values()))
        say_end(Ends.of(follower), handed.total, why)
        return code

    def _exit_code(
        self, handed: HandOver, follower: BatchFollower, why: str, unexpected: list[int]
    ) -> int:
        if DamagedError.exit_code in unexpected:
            return DamagedError.exit_code
        if any(code > 0 for code in unexpected):
            return EnvironmentFailure.exit_code
        ended = follower.count("complete", "empty", "failed")
        if why or ended < handed.total:
            return EXIT_NOT_FINISHED
        return EXIT_SOME_FAILED if follower.count("failed") else EXIT_COMPLETE


def cores() -> int:
    """Return how many cores this process may use."""
    return usable_cpus()


def worker_command(handed: HandOver, task: int) -> list[str]:
    """Return the command line of a task's push-worker."""
    layout, manifest = handed.layout, handed.manifest
    return [
        *(sys.executable, "-P", "-m", "stilt", "push-worker", str(layout.project)),
        *("--output", str(layout.output), "--batch", manifest.batch),
        *("--task", str(task), "--cpus", str(manifest.cpus)),
    ]


def _start(handed: HandOver, task: int) -> _Child:
    output = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker
    process = subprocess.Popen(
        [*worker_command(handed, task), "--parent", str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=output,
        start_new_session=True,  # Ctrl-C comes to this command alone, which passes it on
    )
    return _Child(task, process, output)


def _too_many_failures(handed: HandOver, follower: BatchFollower) -> str:
    limit = handed.manifest.max_fails
    failed = follower.count("failed") - handed.refused if limit else 0
    if not limit or failed < limit:
        return ""
    return f"{counted(failed, 'failure')}, as many as --max-fails allows"


def _signal(children: list[_Child], number: int) -> None:
    for child in children:
        child.process.send_signal(number)


def _show(follower: BatchFollower, progress: Progress) -> None:
    for done in follower.poll():
        reason = f"{done.reason}: {done.message}" if done.reason else ""
        progress.finished(done.sim, done.outcome, done.wall_s, reason)
    progress.running = len(follower.running)
    progress.tick()


def _say_unexpected(task: int, code: int, words: str) -> None:
    what = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    sys.stderr.write(f"stilt: the worker of task {task} {what}\n")
    if words:
        sys.stderr.write(f"{words}\n")
