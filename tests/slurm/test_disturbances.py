"""Whatever stops a task from outside, the truth is told throughout and a rerun ends complete."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from stilt.foundations.processes import children
from tests.projects import PATIENCE_S
from tests.slurm.cluster import await_that
from tests.slurm.conftest import UNDISTURBED
from tests.slurm.jobs import SlurmProject, slurm_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.slurm.cluster import Cluster

pytestmark = pytest.mark.slurm


class Disturbed:
    """Two tasks with four simulations each: one complete, one running until ``go_on``, two not begun."""

    def __init__(self, run: SlurmProject) -> None:
        self.run = run
        run.project.let_run(1)
        (self.job,) = run.submit()
        run.await_outcome("complete", 2)
        run.await_outcome("running", 2)
        self.done_before = run.complete()
        self.said = [run.truth()]

    def go_on(self) -> None:
        """Let all that runs go on, and what starts from now on not wait either."""
        self.run.project.let_run(None)

    def workers(self) -> list[int]:
        """Return the pids of the tasks' push-workers."""
        return [life.writer.pid for life in self.run.segments()]

    def node(self, task: int) -> str:
        lines = self.run.cluster.jobs("%K", "%N", job=self.job)
        return next(node for index, node in lines if index == str(task))

    def look(self) -> None:
        self.said.append(self.run.truth())

    def state(self, task: int) -> str:
        return self.run.cluster.states(self.job)[task]

    def assert_never_failed(self) -> None:
        """What is stopped from outside is not a failure of the simulation's."""
        assert [said["failed"] for said in self.said] == [0] * len(self.said)
        assert "failed" not in self.run.project.outcomes().values()

    def finish_by_rerun(self) -> None:
        """Run again, once, and find everything complete and nothing complete done again."""
        complete, before = self.run.complete(), self.run.begun()
        self.run.stilt("run")
        await_that(lambda: len(self.run.complete()) == 8, "all complete after one rerun")
        after = self.run.begun()
        assert {sim: after[sim] for sim in complete} == {sim: before[sim] for sim in complete}
        self.assert_nothing_done_twice(self.done_before)
        said = self.run.truth()
        assert (said["complete"], said["running"], said["interrupted"]) == (8, 0, 0)

    def assert_nothing_done_twice(self, complete: set[str]) -> None:
        begun = self.run.begun()
        assert {sim: begun[sim] for sim in complete} == dict.fromkeys(complete, 1)


@pytest.fixture
def disturbed(cluster: Cluster, tmp_path: Path) -> Iterator[Disturbed]:
    elsewhere = [f"exclude: {UNDISTURBED}"]
    heights = [5 + n / 10 for n in range(8)]
    run = slurm_project(tmp_path, cluster, heights, workers=2, more=elsewhere)
    yield Disturbed(run)
    run.project.let_run(None)
    for job in run.jobs():
        run.await_ended(job)
    await_that(lambda: not run.project.processes(), "no process is left")


def test_scancel_of_one_task(disturbed: Disturbed):
    disturbed.run.cluster.run("scancel", f"{disturbed.job}_1")
    await_that(lambda: disturbed.state(1) == "CANCELLED", "the task is cancelled")
    disturbed.look()
    said = disturbed.said[-1]
    assert (said["running"], said["interrupted"]) == (1, 1)
    disturbed.go_on()
    disturbed.run.await_ended(disturbed.job)
    disturbed.assert_never_failed()
    disturbed.finish_by_rerun()


def test_scancel_of_the_array(disturbed: Disturbed):
    disturbed.run.cluster.run("scancel", disturbed.job)
    disturbed.run.await_ended(disturbed.job)
    disturbed.look()
    said = disturbed.said[-1]
    assert (said["running"], said["interrupted"]) == (0, 2)
    disturbed.go_on()
    disturbed.assert_never_failed()
    disturbed.finish_by_rerun()


def test_kill_9_of_a_worker(disturbed: Disturbed):
    os.kill(disturbed.workers()[0], signal.SIGKILL)
    await_that(
        lambda: "FAILED" in disturbed.run.cluster.states(disturbed.job).values(), "it failed"
    )
    disturbed.look()
    assert disturbed.said[-1]["interrupted"] == 1
    disturbed.go_on()
    disturbed.run.await_ended(disturbed.job)
    disturbed.assert_never_failed()
    disturbed.finish_by_rerun()


def test_kill_9_of_a_pool_child_fails_its_own_simulation_alone(disturbed: Disturbed):
    pool = children(disturbed.workers()[0])
    os.kill(pool[-1], signal.SIGKILL)
    disturbed.go_on()
    disturbed.run.await_ended(disturbed.job)
    said = disturbed.run.truth()
    assert (said["complete"], said["failed"], said["failures"]) == (7, 1, {"KILLED": 1})
    disturbed.finish_by_rerun()


def requeue(disturbed: Disturbed) -> None:
    disturbed.run.cluster.run("scontrol", "requeue", f"{disturbed.job}_0")


def lose_node(disturbed: Disturbed) -> None:
    node = disturbed.node(0)
    cluster = disturbed.run.cluster
    cluster.run("scontrol", "update", f"nodename={node}", "state=down", "reason=test")

    def is_back() -> bool:
        """A node that registers meanwhile is up by itself, and cannot be resumed."""
        state = cluster.run("sinfo", "-h", "-n", node, "-o", "%T").strip()
        if state.startswith("down"):
            resume = ["scontrol", "update", f"nodename={node}", "state=resume"]
            subprocess.run(resume, env=cluster.env, capture_output=True, check=False)
        return not state.startswith("down")

    await_that(is_back, f"{node} is back")


@pytest.mark.parametrize("disturb", [requeue, lose_node])
def test_slurm_starts_it_again_by_itself(
    disturb: Callable[[Disturbed], None], disturbed: Disturbed
):
    disturb(disturbed)

    def has_left() -> bool:
        """It may be back already, where this process had to wait for its turn."""
        return disturbed.state(0) in {"PENDING", "COMPLETING"} or (0, 2) in attempts(disturbed.run)

    await_that(has_left, "its first life is over")
    disturbed.look()
    await_that(lambda: (0, 2) in attempts(disturbed.run), "its second life has begun")
    assert disturbed.state(0) == "RUNNING"
    disturbed.look()
    again = disturbed.run.stilt("run")
    assert (again.code, len(disturbed.run.jobs())) == (0, 1), "live work is not submitted again"
    disturbed.go_on()
    disturbed.run.await_outcome("complete", 8)
    disturbed.look()
    assert disturbed.said[-1]["complete"] == 8
    disturbed.assert_never_failed()
    disturbed.assert_nothing_done_twice(disturbed.done_before)
    lives = {(life.task, life.attempt, life.writer.restarts) for life in disturbed.run.segments()}
    assert {(0, 1, 0), (0, 2, 1)} <= lives
    disturbed.run.await_ended(disturbed.job)


def test_two_lives_of_a_task_at_the_same_time_are_told_apart(disturbed: Disturbed):
    """As after a requeue whose first life ends late; here the second is started by hand."""
    run = disturbed.run
    (batch,) = run.project.batches()
    twin = run.project.start("push-worker", "--batch", batch, "--task", "0")

    def is_at_work() -> bool:
        """It has done what its other life was at, and is in the middle of the next one."""
        running = [sim for sim in run.project.fold().sims.values() if sim.outcome == "running"]
        return len(run.complete()) == 3 and any(sim.attempt == 2 for sim in running)

    await_that(is_at_work, "the twin is in the middle of its work")
    run.cluster.run("scancel", disturbed.job)
    run.await_ended(disturbed.job)
    disturbed.look()
    assert disturbed.said[-1]["running"] >= 1, "the twin lives, whatever Slurm says of the job"
    disturbed.go_on()
    out, err = twin.communicate(timeout=PATIENCE_S)
    assert twin.returncode == 0, out + err
    assert {(0, 1), (0, 2), (1, 1)} <= attempts(run)
    disturbed.assert_never_failed()
    disturbed.finish_by_rerun()


def attempts(run: SlurmProject) -> set[tuple[int, int]]:
    return {(life.task, life.attempt) for life in run.segments()}
