"""Many writers on two clients of one filesystem, each a mount of its own, as two nodes of a cluster have."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stilt.log.events import Done, Started
from stilt.log.index import OutputIndex
from stilt.log.lines import payload_of
from stilt.log.reader import read_segment
from tests.projects import PATIENCE_S
from tests.shared_data import REPOSITORY

HARNESS = REPOSITORY / "tools" / "shared-filesystem"


class Filesystem:
    """A filesystem of ``tools/shared-filesystem``."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.shared = Path(folder) / "shared"

    def tool(self, *arguments):
        command = [HARNESS, "--dir", self.folder, *arguments]
        return subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=PATIENCE_S
        )

    def from_two_clients(self, how, writers, events):
        """Let half of the writers write from each client; return how many events they acknowledged."""
        half = writers // 2
        work = [sys.executable, "-m", "tests.log.many_writers", how, self.shared]
        clients = [
            subprocess.Popen(
                [
                    HARNESS,
                    "--dir",
                    self.folder,
                    "exec",
                    "--",
                    *work,
                    str(first),
                    str(half),
                    str(events),
                ],
                cwd=REPOSITORY,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            for first in (0, half)
        ]
        try:
            said = [client.communicate()[0] for client in clients]
        finally:
            for client in clients:
                if client.poll() is None:
                    os.killpg(client.pid, signal.SIGKILL)
                    client.communicate()
        assert [client.returncode for client in clients] == [0, 0]
        return sum(map(int, said))


@pytest.fixture
def start(tmp_path):
    """Return what brings a filesystem of a kind up; it goes down after the test."""
    filesystem = Filesystem(tmp_path / "fs")

    def up(kind):
        done = filesystem.tool("start", kind)
        if done.returncode == 4:
            pytest.skip(done.stderr.strip())
        assert done.returncode == 0, done.stderr
        return filesystem

    yield up
    stopped = filesystem.tool("stop")
    assert stopped.returncode == 0, stopped.stderr


@pytest.mark.parametrize(
    ("kind", "writers", "events"), [("bindfs", 64, 1_564), ("gluster", 16, 300)]
)
def test_writers_on_two_clients_lose_nothing(start, capsys, kind, writers, events):
    filesystem = start(kind)
    acknowledged = filesystem.from_two_clients("segments", writers, events)
    index = OutputIndex(filesystem.shared / "log")
    found = [read_segment(path) for path in index.segments()]
    kept = sum(isinstance(event, Started | Done) for content in found for event in content.events)
    state = index.fold()
    assert acknowledged == writers * events
    assert (kept, state.damaged, state.segments) == (acknowledged, 0, writers)
    assert (state.begun(), len(state.having("complete"))) == (acknowledged // 2, acknowledged // 2)

    written = filesystem.from_two_clients("shared", writers, events)
    lines = (filesystem.shared / "shared").read_bytes().split(b"\n")
    destroyed = written - sum(payload_of(line) is not None for line in lines)
    with capsys.disabled():
        print(  # noqa: T201 - the reason for the design, in numbers
            f"\n{kind}, {writers} writers on two clients: a segment each, {acknowledged - kept} of "
            f"{acknowledged:,} acknowledged events lost; one locked file, {destroyed:,} of {written:,}"
        )


def test_each_client_sees_what_the_other_wrote(start):
    filesystem = start("bindfs")
    filesystem.from_two_clients("segments", 2, 10)
    look = (
        "import sys, pathlib; from stilt.log.index import OutputIndex;"
        "index = OutputIndex(pathlib.Path(sys.argv[1]) / 'log');"
        "print(index.fold().begun(), index.next_attempt('b1', 1))"
    )
    for _ in range(2):
        seen = filesystem.tool("exec", "--", sys.executable, "-c", look, filesystem.shared)
        assert seen.stdout.split() == ["10", "2"], seen.stderr
