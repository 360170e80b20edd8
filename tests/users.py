"""Other users of this machine, as root can be them for a while."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from sysconfig import get_paths
from typing import TYPE_CHECKING

import pytest

from tests.projects import PATIENCE_S
from tests.shared_data import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

needs_setpriv = pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv"
)
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
    env: dict[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()

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
            [*self.before, *become, PYTHONS[-1], *command],
            cwd=cwd,
            env={**os.environ, "STILT_HOME": str(home / "stilt"), **own, **self.env, **env},
            umask=umask,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def stilt(
        self, project: Path, *arguments: str, umask: int = 0o002, **env: str
    ) -> tuple[int, str]:
        """Run a command in a project; return its exit code and what it printed."""
        done = self.run("-P", "-m", "stilt", *arguments, cwd=project, umask=umask, **env)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr


@contextmanager
def open_folder() -> Iterator[Path]:
    """Make a folder that everybody may enter, as pytest's own may not be; skip the test if that is of no use."""
    folder = Path(tempfile.mkdtemp(prefix="stilt-users-"))
    folder.chmod(0o755)
    somebody = User(61001, 61000, folder)
    try:
        while PYTHONS and somebody.run("-c", TRIAL, cwd=folder).returncode:
            PYTHONS.pop()
        if not PYTHONS:
            pytest.skip("others can't run Python, or read this checkout")
        yield folder
    finally:
        shutil.rmtree(folder)
