"""``stilt run --wait`` with Slurm: progress from the log, Slurm asked at most once a minute."""

from __future__ import annotations

import selectors
import sys
import time
from typing import TYPE_CHECKING

from stilt.backends.closing import Ends, say_end
from stilt.backends.liveness import Fate
from stilt.backends.slurm.observe import observe_slurm
from stilt.batch.follow import BatchFollower
from stilt.foundations.errors import (
    EXIT_COMPLETE,
    EXIT_NOT_FINISHED,
    EXIT_SOME_FAILED,
    EnvironmentFailure,
)
from stilt.foundations.progress import Progress
from stilt.foundations.quantities import counted
from stilt.worker.signals import StopSignals

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence
    from pathlib import Path

    from stilt.backends.slurm.observe import Array
    from stilt.backends.slurm.rest import Rest
    from stilt.log.events import Done

POLL_S = 1.0
FIRST_LOOK_S = 10.0
"""An array that cannot start at all is soon seen."""

LOOK_EVERY_S = 60.0


class Followed:
    """What is waited for.

    Parameters
    ----------
    log_dir
        The output index.
    arrays
        The arrays that work on it.
    total
        How many simulations.
    only
        Their ids by batch, where it is not all of those that the arrays' batches were handed.
    """

    def __init__(
        self,
        log_dir: Path,
        arrays: Sequence[Array],
        total: int,
        only: Mapping[str, Container[str]] | None = None,
    ) -> None:
        self.arrays = tuple(arrays)
        self.rest: Rest | None = None
        self.was_left = False
        self.total = total
        self.outcomes: dict[str, str] = {}
        self.failures: dict[str, str] = {}
        self._only = only
        batches = sorted({array.batch for array in arrays})
        self._followers = {batch: BatchFollower(log_dir, batch) for batch in batches}

    @property
    def left(self) -> int:
        """How many have not ended by themselves."""
        return self.total - sum(what != "interrupted" for what in self.outcomes.values())

    @property
    def ends(self) -> Ends:
        """How simulations ended."""
        return Ends(self.outcomes, self.failures, self._running())

    @property
    def jobs(self) -> str:
        """The job ids, for a person."""
        return ", ".join(array.job for array in self.arrays)

    def show(self, progress: Progress) -> None:
        """Read what is new in the log and show it."""
        for batch, follower in self._followers.items():
            for done in follower.poll():
                if self._only is None or done.sim in self._only.get(batch, ()):
                    self._take(done, progress)
        progress.running = self._running()
        progress.tick()

    def _running(self) -> int:
        return sum(len(follower.running) for follower in self._followers.values())

    def _take(self, done: Done, progress: Progress) -> None:
        reason = f"{done.reason}: {done.message}" if done.reason else ""
        progress.finished(done.sim, done.outcome, done.wall_s, reason)
        self.outcomes[done.sim] = done.outcome
        self.failures.pop(done.sim, None)
        if done.outcome == "failed":
            self.failures[done.sim] = done.reason

    def are_gone(self, progress: Progress) -> bool:
        """Ask Slurm, once, whether no task is left. What is not known is not gone.

        Tasks that a limit kept out of the queue are offered again before.
        """
        if self.waiting:
            self._offer(progress)
            return False
        lives, queue = observe_slurm(self.arrays, fresh=True)
        progress.note = queue.problem
        return all(life.fate is Fate.GONE for life in lives.values())

    @property
    def waiting(self) -> int:
        """How many tasks are still to be submitted."""
        return self.rest.left if self.rest is not None else 0

    def _offer(self, progress: Progress) -> None:
        """Submit what there is room for now; whoever waits for a limit is not ended by one that is busy."""
        try:
            taken = self.rest.offer() if self.rest is not None else []
        except EnvironmentFailure as error:
            progress.note = error.message
            return
        self.arrays = (*self.arrays, *taken)
        progress.note = f"{self.waiting:,} tasks are still to be submitted" if self.waiting else ""


def wait_for(followed: Followed, tick: Callable[[], None]) -> int:
    """Show progress until all has ended, say how, and return the exit code.

    0 all good, 1 some simulations failed, 3 not finished: cancelled or lost, or this command was
    interrupted, which leaves the job running. ``tick`` is called every second.
    """
    signal = _follow(followed, tick)
    if signal and followed.left:
        followed.was_left = True
        return _left_running(signal, followed)
    say_end(followed.ends, followed.total)
    if followed.left:
        return _not_finished(followed)
    return EXIT_SOME_FAILED if followed.failures else EXIT_COMPLETE


def _follow(followed: Followed, tick: Callable[[], None]) -> str:
    """Show progress until all has ended or is gone, or somebody stops the waiting: then return the signal's name."""
    next_look = time.monotonic() + FIRST_LOOK_S
    selector = selectors.DefaultSelector()
    with StopSignals() as signals, Progress(followed.total) as progress:
        selector.register(signals.wakeup, selectors.EVENT_READ)
        while True:
            gone = False
            if time.monotonic() >= next_look:
                gone = followed.are_gone(progress)
                next_look = time.monotonic() + LOOK_EVERY_S
            followed.show(progress)
            if gone or not followed.left:
                return ""
            tick()
            if signals.name:
                return signals.name
            selector.select(POLL_S)


def _not_finished(followed: Followed) -> int:
    sys.stderr.write(
        f"stilt: job {followed.jobs} has ended with {counted(followed.left, 'simulation')} not done "
        "(cancelled, or out of time)\n  -> `stilt status` says more; `stilt run` goes on\n"
    )
    return EXIT_NOT_FINISHED


def _left_running(signal: str, followed: Followed) -> int:
    if followed.waiting:
        sys.stderr.write(
            f"stilt: {followed.waiting:,} tasks were not submitted yet: `stilt run` submits them\n"
        )
    sys.stderr.write(
        f"stilt: {signal}: no longer waiting; job {followed.jobs} goes on\n"
        "  -> `stilt status` follows it, `stilt cancel` ends it\n"
    )
    return EXIT_NOT_FINISHED
