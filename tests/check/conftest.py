"""A project whose meteorology was made once, to be spoilt in every test."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from stilt.check.finding import Weight
from stilt.check.preflight import preflight
from stilt.example.starter import write_starter
from tests.shared_data import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stilt.check.finding import Finding

CONFIG = f"""\
mets:
  jet: {{directory: met, file_format: jet_%Y%m%d.arl, file_tres: 1d}}
footprints:
  default: {{xmin: -122, xmax: -110, ymin: 38, ymax: 44, xres: 0.05}}
n_hours: -6
numpar: 50
model: {REPOSITORY / "tests" / "engines.py"}:FakeEngine
"""


@pytest.fixture(scope="session")
def atmosphere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's files: 2026-06-15 and 16, hourly."""
    folder = tmp_path_factory.mktemp("example")
    write_starter(folder, example=True)
    return folder / "met"


@pytest.fixture
def project(tmp_path: Path, atmosphere: Path) -> Path:
    """A project with nothing wrong in it."""
    folder = tmp_path / "my project"
    folder.mkdir()
    shutil.copytree(atmosphere, folder / "met")
    (folder / "config.yaml").write_text(CONFIG)
    write_receptors(folder, "2026-06-16 10:00,-111.9,40.5,30")
    return folder


def write_receptors(project: Path, *rows: str) -> None:
    text = "time,longitude,latitude,altitude\n" + "".join(f"{row}\n" for row in rows)
    (project / "receptors.csv").write_text(text)


def change(project: Path, old: str, new: str) -> None:
    """Replace a text in the project's settings."""
    path = project / "config.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def bad(project: Path) -> Callable[[], list[Finding]]:
    """Return the warnings and problems of the project."""

    def look() -> list[Finding]:
        return [finding for finding in preflight(project) if finding.weight >= Weight.WARNING]

    return look
