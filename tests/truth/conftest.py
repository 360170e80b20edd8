"""What the tests of this folder share: a Slurm that only notes what it is given, and a node that it has lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.hysplit.conftest import hysplit  # noqa: F401 - a fixture
from tests.projects import PATIENCE_S
from tests.shared_data import REPOSITORY
from tests.stub_slurm import give_stub_slurm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.projects import Project

SHARED = REPOSITORY / "tools" / "shared-filesystem"
OLD_PROJECTS = Path(__file__).parents[1] / "upgrade"
ON_ANOTHER_NODE = {"PYTHONPATH": str(OLD_PROJECTS / "host"), "OLD_HOST": "n1"}
"""Environment of a process that takes this machine for another one."""


@pytest.fixture
def handed_over(tmp_path: Path) -> Callable[[Project], str]:
    """Hand a project over to a Slurm that only notes what it is given; return the batch."""

    def hand_over(project: Project) -> str:
        give_stub_slurm(project, tmp_path)
        answer = project.stilt("run", "--backend", "slurm", "--n-workers", "1")
        assert answer.code == 0, answer.err
        return project.batches()[-1]

    return hand_over


def lose_jobs(project: Project) -> None:
    """Let Slurm know of no job any more, and nobody remember that it did."""
    Path(project.env["STUB_QUEUE"]).unlink(missing_ok=True)
    shutil.rmtree(project.env["XDG_CACHE_HOME"], ignore_errors=True)


class Clients:
    """A folder that every process sees through a client of its own, whose locks are its own too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = (sys.executable, str(SHARED), "--dir", str(folder), "exec", "--")

    def tool(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(SHARED), "--dir", str(self.folder), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )


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
