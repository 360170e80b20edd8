"""Everything killed with SIGKILL at random moments, again and again; real hycs_std."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from stilt.log.events import Done, Started
from stilt.log.index import OutputIndex
from stilt.log.reader import read_segment
from tests.projects import Project, wait_until
from tests.shared_data import shared

if TYPE_CHECKING:
    from pathlib import Path

RECEPTORS = 16
MOST_KILLS = 8
SETTINGS = """
mets:
  ngm: {{directory: {met}, file_format: oct1618.BIN, file_tres: 6h}}
footprints:
  near: {{xmin: -96, xmax: -84, ymin: 34, ymax: 46, xres: 0.5, yres: 0.5}}
n_hours: -3
numpar: 60
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "config.yaml").write_text(SETTINGS.format(met=shared("data", "oct1618.BIN").parent))
    rows = [f"1995-10-17 {hour:02d}:00,-90,40,{10 + hour}" for hour in range(RECEPTORS)]
    (tmp_path / "receptors.csv").write_text("time,long,lati,zagl\n" + "\n".join(rows) + "\n")
    return Project(tmp_path)


@pytest.mark.hysplit
@pytest.mark.usefixtures("hysplit")
def test_in_the_end_each_is_complete_once_and_nothing_is_left(project: Project) -> None:
    chance = random.Random(7)
    kills = 0
    while kills < MOST_KILLS:
        run = project.start("run", "--cpus", "2")
        enough, after_s = complete(project) + chance.randrange(3), chance.uniform(0.0, 0.7)
        while run.poll() is None and complete(project) < enough:
            time.sleep(0.02)
        time.sleep(after_s)
        if run.poll() is not None:
            run.communicate()
            break
        project.kill_all()
        run.communicate()
        kills += 1
        check_the_books(project)
    assert kills >= 3
    last = project.stilt("run", "--cpus", "2")
    assert last.code == 0, last.err
    assert complete(project) == len(project.outcomes()) == RECEPTORS
    check_the_books(project)
    wait_until(lambda: not project.processes(), "no process is left")
    assert project.leftovers() == []
    assert "nothing to do" in project.stilt("run").out


def complete(project: Project) -> int:
    """Return how many simulations the log has as complete."""
    return Counter(project.outcomes().values())["complete"]


def check_the_books(project: Project) -> None:
    """Nothing complete was begun again, what is complete is on disk, and all ways to count agree."""
    settled: set[str] = set()
    for path in OutputIndex(project.output / "log").segments():
        for event in read_segment(path).events:
            if isinstance(event, Started):
                assert event.sim not in settled
            elif isinstance(event, Done) and event.outcome == "complete":
                assert event.sim not in settled
                settled.add(event.sim)
                assert [(project.output / each.path).stat().st_size for each in event.outputs] == [
                    each.size for each in event.outputs
                ]
    status, replay = (
        json.loads(project.stilt(*command, "--json").out)
        for command in (["status"], ["log", "replay"])
    )
    assert status["complete"] == replay["complete"] == len(settled)
    states = ("pending", "running", "complete", "empty", "failed", "interrupted", "stale")
    handed_over = RECEPTORS if project.fold().batches else 0
    assert sum(status[state] for state in states) == status["total"] == handed_over
