"""A result is of the receptor that it was made for, whatever has that receptor's name today."""

from __future__ import annotations

import subprocess
from collections import Counter
from typing import TYPE_CHECKING

import pytest

import stilt
from stilt.foundations.errors import InputError
from tests.engines import runs
from tests.projects import PATIENCE_S, Project, wait_until
from tests.truth.edited import MAST, OTHER, UNTOUCHED, change, counts, named_project, write_rows

if TYPE_CHECKING:
    from pathlib import Path

EDITS = {
    "time": (
        "mast,2015-12-10 12:00,-112,40.5,30",
        "time was 2015-12-10 18:00, is 2015-12-10 12:00",
    ),
    "date": (
        "mast,2015-12-11 18:00,-112,40.5,30",
        "time was 2015-12-10 18:00, is 2015-12-11 18:00",
    ),
    "place": ("mast,2015-12-10 18:00,-111.5,40.5,30", "longitude was -112, is -111.5"),
    "height": ("mast,2015-12-10 18:00,-112,40.5,300", "height was 30, is 300"),
}


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that is complete, to be copied."""
    project = named_project(tmp_path_factory.mktemp("complete") / "project")
    assert project.stilt("run").code == 0
    return project


@pytest.fixture
def edited(
    request: pytest.FixtureRequest, complete: Project, tmp_path: Path
) -> tuple[Project, str]:
    """A copy of it of whose two receptors one was edited, and what is to be said of that."""
    project = Project(tmp_path / "project")
    subprocess.run(["cp", "-a", complete.path, project.path], check=True)
    row, words = EDITS[getattr(request, "param", "place")]
    write_rows(project, row, UNTOUCHED)
    return project, words


@pytest.mark.parametrize("edited", EDITS, indirect=True)
def test_run_says_what_was_edited_and_how(edited: tuple[Project, str]) -> None:
    project, words = edited
    said = project.stilt("run", "--dry-run").out
    assert "2 simulations: 1 receptor changed, 1 already done" in said
    assert f"receptor of {MAST}: {words}" in said


def test_status_calls_the_old_result_stale(edited: tuple[Project, str]) -> None:
    project, _ = edited
    said = counts(project)
    assert (said["complete"], said["stale"], said["total"]) == (1, 1, 2)
    assert stilt.Project(project.path)[MAST].state == "stale"


@pytest.mark.parametrize("edited", ["date", "height"], indirect=True)
def test_python_and_plot_do_not_give_the_old_result_the_new_receptor(
    edited: tuple[Project, str],
) -> None:
    project, _ = edited
    this = stilt.Project(project.path)
    assert list(this.footprints()["receptor"].values) == [OTHER]
    for ask in (this[MAST].footprint, this[MAST].particles, this[MAST].plot):
        with pytest.raises(InputError, match="another receptor"):
            ask()
    drawn = project.stilt("plot", MAST)
    assert (drawn.code, "another receptor" in drawn.err) == (2, True)
    assert not (project.path / f"{MAST}.png").exists()


def test_another_grid_is_not_computed_from_the_old_receptors_particles(
    edited: tuple[Project, str],
) -> None:
    project, _ = edited
    change(project, "xres: 0.1", "xres: 0.2")
    assert project.stilt("run").code == 0
    assert Counter(runs(project.runs_file)) == {MAST: 2, OTHER: 1}, (
        "transported for the new receptor"
    )
    this = stilt.Project(project.path)
    receptor, first = this[MAST].receptor, this[MAST].particles().query("time == -1")
    assert first["long"].mean() == pytest.approx(receptor.longitudes[0], abs=0.01)
    assert str(this[MAST].footprint()["receptor_time"].values)[:13] == (
        f"{receptor.when:%Y-%m-%dT%H}"
    )


COLUMN = "time,longitude,latitude,altitude,r_idx"
BELOW, ABOVE = "2015-12-10 18:00,-112,40.5,10,1", "2015-12-10 18:00,-112,40.5,{},1"
OTHER_COLUMN = ("2015-12-10 19:00,-112,40.5,10,2", "2015-12-10 19:00,-112,40.5,100,2")


def test_a_column_whose_heights_changed_is_another_receptor_under_the_same_id(tmp_path) -> None:
    project = named_project(tmp_path / "project")
    write_rows(project, BELOW, ABOVE.format(500), *OTHER_COLUMN, columns=COLUMN)
    assert project.stilt("run").code == 0
    (column, other) = sorted(project.outcomes())
    assert column.endswith("_X")
    write_rows(project, BELOW, ABOVE.format(800), *OTHER_COLUMN, columns=COLUMN)
    assert counts(project)["stale"] == 1
    said = project.stilt("run").out
    assert "1 receptor changed, 1 already done" in said
    assert f"receptor of {column}: height was 10, 500, is 10, 800" in said
    assert Counter(runs(project.runs_file)) == {column: 2, other: 1}


def test_what_is_queued_for_the_old_receptor_is_not_taken_for_the_new_one(tmp_path) -> None:
    """Of two receptors that a batch was handed over with, the one that was edited since is handed over again."""
    project = named_project(tmp_path / "project")
    project.let_run(0)
    running = project.start("run", "--cpus", "1")
    wait_until(lambda: runs(project.runs_file, "begin"), "one is running")
    write_rows(project, EDITS["height"][0], UNTOUCHED)
    said = project.stilt("run", "--dry-run").out
    assert "1 receptor changed" in said or "1 never run" in said or "1 interrupted" in said
    assert "1 queued or running" in said
    project.let_run(None)
    running.communicate(timeout=PATIENCE_S)
    assert project.stilt("run").code == 0
    receptor = stilt.Project(project.path)[MAST].receptor
    assert receptor.heights_m == (300,)
    assert counts(project)["complete"] == 2
