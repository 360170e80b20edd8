"""A table: which job has a batch's work, by Slurm, and what each command says of it.

Rows are the job that the log knows, a script that was submitted by hand and so has another id, and a job of another
name that has the log's id since the controller began its ids anew.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.projects import Project, make_project

if TYPE_CHECKING:
    from collections.abc import Callable

LOGS, OTHER = "4242", "9999"


@dataclass(frozen=True)
class Row:
    """What Slurm has.

    Attributes
    ----------
    jobs
        Its jobs by id, and whether each has the batch's name.
    cancelled
        The jobs that `cancel` ends.
    """

    jobs: dict[str, bool]
    cancelled: frozenset[str]

    @property
    def is_queued(self) -> bool:
        return any(self.jobs.values())


ROWS = {
    "the log's own": Row({LOGS: True}, frozenset({LOGS})),
    "submitted by hand": Row({OTHER: True}, frozenset({OTHER})),
    "submitted by hand beside it": Row({LOGS: True, OTHER: True}, frozenset({LOGS, OTHER})),
    "an id that began anew": Row({LOGS: False}, frozenset()),
    "an id that began anew, and by hand": Row({LOGS: False, OTHER: True}, frozenset({OTHER})),
    "none": Row({}, frozenset()),
}


@pytest.mark.parametrize("row", ROWS)
def test_each_command_goes_by_the_name_of_a_job_and_not_by_its_id(
    row: str, tmp_path: Path, handed_over: Callable[[Project], str]
) -> None:
    has = ROWS[row]
    project = make_project(tmp_path / "p", [5] * 3)
    batch = handed_over(project)
    queue = Path(project.env["STUB_QUEUE"])
    ((job, name, last),) = (line.split() for line in queue.read_text().splitlines())
    assert (job, batch in name) == (LOGS, True)
    lines = [
        f"{each} {name if is_ours else 'other'} {last}\n" for each, is_ours in has.jobs.items()
    ]
    queue.write_text("".join(lines))

    def ask(*arguments: str) -> tuple[int, str]:
        shutil.rmtree(project.env["XDG_CACHE_HOME"], ignore_errors=True)
        answer = project.stilt(*arguments)
        return answer.code, answer.out + answer.err

    said = json.loads(ask("status", "--json")[1])
    assert (said["in_hand"], said["to_do"]) == ((3, 0) if has.is_queued else (0, 3))
    assert ("3 queued or running" in ask("run", "--dry-run")[1]) == has.is_queued
    assert ask("archive", "--dry-run")[0] == (3 if has.is_queued else 0)
    assert ask("verify")[0] == 0
    assert ask("cancel")[0] == 0
    left = {line.split()[0] for line in queue.read_text().splitlines()}
    assert left == has.jobs.keys() - has.cancelled
    said = json.loads(ask("status", "--json")[1])
    assert (said["in_hand"], said["to_do"]) == (0, 3)
