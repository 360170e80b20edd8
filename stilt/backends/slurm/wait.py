"""``stilt run --wait`` with Slurm: progress from the log, Slurm asked at most once a minute."""

from __future__ import annotations

import selectors
import sys
import time
from typing import TYPE_CHECKING

from stilt.backends.liveness import Life
from stilt.backends.slurm.observe import observe_slurm
from stilt.batch.follow import BatchFollower
from stilt.progress import Progress
from stilt.worker.signals import StopSignals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stilt.backends.interface import HandOver
    from stilt.backends.slurm.observe import Array

EXIT_COMPLETE = 0
EXIT_SOME_FAILED = 1
EXIT_NOT_FINISHED = 3

POLL_S = 1.0
FIRST_LOOK_S = 15.0
"""An array that cannot start at all is soon seen."""

LOOK_EVERY_S = 60.0


def wait_for(handed: HandOver, arrays: Sequence[Array]) -> int:
    """Show progress until the batch has ended and return the exit code.

    0 all good, 1 some simulations failed, 3 not finished: cancelled or lost, or this command was
    interrupted, which leaves the job running.
    """
    follower = BatchFollower(handed.layout.log_dir, handed.manifest.batch)
    total = handed.manifest.total
    next_look = time.monotonic() + FIRST_LOOK_S
    selector = selectors.DefaultSelector()
    with StopSignals() as signals, Progress(total) as progress:
        selector.register(signals.wakeup, selectors.EVENT_READ)
        while True:
            gone = False
            if time.monotonic() >= next_look:
                gone = _all_gone(arrays, progress)
                next_look = time.monotonic() + LOOK_EVERY_S
            _show(follower, progress)
            if _ended(follower) >= total:
                return EXIT_SOME_FAILED if follower.count("failed") else EXIT_COMPLETE
            if gone:
                return _not_finished(total - _ended(follower), arrays)
            if signals.name:
                return _left_running(signals.name, arrays)
            selector.select(POLL_S)


def _ended(follower: BatchFollower) -> int:
    return follower.count("complete", "empty", "failed")


def _all_gone(arrays: Sequence[Array], progress: Progress) -> bool:
    """Ask Slurm, once, whether any task is left. What is not known is not gone."""
    lives, queue = observe_slurm(arrays, fresh=True)
    progress.note = queue.problem
    return all(life.life is Life.GONE for life in lives.values())


def _show(follower: BatchFollower, progress: Progress) -> None:
    for done in follower.poll():
        reason = f"{done.reason}: {done.message}" if done.reason else ""
        progress.finished(done.sim, done.outcome, done.wall_s, reason)
    progress.running = len(follower.running)
    progress.tick()


def _not_finished(left: int, arrays: Sequence[Array]) -> int:
    sys.stderr.write(
        f"stilt: job {_jobs(arrays)} has ended with {left:,} simulations not done "
        "(cancelled, or out of time)\n  -> `stilt status` says more; `stilt run` goes on\n"
    )
    return EXIT_NOT_FINISHED


def _left_running(signal: str, arrays: Sequence[Array]) -> int:
    sys.stderr.write(
        f"stilt: {signal}: no longer waiting; job {_jobs(arrays)} goes on\n"
        "  -> `stilt status` follows it, `stilt cancel` ends it\n"
    )
    return EXIT_NOT_FINISHED


def _jobs(arrays: Sequence[Array]) -> str:
    return ", ".join(array.job for array in arrays)
