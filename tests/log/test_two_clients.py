"""Writers on two clients of a filesystem whose locks are each client's own, as clusters have them."""

import fcntl
import multiprocessing
import os
import subprocess
import time
from pathlib import Path

import pytest

from stilt.identity import this_writer
from stilt.log.events import Done, Started
from stilt.log.index import OutputIndex
from stilt.log.lines import encode_line, payload_of
from stilt.log.reader import read_segment
from stilt.log.writer import SegmentWriter

SCRIPT = Path(__file__).parents[2] / "tools" / "two-clients"
WRITERS = 64
EVENTS = 100_000
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def clients(tmp_path):
    """Return the same folder as two clients see it, and the folder itself."""
    started = subprocess.run(
        [SCRIPT, "start", tmp_path], check=False, capture_output=True, text=True
    )
    if started.returncode == 4:
        pytest.skip(started.stderr.strip())
    assert started.returncode == 0, started.stderr
    yield tmp_path / "a", tmp_path / "b", tmp_path / "real"
    subprocess.run([SCRIPT, "stop", tmp_path], check=True)


def in_parallel(target, arguments):
    """Run a function in one process for each set of arguments; return what they return."""
    with FORK.Pool(len(arguments)) as pool:
        return pool.starmap(target, arguments, chunksize=1)


def own_segment(client, task, simulations):
    """Write a life of the product's own; return what it acknowledged."""
    writer = SegmentWriter(client / "log", "b1", 1, this_writer("worker", task=task, attempt=1))
    acknowledged = 0
    for number in range(simulations):
        sim = f"hrrr_{task}_{number}"
        writer.append(Started(sim, 1.0))
        writer.append(Done(sim, "complete", 2.0))
        if number % 32 == 31:
            writer.sync()
            acknowledged = 2 * (number + 1)
    writer.close()
    return max(acknowledged, 2 * simulations)


def shared_file(client, task, events):
    """Append the same events to one file for all, each under an exclusive lock; return how many."""
    descriptor = os.open(client / "shared", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in range(events):
        line = encode_line(number, [Started(f"hrrr_{task}_{number}", 1.0)])
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, line)
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)
    return events


def test_64_writers_on_two_clients_lose_nothing(clients, capsys):
    *ends, real = clients
    per_writer = 1 + EVENTS // WRITERS // 2
    jobs = [(ends[task % 2], task, per_writer) for task in range(WRITERS)]
    acknowledged = sum(in_parallel(own_segment, jobs))

    found = [read_segment(path) for path in OutputIndex(real / "log").segments()]
    kept = sum(isinstance(event, Started | Done) for content in found for event in content.events)
    state = OutputIndex(real / "log").fold()
    assert acknowledged >= EVENTS
    assert (kept, state.damaged, state.segments) == (acknowledged, 0, WRITERS)
    assert all(simulation.is_done for simulation in state.sims.values())
    assert state.begun() == acknowledged // 2

    jobs = [(ends[task % 2], task, 2 * per_writer) for task in range(WRITERS)]
    written = sum(in_parallel(shared_file, jobs))
    lines = (real / "shared").read_bytes().split(b"\n")
    whole = sum(payload_of(line) is not None for line in lines)
    lost, destroyed = acknowledged - kept, written - whole
    with capsys.disabled():
        print(  # noqa: T201 - the reason for the design, in numbers
            f"\n{WRITERS} writers on two clients with locks of their own; a segment each: {lost} of "
            f"{acknowledged:,} acknowledged events lost; one locked file: {destroyed:,} of {written:,}, and no error"
        )


def test_each_client_sees_what_the_other_wrote(clients):
    first, second, _ = clients
    own_segment(first, 0, 5)
    own_segment(second, 1, 5)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        states = [OutputIndex(client / "log").fold() for client in (first, second)]
        if all(state.begun() == 10 for state in states):
            break
        time.sleep(0.1)
    assert [state.tally().total() for state in states] == [10, 10]
    assert [OutputIndex(client / "log").next_attempt("b1", 1) for client in (first, second)] == [
        2,
        2,
    ]
