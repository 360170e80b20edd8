"""Real kills and a real full disk: what was acknowledged is there."""

import os
import random
import shutil
import signal
import subprocess
import sys

import pytest

from stilt.foundations.errors import EnvironmentFailure
from stilt.foundations.writers import is_alive, this_writer
from stilt.log.events import Done
from stilt.log.index import OutputIndex
from stilt.log.writer import SegmentWriter

CHILD = """
import sys
from pathlib import Path
from stilt.foundations.writers import this_writer
from stilt.log.events import Done, Started
from stilt.log.writer import SegmentWriter

log_dir, attempt = Path(sys.argv[1]), int(sys.argv[2])
writer = SegmentWriter(log_dir, "b1", 1, this_writer("worker", task=0, attempt=attempt))
number = 0
while True:
    group = [f"hrrr_{attempt}_{number + n}" for n in range(number % 5 + 1)]
    for sim in group:
        writer.append(Started(sim, 1.0))
        writer.append(Done(sim, "complete", 2.0, message="x" * (number % 700)))
    writer.sync()
    print(*group, flush=True)
    number += len(group)
"""


def complete(log_dir):
    return {sim for sim, state in OutputIndex(log_dir).fold().sims.items() if state.is_done}


def test_no_acknowledged_event_is_lost_to_sigkill(tmp_path):
    rng = random.Random(5)
    acknowledged = set()
    for attempt in range(1, 16):
        command = [sys.executable, "-c", CHILD, str(tmp_path), str(attempt)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            for _ in range(rng.randrange(1, 60)):
                acknowledged.update(child.stdout.readline().split())
            child.send_signal(signal.SIGKILL)
            # What it had said before it died counts too, but for a line that the kill cut.
            said = child.stdout.read()
            acknowledged.update(said[: said.rfind("\n") + 1].split())
        assert acknowledged <= complete(tmp_path)
    state = OutputIndex(tmp_path).fold()
    assert (state.segments, state.damaged) == (15, 0)
    assert len(acknowledged) > 100
    assert state.batches["b1"].tasks[0].attempt == 15
    assert is_alive(state.batches["b1"].tasks[0].writer) is False


@pytest.fixture
def small_disk(tmp_path):
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting a small tmpfs needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_said_and_what_was_acknowledged_stays(small_disk):
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * 200_000)
    log_dir = small_disk / "log"
    writer = SegmentWriter(log_dir, "b1", 1, this_writer("worker", task=0, attempt=1))
    acknowledged = []
    with pytest.raises(EnvironmentFailure, match="No space left"):  # noqa: PT012 - it fills up in there
        for number in range(10_000):
            writer.append(Done(f"hrrr_{number}", "complete", 2.0), sync=True)
            acknowledged.append(f"hrrr_{number}")
    assert complete(log_dir) >= set(acknowledged)
    assert OutputIndex(log_dir).fold().damaged == 0

    ballast.unlink()
    writer.sync()
    writer.close()
    assert complete(log_dir) == {*acknowledged, f"hrrr_{len(acknowledged)}"}
    assert OutputIndex(log_dir).fold().damaged == 0
