"""``stilt run`` on a real Slurm, when nothing goes wrong."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.engines import Behaviour
from tests.projects import PATIENCE_S, make_project, minds_stop_signals, write_receptors
from tests.slurm.cluster import await_that, wrapped
from tests.slurm.jobs import slurm_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.slurm.cluster import Cluster

pytestmark = pytest.mark.slurm


def at_once(records: list[dict[str, str]], job: str) -> int:
    """Return the most tasks of an array that ran at the same second, by Slurm's records."""
    spans = [
        (record["StartTime"], record["EndTime"])
        for record in records
        if record.get("ArrayJobId") == job or record["JobId"] == job
    ]
    return max(sum(start <= at < end for start, end in spans) for at, _ in spans)


def test_sixty_receptors_run_as_twelve_tasks_four_at_a_time(cluster: Cluster, tmp_path: Path):
    more = ["array_parallelism: 4"]
    heights = [5 + number / 10 for number in range(60)]
    run = slurm_project(tmp_path / "p", cluster, heights, workers=12, cpus=2, more=more)
    counted = wrapped(tmp_path / "wrappers", cluster)
    run.project.env["PATH"] = counted.env["PATH"]
    run.project.let_run(0)
    submitted = run.stilt("run")  # and does not wait for the tasks, of which none can end yet
    assert submitted.code == 0, submitted.err
    assert "trying again" not in submitted.err
    (job,) = run.jobs()
    assert len(cluster.states(job)) == 12
    again = run.stilt("run")
    assert (again.code, counted.calls("sbatch")) == (0, 1)
    assert "queued or running" in again.out
    run.project.let_run(None)
    run.await_outcome("complete", 60)
    run.await_ended(job)
    assert at_once(cluster.records(), job) == 4
    assert set(cluster.states(job).values()) == {"COMPLETED"}
    assert set(run.begun().values()) == {1}
    assert "nothing to do" in run.stilt("run").out
    assert counted.calls("sbatch") == 1
    assert counted.calls("sacct") == 0
    said = run.truth()
    assert (said["complete"], said["pending"], said["running"]) == (60, 0, 0)
    assert said["batches"][0]["jobs"] == [job]


def test_waiting_ends_with_0_when_all_is_complete(cluster: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path, cluster, [5, 6, 7], workers=2)
    answer = run.stilt("run", "--wait")
    assert answer.code == 0, answer.err
    assert "[3/3]" in answer.out


def test_waiting_ends_with_1_when_some_failed(cluster: Cluster, tmp_path: Path):
    heights = [5, Behaviour.MODEL_ERROR, 7]
    run = slurm_project(tmp_path / "slurm", cluster, heights, workers=2)
    answer = run.stilt("run", "--wait")
    assert answer.code == 1, answer.err
    assert run.truth()["failures"] == {"MODEL_ERROR": 1}
    here = make_project(tmp_path / "here", heights).stilt("run")
    closing = here.out.splitlines()[-2:]
    assert closing == [
        "3 simulations: 2 complete, 1 failed",
        "failed: 1 MODEL_ERROR; `stilt status --failed` lists them",
    ]
    assert answer.out.splitlines()[-2:] == closing


def test_waiting_ends_with_3_when_the_job_was_cancelled(cluster: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path, cluster, [5, 6, 7, 8], workers=2)
    run.project.let_run(0)
    waiting = run.project.start("run", "--wait")
    run.await_outcome("running", 2)
    said = run.truth()
    assert (said["running"], said["pending"]) == (2, 2)
    cancelled = run.stilt("cancel")
    assert cancelled.code == 0, cancelled.err
    assert "2 tasks running or waiting" in cancelled.out
    out, err = waiting.communicate(timeout=PATIENCE_S)
    assert waiting.returncode == 3, out + err
    assert "has ended with 4 simulations not done" in err
    assert "4 simulations: 2 interrupted, 2 not begun" in out
    assert "stopped before the end: `stilt run` goes on where it was" in out
    said = run.truth()
    assert (said["interrupted"], said["failed"], said["running"]) == (2, 0, 0)
    assert "nothing to cancel" in run.stilt("cancel").out


def test_ctrl_c_while_waiting_leaves_the_job_running_and_says_so(cluster: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path, cluster, [5], workers=1)
    run.project.let_run(0)
    waiting = run.project.start("run", "--wait")
    run.await_outcome("running", 1)
    await_that(lambda: minds_stop_signals(waiting), "it waits")
    waiting.send_signal(signal.SIGINT)
    out, err = waiting.communicate(timeout=PATIENCE_S)
    (job,) = run.jobs()
    assert waiting.returncode == 3, out + err
    assert f"job {job} goes on" in err
    assert "stilt cancel" in err
    run.project.let_run(None)
    run.await_outcome("complete", 1)


def test_waiting_for_what_an_earlier_run_has_queued(cluster: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path, cluster, [5, 6, Behaviour.MODEL_ERROR], workers=3)
    run.project.let_run(0)
    run.submit()
    waiting = run.project.start("run", "--wait")
    await_that(lambda: minds_stop_signals(waiting), "it waits")
    run.project.let_run(None)
    out, err = waiting.communicate(timeout=PATIENCE_S)
    assert "3 queued or running" in out
    assert waiting.returncode == 1, err
    assert "[3/3]" in out
    assert len(run.jobs()) == 1


def test_waiting_for_what_runs_elsewhere_does_not_end_as_if_it_were_complete(
    cluster: Cluster, tmp_path: Path
):
    run = slurm_project(tmp_path, cluster, [5], workers=1)
    run.project.let_run(0)
    here = run.project.start("run", "--backend", "local")
    run.await_outcome("running", 1)
    answer = run.stilt("run", "--wait")
    assert "1 queued or running" in answer.out
    assert answer.code == 3, answer.err
    here.send_signal(signal.SIGINT)
    here.communicate(timeout=PATIENCE_S)


def test_a_dry_run_shows_everything_and_writes_nothing(cluster: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path / "p", cluster, [5, 6, 7], workers=2, more=["partition: debug"])
    counted = wrapped(tmp_path / "wrappers", cluster)
    run.project.env["PATH"] = counted.env["PATH"]
    before = sorted(path.name for path in run.project.path.iterdir())
    answer = run.stilt("run", "--dry-run")
    assert answer.code == 0, answer.err
    for shown in (
        "#SBATCH --array=0-1",
        "#SBATCH --partition=debug",
        "$ sbatch --parsable",
        "2 tasks in 1 array",
        "MaxArraySize",
        "push-worker",
    ):
        assert shown in answer.out
    assert counted.calls("sbatch") == 0
    after = {path.name for path in run.project.path.iterdir()} - {"scratch", "cache"}
    assert sorted(after) == before


def test_without_slurm_one_line_says_what_to_do(cluster: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path, cluster, [5], workers=1)
    answer = run.stilt("run", PATH="/nonexistent")
    assert answer.code == 4
    problem, advice = answer.err.splitlines()
    assert problem == "stilt: backend slurm: there is no sbatch on PATH [SLURM_ABSENT]"
    assert "module load slurm" in advice
    assert "--backend local" in advice
    assert not run.project.output.exists()


@pytest.mark.parametrize(
    ("line", "words", "advice"),
    [
        ("partition: nowhere", "invalid partition specified: nowhere", "execution.partition"),
        ("mem: 900G", "Requested node configuration is not available", "execution.mem"),
        ("nodelist: nowhere", "Invalid node name specified", "execution.nodelist"),
        ("reservation: nowhere", "Requested reservation is invalid", "execution.reservation"),
        ("nonsense-option: 1", "unrecognized option '--nonsense-option=1'", "remove that key"),
    ],
)
def test_a_refusal_is_shown_in_sbatchs_words_with_what_to_change(
    line: str, words: str, advice: str, cluster: Cluster, tmp_path: Path
):
    run = slurm_project(tmp_path, cluster, [5], workers=1)
    config = run.project.path / "config.yaml"
    good = config.read_text()
    config.write_text(good.replace("  mem: 50\n", f"  {line}\n"))
    answer = run.stilt("run")
    assert answer.code == 2, answer.err
    assert words in answer.err
    assert advice in answer.err
    assert run.truth()["pending"] == 1
    config.write_text(good)
    run.submit()
    run.await_outcome("complete", 1)
    assert sum(run.begun().values()) == 1


def test_tasks_run_what_was_submitted_though_the_settings_were_edited(
    cluster: Cluster, tmp_path: Path
):
    run = slurm_project(tmp_path, cluster, [5, 6], workers=2, more=["hold: true"])
    (job,) = run.submit()
    config = run.project.path / "config.yaml"
    config.write_text(config.read_text().replace("n_hours: -1", "n_hours: -2"))
    (run.project.path / "receptors.csv").write_text("nonsense")
    cluster.run("scontrol", "release", job)
    run.await_outcome("complete", 2)
    run.await_ended(job)
    assert run.truth()["stale"] == 2
    snapshot = next((run.project.output / "chunks").rglob("config-*.yaml")).read_text()
    assert "n_hours: -1" in snapshot


def test_a_waiting_and_a_running_task_are_told_apart(cluster: Cluster, tmp_path: Path):
    more = ["array_parallelism: 1"]
    run = slurm_project(tmp_path, cluster, [5, 6], workers=2, more=more)
    run.project.let_run(0)
    (job,) = run.submit()
    run.await_outcome("running", 1)
    throttled = ["PENDING", "JobArrayTaskLimit"]
    await_that(lambda: throttled in cluster.jobs("%T", "%r", job=job), "the other one waits")
    said = run.truth()
    assert (said["running"], said["pending"]) == (1, 1)
    assert said["running_tasks"][0]["node"].startswith("n")
    assert said["running_tasks"][0]["job"] == f"{job}_0"
    assert said["waiting"] == [
        {"batch": said["batches"][0]["id"], "job": job, "tasks": 1, "reason": "JobArrayTaskLimit"}
    ]
    run.project.let_run(None)
    await_that(lambda: len(run.complete()) == 2, "both complete")


def test_the_script_can_be_submitted_by_hand(cluster: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path, cluster, [5, 6, 7], workers=2, more=["hold: true"])
    (job,) = run.submit()
    cluster.run("scancel", job)
    (script,) = (tmp_path / "slurm").glob("submit_*.sh")
    by_hand = cluster.run("sbatch", "--parsable", str(script), env=run.project.environment())
    assert (run.truth()["pending"], run.stilt("run").out.count("queued or running")) == (3, 1)
    cluster.run("scontrol", "release", by_hand.strip())
    run.await_outcome("complete", 3)
    assert set(run.begun().values()) == {1}
    assert "nothing to do" in run.stilt("run").out


def test_no_skip_does_not_submit_what_is_queued_a_second_time(cluster: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path, cluster, [5, 6, 7], workers=2, more=["hold: true"])
    run.submit()
    write_receptors(tmp_path / "receptors.csv", [5, 6])
    for arguments in (["--no-skip"], ["--no-skip", "--dry-run"], ["--no-skip", "--backend=local"]):
        answer = run.stilt("run", *arguments)
        assert answer.code == 3, answer.out
        assert "2 simulations of these are queued or running" in answer.err
        assert "stilt cancel" in answer.err
    assert len(run.project.batches()) == 1
    run.stilt("cancel")
    assert "2 forced" in run.stilt("run", "--no-skip").out
    run.stilt("cancel")


def test_an_old_script_does_not_replace_what_a_newer_batch_made(cluster: Cluster, tmp_path: Path):
    run = slurm_project(tmp_path, cluster, [5, 6, 7], workers=1, more=["hold: true"])
    run.submit()
    (script,) = (tmp_path / "slurm").glob("submit_*.sh")
    run.stilt("cancel")
    config = tmp_path / "config.yaml"
    config.write_text(
        config.read_text().replace("n_hours: -1", "n_hours: -2").replace("hold", "no-kill")
    )
    write_receptors(tmp_path / "receptors.csv", [5, 6])
    run.submit()
    run.await_outcome("complete", 2)
    by_hand = cluster.run("sbatch", "--parsable", str(script), env=run.project.environment())
    cluster.run("scontrol", "release", by_hand.strip())
    run.await_outcome("complete", 3)
    run.await_ended(by_hand.strip())
    assert set(run.begun().values()) == {1}
    (said,) = (path.read_text() for path in (tmp_path / "slurm" / "logs").glob("0001-*/task-0.out"))
    assert "left to a newer batch that claims it: 2 simulations" in said
    answer = run.stilt("verify")
    assert answer.code == 0, answer.out
    assert run.truth()["complete"] == 2
    assert run.truth()["stale"] == 1
