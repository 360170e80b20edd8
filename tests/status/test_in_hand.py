"""What is in hand and what is to do, by ``status`` and by ``run --dry-run``: one answer."""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.projects import Project, make_project
from tests.stub_slurm import give_stub_slurm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def stubbed(tmp_path: Path) -> Callable[[Project], None]:
    """Let a project find a Slurm that only notes what it is given."""
    return lambda project: give_stub_slurm(project, tmp_path)


def told(project: Project) -> dict[str, int]:
    """Return the counts of ``status --json``, held against those of ``run --dry-run``."""
    shutil.rmtree(project.env["XDG_CACHE_HOME"], ignore_errors=True)
    answer = project.stilt("status", "--json")
    assert answer.code == 0, answer.err
    said: dict[str, int] = json.loads(answer.out)
    planned = project.stilt("run", "--dry-run", "--backend", "slurm", "--n-workers", "1")
    assert planned.code == 0, planned.err
    queued = re.search(r"([\d,]+) queued or running", planned.out)
    assert said["in_hand"] == (int(queued[1]) if queued else 0), planned.out
    handed = re.search(r"would hand over ([\d,]+)", planned.out)
    assert said["to_do"] == (int(handed[1]) if handed else 0), planned.out
    return said


def hand_over(project: Project, *more: str) -> None:
    answer = project.stilt("run", "--backend", "slurm", "--n-workers", "2", *more)
    assert answer.code == 0, answer.err


def test_what_is_run_again_is_in_hand_and_nothing_is_complete_until_it_ends(
    tmp_path: Path, stubbed: Callable[[Project], None]
) -> None:
    project = make_project(tmp_path / "p", [5] * 4)
    stubbed(project)
    assert project.stilt("run").code == 0
    said = told(project)
    assert (said["complete"], said["in_hand"], said["to_do"]) == (4, 0, 0)
    hand_over(project, "--no-skip")
    said = told(project)
    assert (said["complete"], said["in_hand"], said["redoing"]) == (4, 4, 4)
    shown = project.stilt("status").out
    assert "0% ended" in shown
    assert "All simulations are complete" not in shown
    assert project.stilt("cancel").code == 0
    said = told(project)
    assert (said["complete"], said["in_hand"], said["redoing"]) == (4, 0, 0)


def test_stale_ones_that_are_queued_are_not_forgotten_ones(
    tmp_path: Path, stubbed: Callable[[Project], None]
) -> None:
    project = make_project(tmp_path / "p", [5] * 3)
    stubbed(project)
    assert project.stilt("run").code == 0
    config = project.path / "config.yaml"
    config.write_text(config.read_text().replace("numpar: ", "numpar: 1"))
    said = told(project)
    assert (said["stale"], said["in_hand"], said["to_do"]) == (3, 0, 3)
    hand_over(project)
    said = told(project)
    assert (said["stale"], said["in_hand"], said["to_do"], said["redoing"]) == (3, 3, 0, 0)
    assert "stilt status --watch" in project.stilt("status").out


def test_nothing_is_called_complete_of_receptors_that_no_batch_knows(
    tmp_path: Path, stubbed: Callable[[Project], None]
) -> None:
    project = make_project(tmp_path / "p", [5] * 2)
    stubbed(project)
    assert project.stilt("run").code == 0
    assert "All simulations are complete." in project.stilt("status").out
    receptors = project.path / "receptors.csv"
    before = receptors.stat()
    with receptors.open("a") as file:
        file.write("2024-07-09 00:00,-111.85,40.77,5\n")
    os.utime(receptors, (before.st_atime, before.st_mtime))
    shown = project.stilt("status").out
    assert "receptors.csv is not what the last batch was made of" in shown
    assert "All simulations are complete." not in shown
    assert json.loads(project.stilt("status", "--json").out)["current"] is False


def test_a_run_of_what_failed_says_that_it_failed_again(
    tmp_path: Path, stubbed: Callable[[Project], None]
) -> None:
    project = make_project(tmp_path / "p", [5, 9001])
    stubbed(project)
    assert project.stilt("run").code == 1
    assert project.stilt("run", "--failed").code == 1
    assert project.stilt("run", "--only", "MODEL_ERROR").code == 1


def test_what_failed_and_what_was_never_run_is_to_do(
    tmp_path: Path, stubbed: Callable[[Project], None]
) -> None:
    project = make_project(tmp_path / "p", [5, 9001, 5])
    stubbed(project)
    assert project.stilt("run").code == 1
    said = told(project)
    assert (said["complete"], said["failed"], said["to_do"]) == (2, 1, 1)
    hand_over(project, "--failed")
    said = told(project)
    assert (said["pending"], said["in_hand"], said["to_do"]) == (1, 1, 0)
