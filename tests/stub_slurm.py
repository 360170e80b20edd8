"""A Slurm that only notes what it is given, for tests of what is said of jobs that wait."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.foundations.writers import user_name

if TYPE_CHECKING:
    from tests.projects import Project

_PROGRAMS = Path(__file__).parent / "upgrade" / "slurm"


def give_stub_slurm(project: Project, folder: Path) -> None:
    """Let a project find it; programs, queue and what is kept of answers lie in ``folder``. Jobs are this user's."""
    programs = folder / "stubs"
    shutil.copytree(_PROGRAMS, programs, dirs_exist_ok=True)
    project.env |= {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "STUB_QUEUE": str(folder / "queue"),
        "STUB_USER": user_name(),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
