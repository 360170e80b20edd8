"""A variant's particles are those of a run with its settings, on both engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

import stilt
from stilt.example.atmosphere import write_atmosphere
from tests.hysplit_at_hand import settings_of
from tests.projects import Project

if TYPE_CHECKING:
    from pathlib import Path

OWN = {
    "jet": {},
    "jet-few": {"numpar": 12},
    "jet-long": {"n_hours": -2, "outdt": 20.0},
}
CONFIG = """mets: {jet: met, other: met}
footprints: {near: {xmin: -114, xmax: -110, ymin: 39, ymax: 42, xres: 0.1, yres: 0.1}}
n_hours: -1
numpar: 20
variants:
  few: {numpar: 12, met: jet}
  long: {n_hours: -2, outdt: 20, met: jet}
"""


@pytest.mark.parametrize(
    "model", ["native", pytest.param("hysplit", marks=pytest.mark.hysplit)], ids=str
)
def test_a_variant_is_run_as_a_project_with_its_settings(tmp_path: Path, model: str) -> None:
    engine = settings_of(model)
    write_atmosphere(tmp_path / "met")
    rows = "time,longitude,latitude,altitude\n2026-06-16 10:00,-111.9,40.5,30\n"
    (tmp_path / "receptors.csv").write_text(rows)
    (tmp_path / "config.yaml").write_text(CONFIG + engine)
    answer = Project(tmp_path).stilt("run")
    assert answer.code == 0, answer.err
    project = stilt.Project(tmp_path)
    table = project.simulations
    assert table["met"].tolist() == ["jet", "other", "jet", "jet"]
    assert table["variant"].tolist() == ["", "", "few", "long"]
    roughness = {"roughness": project.config.roughness} if model == "native" else {}
    for kind, own in OWN.items():
        simulation = project[f"{kind}_202606161000_-111.9_40.5_30"]
        alone = stilt.run_trajectories(
            simulation.receptor,
            {"directory": str(tmp_path / "met")},
            **{"n_hours": -1, "numpar": 20, **own},
            **roughness,
            model=model,
            sim=simulation.id,
        )
        made = simulation.particles()
        pd.testing.assert_frame_equal(made, alone[made.columns])
    footprints = project.footprints("near")
    assert footprints["hour"].to_numpy().tolist() == [-2, -1]
    by_hour = (footprints.sum(("lat", "lon")) > 0).to_numpy().tolist()
    assert by_hour == [[False, True]] * 3 + [[True, True]]
