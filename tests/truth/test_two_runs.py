"""Two runs at once where locks hold nothing: one batch runs, all of it once, and the other run says so."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.projects import make_project
from tests.shared_data import REPOSITORY
from tests.truth.racing import check_run_once, check_words, race, rounds

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED = REPOSITORY / "tools" / "shared-filesystem"


@pytest.mark.parametrize("number", rounds(6))
def test_on_a_filesystem_without_locks(tmp_path: Path, number: int) -> None:
    project = make_project(tmp_path / "project", [5] * 4)
    check_words(race(project, number))
    check_run_once(project)
    assert "nothing to do" in project.stilt("run").out


class Clients:
    """A folder that every process sees through a client of its own, whose locks are its own too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = (sys.executable, str(SHARED), "--dir", str(folder), "exec", "--")

    def tool(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(SHARED), "--dir", str(self.folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    found = Clients(Path(tempfile.mkdtemp(prefix="stilt-clients-")))
    up = found.tool("start", "bindfs")
    if up.returncode:
        shutil.rmtree(found.folder)
        pytest.skip(f"no two clients: {up.stderr.strip()}")
    yield found
    down = found.tool("stop")
    assert down.returncode == 0, down.stderr


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
