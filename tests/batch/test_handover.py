"""A hand-over that dies at any moment is repaired by the next one: nothing lost, nothing twice."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stilt.batch.chunks import read_chunk
from stilt.batch.manifest import read_manifest
from tests.engines import runs
from tests.projects import Project, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stilt.log.fold import State

CRASHING = Path(__file__).with_name("crashing.py")
SIMULATIONS = 7


class Crasher:
    """A process that hands projects over and dies on request; see ``crashing``."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(CRASHING)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, project: Project, fatal: int = 0) -> tuple[int, int]:
        """Hand over and return the exit status and the number of calls."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{fatal} {project.path}\n")
        self.process.stdin.flush()
        status, calls = self.process.stdout.readline().split()
        return int(status), int(calls)


@pytest.fixture(scope="module")
def hand_over() -> Iterator[Crasher]:
    crasher = Crasher()
    yield crasher
    with crasher.process:
        crasher.process.communicate()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("template"), [5] * SIMULATIONS).path


@pytest.fixture(scope="module")
def steps(template: Path, hand_over: Crasher) -> int:
    status, calls = hand_over(copy(template, "counted"))
    assert status == 0
    return calls


def copy(template: Path, name: str) -> Project:
    path = template.with_name(f"{template.name}-{name}")
    shutil.copytree(template, path)
    return Project(path)


def handed_over(project: Project) -> Iterator[str]:
    """Yield the simulations of batches that were not given up, as often as they were handed over."""
    state = project.fold()
    for batch in state.batches.values():
        if batch.cancelled is None:
            manifest = read_manifest(project.output / "chunks" / batch.id / "batch.json")
            assert batch.total == manifest.total
            for ref in manifest.chunks:
                path = project.output / "chunks" / batch.id / f"{ref.digest}.json"
                yield from (entry.sim for entry in read_chunk(path).simulations)


def test_killed_before_any_call_the_next_run_hands_over_everything_once(
    template: Path, steps: int, hand_over: Crasher
) -> None:
    assert steps > 20
    problems = [killed_at(template, fatal, hand_over) for fatal in range(1, steps + 1)]
    assert [problem for problem in problems if problem] == []


def killed_at(template: Path, fatal: int, hand_over: Crasher) -> str:
    """Kill a hand-over at one call, hand over again, and return what is wrong after that."""
    project = copy(template, f"killed-{fatal}")
    if hand_over(project, fatal)[0] != -9:
        return f"call {fatal}: it lived"
    began = [batch for batch in project.fold().batches.values() if batch.submissions]
    if hand_over(project)[0] != 0:
        return f"call {fatal}: the next one did not go through"
    counts = Counter(handed_over(project))
    # where the first had been asked to run its batch, that is another life and the second a new batch
    expected = 2 if began else 1
    if len(counts) != SIMULATIONS or set(counts.values()) != {expected}:
        return f"call {fatal}: {counts}"
    if project.leftovers():
        return f"call {fatal}: {project.leftovers()}"
    if not began and len(project.batches()) != 1:
        return f"call {fatal}: batches {project.batches()}"
    shutil.rmtree(project.path)
    return ""


@pytest.mark.parametrize("part", [0.2, 0.6, 0.9])
def test_after_a_crash_each_simulation_runs_once(
    template: Path, steps: int, hand_over: Crasher, part: float
) -> None:
    project = copy(template, f"crashed-{part}")
    assert hand_over(project, int(steps * part))[0] == -9
    assert project.stilt("run", "--cpus", "2").code == 0
    assert Counter(project.outcomes().values()) == {"complete": SIMULATIONS}
    assert max(Counter(runs(project.runs_file)).values()) == 1


def test_a_hand_over_that_died_and_is_not_wanted_any_more_is_cancelled(
    template: Path, steps: int, hand_over: Crasher
) -> None:
    project = copy(template, "abandoned")
    # the last calls belong to `submitted` and `closed`: die when `pending` is in the log and no more
    fatal = steps
    while not (state := after(project, hand_over, fatal)).batches or any(
        batch.submissions for batch in state.batches.values()
    ):
        fatal -= 1
        shutil.rmtree(project.output)
    config = project.path / "config.yaml"
    config.write_text(config.read_text().replace("numpar: 10", "numpar: 11"))
    assert hand_over(project)[0] == 0
    batches = project.fold().batches
    first, second = (batches[name] for name in sorted(batches))
    assert first.cancelled is not None
    assert second.cancelled is None
    assert Counter(handed_over(project)).total() == SIMULATIONS


def after(project: Project, hand_over: Crasher, fatal: int) -> State:
    hand_over(project, fatal)
    return project.fold()


def test_chunks_are_not_for_writing(template: Path, hand_over: Crasher) -> None:
    project = copy(template, "modes")
    assert hand_over(project)[0] == 0
    files = list((project.output / "chunks").glob("*/*"))
    assert len(files) == 3 + 3  # and manifest, settings, claims
    assert not any(path.stat().st_mode & 0o222 for path in files)
