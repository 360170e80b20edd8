"""A log that names jobs that are not its own: `stilt cancel` leaves them alone, and says so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from stilt.foundations.writers import user_name
from tests.hostile.logs import BATCH, header, write_segment
from tests.slurm.cluster import await_that, wrapped
from tests.slurm.jobs import SlurmProject, slurm_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.slurm.cluster import Cluster

pytestmark = pytest.mark.slurm

LONG_AFTER = 9e10
"""A moment after which Slurm was not asked: what it does not list under the name may live."""

NOBODY = 65534
NOT_KNOWN = 'for given; do shift; set -- "$@" "${given/#--user=*/--user=nosuchuser}"; done'
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to submit as somebody else")


def hold(cluster: Cluster, name: str, *options: str) -> str:
    """Submit a job that waits, and return its id."""
    said = cluster.run(
        "sbatch", "--parsable", "--hold", f"--job-name={name}", "--chdir=/", "--output=/dev/null", *options,
        "--wrap=sleep 600",
    )  # fmt: skip
    return said.strip().partition(";")[0]


def state_of(cluster: Cluster, job: str) -> str:
    return cluster.run(
        "squeue", "--noheader", "--states=all", "--format=%T", f"--jobs={job}"
    ).split()[0]


def claim(run: SlurmProject, job: str, token: str, tasks: int = 1) -> None:
    """Have the log say that a job is the project's."""
    write_segment(
        run.project.output / "log",
        header(writer={"role": "run", "host": "h", "pid": 1}),
        {"event": "submitting", "batch": BATCH, "token": token, "at": LONG_AFTER, "tasks": tasks},
        {"event": "submitted", "batch": BATCH, "token": token, "job": job, "at": LONG_AFTER},
        name="run-t-a00-s00002-h-1-aa.log",
    )


@pytest.mark.parametrize("element", ["", "_0", "_[0-1]"])
def test_a_job_of_another_name_is_left_alone(cluster: Cluster, tmp_path: Path, element: str):
    run = slurm_project(tmp_path / "p", cluster, [5], workers=1)
    job = hold(cluster, "precious", "--array=0-1")
    try:
        claim(run, job + element, "stilt-0002-b-abcdef-0", tasks=2)
        answer = run.stilt("cancel")
        assert answer.code in {4, 5}, answer.err
        assert f"job {job}" in answer.err
        assert state_of(cluster, job) == "PENDING"
        assert run.project.fold().batches[BATCH].cancelled is None
    finally:
        cluster.run("scancel", job)


def test_what_is_the_projects_own_is_cancelled_all_the_same(cluster: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path / "p", cluster, [5], workers=1, more=["hold: true"])
    (own,) = run.submit()
    job = hold(cluster, "precious")
    try:
        claim(run, job, "stilt-0002-b-abcdef-0")
        answer = run.stilt("cancel")
        assert answer.code == 5, answer.err
        assert "is precious of" in answer.err
        assert "not cancelled, whatever the log says" in answer.err
        assert state_of(cluster, job) == "PENDING"
        assert state_of(cluster, own) == "CANCELLED"
    finally:
        cluster.run("scancel", job)


@needs_root
def test_a_job_of_another_user_is_left_alone(cluster: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path / "p", cluster, [5], workers=1)
    name = "stilt-0002-b-abcdef-0"
    job = hold(cluster, name, f"--uid={NOBODY}", "--array=0-0")
    try:
        claim(run, job, name)
        answer = run.stilt("cancel")
        assert answer.code == 5, answer.err
        assert f"is {name} of nobody, not {name} of root" in answer.err
        assert state_of(cluster, job) == "PENDING"
    finally:
        cluster.run("scancel", job)


def give_up(cluster: Cluster, folder: Path) -> tuple[SlurmProject, str]:
    """Return a project whose only job has ended before it began, and the name of that job."""
    run = slurm_project(folder, cluster, [5], workers=1, more=["hold: true"])
    (job,) = run.submit()
    cluster.run("scancel", job)
    await_that(lambda: cluster.states(job) == {0: "CANCELLED"}, "the job has ended")
    (name,) = {words[0] for words in cluster.jobs("%j", job=job)}
    return run, name


def test_a_name_with_a_line_of_squeues_in_it_is_no_task_of_the_project(
    cluster: Cluster, tmp_path: Path
):
    run, name = give_up(cluster, tmp_path / "p")
    user = user_name()
    job = hold(cluster, f"x\n7|0|RUNNING|n1|1795339457|{user}|None|{name}")
    try:
        answer = run.stilt("run")
        assert "1 simulation: " in answer.out, answer.err
        assert "queued or running" not in answer.out
    finally:
        cluster.run("scancel", job)
        run.stilt("cancel")


@needs_root
def test_another_users_job_of_the_same_name_is_no_task_of_the_project(
    cluster: Cluster, tmp_path: Path
):
    """Where squeue does not know who submitted, it is asked for everybody's."""
    run, name = give_up(cluster, tmp_path / "p")
    unknown = wrapped(tmp_path / "w", cluster, {"squeue": NOT_KNOWN})
    job = hold(cluster, name, f"--uid={NOBODY}", "--array=0-0")
    try:
        answer = run.stilt("run", "--dry-run", PATH=unknown.env["PATH"])
        assert "would hand over 1" in answer.out, answer.err
    finally:
        cluster.run("scancel", job)
