"""A project, edited without effect, and Python without a project: the same particles, on both engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

import stilt
from stilt.check.preflight import preflight
from stilt.example.atmosphere import write_atmosphere
from tests.projects import Project

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.transport.hysplit.locate import Installation

pytestmark = pytest.mark.hysplit

SIM = "jet_202606161000_-111.9_40.5_30"
FOOTPRINT = "{xmin: -114, xmax: -110, ymin: 39, ymax: 42, xres: 0.1, yres: 0.1}"
IDLE = {
    "hysplit": ["delt: 5", "khmax: 24", "roughness: 0.3"],
    "native": ["delt: 5", "khmax: 24", "mgmin: 3"],
}


def write(project: Project, model: str, more: str = "") -> None:
    text = f"""
mets: {{jet: met}}
footprints: {{near: {FOOTPRINT}}}
n_hours: -1
numpar: 20
model: {model}
{more}
"""
    (project.path / "config.yaml").write_text(text)


@pytest.fixture(params=["hysplit", "native"])
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def project(hysplit: Installation, model: str, tmp_path: Path) -> Project:
    assert hysplit.exe.is_file()
    write_atmosphere(tmp_path / "met")
    rows = "time,longitude,latitude,altitude\n2026-06-16 10:00,-111.9,40.5,30\n"
    (tmp_path / "receptors.csv").write_text(rows)
    made = Project(tmp_path)
    write(made, model)
    answer = made.stilt("run")
    assert answer.code == 0, answer.err
    return made


def test_a_simulation_is_the_same_without_its_project_and_with_settings_of_no_effect(
    project: Project, model: str
) -> None:
    simulation = stilt.Project(project.path)[SIM]
    met = {"directory": str(project.path / "met")}
    alone = stilt.run_trajectories(
        simulation.receptor, met, n_hours=-1, numpar=20, model=model, sim=SIM
    )
    pd.testing.assert_frame_equal(simulation.particles(), alone[simulation.particles().columns])

    write(project, model, "\n".join(IDLE[model]))
    notes = [each.text for each in preflight(project.path) if each.area == "settings"]
    for key in (line.partition(":")[0] for line in IDLE[model]):
        assert any(note.startswith(f"{key} has no effect") for note in notes)
    assert "1 already done" in project.stilt("run", "--dry-run").out

    write(project, model, "veght: 5")
    said = project.stilt("run", "--dry-run").out
    assert "1 settings changed" in said
    assert "veght was 0.5, is 5" in said
