"""``stilt run`` on this machine, as a person uses it."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from stilt.footprint.netcdf import read_footprint
from stilt.foundations.processes import children
from tests.engines import Behaviour, runs
from tests.projects import FOOTPRINT, PATIENCE_S, lose, make_project, wait_until, write_receptors

if TYPE_CHECKING:
    from pathlib import Path

    from tests.projects import Project

GRID = f"{{near: {FOOTPRINT}}}"


def test_receptors_become_particles_and_footprints(tmp_path: Path) -> None:
    project = make_project(tmp_path / "a project 'n ü", [5, 6, 7], footprints=GRID)
    answer = project.stilt("run", "--cpus", "2")
    assert (answer.code, answer.err) == (0, "")
    assert set(project.outcomes().values()) == {"complete"}
    assert len(list(project.output.rglob("*.parquet"))) == 3
    assert len(list(project.output.rglob("*.nc"))) == 3
    assert project.leftovers() == []
    assert project.processes() == []


def test_a_second_run_does_nothing_and_no_skip_does_everything(tmp_path: Path) -> None:
    project = make_project(tmp_path, [5, 6])
    project.stilt("run")
    assert "nothing to do" in project.stilt("run").out
    assert len(runs(project.runs_file)) == 2
    assert project.stilt("run", "--no-skip").code == 0
    assert len(runs(project.runs_file)) == 4


def test_failures_do_not_stop_the_others_and_only_they_run_again(tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        [5, Behaviour.MODEL_ERROR, 6, Behaviour.KILL_CHILD, Behaviour.CRASH, 7, Behaviour.SEGFAULT],
    )
    answer = project.stilt("run", "--cpus", "2")
    assert answer.code == 1
    assert Counter(project.outcomes().values()) == {"complete": 3, "failed": 4}
    assert Counter(project.reasons().values()) == {"MODEL_ERROR": 1, "KILLED": 2, "INTERNAL": 1}
    before = set(runs(project.runs_file))
    again = project.stilt("run", "--cpus", "2", FAKE_HEAL=str(project.path))
    assert again.code == 0
    assert len(runs(project.runs_file)) == 7
    assert before < set(runs(project.runs_file))
    assert project.processes() == []


def test_an_output_that_links_to_where_nothing_is_any_more_is_said(tmp_path: Path) -> None:
    project = make_project(tmp_path, [5])
    project.output.symlink_to(tmp_path / "purged" / "output")
    answer = project.stilt("run")
    assert answer.code == 4
    assert f"it is a link to {tmp_path}/purged/output, which is not there" in answer.err


def test_a_power_loss_that_takes_what_a_worker_wrote_holds_nothing_up(tmp_path: Path) -> None:
    project = make_project(tmp_path, [5, 6])
    project.let_run(0)
    process = project.start("run", "--cpus", "1")
    wait_until(lambda: "running" in project.outcomes().values(), "one is running")
    project.kill_all()
    process.communicate()
    project.let_run(None)
    (segment,) = project.output.glob("log/*/worker*.log")
    os.truncate(segment, 0)
    answer = project.stilt("run")
    assert answer.code == 0, answer.out
    assert Counter(project.outcomes().values()) == {"complete": 2}


def test_the_models_words_are_kept_for_failures_and_go_with_a_success(tmp_path: Path) -> None:
    project = make_project(tmp_path, [Behaviour.MODEL_ERROR, Behaviour.CRASH])
    project.stilt("run")
    logs = sorted((project.output / "logs").rglob("*.log"))
    words = "".join(log.read_text() for log in logs)
    assert "said no" in words
    assert "ZeroDivisionError" in words
    assert "Traceback" in words
    project.stilt("run", FAKE_HEAL=str(project.path))
    assert not list((project.output / "logs").rglob("*.log"))


def test_a_simulation_that_touches_nothing_is_empty_and_a_success(tmp_path: Path) -> None:
    project = make_project(tmp_path, [Behaviour.EMPTY], footprints=GRID)
    assert project.stilt("run").code == 0
    assert list(project.outcomes().values()) == ["empty"]
    assert list(project.output.rglob("*.nc")) == []
    assert "nothing to do" in project.stilt("run").out


def test_a_changed_footprint_needs_no_transport_and_a_changed_transport_does(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, [5, 6], footprints=GRID)
    project.stilt("run")
    config = project.path / "config.yaml"
    config.write_text(config.read_text().replace("xres: 0.1", "xres: 0.2"))
    answer = project.stilt("run")
    assert answer.code == 0
    assert "2 settings changed" in answer.out
    (batch,) = re.findall(r"since batch (\S+): footprints.near.xres was 0.1, is 0.2\n", answer.out)
    assert batch.startswith("0001-")
    assert len(runs(project.runs_file)) == 2
    config.write_text(config.read_text().replace("numpar: 10", "numpar: 12\nhnf_plume: false"))
    said = project.stilt("run", "--dry-run").out
    assert "since batch 0002-" in said
    assert ": numpar was 10, is 12; hnf_plume was true, is false\n" in said
    config.write_text(config.read_text().replace("\nhnf_plume: false", ""))
    assert project.stilt("run").code == 0
    assert len(runs(project.runs_file)) == 4


def edited(project: Project, old: str, new: str) -> str:
    """Edit the settings, and return what a run would be for."""
    config = project.path / "config.yaml"
    assert old in config.read_text()
    config.write_text(config.read_text().replace(old, new))
    return project.stilt("run", "--dry-run").out


def test_a_footprint_that_is_new_or_renamed_is_no_change_of_an_older_one(tmp_path: Path) -> None:
    project = make_project(tmp_path, [5], footprints=GRID)
    project.stilt("run")
    edited(project, "xres: 0.1", "xres: 0.2")
    project.stilt("run")
    said = edited(project, "{near:", f"{{two: {FOOTPRINT}, near:")
    assert re.search(r"since batch 0002-\S+: footprints.two is new\n", said), said
    project.stilt("run")
    said = edited(project, "{two:", "{fine:")
    assert re.search(r"since batch 0003-\S+: footprints.fine is new\n", said), said


@pytest.mark.parametrize("folder", ["particles", "footprints"])
def test_an_output_that_is_missing_is_made_again(tmp_path: Path, folder: str) -> None:
    project = make_project(tmp_path, [5, 6], footprints=GRID)
    project.stilt("run")
    suffix = ".parquet" if folder == "particles" else ".nc"
    lose(next((project.output / folder).rglob(f"*{suffix}")))
    answer = project.stilt("run")
    assert "1 output missing, 1 already done" in answer.out
    assert len(list(project.output.rglob("*.nc"))) == 2
    assert len(runs(project.runs_file)) == (3 if folder == "particles" else 2)


def test_stored_particles_that_are_damaged_are_not_used(tmp_path: Path) -> None:
    project = make_project(tmp_path, [5], footprints=GRID)
    project.stilt("run")
    lose(next(project.output.rglob("*.nc")))
    particles = next(project.output.rglob("*.parquet"))
    particles.write_bytes(particles.read_bytes()[:1000])
    assert project.stilt("run").code == 0
    assert len(runs(project.runs_file)) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_signal_interrupts_leaves_no_process_and_the_next_run_goes_on(
    tmp_path: Path, number: int
) -> None:
    project = make_project(tmp_path, [5] * 6)
    process = project.start("run", "--cpus", "2", FAKE_SLEEP="3600", FAKE_MODEL="1")
    wait_until(lambda: len(runs(project.runs_file, "model")) == 2, "two models run")
    process.send_signal(number)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 3
    assert project.processes() == []
    assert project.leftovers() == []
    assert Counter(project.outcomes().values()) == {"interrupted": 2}
    assert project.stilt("run", "--cpus", "2").code == 0
    assert Counter(project.outcomes().values()) == {"complete": 6}


def test_killing_the_run_alone_takes_its_workers_and_models_along(tmp_path: Path) -> None:
    project = make_project(tmp_path, [5] * 4)
    process = project.start("run", "--cpus", "2", FAKE_SLEEP="3600", FAKE_MODEL="1")
    wait_until(lambda: len(runs(project.runs_file, "model")) == 2, "two models run")
    process.kill()
    process.communicate()
    wait_until(lambda: not project.processes(), "everything has ended")
    # the worker was told, and could still say so
    assert set(project.outcomes().values()) == {"interrupted"}
    assert project.leftovers() == []


def test_only_what_failed_for_a_reason_runs_again(tmp_path: Path) -> None:
    heights = [5, Behaviour.MODEL_ERROR, Behaviour.MET_MISSING]
    project = make_project(tmp_path, heights)
    project.stilt("run")
    write_receptors(project.path / "receptors.csv", [*heights, 8])
    heal = {"FAKE_HEAL": str(project.path)}
    assert project.stilt("run", "--only", "MET_MISSING", **heal).code == 0
    assert Counter(project.outcomes().values()) == {"complete": 2, "failed": 1}
    assert project.stilt("run", "--failed", **heal).code == 0
    assert Counter(project.outcomes().values()) == {"complete": 3}
    bad = project.stilt("run", "--only", "MET_MISING")
    assert bad.code == 2
    assert "MET_MISING" in bad.err


def test_a_run_of_failures_is_stopped_when_asked(tmp_path: Path) -> None:
    project = make_project(tmp_path, [Behaviour.MODEL_ERROR] * 20)
    answer = project.stilt("run", "--max-fails", "3", "--cpus", "1")
    assert answer.code == 3
    assert Counter(project.outcomes().values()) == {"failed": 3}
    assert "3 failures" in answer.out


def test_two_runs_at_once_do_the_work_once(tmp_path: Path) -> None:
    project = make_project(tmp_path, [5] * 6)
    project.let_run(0)
    both = [project.start("run") for _ in range(2)]
    wait_until(lambda: any(process.poll() is not None for process in both), "one leaves it")
    project.let_run(None)
    for process in both:
        process.communicate(timeout=PATIENCE_S)
    assert sorted(process.returncode for process in both) == [0, 3]
    assert len(runs(project.runs_file)) == 6
    assert len(project.batches()) == 1


def test_settings_edited_after_the_hand_over_do_not_matter(tmp_path: Path) -> None:
    project = make_project(tmp_path, [5, 6, 7])
    project.let_run(0)
    process = project.start("run", "--cpus", "1")
    wait_until(lambda: runs(project.runs_file, "begin"), "the first one runs")
    (project.path / "config.yaml").write_text("mets: {torn")
    project.let_run(None)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert Counter(project.outcomes().values()) == {"complete": 3}


def test_several_workers_share_the_work(tmp_path: Path) -> None:
    project = make_project(tmp_path, [5] * 7)
    assert project.stilt("run", "--n-workers", "3", "--cpus", "1").code == 0
    assert Counter(project.outcomes().values()) == {"complete": 7}
    state = project.fold()
    (batch,) = state.batches.values()
    assert sorted(batch.tasks) == [0, 1, 2]
    assert {life.closed for life in batch.lives.values()} == {"finished"}


def test_dry_run_tells_and_writes_nothing(tmp_path: Path) -> None:
    project = make_project(tmp_path, [5, 6])
    answer = project.stilt("run", "--dry-run")
    assert answer.code == 0
    assert "2 never run" in answer.out
    assert not project.output.exists()


def test_an_engine_that_cannot_run_here_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, [5])
    answer = project.stilt("run", FAKE_BROKEN="1")
    assert answer.code == 4
    assert "the fake engine is broken" in answer.err
    assert not project.output.exists()


def test_a_torn_settings_file_is_one_line_and_nothing_written(tmp_path: Path) -> None:
    project = make_project(tmp_path, [5])
    config = project.path / "config.yaml"
    config.write_bytes(config.read_bytes()[:50])
    answer = project.stilt("run")
    assert answer.code == 2
    assert "config.yaml" in answer.err
    assert "Traceback" not in answer.err
    assert not project.output.exists()


def test_what_a_worker_that_was_killed_was_at_goes_with_the_next_run(tmp_path: Path) -> None:
    project = make_project(tmp_path, [5])
    project.let_run(0)
    process = project.start("run")
    wait_until(lambda: runs(project.runs_file, "begin"), "it runs")
    project.kill_all()
    process.communicate()
    project.let_run(None)
    (imprint,) = {life.imprint for life in project.fold().lives.values() if life.imprint}
    half = project.output / "particles" / "2015-12-10" / f".tmp-0a0b0c-.fake.parquet.{imprint}"
    half.parent.mkdir(parents=True)
    half.touch()
    assert len(project.leftovers()) > 1
    assert project.stilt("run").code == 0
    assert project.leftovers() == []


def test_a_damaged_log_is_told_and_what_it_lost_is_run_again(tmp_path: Path) -> None:
    project = make_project(tmp_path, [5, 6, 7])
    project.stilt("run", "--cpus", "1")
    (segment,) = project.output.glob("log/*/worker*.log")
    lines = segment.read_bytes().splitlines(keepends=True)
    torn = next(number for number, line in enumerate(lines) if b'"done"' in line)
    lines[torn] = lines[torn].replace(b"complete", b"comqlete")
    segment.write_bytes(b"".join(lines))
    answer = project.stilt("run")
    assert answer.code == 0
    assert f"{segment.name}, byte" in answer.out
    assert "1 interrupted, 2 already done" in answer.out
    assert Counter(project.outcomes().values()) == {"complete": 3}


PATIENT = """
import sys
from stilt.backends import local
local._PATIENCE_S = float("inf")
from stilt.cli import main
main(sys.argv[1:])
"""
"""Loses its patience with workers that do not stop only where it is asked to."""


def test_a_second_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    project = make_project(tmp_path, [5])
    project.let_run(0)
    process = project.begin([sys.executable, "-c", PATIENT, "run"])
    wait_until(lambda: runs(project.runs_file, "begin"), "it runs")
    (worker,) = children(process.pid)
    os.kill(worker, signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert any("stopping" in line for line in process.stdout)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 3
    wait_until(lambda: not project.processes(), "everything has ended")


def test_where_one_footprint_has_something_in_it_all_have_a_file(tmp_path: Path) -> None:
    far = "{xmin: 10, xmax: 12, ymin: 40, ymax: 41, xres: 0.5, yres: 0.5}"
    project = make_project(tmp_path, [5], footprints=f"{{near: {FOOTPRINT}, far: {far}}}")
    assert project.stilt("run").code == 0
    assert list(project.outcomes().values()) == ["complete"]
    near, away = (
        read_footprint(next(project.output.glob(f"footprints/{name}/*/*.nc")))["foot"]
        for name in ("near", "far")
    )
    assert float(near.sum()) > 0
    assert float(away.sum()) == 0
    assert "nothing to do" in project.stilt("run").out


@pytest.mark.parametrize("cpus", ["1", "2"])
def test_a_process_makes_one_projected_footprint_after_the_other(tmp_path: Path, cpus: str) -> None:
    grid = "xmin: -113, xmax: -111, ymin: 40, ymax: 41, xres: 9000, yres: 9000"
    project = make_project(
        tmp_path, [5] * 6, footprints=f'{{plane: {{{grid}, projection: "EPSG:32612"}}}}'
    )
    answer = project.stilt("run", "--cpus", cpus)
    assert (answer.code, answer.err) == (0, "")
    assert Counter(project.outcomes().values()) == {"complete": 6}


def test_nohup_lets_it_live_on(tmp_path: Path) -> None:
    project = make_project(tmp_path, [5] * 3)
    project.let_run(0)
    process = project.begin(["nohup", sys.executable, "-m", "stilt", "run", "--cpus", "1"])
    wait_until(lambda: runs(project.runs_file, "begin"), "it runs")
    process.send_signal(signal.SIGHUP)
    project.let_run(None)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert Counter(project.outcomes().values()) == {"complete": 3}
