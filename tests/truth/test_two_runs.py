"""Two runs at once where locks hold nothing: one batch runs, all of it once, and the other run says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.projects import make_project
from tests.truth.racing import check_run_once, check_words, race, rounds

if TYPE_CHECKING:
    from pathlib import Path

    from tests.truth.conftest import Clients


@pytest.mark.parametrize("number", rounds(6))
def test_on_a_filesystem_without_locks(tmp_path: Path, number: int) -> None:
    project = make_project(tmp_path / "project", [5] * 4)
    check_words(race(project, number))
    check_run_once(project)
    assert "nothing to do" in project.stilt("run").out


@pytest.mark.parametrize("number", rounds(6))
def test_over_two_clients_whose_locks_are_their_own(
    clients: Clients, tmp_path: Path, number: int
) -> None:
    project = make_project(clients.folder / "shared" / f"p{number}", [5] * 4)
    project.env |= {"FAKE_RUNS": str(tmp_path / "runs"), "TMPDIR": str(tmp_path)}
    answers = race(project, number, client=clients.client, locks="of each client")
    check_words(answers)
    check_run_once(project)
    assert "nothing to do" in project.stilt("run").out
