"""The loop of a worker: between the pool of processes, the log and the clock."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from stilt.batch.claims import Claims
from stilt.foundations.errors import EnvironmentFailure
from stilt.log.events import Closed, Done, Started
from stilt.transport.protocol import Reason
from stilt.worker import memory
from stilt.worker.pool import Broken, Finished, Lost, Member, Pool, Ready, Reply, signal_name
from stilt.worker.signals import StopSignals

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from stilt.batch.chunks import ChunkEntry
    from stilt.batch.manifest import Manifest
    from stilt.config.schema import Config
    from stilt.foundations.paths import Layout
    from stilt.log.writer import SegmentWriter

_TICK_S = 0.5
_MARGIN_S = 180.0
_SHARE = 0.1
_GRACE = 1.2
_GRACE_S = 600.0
_STILLBIRTHS = 3


@dataclass(slots=True)
class Tally:
    """What a worker has done, and what it still has to do.

    Attributes
    ----------
    failed
        Simulations of the task that failed, those of earlier attempts included.
    left
        Simulations that were left alone, since a newer batch claims them.
    stillbirths
        Pool processes that ended before they could work, in a row.
    longest_s
        The longest that a simulation took, by kind of work.
    broken
        Why no simulation can be run here.
    """

    todo: deque[ChunkEntry]
    failed: int
    succeeded: int = 0
    left: int = 0
    stillbirths: int = 0
    longest_s: dict[str, float] = field(default_factory=dict)
    broken: EnvironmentFailure | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """What a worker is given: a batch, its settings, and until when.

    Attributes
    ----------
    imprint
        What the names of this worker's outputs carry.
    deadline
        When this process is going to be ended, in seconds since 1970; None: nobody said.
    """

    layout: Layout
    manifest: Manifest
    config: Config
    imprint: str
    deadline: float | None = None


class Loop:
    """Feeds the pool, and writes down what comes of it."""

    def __init__(
        self,
        share: Share,
        log: SegmentWriter,
        scratch: Path,
        tally: Tally,
        say: Callable[[str], None],
    ) -> None:
        self.share = share
        self.log = log
        self.scratch = scratch
        self.tally = tally
        self.say = say
        self.margin_s = _margin_s(share.deadline)
        self.oom_kills = memory.out_of_memory_kills()
        self.begun = False
        self.claims = Claims(share.layout, share.manifest.seq)

    def run(self, cpus: int) -> str:
        """Work until nothing is left or there is a reason to stop, and return why it ended.

        ``finished``, the name of a signal, ``time``, ``failures`` or ``error``.
        """
        with StopSignals() as signals:
            pool = Pool(cpus, self._prepare, signals.wakeup)
            try:
                why = self._loop(pool, signals)
                self._leave(pool, why)
            finally:
                pool.stop()
        return why

    def _loop(self, pool: Pool, signals: StopSignals) -> str:
        """Feed the pool until there is nothing left to do or a reason to stop; return that."""
        while True:
            if signals.name:
                return signals.name
            if self.tally.broken is not None:
                return "error"
            if self._too_many_failures():
                return "failures"
            has_time = self._has_time()
            if has_time:
                self._feed(pool)
            if not pool.busy():
                if not self.tally.todo:
                    return "finished"
                if not has_time:
                    return "time"
            self._take(pool.wait(_TICK_S))
            self._end_the_stuck(pool)
            self.log.tick()

    def _feed(self, pool: Pool) -> None:
        pool.fill(len(self.tally.todo) + len(pool.busy()))
        begun: list[tuple[Member, ChunkEntry]] = []
        for member in pool.idle():
            entry = self._next()
            if entry is not None:
                begun.append((member, entry))
        if begun:
            self.begun = True
            # durable first where older files go: the log must not vouch for them when they are gone
            sync = any(entry.before for _, entry in begun)
            self.log.append(*(_started(entry) for _, entry in begun), sync=sync)
        for member, entry in begun:
            pool.give(member, entry, time.monotonic())

    def _next(self) -> ChunkEntry | None:
        """Return what is to be begun next, leaving alone what a newer batch claims."""
        while self.tally.todo:
            entry = self.tally.todo.popleft()
            if not self.claims.holder(entry.sim):
                return entry
            self.tally.left += 1
        return None

    def _has_time(self) -> bool:
        """Return whether the next simulation is likely to end before this process has to."""
        if self.share.deadline is None or not self.tally.todo:
            return True
        left = self.share.deadline - time.time() - self.margin_s
        if not self.begun:
            return left > 0  # the guess may be from slower settings: no task would ever begin
        kind = self.tally.todo[0].work
        likely = self.tally.longest_s.get(kind, 0.0)
        if kind == "transport" and not likely:
            likely = self.share.manifest.likely_wall_s
        return left > likely

    def _too_many_failures(self) -> bool:
        limit = self.share.manifest.max_fails
        return bool(limit) and self.tally.failed >= limit

    def _take(self, heard: Iterable[tuple[Member, Reply]]) -> None:
        ended: list[Done] = []
        for member, reply in heard:
            if isinstance(reply, Finished):
                ended.append(self._finished(member, reply.done))
            elif isinstance(reply, Broken):
                self._break(EnvironmentFailure(reply.message, reply.hint, code=reply.code))
            elif isinstance(reply, Ready):
                self.tally.stillbirths = 0
            else:
                ended += self._lost(member, reply)
        if ended:
            self._record(ended)

    def _record(self, ended: list[Done], *, sync: bool = False) -> None:
        """Log what has ended, and say it in the task's own output."""
        self.log.append(*ended, sync=sync)
        clock = time.strftime("%H:%M:%S", time.gmtime())
        for done in ended:
            why = f"  {done.reason}" if done.reason else ""
            what = f": {done.message}" if done.message else ""
            self.say(f"{clock} {done.outcome:<11} {done.sim}  {done.wall_s:.1f} s{why}{what}")

    def _finished(self, member: Member, done: Done) -> Done:
        entry, member.entry = member.entry, None
        if done.outcome == "failed":
            done = self._explained(done)
            self.tally.failed += 1
        elif done.outcome == "interrupted":
            self.tally.left += 1
        else:
            self.tally.succeeded += 1
            if entry is not None:
                known = self.tally.longest_s.get(entry.work, 0.0)
                self.tally.longest_s[entry.work] = max(known, done.wall_s)
        if done.reason == Reason.DISK_FULL:
            self._break(
                EnvironmentFailure(
                    f"{done.sim}: {done.message}: no simulation can succeed here now",
                    "make room (or raise the quota), then run the same command again",
                    code="DISK_FULL",
                )
            )
        return done

    def _explained(self, done: Done) -> Done:
        """Say that memory ran out where the model was killed and the kernel has counted that."""
        if done.reason == Reason.KILLED and self._memory_ran_out():
            return msgspec.structs.replace(
                done, reason=str(Reason.OUT_OF_MEMORY), message=f"out of memory: {done.message}"
            )
        return done

    def _lost(self, member: Member, lost: Lost) -> list[Done]:
        """Charge the loss of a process to its own simulation, and to no other."""
        if not lost.was_ready:
            self.tally.stillbirths += 1
            if self.tally.stillbirths >= _STILLBIRTHS:
                self._break(
                    EnvironmentFailure(
                        f"{_STILLBIRTHS} processes of the pool ended before they could work "
                        f"({_death(lost)})",
                        "their words are in the output of this task",
                        code="POOL_DIED",
                    )
                )
        if member.entry is None:
            return []
        self.tally.failed += 1
        message = f"its process {_death(lost)}"
        reason = Reason.KILLED
        if member.stuck:
            reason, message = Reason.TIMEOUT, "nothing was heard of it for longer than its timeout"
        elif self._memory_ran_out():
            reason, message = Reason.OUT_OF_MEMORY, f"out of memory: {message}"
        wall_s = round(time.monotonic() - member.since, 3)
        return [
            Done(
                member.entry.sim,
                "failed",
                time.time(),
                wall_s,
                reason=str(reason),
                message=message,
                met=member.entry.met,
                receptor=member.entry.receptor.digest,
            )
        ]

    def _memory_ran_out(self) -> bool:
        kills = memory.out_of_memory_kills()
        grew = kills > self.oom_kills
        self.oom_kills = kills
        return grew

    def _end_the_stuck(self, pool: Pool) -> None:
        """End a process that is far beyond the time that its engine should have kept."""
        limit = self.share.config.execution.timeout * _GRACE + _GRACE_S
        for member in pool.busy():
            if time.monotonic() - member.since > limit:
                member.stuck = True
                pool.kill(member)

    def _break(self, error: EnvironmentFailure) -> None:
        self.tally.broken = self.tally.broken or error

    def _leave(self, pool: Pool, why: str) -> None:
        """End the pool, note what was in flight, and close the segment."""
        in_flight = {member.pid: member for member in pool.busy()}
        said = [(member, reply) for member, reply in pool.stop() if isinstance(reply, Finished)]
        now = time.time()
        ended: list[Done] = []
        for member, reply in said:
            # a model that the same signal has hit did not fail: it was stopped
            if reply.done.outcome != "failed":
                ended.append(self._finished(member, reply.done))
                in_flight.pop(member.pid, None)
        for member in in_flight.values():
            if member.entry is not None:
                wall_s = round(time.monotonic() - member.since, 3)
                stopped = Done(
                    member.entry.sim,
                    "interrupted",
                    now,
                    wall_s,
                    reason=why,
                    met=member.entry.met,
                    receptor=member.entry.receptor.digest,
                )
                ended.append(stopped)
                self.tally.todo.append(member.entry)
        if ended:
            self._record(ended, sync=True)
        if self.begun:
            self.log.close(why)
        else:  # that it began nothing, and why, is to be seen as well
            self.log.append(Closed(time.time(), why), sync=True)

    def _prepare(self) -> Callable[[ChunkEntry], Done]:
        """Run in a process of the pool: load what is heavy, once."""
        from stilt.worker.kinds import Simulators
        from stilt.worker.lean_arrow import spare_pandas

        spare_pandas()
        return Simulators(self.share, self.scratch)


def _started(entry: ChunkEntry) -> Started:
    return Started(entry.sim, time.time(), entry.met, entry.receptor.digest)


def _margin_s(deadline: float | None) -> float:
    """Return how long before the deadline the end begins.

    Slurm's signal comes 120 s before the limit and up to a minute earlier than that, and ends what is in
    flight; a job that is short all in all can't spare as much.
    """
    return 0.0 if deadline is None else min(_MARGIN_S, _SHARE * (deadline - time.time()))


def _death(lost: Lost) -> str:
    if lost.signal:
        return f"was killed by {signal_name(lost.signal)}"
    return f"ended with status {lost.status}"
