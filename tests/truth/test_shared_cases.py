"""Attacks on what commands say of results and of how they stand, kept beside the checkout: scripts that exit 0 or 1."""

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
ABOUT_STANDING = ("cancel_other_id", "liveness", "waitcode")
OF_ROOT = ("liveness", "waitcode")
"""They make namespaces."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ABOUT_RESULTS + ABOUT_STANDING)
def test_the_product_stands(name: str, request: pytest.FixtureRequest) -> None:
    script = shared("cases", "truth", f"{name}.sh")
    if name in OF_ROOT and os.geteuid() != 0:
        pytest.skip("only root may make namespaces")
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
