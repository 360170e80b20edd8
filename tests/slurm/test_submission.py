"""Submitting: once, whatever happens on the way, and the same from wherever it is done."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.projects import PATIENCE_S, write_receptors
from tests.slurm.cluster import Cluster, await_that, started, wrapped
from tests.slurm.jobs import SlurmProject, slurm_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module")
def small() -> Iterator[Cluster]:
    """A cluster of its own, with small limits, whose controller may be taken away."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(
                started(
                    *("--nodes=2", "--cpus=8", "--memory=8000"),
                    *("--max-array-size=11", "--min-job-age=1800"),
                )
            )
        except RuntimeError as error:
            pytest.skip(f"no Slurm: {error}")
        yield running


def assert_submitted_once(run: SlurmProject) -> None:
    """One job under each name, each simulation begun once, all complete."""
    names = run.names()
    assert list(names.values()) == [1], names
    assert len(run.jobs()) == 1
    total = len(run.project.path.joinpath("receptors.csv").read_text().splitlines()) - 1
    await_that(lambda: len(run.complete()) == total, "all complete")
    assert set(run.begun().values()) == {1}
    assert "nothing to do" in run.stilt("run").out


def test_a_controller_that_is_away_for_a_moment(small: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path, small, [5, 6], workers=2)
    small.tool("controller", "down")
    try:
        running = run.project.start("run")
        await_that(run.project.batches, "the batch is registered")
        assert "trying again in" in running.stderr.readline()
    finally:
        small.tool("controller", "up")
    out, err = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 0, err
    assert "submitted job" in out
    assert_submitted_once(run)


ACCEPTED_UNHEARD = """
if [ ! -e {mark} ]; then
  touch {mark}
  $real "$@" > /dev/null
  {then}
fi
"""
TIMED_OUT = (
    "echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv' >&2; exit 1"
)


def test_a_socket_timeout_after_acceptance(cluster: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path / "p", cluster, [5, 6], workers=2)
    body = ACCEPTED_UNHEARD.format(mark=tmp_path / "mark", then=TIMED_OUT)
    run.project.env["PATH"] = wrapped(tmp_path / "w", cluster, {"sbatch": body}).env["PATH"]
    answer = run.stilt("run")
    assert answer.code == 0, answer.err
    assert "Socket timed out" in answer.err
    assert "accepted it all the same" in answer.err
    assert_submitted_once(run)


def test_what_a_slow_controller_takes_later_is_not_run_twice(cluster: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path / "p", cluster, [5, 6], workers=2)
    run.project.let_run(0)
    mark = tmp_path / "mark"
    body = (
        f"[ -e {mark} ] || {{ touch {mark}; {TIMED_OUT}; }}\n"
        f'[ -e {mark}-2 ] || {{ touch {mark}-2; $real "$@" > /dev/null; }}'
    )
    run.project.env["PATH"] = wrapped(tmp_path / "w", cluster, {"sbatch": body}).env["PATH"]
    answer = run.stilt("run")
    assert answer.code == 0, answer.err
    assert "Slurm had accepted it twice; cancelling" in answer.err
    (name,) = run.names()
    first, second = sorted(
        {job for job, listed in cluster.jobs("%F", "%j") if listed == name}, key=int
    )
    assert run.jobs() == [second]
    await_that(lambda: first not in cluster.live(), "what was taken besides has ended")
    run.project.let_run(None)
    await_that(lambda: len(run.complete()) == 2, "all complete")


def test_a_controller_that_is_too_busy_at_first(cluster: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path / "p", cluster, [5], workers=1)
    body = "[ -e {mark} ] || {{ touch {mark}; echo '{words}' >&2; exit 1; }}"
    words = "sbatch: error: Batch job submission failed: Resource temporarily unavailable"
    busy = body.format(mark=tmp_path / "mark", words=words)
    counted = wrapped(tmp_path / "w", cluster, {"sbatch": busy})
    run.project.env["PATH"] = counted.env["PATH"]
    answer = run.stilt("run")
    assert answer.code == 0, answer.err
    assert "Resource temporarily unavailable; trying again in 2 s" in answer.err
    assert counted.calls("sbatch") == 2
    assert_submitted_once(run)


def test_a_full_controller_that_sbatch_itself_waits_for_is_named(cluster: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path / "p", cluster, [5], workers=1)
    words = "Slurm temporarily unable to accept job, sleeping and retrying."
    full = f"echo 'sbatch: error: {words}' >&2; sleep 6"
    run.project.env["PATH"] = wrapped(tmp_path / "w", cluster, {"sbatch": full}).env["PATH"]
    answer = run.stilt("run")
    assert answer.code == 0, answer.err
    assert f"sbatch has not answered yet ({words}); waiting" in answer.err
    assert_submitted_once(run)


@pytest.mark.parametrize(
    ("program", "body"),
    [
        ("scontrol", "[ -e {mark} ] || {{ touch {mark}; kill -9 $PPID; exit 1; }}"),
        ("sbatch", "[ -e {mark} ] || {{ touch {mark}; kill -9 $PPID; exit 1; }}"),
        ("sbatch", ACCEPTED_UNHEARD.replace("{then}", "kill -9 $PPID; exit 1")),
    ],
    ids=["after registration", "after the intent", "after acceptance"],
)
def test_a_run_that_was_killed_on_the_way_is_repaired_by_the_next(
    program: str, body: str, cluster: Cluster, tmp_path: Path
):
    run = slurm_project(tmp_path / "p", cluster, [5, 6, 7], workers=2)
    wrappers = wrapped(tmp_path / "w", cluster, {program: body.format(mark=tmp_path / "mark")})
    run.project.let_run(0)  # what was accepted is still there when the next one looks for it
    killed = run.stilt("run", PATH=wrappers.env["PATH"])
    assert killed.code == -9
    answer = run.stilt("run", PATH=wrappers.env["PATH"])
    assert answer.code == 0, answer.err
    run.project.let_run(None)
    assert_submitted_once(run)


SECOND_ARRAY_KILLS = "[ -e {mark} ] && kill -9 $PPID && exit 1; touch {mark}"


def test_killed_between_two_arrays_it_goes_on_from_another_login_node(
    small: Cluster, tmp_path: Path
):
    run = slurm_project(tmp_path / "p", small, range(5, 17), workers=12, more=["hold: true"])
    body = SECOND_ARRAY_KILLS.format(mark=tmp_path / "mark")
    killed = run.stilt("run", PATH=wrapped(tmp_path / "w", small, {"sbatch": body}).env["PATH"])
    assert killed.code == -9
    (tmp_path / "sitecustomize.py").write_text(
        "import socket\nsocket.gethostname = lambda: 'another'\n"
    )
    search = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    # the second array has an intent that Slurm does not know, or not even that
    for intents in (2, 1):
        (first,) = run.jobs()
        if intents == 1:
            forget_intent(run)
        fall_silent(run)
        answer = run.stilt("run", "--dry-run", PYTHONPATH=search)
        assert "6 never run, 6 queued or running" in answer.out, answer.out + answer.err
    assert run.stilt("run", PYTHONPATH=search).code == 0
    assert len(set(run.jobs()) - {first}) == 1
    run.stilt("cancel")


def fall_silent(run: SlurmProject) -> None:
    """Let the run's segment look as if nothing had been written to it for long: nobody knows of other machines."""
    for segment in run.project.output.glob("log/*/run-*.log"):
        os.utime(segment, (0, 0))


def forget_intent(run: SlurmProject) -> None:
    """Cut the run's segment before its last line, as if the run had been killed a moment earlier."""
    (segment,) = run.project.output.glob("log/*/run-*.log")
    lines = segment.read_bytes().splitlines(keepends=True)
    assert b'"submitting"' in lines[-1]
    segment.write_bytes(b"".join(lines[:-1]))


def test_two_runs_at_the_same_moment_make_one_submission(cluster: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path / "p", cluster, [5, 6, 7, 8], workers=2)
    counted = wrapped(tmp_path / "w", cluster)
    run.project.let_run(0)
    both = [run.project.start("run", PATH=counted.env["PATH"]) for _ in range(2)]
    said = [process.communicate(timeout=PATIENCE_S) for process in both]
    run.project.let_run(None)
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("submitted job" in out for out, _ in said) == 1
    assert counted.calls("sbatch") == 1
    assert_submitted_once(run)


def test_more_chunks_than_an_array_may_have(small: Cluster, tmp_path: Path):
    more = ["array_parallelism: 6"]
    heights = [5 + number / 10 for number in range(40)]
    run = slurm_project(tmp_path, small, heights, workers=40, more=more)
    jobs = run.submit()
    assert len(jobs) == 4
    assert [len(small.states(job)) for job in jobs] == [10, 10, 10, 10]
    run.await_outcome("complete", 40)
    assert set(run.begun().values()) == {1}
    assert sorted(life.task for life in run.segments()) == list(range(40))
    for job in jobs:
        run.await_ended(job)
    spans = [(record["StartTime"], record["EndTime"]) for record in small.records()]
    assert max(sum(start <= at < end for start, end in spans) for at, _ in spans) <= 6


def test_submitted_from_inside_an_array_task_with_sbatchs_variables_set(
    cluster: Cluster, tmp_path: Path
):
    run = slurm_project(tmp_path / "p", cluster, [5, 6, 7, 8, 9, 10], workers=6, cpus=2)
    leaks = {
        "SBATCH_ARRAY_INX": "9",
        "SBATCH_PARTITION": "nowhere",
        "SBATCH_JOB_NAME": "other",
        "SBATCH_TIMELIMIT": "1",
        "SBATCH_REQUEUE": "0",
        "SBATCH_NO_REQUEUE": "1",
        "SBATCH_OUTPUT": str(tmp_path / "elsewhere"),
        "SBATCH_OPEN_MODE": "truncate",
        "SBATCH_SIGNAL": "TERM@5",
        "SQUEUE_FORMAT": "%i",
        "SQUEUE_STATES": "FAILED",
        "SLURM_TIME_FORMAT": "relative",
    }
    script = tmp_path / "outer.sh"
    exports = "\n".join(f"export {name}={value}" for name, value in leaks.items())
    inner = [sys.executable, "-m", "stilt", "run", str(run.project.path)]
    script.write_text(f"#!/bin/bash\n{exports}\n{subprocess.list2cmdline(inner)}\n")
    environment = {**run.project.environment(), "PYTHONPATH": "."}
    outer = cluster.run(
        "sbatch",
        *("--parsable", "--array=3-3", "--mem=50", f"--output={tmp_path}/outer.txt", str(script)),
        env=environment,
    ).strip()
    await_that(run.jobs, "the inner submission")
    (job,) = run.jobs()
    assert job != outer
    run.await_outcome("complete", 6)
    run.await_ended(job)
    assert sorted(cluster.states(job)) == [0, 1, 2, 3, 4, 5]
    assert sorted(life.task for life in run.segments()) == [0, 1, 2, 3, 4, 5]
    shown = cluster.run("scontrol", "show", "job", f"{job}_0")
    for setting in ("Requeue=1", "TimeLimit=00:10:00", "CPUs/Task=2", "Partition=debug"):
        assert setting in shown
    assert set(run.begun().values()) == {1}


def test_more_tasks_than_the_cluster_holds_are_refused_before_sbatch(
    small: Cluster, tmp_path: Path
):
    heights = [5 + number / 10 for number in range(301)]
    run = slurm_project(tmp_path / "p", small, heights, workers=301)
    counted = wrapped(tmp_path / "w", small)
    answer = run.stilt("run", PATH=counted.env["PATH"])
    assert answer.code == 2
    assert "301 tasks are more jobs than this cluster holds (MaxJobCount 300)" in answer.err
    assert "execution.n_workers" in answer.err
    assert counted.calls("sbatch") == 0
    assert run.stilt("run", "--n-workers", "1").code == 0
    run.stilt("cancel")


def test_arrays_that_the_throttle_has_no_room_for_wait_for_an_earlier_one(
    small: Cluster, tmp_path: Path
):
    more = ["array_parallelism: 1", "hold: true"]
    run = slurm_project(tmp_path, small, range(5, 17), workers=12, more=more)
    first, second = run.submit()
    (waits_for,) = {words for (words,) in small.jobs("%E", job=second)}
    assert f"afterany:{first}" in waits_for
    cancelled = run.stilt("cancel")
    assert f"cancelled job {first} " in cancelled.out
    assert f"cancelled job {second} " in cancelled.out
    assert set(small.states(second).values()) == {"CANCELLED"}


def test_only_what_is_new_is_submitted_beside_what_is_queued(cluster: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path, cluster, [5, 6], workers=2, more=["hold: true"])
    (first,) = run.submit()
    write_receptors(tmp_path / "receptors.csv", [5, 6, 7])
    answer = run.stilt("run")
    assert "1 never run, 2 queued or running" in answer.out
    assert "1 simulation in 1 task" in answer.out
    assert len(run.jobs()) == 2
    cluster.run("scancel", first)
    run.submit()
    assert len(run.jobs()) == 3
    said = run.truth()
    assert (said["total"], said["pending"]) == (3, 3)
    assert [batch["total"] for batch in said["batches"]] == [2, 1, 2]
    run.stilt("cancel")


def test_a_cancel_during_a_submission_waits_for_the_job_and_ends_it(
    cluster: Cluster, tmp_path: Path
):
    run = slurm_project(tmp_path / "p", cluster, [5], workers=1, more=["hold: true"])
    slow = wrapped(
        tmp_path / "w", cluster, {"sbatch": f"until [ -e {tmp_path}/go ]; do sleep 0.1; done"}
    )
    submitting = run.project.start("run", PATH=slow.env["PATH"])
    await_that(lambda: slow.calls("sbatch"), "sbatch was called")
    cancelling = run.project.start("cancel")
    assert "waiting for" in cancelling.stderr.readline()
    (tmp_path / "go").touch()
    submitting.communicate(timeout=PATIENCE_S)
    out, err = cancelling.communicate(timeout=PATIENCE_S)
    (job,) = run.jobs()
    assert f"cancelled job {job}" in out, err
    assert cluster.states(job) == {0: "CANCELLED"}


NOBODY = 'for given; do shift; set -- "$@" "${given/#--user=*/--user=nosuchuser}"; done'


def test_a_submitter_whom_this_machine_does_not_know_is_not_taken_for_gone(
    cluster: Cluster, tmp_path: Path
):
    run = slurm_project(tmp_path / "p", cluster, [5, 6], workers=2, more=["hold: true"])
    (job,) = run.submit()
    unknown = wrapped(tmp_path / "w", cluster, {"squeue": NOBODY})
    answer = run.stilt("run", PATH=unknown.env["PATH"])
    assert "2 queued or running" in answer.out, answer.err
    assert "--user=" in (unknown.folder / "calls").read_text()
    assert run.jobs() == [job]
    run.stilt("cancel")


def test_two_projects_of_the_same_content_are_two(cluster: Cluster, tmp_path: Path):
    runs = [
        slurm_project(tmp_path / name, cluster, [5, 6], workers=1)
        for name in ("one", "copy of one")
    ]
    for run in runs:
        config = run.project.path / "config.yaml"
        config.write_text(config.read_text().replace("directory: met", "directory: /met"))
        run.project.let_run(0)
    jobs = [run.submit() for run in runs]
    assert runs[0].project.batches() == runs[1].project.batches()
    assert jobs[0] != jobs[1]
    runs[0].stilt("cancel")
    runs[1].project.let_run(None)
    runs[1].await_outcome("complete", 2)
