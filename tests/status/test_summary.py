"""`status` tells the truth: states add up, and what is not known is not claimed."""

from __future__ import annotations

import json
import os
import time

import pytest

from stilt.batch.today import Today
from stilt.config.load import parse_config
from stilt.foundations.identity import EngineIdentity
from stilt.log.events import Cancelled, Closed, Done, Invalid
from stilt.log.writer import SegmentWriter
from stilt.status.outdated import Outdated
from tests.status.conftest import ALIVE, DEAD, ELSEWHERE, T0, done, sim_id, started

STATES = ("pending", "running", "complete", "empty", "failed", "interrupted", "stale")


def states(summary) -> dict[str, int]:
    counted = {name: getattr(summary, name) for name in STATES if getattr(summary, name)}
    assert sum(counted.values()) == summary.total
    return counted


def test_a_project_that_never_ran_has_nothing(project_log) -> None:
    summary = project_log.summary()
    assert states(summary) == {}
    assert summary.batches == ()


def test_what_is_registered_and_not_begun_is_pending(project_log) -> None:
    project_log.batch("0001-a", [[1, 2], [3]], project_total=3)
    assert states(project_log.summary()) == {"pending": 3}


def test_outcomes_are_counted_with_reasons_and_an_example(project_log) -> None:
    batch = project_log.batch("0001-a", [[1, 2, 3, 4, 5]], project_total=5)
    project_log.worker(
        batch,
        0,
        *(event for n in range(1, 6) for event in [started(n)]),
        done(1),
        done(2, "empty"),
        done(3, "failed", reason="MET_MISSING"),
        done(4, "failed", at=30, reason="MET_MISSING"),
        done(5, "interrupted"),
        Closed(at=T0 + 40),
    )
    summary = project_log.summary()
    assert states(summary) == {"complete": 1, "empty": 1, "failed": 2, "interrupted": 1}
    assert summary.failures == {"MET_MISSING": 2}
    example = summary.failure_examples["MET_MISSING"]
    assert (example.sim, example.message) == (sim_id(4), "because of MET_MISSING")
    assert summary.batches[0].failed == 2


@pytest.mark.parametrize(
    ("who", "shown"),
    [(ALIVE, "running"), (DEAD, "interrupted"), (ELSEWHERE, "running")],
    ids=["a live process", "a process that is gone", "a process on another machine"],
)
def test_running_is_believed_unless_the_process_is_known_to_be_gone(
    project_log, who, shown
) -> None:
    batch = project_log.batch("0001-a", [[1, 2]], project_total=2)
    project_log.worker(batch, 0, started(1), who=who)
    summary = project_log.summary()
    assert states(summary) == {shown: 1, "pending": 1}
    assert summary.tasks_unknown == (who is ELSEWHERE)
    assert summary.tasks_live == (who is ALIVE)


def test_an_earlier_attempt_is_over_once_its_task_began_again(project_log) -> None:
    batch = project_log.batch("0001-a", [[1, 2]], project_total=2)
    project_log.worker(batch, 0, started(1), who=ELSEWHERE, attempt=1)
    project_log.worker(batch, 0, started(2, at=5), who=ELSEWHERE, attempt=2)
    assert states(project_log.summary()) == {"interrupted": 1, "running": 1}


def test_a_moment_in_the_past_is_counted_as_the_events_of_that_moment_say(project_log) -> None:
    batch = project_log.batch("0001-a", [[1, 2]], project_total=2)
    project_log.worker(
        batch, 0, started(1, at=1), done(1, at=20), started(2, at=21), done(2, at=40), who=DEAD
    )
    assert states(project_log.summary(until=T0 + 0.5)) == {"pending": 2}
    assert states(project_log.summary(until=T0 + 10)) == {"pending": 1, "running": 1}
    assert states(project_log.summary(until=T0 + 30)) == {"complete": 1, "running": 1}
    assert states(project_log.summary()) == {"complete": 2}


def test_failed_work_that_is_handed_over_again_is_pending_not_failed(project_log) -> None:
    first = project_log.batch("0001-a", [[1, 2, 3, 4]], project_total=4)
    project_log.worker(
        first,
        0,
        done(1),
        done(2, "failed", reason="KILLED"),
        done(3, "interrupted"),
        Closed(at=T0 + 40),
    )
    second = project_log.batch("0002-b", [[2, 3, 4]], project_total=4)
    summary = project_log.summary()
    assert states(summary) == {"complete": 1, "pending": 3}
    assert summary.failures == {}
    project_log.worker(second, 0, done(2, at=60), Closed(at=T0 + 70))
    summary = project_log.summary()
    assert states(summary) == {"complete": 2, "pending": 2}
    assert [batch.pending for batch in summary.batches] == [1, 2]


def test_new_receptors_in_a_second_batch_add_to_the_total(project_log) -> None:
    first = project_log.batch("0001-a", [[1, 2]], project_total=2)
    project_log.worker(first, 0, done(1), done(2), Closed(at=T0 + 40))
    project_log.batch("0002-b", [[3]], project_total=3)
    assert states(project_log.summary()) == {"complete": 2, "pending": 1}


def test_everything_run_anew_is_not_counted_twice(project_log) -> None:
    first = project_log.batch("0001-a", [[1, 2]], project_total=2)
    project_log.worker(first, 0, done(1), done(2), Closed(at=T0 + 40))
    project_log.batch("0002-b", [[1, 2]], project_total=2)
    assert states(project_log.summary()) == {"complete": 2}


def test_what_still_waits_in_an_older_live_batch_is_counted(project_log) -> None:
    first = project_log.batch("0001-a", [[1, 2], [3, 4]], project_total=4)
    project_log.worker(first, 0, done(1), started(2, at=21))
    project_log.worker(first, 1, done(3, "failed", reason="TIMEOUT"), Closed(at=T0 + 40))
    project_log.batch("0002-b", [[5]], project_total=5)
    summary = project_log.summary()
    assert summary.total == 5
    assert summary.complete == 1
    assert summary.running == 1


def test_an_output_found_invalid_is_work_again(project_log) -> None:
    batch = project_log.batch("0001-a", [[1, 2]], project_total=2)
    project_log.worker(batch, 0, done(1), done(2), Closed(at=T0 + 40))
    verify = SegmentWriter(
        project_log.layout.log_dir, "verify", 1, ALIVE.__class__("verify", "here", 1)
    )
    verify.append(
        Invalid(
            sim=sim_id(1), path="a.nc", why="missing", batch=batch, seq=1, attempt=1, at=T0 + 50
        ),
        sync=True,
    )
    assert states(project_log.summary()) == {"complete": 1, "pending": 1}


def test_results_of_other_settings_are_stale(project_log) -> None:
    batch = project_log.batch("0001-a", [[1], [2]], project_total=2)
    project_log.worker(batch, 0, done(1), Closed(at=T0 + 40))
    project_log.worker(batch, 1, done(2), Closed(at=T0 + 40), outdated=True)
    assert states(project_log.summary()) == {"complete": 1, "stale": 1}
    config = project_log.layout.config_file
    config.write_text(config.read_text().replace("xres: 0.01", "xres: 0.02"))
    assert states(project_log.summary()) == {"stale": 2}


def test_each_meteorology_is_judged_by_its_own_settings(project_log) -> None:
    from stilt.log.fold import Done, Life

    text = project_log.layout.config_file.read_text()
    met = '{directory: met, file_format: "%Y", file_tres: 1d}'
    both = text.replace("mets:", f"mets:\n  a: {met}\n  a_b: {met}", 1)
    engine = EngineIdentity("hysplit", "v5")

    def today(config: str) -> Today:
        return Today(project_log.layout, parse_config(config, "config.yaml"), engine)

    life = Life(
        "s",
        "b",
        1,
        transport=today(both).transports,
        footprints=today(both).footprints,
        engine=engine,
    )
    life.transport["a_b"] = "of other settings"
    outdated = Outdated(today(both))
    assert outdated.of_life(life) is None
    of_a = Done(sim="a_2024", at=0.0, outcome="complete")
    of_ab = Done(sim="a_b_2024", at=0.0, outcome="complete")
    of_a.life = of_ab.life = life
    assert not outdated.of_sim(of_a)
    assert outdated.of_sim(of_ab)


def test_a_cancelled_batch_leaves_its_work_to_do(project_log) -> None:
    batch = project_log.batch("0001-a", [[1, 2]], project_total=2, backend="slurm")
    writer = SegmentWriter(project_log.layout.log_dir, batch, 1, ELSEWHERE)
    writer.append(Cancelled(batch=batch, at=T0 + 9, jobs=("17",)), Closed(at=T0 + 9))
    summary = project_log.summary()
    assert states(summary) == {"pending": 2}
    assert summary.batches[0].cancelled
    assert summary.tasks_live == summary.tasks_unknown == 0


def test_broken_settings_are_noted_and_do_not_hide_the_state(project_log) -> None:
    batch = project_log.batch("0001-a", [[1]], project_total=1)
    project_log.worker(batch, 0, done(1), Closed(at=T0 + 40))
    project_log.layout.config_file.write_text("mets: [\n")
    summary = project_log.summary()
    assert states(summary) == {"complete": 1}
    assert "config.yaml" in summary.notes[0]


def test_receptors_that_no_batch_may_know_are_noted(project_log) -> None:
    batch = project_log.batch("0001-a", [[1]], project_total=1)
    project_log.worker(batch, 0, done(1), Closed(at=T0 + 40))
    assert project_log.summary().notes == ()
    later = project_log.layout.manifest(batch).stat().st_mtime + 10
    os.utime(project_log.layout.receptors_file, (later, later))
    assert "receptors.csv is not what" in project_log.summary().notes[0]
    assert project_log.summary(until=T0 + 50).notes == ()


def test_failures_of_receptors_that_were_taken_out_are_no_promise_of_a_run(project_log) -> None:
    first = project_log.batch("0001-a", [[1, 2, 3]], project_total=3)
    bad = Done(sim=sim_id(1), at=T0 + 30, outcome="failed", reason="BAD_RECEPTOR")
    project_log.worker(first, 0, bad, done(2), done(3), Closed(at=T0 + 40))
    assert project_log.summary().notes == ()
    second = project_log.batch("0002-b", [[4]], project_total=3)
    project_log.worker(second, 0, done(4), Closed(at=T0 + 80))
    assert "1 of these was not among the receptors" in project_log.summary().notes[0]


@pytest.mark.parametrize("asked", [(1, 2, 3), (1,)])
def test_work_in_hand_that_nobody_asks_for_any_more_can_be_cancelled(project_log, asked) -> None:
    batch = project_log.batch("0001-a", [[1, 2, 3]], project_total=3)
    project_log.worker(batch, 0, done(1), started(2))
    assert project_log.summary().in_hand == 2
    project_log.ask_for(*asked)
    summary = project_log.summary()
    assert (summary.in_hand, summary.to_do) == (2, 0)
    told = "2 queued or running are not asked for any more: `stilt cancel`, or Ctrl-C"
    assert any(told in note for note in summary.notes) == (asked == (1,))


@pytest.mark.parametrize("injury", ["lost", "cut", "not text"])
def test_a_manifest_that_does_not_hold_is_noted(project_log, injury: str) -> None:
    batch = project_log.batch("0001-a", [[1, 2]], project_total=2)
    path = project_log.layout.manifest(batch)
    data = path.read_bytes()
    path.unlink()
    if injury != "lost":
        path.write_bytes(data[:100] if injury == "cut" else data.replace(b"0001", b"\xff001"))
    summary = project_log.summary()
    assert states(summary) == {"pending": 2}
    assert "batch.json" in summary.notes[0]


def test_damage_is_counted_and_located(project_log, stilt) -> None:
    batch = project_log.batch("0001-a", [[1, 2]], project_total=2)
    writer = project_log.worker(batch, 0, started(1), done(1), who=DEAD)
    writer.append(started(2), sync=True)
    writer.append(done(2), sync=True)
    data = bytearray(writer.path.read_bytes())
    data[data.index(b"started") + 2] ^= 1
    writer.path.write_bytes(data)
    summary = project_log.summary()
    assert summary.damaged == 1
    assert writer.path.name in summary.damages[0]
    project = project_log.layout.project
    assert stilt("status", project).returncode == 0
    assert stilt("log", "replay", project).returncode == 0
    assert stilt("log", "replay", "--strict", project).returncode == 5


def test_nothing_is_written_and_nothing_locked(project_log, stilt) -> None:
    batch = project_log.batch("0001-a", [[1]], project_total=1)
    project_log.worker(batch, 0, done(1), Closed(at=T0 + 40))
    project = project_log.layout.project
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    for arguments in (["status"], ["status", "--failed"], ["log", "replay"], ["log", "show"]):
        shown = stilt(*arguments, project)
        assert shown.returncode == 0, shown.stderr
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before


def test_json_has_the_agreed_keys_and_agrees_with_a_replay(project_log, stilt) -> None:
    batch = project_log.batch("0001-a", [[1, 2]], project_total=2)
    project_log.worker(batch, 0, done(1), done(2, "failed", reason="TIMEOUT"), Closed(at=T0 + 40))
    project = project_log.layout.project
    status = json.loads(stilt("status", "--json", project).stdout)
    replay = json.loads(stilt("log", "replay", "--json", project).stdout)
    agreed = [
        "project",
        "as_of",
        "total",
        "pending",
        "running",
        "complete",
        "empty",
        "failed",
        "interrupted",
        "stale",
        "failures",
        "batches",
        "segments",
        "events",
        "damaged",
    ]
    assert list(status)[: len(agreed)] == agreed
    in_batch = [
        "id",
        "seq",
        "backend",
        "jobs",
        "total",
        "complete",
        "empty",
        "failed",
        "interrupted",
        "running",
        "pending",
    ]
    assert list(status["batches"][0])[: len(in_batch)] == in_batch
    assert {k: v for k, v in status.items() if k != "as_of"} == {
        k: v for k, v in replay.items() if k != "as_of"
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_colleague_who_may_only_read_can_ask(project_log, stilt) -> None:
    project_log.batch("0001-a", [[1]], project_total=1)
    log = project_log.layout.log_dir
    log.chmod(0o555)
    try:
        assert stilt("status", project_log.layout.project).returncode == 0
    finally:
        log.chmod(0o755)


def test_rate_and_time_left_are_those_of_the_workers_at_work(project_log) -> None:
    batch = project_log.batch("0001-a", [list(range(20))], project_total=20)
    writer = project_log.worker(batch, 0, started(1, at=time.time() - T0))
    now = time.time()
    assert project_log.summary().rate_per_hour is None
    writer.append(*(done(n, at=now - T0) for n in range(1, 11)), started(11, now - T0), sync=True)
    summary = project_log.summary()
    assert summary.rate_per_hour > 0
    assert summary.time_left_s == pytest.approx(10 * 3600 / summary.rate_per_hour, rel=0.01)
    writer.append(done(11, at=now - T0), Closed(at=now), sync=True)
    assert project_log.summary().rate_per_hour is None, "nobody is at work"


def test_cost_is_advice_for_what_is_left(project_log) -> None:
    config = project_log.layout.config_file
    config.write_text(
        config.read_text().replace("backend: local", "backend: slurm\n  n_workers: 5")
    )
    batch = project_log.batch("0001-a", [list(range(100))], project_total=100)
    project_log.worker(
        batch, 0, *(done(n) for n in range(10)), done(10, "failed", reason="TIMEOUT")
    )
    past = project_log.summary().past_runs
    assert past.simulations == 11
    assert (past.wall_s.p50, past.wall_s.max) == (20.0, 20.0)
    assert past.core_hours == pytest.approx(11 * 20 / 3600, rel=1e-3)
    assert past.core_hours_wasted == pytest.approx(20 / 3600, rel=1e-2)
    assert set(past.suggest) == {"n_workers", "cpus-per-task", "time", "mem"}
    assert past.suggest["mem"] == "1024M"
    project_log.ask_for(*range(9))
    summary = project_log.summary()
    assert (summary.left, summary.to_do) == (90, 0)
    assert summary.past_runs.suggest == {}, "none of them would be handed over"


def test_a_simulation_that_takes_far_longer_than_others_is_stuck(project_log) -> None:
    now = time.time()
    batch = project_log.batch("0001-a", [list(range(30))], project_total=30)
    project_log.worker(
        batch,
        0,
        *(done(n, at=now - 5000 - T0) for n in range(1, 20)),
        started(20, at=now - 4000 - T0),
    )
    (task,) = project_log.summary().running_tasks
    assert task.stuck
    assert task.sims == (sim_id(20),)
