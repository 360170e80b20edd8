"""Two users of one group, and a stranger: who can do what with a shared home, a shared project and a private one."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from sysconfig import get_paths

import pytest

from tests.projects import FOOTPRINT, PATIENCE_S, make_project
from tests.shared_data import REPOSITORY

pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv"
)
GROUP = 61000
PYTHONS = [path for path in ("/usr/bin/python3", sys.executable) if Path(path).exists()]
"""The last one that other users can run: that of the tests may be in somebody's home."""

TRIAL = (
    "import subprocess, sys, stilt, numpy; subprocess.run([sys.executable, '-c', ''], check=True)"
)


@dataclass(frozen=True)
class User:
    """Somebody on this machine."""

    number: int
    group: int
    root: Path

    def run(
        self, *command: str, cwd: Path, umask: int = 0o002, **env: str
    ) -> subprocess.CompletedProcess[str]:
        home = self.root / f"home-{self.number}"
        if not home.exists():
            home.mkdir(mode=0o700)
            os.chown(home, self.number, self.group)
        own = {"HOME": str(home), "TMPDIR": str(home), "XDG_CACHE_HOME": str(home / "cache")}
        own["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), get_paths()["platlib"]])
        become = ["setpriv", f"--reuid={self.number}", f"--regid={self.group}", "--clear-groups"]
        return subprocess.run(
            [*become, PYTHONS[-1], *command],
            cwd=cwd,
            env={**os.environ, "STILT_HOME": str(home / "stilt"), **own, **env},
            umask=umask,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def stilt(self, project: Path, *arguments: str, umask: int = 0o002) -> tuple[int, str]:
        """Run a command in a project; return its exit code and what it printed."""
        done = self.run("-P", "-m", "stilt", *arguments, cwd=project, umask=umask)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def root():
    """A folder that everybody may enter, as pytest's own may not be."""
    folder = Path(tempfile.mkdtemp(prefix="stilt-users-"))
    folder.chmod(0o755)
    alice = User(61001, GROUP, folder)
    while PYTHONS and alice.run("-c", TRIAL, cwd=folder).returncode:
        PYTHONS.pop()
    if PYTHONS:
        yield folder
    shutil.rmtree(folder)
    if not PYTHONS:
        pytest.skip("others can't run Python, or read this checkout")


def users(root: Path) -> tuple[User, User, User]:
    return User(61001, GROUP, root), User(61002, GROUP, root), User(61003, 61003, root)


KEEP = "from stilt.kernels.machine_code import *; keep(Path(PACKAGE), 'a', CODE); print(kept(Path(PACKAGE), 'a'))"
LOAD = "from stilt.kernels.machine_code import *; print(kept(Path(PACKAGE), 'a'))"
PACKAGE = str(Path(__file__).parent.parent.parent / "stilt" / "kernels")


def code(text: str, content: bytes = b"code") -> tuple[str, str]:
    return "-c", text.replace("PACKAGE", repr(PACKAGE)).replace("CODE", repr(content))


def test_a_home_of_one_is_used_by_those_who_trust_him(root) -> None:
    alice, bob, stranger = users(root)
    home = root / "shared"
    home.mkdir(mode=0o755)
    os.chown(home, alice.number, GROUP)
    shared = {"STILT_HOME": str(home)}
    assert alice.run(*code(KEEP), cwd=root, **shared).stdout == "b'code'\n"
    assert list(home.rglob("a"))
    for other in (bob, stranger):
        found = other.run(*code(LOAD), cwd=root, **shared)
        assert found.stdout == "None\n"
        assert f"belongs to {alice.number}: it is compiled anew" in found.stderr
        found = other.run(*code(LOAD), cwd=root, STILT_TRUST=str(alice.number), **shared)
        assert (found.stdout, found.stderr) == ("b'code'\n", "")


def test_in_a_home_of_a_group_nobody_runs_code_of_another(root) -> None:
    alice, bob, _ = users(root)
    home = root / "shared"
    home.mkdir()
    os.chown(home, alice.number, GROUP)
    home.chmod(0o2775)
    shared = {"STILT_HOME": str(home)}
    assert alice.run(*code(KEEP), cwd=root, **shared).stdout == "b'code'\n"
    assert not list(home.rglob("a"))  # she keeps it in a cache of her own
    (kept,) = (root / f"home-{alice.number}" / "cache").rglob("a")
    planted = home.joinpath(*kept.parts[kept.parts.index("kernels") :])
    plant = (
        f"from stilt.kernels.machine_code import *; write_sealed(Path({str(planted)!r}), b'harm')"
    )
    assert bob.run("-c", plant, cwd=root, **shared).returncode == 0
    assert planted.exists()
    found = alice.run(*code(LOAD), cwd=root, **shared)
    assert found.stdout == "b'code'\n"
    assert found.stderr.count("\n") == 1
    assert "compiled anew, and kept elsewhere" in found.stderr


def shared_project(root: Path, mode: int, owner: User) -> Path:
    project = make_project(root / "p", (5, 50), footprints=f"{{fine: {FOOTPRINT}}}")
    for path in (project.path, *project.path.iterdir()):
        os.chown(path, owner.number, GROUP)
    project.path.chmod(mode)
    return project.path


def test_a_group_goes_on_with_a_project_that_it_shares(root) -> None:
    alice, bob, stranger = users(root)
    project = shared_project(root, 0o2775, alice)
    assert alice.stilt(project, "run")[0] == 0
    assert bob.stilt(project, "status")[0] == 0
    assert bob.stilt(project, "verify")[0] == 0
    returned, said = bob.stilt(project, "run", "--no-skip")
    assert (returned, "2 complete" in said) == (0, True), said
    assert "config.yaml belongs to 61001: what they name runs as you" in said
    assert alice.stilt(project, "archive")[0] == 0
    returned, said = stranger.stilt(project, "status")
    assert (returned, "2 complete" in said) == (0, True), said
    returned, said = stranger.stilt(project, "run", "--no-skip")
    assert returned == 4, said
    for path in project.rglob("*"):
        facts = path.lstat()
        assert not facts.st_mode & stat.S_IWOTH, path
        assert facts.st_gid == GROUP, path
        if path.is_dir():
            assert facts.st_mode & stat.S_IWGRP, path


def test_a_private_project_stays_private(root) -> None:
    alice, bob, _ = users(root)
    project = shared_project(root, 0o755, alice)
    assert alice.stilt(project, "run", umask=0o077)[0] == 0
    for command in ("status", "verify", "report", "log show"):
        returned, said = bob.stilt(project, *command.split())
        assert returned in {2, 4}, (command, said)
    for path in (project / "output").rglob("*"):
        assert not path.lstat().st_mode & 0o077, path
