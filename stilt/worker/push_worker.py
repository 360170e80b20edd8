"""Work through one chunk, and be the only one who writes its task's events.

What a simulation needs is in the batch's folder: the chunk, and the settings as they were when it was
handed over. ``config.yaml`` may have been edited since and is not read.
"""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from stilt.batch.chunks import read_chunk
from stilt.batch.manifest import read_manifest
from stilt.errors import DamagedError, EnvironmentFailure, InputError
from stilt.identity import this_writer
from stilt.log.events import Closed, Done, Started
from stilt.log.index import OutputIndex
from stilt.log.writer import SegmentWriter
from stilt.transport.protocol import Reason
from stilt.worker import memory
from stilt.worker.pool import Broken, Finished, Lost, Member, Pool, Ready, Reply, signal_name
from stilt.worker.scratch import make_scratch, remove_scratch
from stilt.worker.signals import StopSignals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from stilt.batch.chunks import ChunkEntry
    from stilt.batch.manifest import Manifest
    from stilt.config.schema import Config
    from stilt.paths import Layout

EXIT_COMPLETE = 0
EXIT_SOME_FAILED = 1
EXIT_STOPPED = 75

_TICK_S = 0.5
_MARGIN_S = 180.0
_SHARE = 0.1
_GRACE = 1.2
_GRACE_S = 600.0
_STILLBIRTHS = 3


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
    error: EnvironmentFailure | InputError | None = None


@dataclass(slots=True)
class _Tally:
    """What a worker has done, and what it still has to do."""

    todo: deque[ChunkEntry]
    failed: int
    succeeded: int = 0
    stillbirths: int = 0
    longest_s: dict[str, float] = field(default_factory=dict)
    broken: EnvironmentFailure | InputError | None = None


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
    if not 0 <= task < len(manifest.chunks):
        raise InputError(
            f"batch {batch} has tasks 0 to {len(manifest.chunks) - 1}, not {task}",
            "submit the array that `stilt run` rendered",
        )
    chunk = read_chunk(layout.chunk(batch, manifest.chunks[task].digest))
    config = _settings(layout, manifest)
    index = OutputIndex(layout.log_dir)
    ended = {
        sim: state.outcome
        for sim, state in index.fold_task(batch, task).sims.items()
        if state.outcome in {"complete", "empty", "failed"}
    }
    todo = deque(entry for entry in chunk.simulations if entry.sim not in ended)
    tally = _Tally(todo, failed=sum(outcome == "failed" for outcome in ended.values()))
    writer = this_writer("worker", task, index.next_attempt(batch, task))
    log = SegmentWriter(
        layout.log_dir,
        batch,
        manifest.seq,
        writer,
        transport=manifest.transports,
        footprints=manifest.footprints,
    )
    if not todo:
        log.append(Closed(time.time()))
        return _ending(tally, "finished", exit_code=None)
    say(
        f"batch {batch} task {task} attempt {writer.attempt} on {writer.node or writer.host} "
        f"(pid {writer.pid}): {len(todo)} simulations, {cpus} at a time"
    )
    scratch = make_scratch(config.execution.scratch)
    try:
        return _Worker(layout, manifest, config, log, scratch, tally, deadline, say).run(cpus)
    finally:
        remove_scratch(scratch)


def slurm_deadline() -> float | None:
    """Return when Slurm is going to end this job, in seconds since 1970, if it says so."""
    text = os.environ.get("SLURM_JOB_END_TIME", "")
    return float(text) if text.isdigit() and int(text) > 0 else None


def _settings(layout: Layout, manifest: Manifest) -> Config:
    """Read the batch's settings, which are named by their digest."""
    from stilt.config.digests import config_digest
    from stilt.config.load import parse_config

    path = layout.config_snapshot(manifest.batch, manifest.config)
    hint = "`stilt run` hands its work over again"
    try:
        config = parse_config(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError, InputError) as error:
        raise DamagedError(f"the batch's settings {path} cannot be read: {error}", hint) from error
    if config_digest(config) != manifest.config:
        raise DamagedError(f"the batch's settings {path} are not those handed over", hint)
    return config


class _Worker:
    """The loop between the pool and the log."""

    def __init__(  # noqa: PLR0917 - one caller
        self,
        layout: Layout,
        manifest: Manifest,
        config: Config,
        log: SegmentWriter,
        scratch: Path,
        tally: _Tally,
        deadline: float | None,
        say: Callable[[str], None],
    ) -> None:
        self.layout = layout
        self.manifest = manifest
        self.config = config
        self.log = log
        self.scratch = scratch
        self.tally = tally
        self.deadline = deadline
        self.margin_s = _margin_s(deadline)
        self.say = say
        self.oom_kills = memory.out_of_memory_kills()

    def run(self, cpus: int) -> Ending:
        with StopSignals() as signals:
            pool = Pool(cpus, self._prepare, signals.wakeup)
            try:
                why = self._loop(pool, signals)
                self._leave(pool, why)
            finally:
                pool.stop()
        if self.tally.broken is not None:
            return _ending(self.tally, "error", exit_code=self.tally.broken.exit_code)
        return _ending(self.tally, why, exit_code=None)

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
        begun: list[Started] = []
        for member in pool.idle()[: len(self.tally.todo)]:
            entry = self.tally.todo.popleft()
            begun.append(Started(entry.sim, time.time()))
            pool.give(member, entry, time.monotonic())
        if begun:
            self.log.append(*begun)

    def _has_time(self) -> bool:
        """Return whether the next simulation is likely to end before this process has to."""
        if self.deadline is None or not self.tally.todo:
            return True
        left = self.deadline - time.time() - self.margin_s
        kind = self.tally.todo[0].work
        likely = self.tally.longest_s.get(kind, 0.0)
        if kind == "transport" and not likely:
            likely = self.manifest.likely_wall_s
        return left > likely

    def _too_many_failures(self) -> bool:
        limit = self.manifest.max_fails
        return bool(limit) and self.tally.failed >= limit

    def _take(self, heard: Iterable[tuple[Member, Reply]]) -> None:
        ended: list[Done] = []
        for member, reply in heard:
            if isinstance(reply, Finished):
                ended.append(self._finished(member, reply.done))
            elif isinstance(reply, Broken):
                self._break(EnvironmentFailure(reply.message, reply.hint))
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
            )
        ]

    def _memory_ran_out(self) -> bool:
        kills = memory.out_of_memory_kills()
        grew = kills > self.oom_kills
        self.oom_kills = kills
        return grew

    def _end_the_stuck(self, pool: Pool) -> None:
        """End a process that is far beyond the time that its engine should have kept."""
        limit = self.config.execution.timeout * _GRACE + _GRACE_S
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
                ended.append(Done(member.entry.sim, "interrupted", now, wall_s, reason=why))
                self.tally.todo.append(member.entry)
        if ended:
            self._record(ended, sync=True)
        self.log.close(why)

    def _prepare(self) -> Callable[[ChunkEntry], Done]:
        """Run in a process of the pool: load what is heavy, once."""
        from stilt.transport.engines import load_engine
        from stilt.worker.lean_arrow import spare_pandas
        from stilt.worker.simulate import Simulator

        spare_pandas()
        engine = load_engine(self.config)
        engine.prepare(self.config)
        return Simulator(engine, self.config, self.layout, self.scratch)


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


def _ending(tally: _Tally, why: str, exit_code: int | None) -> Ending:
    left = len(tally.todo)
    if exit_code is None:
        exit_code = EXIT_STOPPED if left else EXIT_SOME_FAILED if tally.failed else EXIT_COMPLETE
        if why == "failures":
            exit_code = EXIT_SOME_FAILED
    return Ending(exit_code, why, left, tally.succeeded, tally.failed, tally.broken)
