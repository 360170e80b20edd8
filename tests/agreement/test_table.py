"""Which planted faults stand for which questions: what was once seen wrong is put back, and found by histories.

``pytest -rP tests/agreement/test_table.py`` prints the table.
"""

from __future__ import annotations

import sys

import pytest

from tests.agreement import test_on_disk as on_disk
from tests.agreement import test_planted_faults as in_logs

PLANTED = {
    **dict.fromkeys(in_logs.FAULTS, "a log"),
    **dict.fromkeys(on_disk.FAULTS, "a project"),
    **dict.fromkeys(on_disk.FAULTS_OF_COMMANDS, "commands"),
}

TABLE: dict[str, tuple[str, ...]] = {
    "What is this simulation?": (
        "an edited receptor is what it was",
        "a result is of whatever has its name today",
        "a receptor that is gone is to do",
        "a file of another simulation is right",
        "results of other settings are what would be made today",
        "an id may end as the files of error runs do",
    ),
    "Who did it?": (
        "a worker signs with whatever engine it has",
        "a table of another home makes results stale",
    ),
    "Which result holds?": (
        "an older worker makes what a newer batch claims",
        "an older result in an archive is the newer one that is lost",
        "what is in an archive is lost, to run",
        "what is in an archive is lost, to verify",
        "a lost output is there, to run",
        "whatever is in a file is right",
        "an output that is damaged is another simulation's",
        "an attempt outranks a newer batch",
    ),
    "Who goes first?": (
        "a run that lives will never start what it registered",
        "what another run is about to put into place is a leftover",
    ),
    "How does it stand?": (
        "what is done again counts as complete",
        "what is stale and queued is forgotten, to run",
        "what is stale and queued is forgotten, to status",
        "what failed and waits again counts as failed",
        "what any batch ended counts as ended in each, to status",
        "what any batch ended counts as ended in each, to run",
        "a chunk that is damaged is whole",
        "a task whose chunk is damaged has nothing, to run",
    ),
    "Does it live?": (
        "a process out of sight is dead",
        "a process on a host that is gone may live for ever",
        "who cannot be asked is dead",
        "who is dead is at work",
        "all tasks are gone",
        "a killed worker is at work",
    ),
    "Which job?": (
        "a job is what has the id in the log",
        "cancel goes by the id in the log",
        "cancel ends what has the id in the log, whatever its name",
        "what is at work in a cancelled batch is nobody's",
        "a cancelled batch keeps what it never began",
    ),
    "On which cluster?": (
        "the cluster is the one at hand",
        "cancel ends a job of the number on the cluster at hand",
    ),
    "What do clocks say?": (
        "silence is counted by one's own clock",
        "moments are by the clock of the node",
        "the time limit is by the controller's clock",
    ),
    "What does the exit code say?": (
        "a run that waited is complete when its own work is",
        "a run that waits speaks of its own work",
    ),
    "What if history is lost?": (
        "a batch number is used twice",
        "without a log there is nothing to do",
    ),
}


def test_each_planted_fault_stands_for_a_question() -> None:
    told = [fault for faults in TABLE.values() for fault in faults]
    assert sorted(told) == sorted(PLANTED)


@pytest.mark.parametrize("question", TABLE)
def test_each_question_has_faults_that_histories_find(question: str) -> None:
    assert TABLE[question]
    for fault in TABLE[question]:
        sys.stdout.write(f"{question:<30} {fault:<62} in {PLANTED[fault]}\n")
