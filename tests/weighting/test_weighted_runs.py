"""Weighted products of a project: one number by every way to it, and new ones where kernels change."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import stilt
from stilt.batch.today import Today
from stilt.commands.run import _refuse_edited
from stilt.footprint.calc import calc_footprint
from stilt.footprint.netcdf import read_provenance
from stilt.foundations.errors import InputError
from stilt.foundations.identity import EngineIdentity
from stilt.particles.table import ParticleTable
from stilt.weighting.kernel import Kernel
from stilt.weighting.kernels import kernels_of
from tests.engines import runs
from tests.projects import FOOTPRINT, Project, make_project
from tests.weighting.slow import weighted

HEIGHTS = (5, 50, 500)
KERNELS = "site,height_m,averaging_kernel,pressure_weight\n" + "".join(
    f"s{number},{height},{1 - 0.1 * place:.1f},{0.2 + 0.1 * place:.1f}\n"
    for number in range(3)
    for place, height in enumerate(HEIGHTS)
)
XCO2 = FOOTPRINT.replace("}", ", weight: kernel, lifetime_h: 9}")


def make(path) -> Project:
    project = make_project(path, footprints=f"{{plain: {FOOTPRINT}, xco2: {XCO2}}}")
    rows = ["time,longitude,latitude,altitude,r_idx,site"]
    rows += [
        f"2015-12-10 0{number}:00,-112,40.5,{height},{number},s{number}"
        for number in range(3)
        for height in HEIGHTS
    ]
    (path / "receptors.csv").write_text("\n".join(rows) + "\n")
    (path / "kernels.csv").write_text(KERNELS)
    return project


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Project:
    project = make(tmp_path_factory.mktemp("weighted") / "project")
    assert project.stilt("run", str(project.path)).code == 0
    return project


@pytest.fixture
def project(done, tmp_path) -> Project:
    shutil.copytree(done.path, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")


def expected(project: Project, kernel: Kernel) -> np.ndarray:
    first = stilt.Project(project.path)[0]
    frame = first.particles()
    foot = np.array(weighted(frame, first.receptor, kernel, 9.0))
    columns = {name: frame[name].to_numpy() for name in frame} | {"foot": foot}
    grid = stilt.Project(project.path).config.footprints["plain"]
    return calc_footprint(ParticleTable(columns), grid, first.receptor).values


def kernel_of(low: float = 1.0) -> Kernel:
    return Kernel("height_m", (5.0, 50.0, 500.0), (low, 0.9, 0.8), (0.2, 0.3, 0.4))


def test_a_product_is_weighted_by_its_kernels_and_says_so(done):
    first = stilt.Project(done.path)[0]
    np.testing.assert_allclose(
        first.footprint("xco2").values, expected(done, kernel_of()), rtol=1e-6
    )
    assert float(first.footprint("plain").sum()) > float(first.footprint("xco2").sum()) > 0
    said = read_provenance(first.footprint_path("xco2"))
    assert json.loads(said["kernel"]) == ["height_m", [5, 50, 500], [1, 0.9, 0.8], [0.2, 0.3, 0.4]]


def test_a_changed_kernel_makes_footprints_anew_from_the_particles(project):
    before = len(runs(project.runs_file))
    (project.path / "kernels.csv").write_text(KERNELS.replace(",1.0,0.2", ",0.25,0.2"))
    assert json.loads(project.stilt("status", str(project.path), "--json").out)["stale"] == 3
    dry = project.stilt("run", str(project.path), "--dry-run")
    assert "the kernels of footprints.xco2 are others" in dry.out
    assert project.stilt("run", str(project.path)).code == 0
    assert len(runs(project.runs_file)) == before, "transport was not run again"
    found = stilt.Project(project.path)[0].footprint("xco2").values
    np.testing.assert_allclose(found, expected(project, kernel_of(0.25)), rtol=1e-6)
    assert "nothing to do" in project.stilt("run", str(project.path)).out
    assert project.stilt("verify", str(project.path)).code == 0
    assert project.stilt("archive", str(project.path)).code == 0
    np.testing.assert_array_equal(stilt.Project(project.path)[0].footprint("xco2").values, found)
    assert "nothing to do" in project.stilt("run", str(project.path)).out


def test_a_table_that_moved_is_the_same_table(project):
    (project.path / "kernels.csv").rename(project.path / "moved.csv")
    config = project.path / "config.yaml"
    config.write_text(
        config.read_text().replace("weight: kernel", "weight: kernel, kernels: moved.csv")
    )
    assert "nothing to do" in project.stilt("run", str(project.path)).out


def test_workers_take_no_notice_of_a_table_that_is_edited_after_the_hand_over(tmp_path):
    project = make(tmp_path / "project")
    project.let_run(1)
    process = project.start("run", str(project.path), "--cpus", "1")
    while not runs(project.runs_file):
        assert process.poll() is None
    (project.path / "kernels.csv").unlink()
    project.let_run(None)
    process.communicate()
    assert project.outcomes() == dict.fromkeys(project.outcomes(), "complete")
    last = stilt.Project(project.path)[2]
    assert "kernel" in read_provenance(last.footprint_path("xco2"))


def test_a_table_that_is_edited_between_two_looks_is_refused(project):
    opened = stilt.Project(project.path)
    kernels = kernels_of(opened.config, opened.receptors)
    (project.path / "kernels.csv").write_text(KERNELS.replace("0.9", "0.5"))
    today = Today(opened.layout, opened.config, EngineIdentity("fake", "1"))
    with pytest.raises(InputError, match=r"kernels.csv was written while it was read"):
        _refuse_edited(today, kernels)


@pytest.mark.parametrize("command", [("check",), ("run",), ("run", "--dry-run")])
def test_wrong_kernels_are_refused_alike_before_anything_is_written(tmp_path, command):
    project = make(tmp_path / "project")
    (project.path / "kernels.csv").write_text(KERNELS.replace("s1,50,0.9", "s1,50,nan"))
    answer = project.stilt(command[0], str(project.path), *command[1:])
    assert answer.code == 2
    assert "line 6: s1: averaging_kernel is not a number" in " ".join(
        (answer.out + answer.err).split()
    )
    assert not (project.output / "chunks").exists()
