"""A table: where a run is, from where it is asked about, and what each command says of it.

Rows are containers (namespaces of pids), other names of the machine, hidden processes and clocks that are wrong.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stilt.log.silence import SILENCE_S
from tests.drawn import drawn
from tests.engines import runs
from tests.projects import Project, make_project, wait_until
from tests.users import User, needs_setpriv, open_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_S = 120
TWO_DAYS_S = 2 * 86_400
PIDS = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
CONTAINER = ("unshare", "--uts", *PIDS[1:], "sh", "-c", 'hostname elsewhere; exec "$@"', "-")
NAMED = ("unshare", "--uts", "sh", "-c", 'hostname elsewhere; exec "$@"', "-")


def clock(ahead_s: int) -> dict[str, str]:
    return {"PYTHONPATH": str(Path(__file__).parent / "clock"), "AHEAD_S": str(ahead_s)}


@dataclass(frozen=True)
class Place:
    """Where a command runs: what goes before it, and its environment."""

    before: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)

    def start(self, project: Project, *arguments: str) -> subprocess.Popen[str]:
        return project.begin((*self.before, sys.executable, "-m", "stilt", *arguments), **self.env)

    def ask(self, project: Project, *arguments: str) -> tuple[int, str, str]:
        process = self.start(project, *arguments)
        out, err = process.communicate(timeout=LIMIT_S)
        return process.returncode, out, err


HERE = Place()
ROWS = {
    "here": (HERE, HERE),
    "in another namespace of pids": (Place(PIDS), HERE),
    "asked from another namespace of pids": (HERE, Place(PIDS)),
    "in two containers": (Place(CONTAINER), Place(PIDS)),
    "under another name of the machine": (Place(NAMED), HERE),
    "the run's clock is ahead": (Place(env=clock(TWO_DAYS_S)), HERE),
    "the run's clock is behind": (Place(env=clock(-TWO_DAYS_S)), HERE),
    "ahead, in a container": (Place(CONTAINER, clock(TWO_DAYS_S)), HERE),
    "the asking clock is ahead": (Place(CONTAINER), Place(env=clock(TWO_DAYS_S))),
    "the asking clock is behind": (Place(CONTAINER), Place(env=clock(-TWO_DAYS_S))),
}


def can_unshare() -> bool:
    probe = [*CONTAINER, "true"]
    return (
        shutil.which("unshare") is not None
        and not subprocess.run(probe, capture_output=True, check=False, timeout=LIMIT_S).returncode
    )


needs_namespaces = pytest.mark.skipif(not can_unshare(), reason="no namespaces here: needs root")


def is_at_work(project: Project) -> bool:
    """Tell whether one simulation has ended and the next was begun."""
    return Counter(project.outcomes().values()) == {"complete": 1, "running": 1}


def be_at_work(project: Project, place: Place) -> subprocess.Popen[str]:
    project.let_run(1)
    first = place.start(project, "run", "--n-workers", "1", "--cpus", "1")
    wait_until(lambda: is_at_work(project) or first.poll() is not None, "a run at work")
    assert first.poll() is None, first.communicate(timeout=LIMIT_S)
    return first


def standing(project: Project, place: Place, *names: str) -> tuple[int, ...]:
    code, out, err = place.ask(project, "status", "--json")
    assert code == 0, err
    said = json.loads(out)
    as_of, now = datetime.fromisoformat(said["as_of"]).timestamp(), time.time()
    for task in said["running_tasks"]:  # by whatever clock: it has just begun
        assert not task["stuck"]
        assert max(abs(as_of - now), abs(task["since"] - now)) < LIMIT_S
        assert abs(said["last_event_at"] - now) < LIMIT_S
        assert said["time_left_s"] < LIMIT_S
    return tuple(said[name] for name in names)


def let_be_silent(project: Project) -> None:
    """Have nobody have touched a segment for long, by the file server's clock."""
    for segment in project.output.glob("log/*/*.log"):
        moment = time.time() - SILENCE_S - 60
        os.utime(segment, (moment, moment))


def ended_once(project: Project) -> None:
    assert set(project.outcomes().values()) == {"complete"}
    assert sorted(runs(project.runs_file)) == sorted(project.outcomes())


@needs_namespaces
@pytest.mark.parametrize("row", drawn(list(ROWS), 2))
def test_a_run_that_lives_is_left_to_its_work(row: str, tmp_path: Path) -> None:
    there, here = ROWS[row]
    project = make_project(tmp_path / "p", [5] * 3)
    first = be_at_work(project, there)
    said = standing(project, here, "running", "interrupted", "in_hand", "to_do")
    assert said == (1, 0, 2, 0)
    code, _, err = here.ask(project, "archive")
    assert (code, "running or queued" in err) == (3, True), err
    code, out, err = here.ask(project, "cancel")
    assert (code, "nothing to cancel" in out) == (0, True), err
    code, out, err = here.ask(project, "run")
    assert (code, "nothing new to hand over" in out) == (3, True), out + err
    project.let_run(None)
    assert first.wait(LIMIT_S) == 0
    ended_once(project)
    assert standing(project, here, "complete", "in_hand", "to_do") == (3, 0, 0)


@needs_namespaces
@pytest.mark.parametrize("place", drawn([PIDS, NAMED, CONTAINER], 1))
def test_a_machine_that_is_gone_for_good_leaves_its_work_after_some_silence(
    place: tuple[str, ...], tmp_path: Path
) -> None:
    """It died, and came back under another name: nobody can ever look at its processes again."""
    project = make_project(tmp_path / "p", [5] * 3)
    first = be_at_work(project, Place(place))
    project.kill_all()
    first.communicate(timeout=LIMIT_S)
    project.let_run(None)
    assert standing(project, HERE, "running", "in_hand", "to_do") == (1, 2, 0)
    assert HERE.ask(project, "archive")[0] == 3
    let_be_silent(project)
    assert standing(project, HERE, "interrupted", "in_hand", "to_do") == (1, 0, 2)
    assert HERE.ask(project, "archive")[0] == 0
    code, _, err = HERE.ask(project, "run")
    assert code == 0, err
    ended_once(project)


@needs_namespaces
def test_a_run_that_was_stopped_for_long_leaves_what_is_done_meanwhile(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", [5] * 3)
    first = be_at_work(project, Place(CONTAINER))
    stopped = project.processes()
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    let_be_silent(project)
    assert standing(project, HERE, "interrupted", "in_hand", "to_do") == (1, 0, 2)
    project.let_run(None)
    code, _, err = HERE.ask(project, "run")
    assert code == 0, err
    before = {path: path.read_bytes() for path in project.output.glob("particles/*/*.parquet")}
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    assert first.wait(LIMIT_S) == 0
    assert standing(project, HERE, "complete", "in_hand", "to_do") == (3, 0, 0)
    assert {path: path.read_bytes() for path in before} == before
    assert HERE.ask(project, "verify")[0] == 0


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


@needs_namespaces
@needs_setpriv
@pytest.mark.parametrize("hides", drawn([1, 2], 1))
def test_a_colleague_to_whom_processes_are_hidden_sees_it_run(
    hides: int, shared_folder: Path
) -> None:
    project = make_project(shared_folder / "p", [5] * 3)
    first = be_at_work(project, HERE)
    hidden = f'umount -R /proc; mount -t proc -o hidepid={hides} proc /proc; exec "$@"'
    before = ("unshare", "--mount", "sh", "-c", hidden, "-")
    colleague = User(61001, 61001, shared_folder, before=before)
    counts = json.loads(colleague.stilt(project.path, "status", "--json")[1])
    assert (counts["running"], counts["interrupted"], counts["in_hand"]) == (1, 0, 2)
    assert "2 queued or running" in colleague.stilt(project.path, "run", "--dry-run")[1]
    assert colleague.stilt(project.path, "archive", "--dry-run")[0] == 3
    project.let_run(None)
    assert first.wait(LIMIT_S) == 0
