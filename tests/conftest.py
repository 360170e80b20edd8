"""What all tests share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.drawn import settle_day
from tests.hysplit_at_hand import need_hysplit
from tests.projects import PATIENCE_S, end_what_was_begun
from tests.shared_data import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Stilt = subprocess.CompletedProcess[str]


def pytest_configure() -> None:
    """Keep what tests install inside the checkout; give child processes a plain terminal and signals."""
    os.environ.setdefault("STILT_HOME", str(REPOSITORY / ".tools"))
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "NO_COLOR"):
        os.environ.pop(name, None)
    os.environ["COLUMNS"] = "100"
    settle_day()
    # a shell starts what it puts into the background with Ctrl-C ignored, and children inherit that
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # how long an example takes is a matter of what else the machine has to do
    settings.register_profile("stilt", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("stilt")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that runs the real hycs_std where that cannot be had, whichever way the test comes to it."""
    if item.get_closest_marker("hysplit"):
        need_hysplit()


@pytest.fixture(autouse=True)
def _nothing_outlives_its_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever became of a test, what its projects began is gone before the next one starts."""
    folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    if folder is not None:
        end_what_was_begun(folder)


@pytest.fixture
def stilt(tmp_path: Path) -> Callable[..., Stilt]:
    """Run the command line in a process of its own, as a user does, in ``tmp_path`` unless told otherwise."""

    def run(
        *arguments: str | Path,
        cwd: Path = tmp_path,
        env: dict[str, str] | None = None,
    ) -> Stilt:
        return subprocess.run(
            [sys.executable, "-m", "stilt", *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    return run
