"""``status`` of a project on Slurm: for others, elsewhere, and without bothering the controller."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.slurm.cluster import wrapped
from tests.slurm.jobs import SlurmProject, slurm_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.slurm.cluster import Cluster

pytestmark = pytest.mark.slurm


@pytest.fixture
def running(cluster: Cluster, tmp_path: Path) -> SlurmProject:
    more = ["array_parallelism: 1"]
    run = slurm_project(tmp_path / "p", cluster, [5, 6], workers=2, more=more)
    run.project.let_run(0)
    run.submit()
    run.await_outcome("running", 1)
    return run


def test_one_squeue_serves_every_status_within_a_minute(running: SlurmProject, tmp_path: Path):
    counted = wrapped(tmp_path / "w", running.cluster)
    began = time.monotonic()
    for _ in range(3):
        answer = running.stilt("status", "--json", PATH=counted.env["PATH"])
        said = json.loads(answer.out)
        assert (said["running"], said["pending"]) == (1, 1)
    minutes = int(time.monotonic() - began) // 60
    assert 1 <= counted.calls("squeue") <= 1 + minutes
    assert counted.calls("sacct") == counted.calls("sbatch") == counted.calls("scancel") == 0
    running.stilt("cancel")


def test_without_slurm_the_log_alone_is_told_and_nothing_is_made_up(running: SlurmProject):
    answer = running.stilt("status", "--json", PATH="/nonexistent", XDG_CACHE_HOME="/nonexistent")
    assert answer.code == 0, answer.err
    said = json.loads(answer.out)
    assert (said["running"], said["pending"], said["interrupted"]) == (1, 1, 0)
    running.stilt("cancel")
    running.await_ended(running.jobs()[0])
    said = running.truth()
    assert (said["running"], said["pending"], said["interrupted"]) == (0, 1, 1)


@pytest.mark.parametrize("missing", ["squeue", "scontrol"])
def test_a_command_of_slurms_that_is_missing_leaves_unknown_what_it_would_say(
    missing: str, running: SlurmProject, tmp_path: Path
):
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in {"sbatch", "squeue", "scontrol", "scancel"} - {missing}:
        (programs / name).symlink_to(f"/usr/bin/{name}")
    fresh = {"PATH": str(programs), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    answer = running.stilt("status", "--json", **fresh)
    assert answer.code == 0, answer.err
    said = json.loads(answer.out)
    assert (said["running"], said["pending"], said["interrupted"]) == (1, 1, 0)
    assert any(f"there is no {missing}" in note for note in said["notes"]) == (missing == "squeue")
    answer = running.stilt("run", "--dry-run", **fresh)
    assert "2 queued or running" in answer.out, answer.err
    assert ("count as queued until it answers" in answer.out) == (missing == "squeue")
    running.stilt("cancel")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a project to somebody else")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv")
def test_somebody_who_may_only_read_sees_the_same(running: SlurmProject):
    """Root without its capabilities, on a project that is somebody else's."""
    folder = running.project.path
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, 65534, 65534)
        path.chmod(0o755 if path.is_dir() else 0o644)
    before = snapshot(folder)
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    probe = subprocess.run([*powerless, "touch", folder / "x"], check=False, capture_output=True)
    assert probe.returncode != 0, "this must not be allowed to write"
    done = subprocess.run(
        [*powerless, sys.executable, "-m", "stilt", "status", "--json", str(folder)],
        env=running.project.environment(XDG_CACHE_HOME="/nonexistent"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert (said["running"], said["pending"]) == (1, 1)
    assert said["running_tasks"][0]["state"] == "RUNNING"
    assert snapshot(folder) == before
    running.stilt("cancel")


def snapshot(folder: Path) -> set[str]:
    own = {"scratch", "runs.txt"}  # what the running task writes
    return {str(path) for path in folder.rglob("*") if not own & set(path.parts)}
