"""Copies of old projects, in the surroundings that they were made in."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stilt.example.atmosphere import write_atmosphere
from tests.hysplit.conftest import hysplit  # noqa: F401 - a fixture
from tests.upgrade.old_projects import HOST, OldProject, copy_project

if TYPE_CHECKING:
    from collections.abc import Callable

MADE_WITH_HYSPLIT = ("finished-hysplit", "finished-native-table", "queued-native-table")
"""HYSPLIT was installed where these were made; where the others were made it was not."""


@pytest.fixture(scope="session")
def met(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The meteorology of the example, with which the projects were made."""
    folder = tmp_path_factory.mktemp("upgrade") / "met"
    write_atmosphere(folder)
    return folder


@pytest.fixture
def old(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    met: Path,
    tmp_path: Path,
) -> Callable[[str], OldProject]:
    """Copy an old project by its name; this process is then where it was made, too."""

    def copy(name: str) -> OldProject:
        kernels = Path(os.environ["STILT_HOME"]) / "kernels"
        if name in MADE_WITH_HYSPLIT:
            request.getfixturevalue("hysplit")  # or the test is skipped
        else:
            monkeypatch.setenv("STILT_HOME", str(tmp_path / "nothing installed"))
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(kernels))
        monkeypatch.delenv("STILT_HYSPLIT", raising=False)
        monkeypatch.setattr(socket, "gethostname", lambda: HOST)
        return copy_project(name, tmp_path, met)

    return copy
