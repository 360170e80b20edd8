"""Attacks on what results say of themselves that are kept beside the checkout, each a script that exits 0 or 1."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hysplit.conftest import hysplit  # noqa: F401 - a fixture
from tests.projects import PATIENCE_S
from tests.shared_data import shared

ABOUT_RESULTS = ("identity_point", "doer", "archived_older", "names")


@pytest.mark.parametrize("name", ABOUT_RESULTS)
def test_the_product_stands(name: str, request: pytest.FixtureRequest) -> None:
    script = shared("cases", "truth", f"{name}.sh")
    if name == "doer":
        request.getfixturevalue("hysplit")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", str(script)],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
