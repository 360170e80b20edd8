"""Where what only Linux has is missing, as far as that can be had here: stilt runs, and says less."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.projects import PATIENCE_S, Project
from tests.shared_data import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

LACKING = """
import ctypes, fcntl, os, time
for module, names in {
    os: ("O_PATH", "sched_getaffinity", "getxattr"),
    fcntl: ("F_SETPIPE_SZ", "F_GETPIPE_SZ"),
    time: ("CLOCK_BOOTTIME",),
}.items():
    for name in names:
        delattr(module, name)
class Library:
    def __init__(self, *_, **__):
        pass
real = ctypes.CDLL
ctypes.CDLL = lambda name, *a, **k: Library() if name is None else real(name, *a, **k)
"""


def test_a_project_is_run_without_what_only_linux_has(tmp_path: Path) -> None:
    hide = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "hide"]
    if subprocess.run([*hide, "true"], capture_output=True, check=False).returncode:
        pytest.skip("/proc can't be hidden: needs root and a mount namespace")
    sites = tmp_path / "sites"
    sites.mkdir()
    (sites / "sitecustomize.py").write_text(LACKING)
    project = Project(tmp_path, {"PYTHONPATH": os.pathsep.join([str(sites), str(REPOSITORY)])})

    def stilt(*words: str) -> str:
        done = subprocess.run(
            [*hide, sys.executable, "-m", "stilt", *words],
            cwd=tmp_path,
            env=project.environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    stilt("init", "--example", "demo")
    assert "6 simulations: 6 complete" in stilt("run", "demo")
    assert "6 complete" in stilt("status", "demo")
    stilt("verify", "demo")
    stilt("archive", "demo")
    assert "6 already done" in stilt("run", "demo")


ONLY_LINUX = re.compile(
    r"\b(O_PATH|O_TMPFILE|sched_getaffinity|getxattr|CLOCK_BOOTTIME|F_SETPIPE_SZ|prctl\(ctypes)\b|CDLL\(None"
)


def test_what_only_linux_has_is_named_in_one_module() -> None:
    naming = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "stilt").rglob("*.py")
        if re.search(rf"(os|time|fcntl|ctypes)\.{ONLY_LINUX.pattern}", path.read_text())
    }
    assert naming <= {"stilt/foundations/linux.py"}
