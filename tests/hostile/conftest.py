"""A project that was run, for tests that put something hostile into a copy of it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.projects import FOOTPRINT, Project, make_project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that was run, for the tests of a file."""
    project = make_project(
        tmp_path_factory.mktemp("ran") / "p", (5,), footprints=f"{{fine: {FOOTPRINT}}}"
    )
    assert project.stilt("run").code == 0
    return project


@pytest.fixture
def project(ran: Project, tmp_path: Path) -> Project:
    """A copy of a project that was run."""
    shutil.copytree(ran.path, tmp_path / "p", symlinks=True)
    return Project(tmp_path / "p")
