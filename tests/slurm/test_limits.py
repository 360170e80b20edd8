"""A limit on a user's tasks: named for what it is, and topped up by whoever waits."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from stilt.backends.interface import Sizes
from stilt.backends.slurm import commands
from stilt.backends.slurm.answers import JobId
from stilt.backends.slurm.arrays import split
from stilt.backends.slurm.commands import Answer, SlurmError
from stilt.backends.slurm.observe import arrays
from stilt.backends.slurm.refusals import TasksLimitError, refusal
from stilt.backends.slurm.rest import Rest
from stilt.backends.slurm.submit import Submission, Submitter
from stilt.config.schema import Execution
from stilt.foundations.errors import EnvironmentFailure, InputError
from stilt.foundations.paths import Layout
from stilt.log.batches import BatchState
from tests.slurm.test_messages import SCRIPT

if TYPE_CHECKING:
    from pathlib import Path

POLICY = (
    "Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's "
    "size and/or time limits)"
)

ADVICE = {
    "QOSMaxSubmitJobPerUserLimit": "execution.n_workers",
    "QOSMaxSubmitJobPerAccountLimit": "execution.n_workers",
    "QOSGrpSubmitJobsLimit": "execution.n_workers",
    "AssocMaxSubmitJobLimit": "execution.n_workers",
    "AssocGrpSubmitJobsLimit": "execution.n_workers",
    "QOSMaxWallDurationPerJobLimit": "execution.time",
    "AssocMaxWallDurationPerJobLimit": "execution.time",
    "QOSMaxMemoryPerJob": "execution.mem",
    "QOSMaxCpuPerJobLimit": "execution.cpus_per_task",
}


@pytest.mark.parametrize("name", ADVICE)
def test_a_limit_that_slurm_names_advises_on_that(name: str) -> None:
    error = refusal(SlurmError(f"sbatch: {name} / {POLICY}", transient=False), SCRIPT, ())
    assert isinstance(error, EnvironmentFailure)
    assert name in error.message
    other = set(ADVICE.values()) - {ADVICE[name]}
    assert ADVICE[name] in error.hint
    assert not any(key in error.hint for key in other)
    assert isinstance(error, TasksLimitError) == (ADVICE[name] == "execution.n_workers")


def test_the_sentence_of_all_limits_alone_does_not_blame_the_time() -> None:
    error = refusal(SlurmError(f"sbatch: {POLICY}", transient=False), SCRIPT, ())
    assert error.exit_code == 4
    assert error.hint.startswith("lower execution.n_workers")


def test_an_unexpected_message_is_a_busy_controller() -> None:
    said = "sbatch: error: Batch job submission failed: Unexpected message received"
    assert Answer(1, "", said).is_transient


@dataclass
class FullQueue:
    """A Slurm that holds so many tasks of one user."""

    room: int
    asked: list[int] = field(default_factory=list)

    def sbatch(self, script: Path, *_: str, say: object) -> JobId:  # noqa: ARG002 - as commands.sbatch
        match = re.search(r"--array=0-(\d+)", script.read_text())
        assert match is not None
        tasks = int(match[1]) + 1
        self.asked.append(tasks)
        if tasks > self.room:
            raise SlurmError(f"sbatch: AssocMaxSubmitJobLimit / {POLICY}", transient=False)
        self.room -= tasks
        return JobId(str(len(self.asked)))


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> FullQueue:
    full = FullQueue(10)
    monkeypatch.setattr(commands, "sbatch", full.sbatch)
    monkeypatch.setattr(commands, "require_slurm", lambda: None)
    return full


def submitter(folder: Path, tasks: int, events: list[object], **execution: int) -> Submitter:
    settings = Execution(backend="slurm", n_workers=tasks, **execution)
    submission = Submission(Layout.of(folder), "0001-ab", tasks, 1, settings)
    submission.make_folders()
    (folder / "slurm").mkdir(exist_ok=True)
    return Submitter(submission, events.append, lambda _: None)


def test_what_was_refused_is_offered_again_in_arrays_that_fit(
    queue: FullQueue, tmp_path: Path
) -> None:
    events: list[object] = []
    rest = Rest(submitter(tmp_path, 40, events), first=0, number=1, size=20)
    first = rest.offer()
    assert [array.numbers for array in first] == [range(10)]
    assert queue.asked == [20, 10, 20]
    assert rest.offer() == []
    assert rest.left == 30
    queue.room = 17
    again = rest.offer()
    while rest.left:
        queue.room += 8
        again += rest.offer()
    assert [task for array in [*first, *again] for task in array.numbers] == list(range(40))
    assert len(queue.asked) < 40


@pytest.mark.usefixtures("queue")
def test_a_task_that_was_refused_in_a_larger_array_is_the_accepted_ones(tmp_path: Path) -> None:
    batch = BatchState("0001-ab")
    events: list[object] = []
    whole = submitter(tmp_path, 12, events)
    with pytest.raises(TasksLimitError):
        whole.submit(*whole.submission.script(split(12, None, None)[0]))
    Rest(whole, first=0, number=1, size=6).offer()
    for event in events:
        batch.add(event)
    jobs = {task: array.job for array in arrays(batch) for task in array.numbers}
    assert [bool(jobs[task]) for task in range(12)] == [True] * 6 + [False] * 6


def test_a_throttle_is_shared_out(queue: FullQueue, tmp_path: Path) -> None:
    queue.room = 1000
    rest = Rest(submitter(tmp_path, 40, [], array_parallelism=20), first=0, number=1, size=10)
    rest.offer()
    scripts = sorted((tmp_path / "slurm").glob("submit_*.sh"))
    shares = [int(re.search(r"--array=0-\d+%(\d+)", path.read_text())[1]) for path in scripts]
    assert sum(shares) == 20


@pytest.mark.parametrize(
    ("given", "simulations", "likely_wall_s", "chunks"),
    [(10, 10, 0.1, 10), (None, 10, 0.1, 1), (None, 1_000, 120.0, 100), (None, 10**6, 120.0, 1000)],
)
def test_cheap_work_makes_few_tasks_and_a_number_is_literal(
    given: int | None, simulations: int, likely_wall_s: float, chunks: int
) -> None:
    assert Sizes(given, 1).chunks(simulations, likely_wall_s) == chunks


def test_without_a_number_or_a_cost_the_number_is_asked_for() -> None:
    with pytest.raises(InputError, match="n_workers is missing"):
        Sizes(None, 1).chunks(10, 0.0)
