"""The pool: a process that is lost costs its own simulation, and none outlives the parent."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stilt.batch.chunks import ChunkEntry
from stilt.foundations.errors import EnvironmentFailure
from stilt.foundations.processes import children
from stilt.log.events import Done
from stilt.worker.pool import Broken, Finished, Lost, Pool, Ready
from stilt.worker.signals import StopSignals
from tests.projects import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stilt.worker.pool import Member, Reply


def entry(what: str) -> ChunkEntry:
    return ChunkEntry(what, "met", "201512100000", (0.0,), (0.0,), (5.0,))


def prepare() -> Callable[[ChunkEntry], Done]:
    def simulate(entry: ChunkEntry) -> Done:
        what, _, argument = entry.sim.partition(" ")
        if what == "die":
            os.kill(os.getpid(), int(argument))
        if what == "exit":
            os._exit(int(argument))
        if what == "sleep":
            time.sleep(float(argument))
        if what == "model":
            with subprocess.Popen(["sleep", argument], start_new_session=True) as model:
                model.wait()
        if what == "refuse":
            raise EnvironmentFailure("the disk is gone", "mount it", code="OUTPUT_UNWRITABLE")
        return Done(entry.sim, "complete", 0.0, peak_rss_bytes=os.getpid())

    return simulate


@pytest.fixture
def pool() -> Iterator[Pool]:
    with StopSignals() as signals:
        pool = Pool(2, prepare, signals.wakeup)
        yield pool
        pool.stop()
    assert children() == []


def collect(pool: Pool, wanted: type, count: int = 1) -> list[tuple[Member, Reply]]:
    found: list[tuple[Member, Reply]] = []

    def heard() -> bool:
        found.extend(said for said in pool.wait(0.2) if isinstance(said[1], wanted))
        return len(found) >= count

    wait_until(heard, f"{count} {wanted.__name__}")
    return found


def started(pool: Pool, count: int = 2) -> list[Member]:
    pool.fill(count)
    collect(pool, Ready, count)
    return pool.idle()


def test_no_more_processes_than_there_is_work(pool: Pool) -> None:
    assert len(started(pool, 1)) == 1


def test_work_comes_back_done(pool: Pool) -> None:
    for member in started(pool):
        pool.give(member, entry("quick"), 0.0)
    dones = [reply.done for _, reply in collect(pool, Finished, 2) if isinstance(reply, Finished)]
    assert [done.sim for done in dones] == ["quick", "quick"]
    assert len({done.peak_rss_bytes for done in dones}) == 2, "each in a process of its own"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_process_lost_to_a_signal_is_reported_and_the_other_works_on(
    pool: Pool, number: int
) -> None:
    first, second = started(pool)
    pool.give(first, entry(f"die {int(number)}"), 0.0)
    ((member, lost),) = collect(pool, Lost)
    assert member is first
    assert isinstance(lost, Lost)
    assert (lost.signal, lost.was_ready) == (number, True)
    pool.give(second, entry("quick"), 0.0)
    collect(pool, Finished)
    pool.fill(2)
    collect(pool, Ready)
    assert len(pool.members) == 2


def test_a_process_that_ends_by_itself_is_lost_too(pool: Pool) -> None:
    first, _ = started(pool)
    pool.give(first, entry("exit 3"), 0.0)
    ((_, lost),) = collect(pool, Lost)
    assert isinstance(lost, Lost)
    assert (lost.signal, lost.status) == (0, 3)


def test_what_stops_every_simulation_is_said_and_the_process_lives(pool: Pool) -> None:
    first, _ = started(pool)
    pool.give(first, entry("refuse"), 0.0)
    ((_, broken),) = collect(pool, Broken)
    assert broken == Broken("the disk is gone", "mount it", 4, "OUTPUT_UNWRITABLE")


def test_a_model_left_behind_by_a_killed_process_is_killed(pool: Pool) -> None:
    first, _ = started(pool)
    pool.give(first, entry("model 600"), 0.0)
    wait_until(lambda: children(first.pid), "the model runs")
    (model,) = children(first.pid)
    os.kill(first.pid, signal.SIGKILL)
    collect(pool, Lost)
    assert not alive(model)


def test_stopping_takes_models_along_and_hears_what_was_said_before(pool: Pool) -> None:
    first, second = started(pool)
    pool.give(first, entry("model 600"), 0.0)
    pool.give(second, entry("quick"), 0.0)
    wait_until(lambda: children(first.pid), "the model runs")
    (model,) = children(first.pid)
    poll = select.poll()
    poll.register(second.channel, select.POLLIN)
    wait_until(lambda: poll.poll(0), "the quick one has answered")
    heard = [reply for _, reply in pool.stop()]
    assert [reply.done.sim for reply in heard if isinstance(reply, Finished)] == ["quick"]
    assert not alive(model)
    assert pool.members == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP])
def test_processes_of_the_pool_leave_stop_signals_to_the_parent(pool: Pool, number: int) -> None:
    first, _ = started(pool)
    pool.give(first, entry("sleep 0.5"), 0.0)
    os.kill(first.pid, number)
    collect(pool, Finished)


PARENT = """
import sys
from stilt.worker.pool import Pool
from stilt.worker.signals import StopSignals
from tests.worker.test_pool import entry, prepare
with StopSignals() as signals:
    pool = Pool(2, prepare, signals.wakeup)
    pool.fill(2)
    while len(pool.idle()) < 2:
        pool.wait(0.1)
    for member in pool.idle():
        pool.give(member, entry("sleep 600"), 0.0)
    print(*[member.pid for member in pool.members], flush=True)
    sys.stdin.readline()
"""


def test_a_parent_that_is_killed_leaves_no_process() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.kill()
        parent.wait()
        wait_until(lambda: not any(alive(pid) for pid in pids), "the pool has ended")


def alive(pid: int) -> bool:
    return state(pid) not in {"", "Z", "X"}


def state(pid: int) -> str:
    with contextlib.suppress(OSError), Path(f"/proc/{pid}/stat").open() as file:
        return file.read().rpartition(")")[2].split()[0]
    return ""
