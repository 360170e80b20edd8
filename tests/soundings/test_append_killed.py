"""``receptors --append`` killed before each change of the disk: commands agree on what is there, and it goes on."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.projects import Project, make_project
from tests.soundings.layouts import oco_lite
from tests.stub_slurm import give_stub_slurm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow

KILLED = Path(__file__).parent / "killed.py"
TABLES = ("receptors.csv", "kernels.csv")
FOOTPRINT = (
    "{xmin: -113, xmax: -111, ymin: 40, ymax: 41, xres: 0.1, yres: 0.1, weight: kernel, "
    "kernels: kernels.csv}"
)

VARIABLES = "time, indx, long, lati, zagl, foot, mlht, pres, dens, samt, sigw, tlgr"


@pytest.fixture(scope="module")
def append() -> Iterator[Callable[..., int]]:
    """Append soundings, killed before a change of the disk unless that is 0; return how it ended."""
    command = [sys.executable, str(KILLED)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, bufsize=1, **pipes) as server:
        assert server.stdin
        assert server.stdout
        ask, answer = server.stdin, server.stdout

        def append(project: Project, soundings: Path, before: int = 0) -> int:
            ask.write(f"{before} {project.path} {soundings}\n")
            return int(answer.readline())

        yield append
        ask.close()


@pytest.fixture(scope="module")
def queued(tmp_path_factory: pytest.TempPathFactory, append: Callable[..., int]) -> Project:
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


def tables(project: Project) -> list[bytes]:
    return [(project.path / name).read_bytes() for name in TABLES]


def test_killed_before_any_change_commands_agree_and_the_same_command_goes_on(
    queued: Project, append: Callable[..., int], tmp_path: Path
) -> None:
    soundings = queued.path.parent / "two.nc"

    def copy(name: object) -> Project:
        project = Project(tmp_path / str(name), queued.env)
        shutil.copytree(queued.path, project.path, symlinks=True)
        return project

    whole = copy("whole")
    assert append(whole, soundings) == 0
    before, after = tables(queued), tables(whole)
    seen: list[list[bytes]] = []
    for number in count(1):
        project = copy(number)
        ended = append(project, soundings, number)
        assert ended in {0, signal.SIGKILL}
        if not ended:
            break
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
