"""What version 0.1.0 left behind is worth as much after an upgrade: nothing is lost, nothing is run twice.

The projects are what that version wrote (``make_fixtures.py``), finished, half done, queued and archived, and
their config.yaml stays as it is. Where they are asked is like where they were made: the same host, with or without
an installed HYSPLIT.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

import stilt
from stilt.transport.native.engine import ALGORITHM

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from tests.upgrade.old_projects import OldProject

    Copy = Callable[[str], OldProject]

FINISHED = {
    "archived": 2,
    "error-run": 1,
    "finished-hysplit": 2,
    "finished-import-path": 2,
    "finished-native": 2,
    "finished-native-table": 2,
    "footprints-again": 2,
    "own-ids": 3,
    "two-mets": 2,
}
"""With the number of simulations."""

UNFINISHED = {
    "archived-and-redone": "1 settings changed, 1 already done",
    "half-done-killed": "4 never run, 2 interrupted, 1 failed, 3 already done",
    "half-done-met-missing": "2 failed, 1 already done",
    "half-done-stopped": "4 never run, 2 interrupted, 2 already done",
    "invalid": "2 invalid, 2 already done",
    "queued-cancelled": "2 never run",
    "several-points": "1 receptor changed, 2 already done",
}
"""With what there is to do."""

QUEUED = {"queued": 4, "queued-native": 2, "queued-native-table": 2}
"""With the number of simulations, in two tasks."""


def of(names: dict[str, Any]) -> pytest.MarkDecorator:
    """Run a test for projects, marked where it needs the real hycs_std."""
    marks = {"finished-hysplit": [pytest.mark.hysplit]}
    return pytest.mark.parametrize(
        "name", [pytest.param(name, marks=marks.get(name, [])) for name in names]
    )


def assert_reads(project: OldProject) -> None:
    """What was complete reads in Python as it did when the project was made."""
    opened = stilt.Project(project.path)
    for sim, known in project.expected.items():
        read = opened[sim]
        if "particles" in known:
            assert in_numbers(read.particles()) == pytest.approx(known["particles"])
        if "error particles" in known:
            errors = read.particles(error=True)
            assert in_numbers(errors) == pytest.approx(known["error particles"])
        if "footprint" in known:
            footprint = read.footprint()
            numbers = [*footprint.shape, float(footprint.sum())]
            assert numbers == pytest.approx(known["footprint"], rel=1e-5)


def in_numbers(particles: pd.DataFrame) -> list[float]:
    return [*particles.shape, particles["long"].sum(), particles["foot"].sum()]


def assert_complete(project: OldProject, total: int) -> None:
    """Every command says that all is done."""
    counts = project.counts()
    assert counts.keys() <= {"complete", "empty"}
    assert sum(counts.values()) == total
    assert project.plan() == f"{total} already done"
    assert "all as the log says" in project.stilt("verify")


@of(FINISHED)
def test_what_was_finished_is_already_done(old: Copy, name: str) -> None:
    assert_complete(old(name), FINISHED[name])


@of(FINISHED)
def test_what_was_finished_is_not_run_again(old: Copy, name: str) -> None:
    project = old(name)
    before = project.begun()
    assert "nothing to do" in project.stilt("run")
    assert project.begun() == before
    assert project.transported() == []
    assert_reads(project)


@of(FINISHED)
def test_what_was_finished_reads_as_before(old: Copy, name: str) -> None:
    project = old(name)
    assert_reads(project)
    opened = stilt.Project(project.path)
    sums = {sim: known.get("footprint", [0.0])[-1] for sim, known in project.expected.items()}
    together = opened.footprints().sum(("hour", "lat", "lon"))
    read = dict(zip(together["receptor"].to_numpy().tolist(), together.to_numpy(), strict=True))
    assert read == pytest.approx(sums, rel=1e-5)
    states = opened.simulations["state"].to_dict()
    assert states == {
        sim: "complete" if "footprint" in known else "empty"
        for sim, known in project.expected.items()
    }


def test_a_column_by_the_older_rule_is_stale_wherever_it_is_told(old: Copy) -> None:
    project = old("several-points")
    assert json.loads(project.stilt("status", "--json"))["stale"] == 1
    assert "1 simulation to do" in project.stilt("status")
    opened = stilt.Project(project.path)
    assert sorted(opened.simulations["state"]) == ["complete", "complete", "stale"]
    assert opened.footprints().sizes["receptor"] == 2
    assert opened.jacobian().matrix.shape[0] == 2
    assert project.plan() == UNFINISHED["several-points"]


@of(FINISHED)
def test_the_log_reads_from_its_first_event_without_damage(old: Copy, name: str) -> None:
    project = old(name)
    said = project.stilt("log", "replay", "--strict")
    assert f"{FINISHED[name]} simulation" in said


@pytest.mark.parametrize(
    "name", ["finished-native", "finished-import-path", "error-run", "own-ids"]
)
def test_what_was_finished_can_be_archived(old: Copy, name: str) -> None:
    project = old(name)
    project.stilt("archive")
    assert not list(project.path.rglob("*.nc"))
    assert_reads(project)
    assert_complete(project, FINISHED[name])


@of(UNFINISHED)
def test_what_is_left_is_said_as_before(old: Copy, name: str) -> None:
    assert facts(old(name).plan()) == facts(UNFINISHED[name])


@of(UNFINISHED)
def test_what_was_half_done_goes_on_and_nothing_of_it_is_run_twice(old: Copy, name: str) -> None:
    project = old(name)
    project.heal.touch()
    done_before = facts(UNFINISHED[name]).get("already done", 0)
    before = project.begun()
    total = sum(facts(UNFINISHED[name]).values())
    project.stilt("run", "--backend", "local", "--cpus", "2")
    again = project.begun() - before
    assert set(again.values()) == {1}
    assert len(again) == total - done_before
    assert_complete(project, total)


def test_what_a_kill_left_is_not_transported_again(old: Copy) -> None:
    project = old("half-done-killed")
    project.heal.touch()
    project.stilt("run")
    assert len(project.transported()) == len(set(project.transported()))
    assert project.expected.keys().isdisjoint(project.transported())
    assert_reads(project)
    assert not list(project.path.rglob(".tmp-*"))


def test_the_other_grid_of_an_archived_project_is_made_for_what_is_left(old: Copy) -> None:
    project = old("archived-and-redone")
    assert_reads(project)
    project.stilt("run")
    assert {stilt.Project(project.path)[sim].footprint().shape for sim in project.expected} == {
        (1, 8, 12)
    }


@of(QUEUED)
def test_what_is_queued_is_not_handed_over_again(old: Copy, name: str) -> None:
    project = old(name)
    project.enqueue()
    assert project.plan() == f"{QUEUED[name]} queued or running"
    assert project.counts() == {"pending": QUEUED[name]}
    assert "nothing new to hand over" in project.stilt("run")
    assert project.batch in project.queue.read_text()


@of([name for name in QUEUED if "native" in name])
def test_what_was_queued_for_an_older_version_of_native_is_refused_and_handed_over_again(
    old: Copy, name: str
) -> None:
    """Since then native gives other particles on some kinds of meteorology, and has another version."""
    project = old(name)
    project.enqueue()
    for task in ("0", "1"):
        with pytest.raises(AssertionError, match=rf"engine was native 1\.2, is native {ALGORITHM}"):
            project.stilt("push-worker", "--batch", project.batch, "--task", task)
    project.queue.unlink()
    assert project.begun().total() == 0


def test_what_was_queued_is_worked_through(old: Copy) -> None:
    name = "queued"
    project = old(name)
    project.enqueue()
    batch = project.batch
    for task in ("0", "1"):
        project.stilt("push-worker", "--batch", batch, "--task", task)
    assert project.begun().total() == QUEUED[name]
    assert_complete(project, QUEUED[name])
    project.queue.unlink()
    assert_complete(project, QUEUED[name])


def test_the_chunk_of_an_old_batch_can_be_named_by_its_file(old: Copy) -> None:
    project = old("queued")
    for path in project.path.glob("output/chunks/*/*.json"):
        if path.name != "batch.json":
            project.stilt("push-worker", "--chunk", str(path))
    assert len(project.transported()) == 4
    assert_complete(project, 4)


def test_the_task_that_is_left_is_worked_through(old: Copy) -> None:
    project = old("queued-one-task-done")
    project.enqueue()
    assert project.plan() == "1 already done, 1 queued or running"
    batch = project.batch
    for task in ("0", "1"):
        project.stilt("push-worker", "--batch", batch, "--task", task)
    assert project.transported() == ["jet_202606161100_-112_40.5_6"]
    assert_complete(project, 2)


@of({"queued": 4, "queued-one-task-done": 1})
def test_what_the_queue_has_lost_is_handed_over_anew(old: Copy, name: str) -> None:
    project = old(name)
    project.stilt("run", "--backend", "local")
    ran = project.transported()
    batch = min(path.name for path in project.path.glob("output/chunks/0*"))
    for task in ("0", "1"):  # the old job was only held, and starts after all
        project.stilt("push-worker", "--batch", batch, "--task", task)
    assert project.transported() == ran
    assert set(Counter(ran).values()) == {1}
    assert project.plan().endswith("already done")


@pytest.mark.parametrize("name", ["finished-import-path", "finished-native", "archived"])
def test_another_grid_takes_the_old_particles(old: Copy, name: str) -> None:
    project = old(name)
    config = project.config.read_text()
    project.config.write_text(config.replace("xres: 0.5, yres: 0.5", "xres: 0.25, yres: 0.25"))
    assert project.plan() == f"{FINISHED[name]} settings changed"
    assert "footprints.default.xres was 0.5, is 0.25" in project.stilt("run")
    assert project.transported() == []
    opened = stilt.Project(project.path)
    for sim, known in project.expected.items():
        assert in_numbers(opened[sim].particles()) == pytest.approx(known["particles"])
    assert_complete(project, FINISHED[name])


@pytest.mark.parametrize("name", ["archived", "finished-import-path"])
def test_a_setting_that_did_change_is_named(old: Copy, name: str) -> None:
    project = old(name)
    project.config.write_text(project.config.read_text().replace("numpar: 5", "numpar: 6"))
    assert project.plan() == f"{FINISHED[name]} settings changed"
    assert project.counts() == {"stale": FINISHED[name]}
    assert "numpar was 5, is 6" in project.stilt("run")
    assert_complete(project, FINISHED[name])


def facts(plan: str) -> dict[str, int]:
    """Return what a plan counts, by its words."""
    return {what: int(count) for count, what in re.findall(r"(\d+) ([^,]+)", plan)}


@of(FINISHED)
def test_what_was_finished_stays_done_when_the_names_of_met_files_are_left_out(
    old: Copy, name: str
) -> None:
    project = old(name)
    config = project.path / "config.yaml"
    text = re.sub(r",? *file_(format|tres): *[^,}\n]+", "", config.read_text())
    assert "file_" not in text
    config.write_text(text)
    assert project.plan() == f"{FINISHED[name]} already done"
    assert stilt.Project(project.path).status().stale == 0
