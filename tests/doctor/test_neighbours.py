"""PYSTILT's package of our name, installed beside ours, is told of."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.shared_data import REPOSITORY


def python(folder, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path):
    """A folder of packages that has ours."""
    (tmp_path / "stilt").symlink_to(REPOSITORY / "stilt")
    return tmp_path


def test_the_first_import_and_the_doctor_say_so(folder) -> None:
    (folder / "pystilt-0.1.0a25.dist-info").mkdir()
    shown = python(folder, "-c", "import stilt; print(stilt.__version__)")
    assert shown.returncode == 0
    assert shown.stderr.count("pystilt-0.1.0a25.dist-info is installed beside stilt-hpc") == 1
    shown = python(folder, "-m", "stilt", "doctor", "--json")
    assert "both have a package stilt" in shown.stdout


def test_nothing_is_said_where_there_is_none(folder) -> None:
    shown = python(folder, "-W", "error", "-c", "import stilt")
    assert (shown.returncode, shown.stderr) == (0, "")
