"""``receptors --append`` killed before each change of the disk: commands agree on what is there, and it goes on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.projects import PATIENCE_S, Project, make_project
from tests.soundings.layouts import oco_lite
from tests.stub_slurm import give_stub_slurm

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

KILLED = Path(__file__).parent / "killed.py"
TABLES = ("receptors.csv", "kernels.csv")
FOOTPRINT = (
    "{xmin: -113, xmax: -111, ymin: 40, ymax: 41, xres: 0.1, yres: 0.1, weight: kernel, "
    "kernels: kernels.csv}"
)

VARIABLES = "time, indx, long, lati, zagl, foot, mlht, pres, dens, samt, sigw, tlgr"


@pytest.fixture(scope="module")
def queued(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of soundings that waits in a queue, and a second file of soundings beside it."""
    folder = tmp_path_factory.mktemp("soundings")
    project = make_project(
        folder / "p", footprints=f"{{default: {FOOTPRINT}}}", settings=f"varsiwant: [{VARIABLES}]"
    )
    give_stub_slurm(project, folder)
    (project.path / "receptors.csv").unlink()
    oco_lite(folder / "one.nc", 4)
    oco_lite(folder / "two.nc", 8)
    assert append(project, folder / "one.nc") == 0
    answer = project.stilt("run", "--backend", "slurm", "--n-workers", "1")
    assert answer.code == 0, answer.err
    return project


def append(project: Project, soundings: Path, before: int = 0) -> int:
    """Append soundings, killed before a change of the disk unless that is 0; return how it ended."""
    options = ("--soundings", str(soundings), "--levels", "500:1000", "--append")
    return subprocess.run(
        [sys.executable, str(KILLED), str(before), "receptors", str(project.path), *options],
        env=project.environment(),
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
    ).returncode


def tables(project: Project) -> list[bytes]:
    return [(project.path / name).read_bytes() for name in TABLES]


def stopped_at_each(queued: Project, folder: Path) -> Iterator[tuple[int, Project]]:
    """Yield a copy of the project for each change of the disk, stopped before it."""
    for number in range(1, 100):
        project = Project(folder / str(number), queued.env)
        shutil.copytree(queued.path, project.path, symlinks=True)
        code = append(project, queued.path.parent / "two.nc", number)
        if code == 0:
            return
        assert code == -9, code
        yield number, project
    pytest.fail("it never ends")


def test_killed_before_any_change_commands_agree_and_the_same_command_goes_on(
    queued: Project, tmp_path: Path
) -> None:
    whole = Project(tmp_path / "whole", queued.env)
    shutil.copytree(queued.path, whole.path, symlinks=True)
    soundings = queued.path.parent / "two.nc"
    assert append(whole, soundings) == 0
    before, after = tables(queued), tables(whole)
    seen = []
    for number, project in stopped_at_each(queued, tmp_path):
        if tables(project) not in seen:
            seen.append(tables(project))
            compare(project, has_all=seen[-1][0] == after[0], is_between=seen[-1][1] == before[1])
        assert append(project, soundings) == 0
        assert tables(project) == after, number
    assert seen == [before, [after[0], before[1]], after]


def compare(project: Project, *, has_all: bool, is_between: bool) -> None:
    """Hold ``run``, ``check`` and ``status`` against what tables there are; ``run`` refuses what has no kernel."""
    refuses = has_all and is_between
    dry = project.stilt("run", "--dry-run")
    assert (dry.code, "has no row" in dry.err) == ((2, True) if refuses else (0, False)), dry
    assert ("would hand over 3" in dry.out) == (has_all and not refuses)
    assert ("has no row" in project.stilt("check").out) == refuses
    assert json.loads(project.stilt("status", "--json").out)["to_do"] == 3 * has_all
