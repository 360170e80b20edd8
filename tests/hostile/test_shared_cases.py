"""The scripts of attackers, run as they are: each says by its exit status whether the product stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.projects import PATIENCE_S
from tests.shared_data import shared_folder

FOLDER = shared_folder()
SCRIPTS = sorted((FOLDER / "cases" / "hostile").glob("*.sh")) if FOLDER else []


@pytest.mark.skipif(not SCRIPTS, reason="no shared folder (../shared or STILT_SHARED)")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_hostile_script_fails(script, tmp_path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", script],
        env={**os.environ, "PATH": path, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
