"""What people met with tools of this kind, as whole projects: each does what its ``expected.txt`` says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from netCDF4 import Dataset

import stilt as api
from stilt.particles.parquet import read_provenance
from tests.shared_data import shared

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def daily(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of idealised meteorology, its ground at 1300 m."""
    folder = tmp_path_factory.mktemp("users") / "daily"
    made = [sys.executable, str(shared("cases", "users", "mkmet.py")), "daily", str(folder)]
    subprocess.run(made, check=True, capture_output=True)
    return folder


@pytest.fixture
def project(tmp_path: Path, daily: Path) -> Callable[..., Path]:
    """Copy a case; texts of its config may be replaced."""

    def copy(name: str, met: Path = daily, **changes: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(shared("cases", "users", name), folder)
        config = folder / "config.yaml"
        text = config.read_text().replace("@MET@", str(met))
        for key, value in changes.items():
            lines = [line for line in text.splitlines() if not line.startswith(f"{key}:")]
            text = "\n".join([*lines, f"{key}: {value}"]) + "\n"
        config.write_text(text)
        return folder

    return copy


def test_a_column_of_25_levels_has_particles_at_each_and_a_footprint(stilt, project):
    folder = project("01-column-of-25-levels", n_hours="-1")
    assert stilt("check", folder).returncode == 0
    assert stilt("run", folder).returncode == 0
    (result,) = api.Project(folder)
    assert result.state == "complete"
    particles = result.particles()
    heights, counts = np.unique(particles[particles.time == -1]["xhgt"], return_counts=True)
    np.testing.assert_array_equal(heights, 10 + 400 * np.arange(25))
    assert set(counts) == {12}
    assert float(result.footprint().sum()) > 0


def test_a_column_instruments_table_has_one_bad_row(stilt, project):
    folder = project("22-receptors-csv-of-a-column-instrument")
    receptors = folder / "receptors.csv"
    done = stilt("check", folder)
    problems = [line for line in done.stdout.splitlines() if "receptors.csv" in line]
    assert len(problems) == 1, done.stdout
    assert "line 8: altitude -20 is out of range: 0 to 50000 m above ground" in problems[0]
    receptors.write_text("\n".join(receptors.read_text().splitlines()[:-1]))
    done = stilt("check", folder)
    assert done.returncode == 0, done.stdout
    said = " ".join(done.stdout.split())
    assert "4 lines above the names of the columns are left aside" in said
    assert "heights are taken from 'zagl', above ground; 'zasl', above sea level" in said


def test_a_receptor_under_the_ground_is_told_of_in_its_files(stilt, project, model):
    folder = project("18-receptor-under-the-model-ground", n_hours="-1", model=model)
    assert stilt("run", folder).returncode == 0
    lifted, above = api.Project(folder)
    attributes = read_provenance(
        folder / "output" / "particles" / "2015-06-18" / f"{lifted.id}.parquet"
    )
    assert float(attributes["lifted_m"]) == pytest.approx(1000, abs=5)
    assert attributes["lifted_particles"] == "20"
    with Dataset(lifted.footprint_path()) as file:
        assert file.lifted_m == attributes["lifted_m"]
    with Dataset(above.footprint_path()) as file:
        assert "lifted_m" not in file.ncattrs()
    assert lifted.facts()["lifted_m"] == pytest.approx(1000, abs=5)
    assert "lifted_m" not in above.facts()


@pytest.fixture(params=["native", pytest.param("hysplit", marks=pytest.mark.hysplit)])
def model(request: pytest.FixtureRequest) -> str:
    return request.param


def test_places_on_the_outermost_cells_are_named_before_the_run(stilt, project, model):
    folder = project("07-outermost-cells-of-the-met-grid", model=model, n_hours="-1")
    done = stilt("check", folder)
    assert done.returncode == 2
    assert "5 of 6 places of receptors are outside of its domain" in " ".join(done.stdout.split())
    assert stilt("run", folder).returncode == 1
    frame = api.Project(folder).simulations
    assert frame["reason"].dropna().tolist().count("BAD_RECEPTOR") == 5


def test_places_near_the_poles_are_named_for_the_engine_that_cannot_go_there(
    stilt, project, model, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("global") / "met"
    made = [sys.executable, str(shared("cases", "users", "mkmet.py")), "glob", str(folder)]
    subprocess.run(made, check=True, capture_output=True)
    done = stilt("check", project("08-native-near-the-poles", met=folder, model=model))
    if model == "native":
        assert done.returncode == 2
        assert "3 of 3 places of receptors" in " ".join(done.stdout.split())
    else:
        assert done.returncode == 0, done.stdout


def test_particles_that_left_the_meteorology_are_told_of_in_the_files(stilt, project, model):
    folder = project("18-receptor-under-the-model-ground", n_hours="-4", model=model)
    rows = ["time,lon,lat,zagl", "2015-06-18 20:00,-125.9,40.5,10"]
    (folder / "receptors.csv").write_text("\n".join(rows))
    assert stilt("run", folder).returncode == 0
    (result,) = api.Project(folder)
    facts, last = result.facts(), result.particles().groupby("indx")["time"].min()
    left = last[last > -240]
    assert facts["particles_left"] == len(left) > 0
    assert facts["first_left_min"] == -left.max()
    assert facts["particle_minutes_missing"] == 20 * 240 - len(result.particles())
