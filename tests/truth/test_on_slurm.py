"""On a real Slurm: two runs at once over clients with locks of their own, and a worker that outlives its node."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import xarray as xr

import stilt
from stilt.foundations.errors import StiltError
from tests.engines import runs
from tests.projects import FOOTPRINT
from tests.slurm.cluster import Cluster, await_that, started
from tests.slurm.jobs import slurm_project
from tests.truth.edited import change
from tests.truth.racing import check_run_once, check_words, race, rounds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.slurm.jobs import SlurmProject
    from tests.truth.conftest import Clients

pytestmark = pytest.mark.slurm

HOST_OF_ITS_OWN = """unshare --uts sh -c 'hostname "$3"; exec "$@"' a-node"""
"""The third word of the command that follows, ``slurmd -N n1``, is the node."""

SIM = "fake_201512100000_-112_40.5_5"


@pytest.fixture(scope="module")
def cluster_of_clients(clients: Clients) -> Iterator[Cluster]:
    """A Slurm of which each node sees the shared folder through a client of its own."""
    node = " ".join(clients.client)
    with ExitStack() as stack:
        try:
            size = ("--nodes=2", "--cpus=8", "--memory=8000", f"--node-exec={node}")
            yield stack.enter_context(started(*size))
        except RuntimeError as error:
            pytest.skip(f"no Slurm: {error}")


@pytest.mark.parametrize("number", rounds(3))
def test_two_runs_at_once_submit_one_array_and_all_is_run_once(
    clients: Clients,
    cluster_of_clients: Cluster,
    tmp_path: Path,
    number: int,
) -> None:
    folder = clients.folder / "shared" / f"s{number}"
    run = slurm_project(folder, cluster_of_clients, [5] * 4, workers=2)
    run.project.env |= {
        "FAKE_RUNS": str(tmp_path / "runs"),
        "TMPDIR": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    answers = race(run.project, number, client=clients.client, locks="of each client")
    check_words(answers)
    run.await_outcome("complete", 4)
    for job in run.jobs():
        run.await_ended(job)
    check_run_once(run.project)
    assert list(run.names().values()) == [1], (
        answers,
        cluster_of_clients.jobs("%A", "%F", "%K", "%T", "%j"),
    )
    assert "nothing to do" in run.stilt("run").out


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A Slurm whose nodes have host names of their own: nobody sees their processes, and one may be lost."""
    with ExitStack() as stack:
        try:
            yield stack.enter_context(started("--nodes=2", f"--node-exec={HOST_OF_ITS_OWN}"))
        except RuntimeError as error:
            pytest.skip(f"no Slurm: {error}")


class Lost:
    """A node whose slurmd is gone, and the worker on it that was stopped and lives."""

    def __init__(self, run: SlurmProject, cluster: Cluster) -> None:
        self.cluster = cluster
        (life,) = run.segments()
        self.node = life.writer.node
        mine = set(run.project.processes())
        self.workers = [pid for pid in mine if b"push-worker" in _command(pid)]
        for pid in self.workers:
            os.kill(pid, signal.SIGSTOP)
        daemon = int((cluster.folder / "run" / f"slurmd.{self.node}.pid").read_text())
        os.kill(daemon, signal.SIGKILL)
        state = ("state=down", "reason=its slurmd is gone")
        cluster.run("scontrol", "update", f"nodename={self.node}", *state)

    def go_on(self) -> None:
        for pid in self.workers:
            os.kill(pid, signal.SIGCONT)

    def have_ended(self) -> bool:
        return not any(_command(pid) for pid in self.workers)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def served(run: SlurmProject) -> tuple[int, int] | None:
    """Return how many columns the footprint has and how many rows the particles; None where there is neither."""
    this = stilt.Project(run.project.path)
    try:
        return this[SIM].footprint().sizes["lon"], len(this[SIM].particles())
    except StiltError:
        return None


OF_OLDER, OF_NEWER = (20, 10 * 60), (10, 5 * 60)


@pytest.mark.parametrize("at", ["work", "rest"])
def test_a_worker_that_outlives_its_node_is_never_served_after_a_newer_batch(
    own_cluster: Cluster, tmp_path: Path, at: str
) -> None:
    """Stopped while it computes, or before its last simulation but one: it goes on when the newer batch is complete."""
    heights = [5] if at == "work" else [5, 5, 5]
    grids = f"footprints: {{default: {FOOTPRINT}}}"
    run = slurm_project(tmp_path / "p", own_cluster, heights, workers=1)
    change(run.project, "footprints: {}", grids)
    begun = 1 if at == "work" else 2
    run.project.let_run(begun - 1)
    (job,) = run.submit()
    await_that(lambda: len(runs(run.project.runs_file, "begin")) == begun, "it is at work")
    lost = Lost(run, own_cluster)
    run.project.let_run(None)
    try:
        own_cluster.run("scancel", job)  # Slurm had put it into the queue again
        run.await_ended(job)
        change(run.project, "xres: 0.1, yres: 0.1", "xres: 0.2, yres: 0.2")
        change(run.project, "numpar: 10", "numpar: 5")
        shutil.rmtree(run.cache, ignore_errors=True)
        run.submit()
        run.await_outcome("complete", len(heights))
        await_that(lambda: run.status()["complete"] == len(heights), "the newer batch is complete")
        assert served(run) == OF_NEWER
    finally:
        lost.go_on()
    seen = set()
    await_that(lambda: seen.add(served(run)) or lost.have_ended(), "the older worker has ended")
    assert seen == {OF_NEWER}
    said = run.stilt("run")
    assert (said.code, "nothing to do" in said.out) == (0, True), said.err
    assert served(run) == OF_NEWER
    assert run.truth()["complete"] == len(heights)
    assert run.stilt("verify").code == 0
    for plain in (run.project.output / "footprints").rglob("fake_*.nc"):
        with xr.open_dataset(plain) as opened:
            assert opened.sizes["lon"] == OF_NEWER[0]
