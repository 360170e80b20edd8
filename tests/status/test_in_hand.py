"""What is in hand and what is to do, by ``status`` and by ``run --dry-run``: one answer."""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.projects import ENGINE, Project, make_project, wait_until
from tests.stub_slurm import give_stub_slurm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ON_SLURM = ("--backend", "slurm", "--n-workers", "4")


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
    assert told(project)["to_do"] == 1
    shown = project.stilt("status").out
    assert "receptors.csv is not what the last batch was made of" in shown
    assert "All simulations are complete." not in shown
    assert json.loads(project.stilt("status", "--json").out)["current"] is False


def test_status_says_of_an_edited_label_that_nothing_is_to_do_as_run_does(
    tmp_path: Path, stubbed: Callable[[Project], None]
) -> None:
    project = make_project(tmp_path / "p", [5] * 2)
    receptors = project.path / "receptors.csv"
    head, *rows = receptors.read_text().splitlines()
    receptors.write_text("\n".join([f"{head},site", *(f"{row},wbb" for row in rows), ""]))
    stubbed(project)
    assert project.stilt("run").code == 0
    receptors.write_text(receptors.read_text().replace("wbb", "WBB"))
    shown = " ".join(project.stilt("status").out.split())
    assert (
        "receptors.csv is not what the last batch was made of: nothing is to do for that" in shown
    )
    assert "All simulations are complete." in shown
    assert "--dry-run" not in shown
    assert "nothing to do" in project.stilt("run").out


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


def test_receptors_that_are_gone_or_other_ones_count_as_they_are_now(
    tmp_path: Path, stubbed: Callable[[Project], None]
) -> None:
    project = make_project(tmp_path / "p", [5, 9001, 9002, 5])
    stubbed(project)
    assert project.stilt("run").code == 1
    assert told(project)["to_do"] == 2
    receptors = project.path / "receptors.csv"
    header, *rows = receptors.read_text().splitlines(keepends=True)
    receptors.write_text(header + rows[0] + rows[1])
    said = told(project)
    assert (said["failed"], said["to_do"]) == (2, 1)
    hand_over(project)
    assert told(project)["to_do"] == 0
    assert project.stilt("cancel").code == 0
    assert told(project)["to_do"] == 1


def test_a_receptor_that_was_edited_while_it_was_queued_is_to_do(
    tmp_path: Path, stubbed: Callable[[Project], None]
) -> None:
    project = make_project(tmp_path / "p", [5])
    stubbed(project)
    receptors = project.path / "receptors.csv"
    header, *rows = receptors.read_text().splitlines()
    receptors.write_text(f"{header},id\n" + "".join(f"{row},tower\n" for row in rows))
    hand_over(project)
    said = told(project)
    assert (said["in_hand"], said["to_do"]) == (1, 0)
    receptors.write_text(receptors.read_text().replace(",5,tower", ",6,tower"))
    assert json.loads(project.stilt("status", "--json").out)["to_do"] == 1
    assert "would hand over 1" in project.stilt("run", "--dry-run", *ON_SLURM).out


def test_an_engine_by_another_path_is_another_engine(
    tmp_path: Path, stubbed: Callable[[Project], None]
) -> None:
    project = make_project(tmp_path / "p", [5, 5])
    stubbed(project)
    assert project.stilt("run").code == 0
    config = project.path / "config.yaml"
    before = config.read_text()
    other = tmp_path / "other.py"
    other.write_text(
        "from tests.engines import FakeEngine\n\n\nclass Other(FakeEngine):\n    name = 'other'\n"
    )
    project.env["PYTHONPATH"] = str(ENGINE.parent.parent)
    config.write_text(before.replace(f"{ENGINE}:FakeEngine", f"{other}:Other"))
    said = told(project)
    assert (said["stale"], said["to_do"]) == (2, 2)
    assert project.stilt("run").code == 0
    assert told(project)["complete"] == 2
    config.write_text(before)
    assert told(project)["stale"] == 2


def test_tasks_that_a_waiting_run_has_no_room_for_are_in_hand_until_it_ends(
    tmp_path: Path, stubbed: Callable[[Project], None]
) -> None:
    project = make_project(tmp_path / "p", [5] * 4)
    stubbed(project)
    project.env["STUB_ROOM"] = "0"
    assert project.stilt("run", *ON_SLURM).code == 4
    assert [batch.was_given_up for batch in project.fold().batches.values()] == [True]
    assert told(project)["to_do"] == 4
    project.env["STUB_ROOM"] = "2"
    waiting = project.start("run", *ON_SLURM, "--wait")
    wait_until(
        lambda: any(batch.submissions for batch in project.fold().batches.values()), "an array"
    )
    said = told(project)
    assert (said["in_hand"], said["to_do"]) == (4, 0)
    assert "nothing new to hand over" in project.stilt("run", *ON_SLURM).out
    waiting.kill()
    waiting.wait()
    said = told(project)
    assert (said["in_hand"], said["to_do"]) == (2, 2)


def test_the_past_is_not_told_how_to_go_on(
    tmp_path: Path, stubbed: Callable[[Project], None]
) -> None:
    project = make_project(tmp_path / "p", [5] * 2)
    stubbed(project)
    hand_over(project)
    shown = project.stilt("log", "replay", "--until", "2100-01-01T00:00:00").out
    assert "So it stood then" in shown
    assert "--watch" not in shown
