"""Tasks that have less time than they need: they stop in time, go back into the queue, and say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stilt.backends.slurm.script import task_output
from tests.slurm.cluster import await_that

if TYPE_CHECKING:
    from tests.slurm.jobs import SlurmProject

pytestmark = pytest.mark.slurm


def printed(run: SlurmProject) -> str:
    """Return what the only task printed in all its lives."""
    (batch,) = run.project.batches()
    return task_output(run.project.path / "slurm" / "logs" / batch, 0).read_text()


def test_a_task_killed_at_its_limit_is_interrupted_and_a_rerun_completes_it(
    out_of_time: dict[str, SlurmProject],
):
    run = out_of_time["not warned"]
    (job,) = run.jobs()
    run.await_ended(job)
    ended = [record["JobState"] for record in run.cluster.records() if record["JobId"] == job]
    assert ended == ["TIMEOUT"]
    said = run.truth()
    assert (said["running"], said["failed"]) == (0, 0)
    assert said["interrupted"] == 1
    before = run.complete()
    run.project.let_run(None)
    run.submit()
    await_that(lambda: len(run.complete()) == 5, "complete after one rerun")
    assert all(run.begun()[sim] == 1 for sim in before)


def test_a_task_short_of_time_puts_itself_back_into_the_queue_until_all_is_done(
    out_of_time: dict[str, SlurmProject],
):
    run = out_of_time["requeued"]
    run.await_outcome("complete", 3)
    run.await_ended(run.jobs()[0])
    assert len(run.jobs()) == 1
    assert "requeued: restart 1 of at most 9" in printed(run)
    lives = sorted((life.attempt, life.writer.restarts) for life in run.segments())
    assert lives[0] == (1, 0)
    assert 1 <= lives[-1][1] <= 9
    said = run.truth()
    assert (said["complete"], said["failed"], said["interrupted"]) == (3, 0, 0)


def test_a_task_that_may_not_requeue_ends_unfinished_and_not_failed(
    out_of_time: dict[str, SlurmProject],
):
    run = out_of_time["not requeued"]
    run.await_ended(run.jobs()[0])
    said = run.truth()
    assert said["failed"] == 0
    assert said["running"] == 0
    assert said["complete"] + said["interrupted"] + said["pending"] == 3
    assert said["complete"] < 3
    run.project.let_run(None)
    run.submit()
    await_that(lambda: len(run.complete()) == 3, "complete after one rerun")
