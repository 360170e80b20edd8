"""What people met with tools of this kind, as whole projects: each does what its ``expected.txt`` says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from netCDF4 import Dataset

import stilt as api
from stilt.particles.parquet import read_provenance
from stilt.transport.facts import FACTS
from tests.shared_data import shared

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Make one of the cases' folders of idealised meteorology, once."""
    base = tmp_path_factory.mktemp("users")

    def make(name: str) -> Path:
        folder = base / name
        if not folder.exists():
            command = [sys.executable, str(shared("cases", "users", "mkmet.py")), name, str(folder)]
            subprocess.run(command, check=True, capture_output=True)
        return folder

    return make


@pytest.fixture(scope="session")
def daily(made: Callable[[str], Path]) -> Path:
    """Three days of idealised meteorology, its ground at 1300 m."""
    return made("daily")


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


def check_all_tell(folder: Path, stilt: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Hold against each other what files, log, table and status say happened to receptors, and a run of footprints."""
    project = api.Project(folder)
    before = {result.id: result.facts() for result in project}
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("xres: 0.5", "xres: 0.25"))
    assert stilt("run", folder).returncode == 0
    project = api.Project(folder)
    frame = project.simulations[list(FACTS)]
    for result in project:
        facts = result.facts()
        known = result.last_event()
        assert known is not None
        of_files = result.facts("default")
        assert (known.facts or {}) == facts
        assert facts == of_files | ({"share_outside_grid": 1.0} if known.outcome == "empty" else {})
        assert frame.loc[result.id].dropna().to_dict() == facts
        of_particles = facts.keys() - {"share_outside_grid"}
        assert {name: facts[name] for name in of_particles}.items() <= before[result.id].items()
        told = json.loads(stilt("log", "replay", folder, "--sim", result.id, "--json").stdout)
        assert told["events"][-1].get("facts", {}) == facts
    counted = json.loads(stilt("status", folder, "--json").stdout)["facts"]
    for name in ("lifted_m", "particles_left"):
        happened = frame[name].dropna()
        assert counted.get(name, {"simulations": 0})["simulations"] == len(happened)
        assert not len(happened) or counted[name]["greatest"] == happened.max()


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
    check_all_tell(folder, stilt)


@pytest.fixture(params=["native", pytest.param("hysplit", marks=pytest.mark.hysplit)])
def model(request: pytest.FixtureRequest) -> str:
    return request.param


def test_places_on_the_outermost_cells_are_named_before_the_run(stilt, project, model):
    folder = project("07-outermost-cells-of-the-met-grid", model=model, n_hours="-1")
    done = stilt("check", folder)
    assert done.returncode == 2
    assert "5 of 6 simulations cannot run: BAD_RECEPTOR" in " ".join(done.stdout.split())
    assert stilt("run", folder).returncode == 1
    frame = api.Project(folder).simulations
    assert frame["reason"].dropna().tolist().count("BAD_RECEPTOR") == 5


def test_places_near_the_poles_run_on_a_global_grid(stilt, project, made, model):
    folder = project("08-native-near-the-poles", met=made("glob"), model=model, n_hours="-1")
    assert stilt("check", folder).returncode == 0
    assert stilt("run", folder).returncode == 0
    assert {result.state for result in api.Project(folder)} <= {"complete", "empty"}


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
    check_all_tell(folder, stilt)


def said(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join(done.stdout.split())


def test_met_files_of_a_single_time_are_a_problem_for_hysplit_before_the_run(stilt, project, made):
    folder = project("05-single-time-met-files", met=made("single"))
    done = stilt("check", folder)
    assert done.returncode == 2
    assert "holds a single time, and hycs_std needs two or more in each met file" in said(done)


def test_files_beside_the_meteorology_are_left_out_and_named(stilt, project, made, model):
    folder = project("09-files-beside-the-met-files", met=made("siblings"), model=model)
    done = stilt("check", folder)
    assert done.returncode == 0, done.stdout
    assert "left out, since they cannot be used" in said(done)
    for name in ("20150618_gfs0p25.1", "20150617_gfs0p25.gz", "20150617_gfs0p25.idx"):
        assert name in said(done)
    assert stilt("run", folder).returncode == 0


@pytest.mark.hysplit
def test_netcdf_beside_the_meteorology_is_left_out(stilt, project, made):
    folder = project("09b-netcdf-beside-the-arl-file", met=made("wrfnc"), n_hours="-1")
    assert stilt("check", folder).returncode == 0
    assert stilt("run", folder).returncode == 0


def test_a_step_that_changes_from_file_to_file_is_named_before_the_run(stilt, project, made, model):
    folder = project("12-step-changes-from-file-to-file", met=made("mix3"), model=model)
    done = stilt("check", folder)
    ran = stilt("run", folder)
    if model == "native":
        assert (done.returncode, ran.returncode) == (0, 0)
    else:
        assert done.returncode == 2
        assert "MET_INTERVAL: the time between analyses changes from 3 h to 1 h" in said(done)
        assert "model: native does" in said(done)
        assert ran.returncode == 2
        assert "1 of 1 simulation cannot succeed: MET_INTERVAL" in ran.stderr


def test_a_grid_that_changes_between_two_files_is_named_before_the_run(stilt, project, made, model):
    folder = project("14-grid-changes-between-two-files", met=made("gridchange"), model=model)
    done = stilt("check", folder)
    assert done.returncode == 2
    assert "change" in said(done)
    assert "20150617_x and 20150618_x" in said(done)
    ran = stilt("run", folder)
    assert ran.returncode == 2
    assert "cannot succeed: MET_COVERAGE" in ran.stderr
    assert not (folder / "output" / "chunks").exists()


def test_hours_missing_inside_of_a_file_stop_what_they_stop(stilt, project, made, model):
    folder = project("15-hours-missing-inside-a-file", met=made("gap"), model=model)
    done = stilt("check", folder)
    assert done.returncode == 2
    ran = stilt("run", folder)
    assert ran.returncode == (2 if model == "hysplit" else 1)
    number = 3 if model == "hysplit" else 2
    assert f"{number} of 3 simulations cannot succeed" in ran.stdout + ran.stderr
    states = api.Project(folder).simulations["state"].tolist()
    assert states.count("failed") == (0 if model == "hysplit" else 2)


def test_a_new_year_that_hysplit_cannot_cross_is_named_before_the_run(stilt, project, made, model):
    folder = project("19-new-year-2040-with-hysplit", met=made("y2040"), model=model)
    done = stilt("check", folder)
    assert done.returncode == (2 if model == "hysplit" else 0)
    assert ("hycs_std takes 2040 for 1940" in said(done)) == (model == "hysplit")


def test_a_file_that_is_cut_off_serves_its_whole_hours(stilt, project, made, model):
    folder = project("25-cut-off-met-file-with-native", met=made("trunc"), model=model)
    done = stilt("check", folder)
    assert "20150618_x is cut off at byte" in said(done)
    assert "after 2015-06-18 11:00 UTC" in said(done)
    assert done.returncode == 0
    assert stilt("run", folder).returncode == 0


def test_a_nest_is_used_inside_and_the_coarse_grid_outside(stilt, project, made, model):
    folder = project("30-nested-met-with-native", met=made("nest"), model=model)
    assert stilt("check", folder).returncode == 0
    assert stilt("run", folder).returncode == 0
    ground = [result.particles()["zsfc"].iloc[0] for result in api.Project(folder)]
    assert round(ground[0]) == 1700


def test_staggered_wrf_files_run(stilt, project, made, model):
    folder = project("32-wrf-files-with-native", met=made("awrf"), model=model)
    assert stilt("check", folder).returncode == 0
    assert stilt("run", folder).returncode == 0


def test_names_of_months_are_found_in_lower_case(stilt, project, made):
    folder = project("11-noaa-archive-names-in-lower-case", met=made("gdas"), n_hours="-1")
    assert stilt("check", folder).returncode == 0
    assert stilt("run", folder).returncode == 0


def test_a_limit_on_tasks_advises_on_their_number(stilt, project):
    folder = project("20-sbatch-says-too-many-jobs")
    done = stilt("run", folder, env={"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"})
    assert done.returncode == 4
    assert "QOSMaxSubmitJobPerUserLimit" in done.stderr.splitlines()[-2]
    assert "lower execution.n_workers, or wait until others of your jobs have ended" in done.stderr
    assert "execution.time" not in done.stderr
