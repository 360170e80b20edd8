"""What all tests share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.shared_data import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Stilt = subprocess.CompletedProcess[str]


def pytest_configure() -> None:
    """Keep what tests install inside the checkout; give child processes a plain terminal and signals."""
    os.environ.setdefault("STILT_HOME", str(REPOSITORY / ".tools"))
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "NO_COLOR"):
        os.environ.pop(name, None)
    os.environ["COLUMNS"] = "100"
    # a shell starts what it puts into the background with Ctrl-C ignored, and children inherit that
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def stilt(tmp_path: Path) -> Callable[..., Stilt]:
    """Run the command line in a process of its own, as a user does, in ``tmp_path`` unless told otherwise."""

    def run(
        *arguments: str | Path,
        cwd: Path = tmp_path,
        env: dict[str, str] | None = None,
        timeout: float = 120,
    ) -> Stilt:
        return subprocess.run(
            [sys.executable, "-m", "stilt", *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
