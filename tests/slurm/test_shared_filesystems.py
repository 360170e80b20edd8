"""A whole batch over filesystems whose clients are each a node's own, with parts of them going away."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.projects import PATIENCE_S
from tests.shared_data import REPOSITORY
from tests.slurm.cluster import Cluster, await_that, started
from tests.slurm.jobs import SlurmProject, slurm_project

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slurm

TOOL = REPOSITORY / "tools" / "shared-filesystem"
COUNT = 48


class Shared:
    """A filesystem, and a Slurm on whose nodes it is mounted, each by a client of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cluster: Cluster

    def tool(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(TOOL), "--dir", str(self.folder), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )

    def clients(self) -> list[int]:
        """Return the pids of GlusterFS's clients; this process's own came first."""
        files = sorted(
            (self.folder / "run").glob("client-*.pid"), key=lambda path: path.stat().st_mtime
        )
        return [int(path.read_text()) for path in files]


@contextmanager
def shared(kind: str) -> Iterator[Shared]:
    fs = Shared(Path(tempfile.mkdtemp(prefix=f"stilt-{kind}-")))
    up = fs.tool("start", kind)
    if up.returncode != 0:
        shutil.rmtree(fs.folder)
        pytest.skip(f"no {kind}: {up.stderr.strip()}")
    node = f"{sys.executable} {TOOL} --dir {fs.folder} exec --"
    try:
        with ExitStack() as stack:
            try:
                options = ("--cpus=4", "--memory=4000", f"--node-exec={node}")
                fs.cluster = stack.enter_context(started(*options))
            except RuntimeError as error:
                pytest.skip(f"no Slurm: {error}")
            yield fs
    finally:
        down = fs.tool("stop")
        assert down.returncode == 0, down.stderr


def project(fs: Shared, workers: int = 8) -> SlurmProject:
    heights = [5 + number / 10 for number in range(COUNT)]
    run = slurm_project(fs.folder / "shared" / "p", fs.cluster, heights, workers=workers, cpus=2)
    # what the tests ask again and again lies on a filesystem of their own
    local = fs.folder / "local"
    local.mkdir()
    run.project.env |= {
        "FAKE_RUNS": str(local / "runs"),
        "FAKE_TURNS": str(local / "turns"),
        "TMPDIR": str(local),
    }
    return run


def assert_complete(run: SlurmProject) -> None:
    said = run.truth()
    assert (said["complete"], said["failed"], said["interrupted"]) == (COUNT, 0, 0)
    assert said["damaged"] == 0
    verified = run.stilt("verify")
    assert verified.code == 0, verified.out + verified.err
    assert "nothing to do" in run.stilt("run").out


@pytest.mark.parametrize("kind", ["bindfs", "gluster"])
def test_a_batch_over_clients_of_each_nodes_own(kind: str):
    with shared(kind) as fs:
        run = project(fs)
        run.submit(FAKE_SLEEP="0.2")
        await_that(lambda: len(run.complete()) == COUNT, "all complete")
        nodes = {life.writer.node for life in run.segments()}
        assert len(nodes) > 1
        assert_complete(run)


def test_half_of_a_replicated_volume_goes_away_and_comes_back():
    with shared("gluster") as fs:
        run = project(fs, workers=8)
        at_once = 8 * 2
        run.project.let_run(1)
        run.submit()
        run.await_outcome("complete", at_once)
        run.await_outcome("running", at_once)
        assert fs.tool("brick", "kill", "0").returncode == 0
        run.project.let_run(2)
        run.await_outcome("complete", 2 * at_once)
        run.await_outcome("running", at_once)
        assert fs.tool("brick", "start", "0").returncode == 0
        run.project.let_run(None)
        await_that(lambda: len(run.complete()) == COUNT, "all complete")
        assert_complete(run)


def test_a_node_loses_its_client_and_a_rerun_completes():
    with shared("gluster") as fs:
        run = project(fs, workers=4)
        run.project.let_run(1)
        (job,) = run.submit()
        run.await_outcome("complete", 4 * 2)
        run.await_outcome("running", 4 * 2)
        os.kill(fs.clients()[1], signal.SIGKILL)
        fs.cluster.run("scontrol", "update", "nodename=n1", "state=drain", "reason=lost its client")
        run.project.let_run(None)
        run.await_ended(job)
        said = run.truth()
        assert said["failed"] == 0
        assert said["complete"] < COUNT
        run.stilt("run")
        await_that(lambda: len(run.complete()) == COUNT, "complete after a rerun")
        assert_complete(run)
