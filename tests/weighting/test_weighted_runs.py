"""Weighted products of a project: one number by every way to it, and new ones where kernels change."""

from __future__ import annotations

import json
import py_compile
import shutil
import warnings
from hashlib import blake2b

import numpy as np
import pytest
import xarray as xr
from scipy.sparse import load_npz

import stilt
from stilt.batch.changes import changes
from stilt.batch.today import Today
from stilt.check.preflight import preflight
from stilt.commands.inputs import _refuse_edited
from stilt.config.digests import footprint_digest, former_footprint_digests, grid_digest
from stilt.footprint.calc import calc_footprint
from stilt.footprint.netcdf import read_provenance
from stilt.foundations.errors import EnvironmentFailure, InputError
from stilt.foundations.identity import EngineIdentity
from stilt.particles.table import ParticleTable
from stilt.weighting.functions import load_function
from stilt.weighting.kernel import Kernel
from stilt.weighting.kernels import kernels_of
from tests.engines import runs
from tests.projects import FOOTPRINT, Project, make_project
from tests.weighting.slow import weighted

HEIGHTS = (5, 50, 500)
KERNELS = "site,height_m,averaging_kernel,pressure_weight,prior_ppm\n" + "".join(
    f"s{number},{height},{1 - 0.1 * place:.1f},{0.2 + 0.1 * place:.1f},400\n"
    for number in range(3)
    for place, height in enumerate(HEIGHTS)
)
XCO2 = FOOTPRINT.replace("}", ", weight: kernel, lifetime_h: 9}")


def make(path) -> Project:
    project = make_project(path, footprints=f"{{plain: {FOOTPRINT}, xco2: {XCO2}}}")
    rows = ["time,longitude,latitude,altitude,r_idx,site,observed_ppm,uncertainty_ppm"]
    rows += [
        f"2015-12-10 0{number}:00,-112,40.5,{height},{number},s{number},{410 + number},0.5"
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


def test_what_is_gone_is_named_alike_by_check_and_run_and_status_tells(project):
    config = project.path / "config.yaml"
    (project.path / "own.py").write_text("def old(frame, receptor):\n    return frame\n")
    text = config.read_text().replace("plain: {", "plain: {weight: own.py:old, ")
    config.write_text(text)
    for name in ("kernels.csv", "own.py"):
        assert f"{name} is not there" not in str(stilt.Project(project.path).status().notes)
        (project.path / name).unlink()
        assert f"{name} is not there" in str(stilt.Project(project.path).status().notes)
    (problem,) = [each for each in preflight(project.path) if each.area == "kernels"]
    assert "own.py cannot be read" in problem.text
    refused = project.stilt("run", str(project.path))
    assert (refused.code, problem.text in refused.err) == (2, True)


def test_a_choice_for_receptors_without_kernels_is_noted_where_all_have_one(project):
    config = project.path / "config.yaml"
    config.write_text(
        config.read_text().replace("weight: kernel", "weight: kernel, missing: unweighted")
    )
    words = "footprints.xco2.missing has no effect"
    assert words in str(list(preflight(project.path)))
    table = project.path / "kernels.csv"
    rows = table.read_text().splitlines(keepends=True)
    table.write_text("".join(row for row in rows if not row.startswith("s1")))
    assert words not in str(list(preflight(project.path)))


def test_a_product_is_weighted_by_its_kernels_and_says_so(done):
    first = stilt.Project(done.path)[0]
    np.testing.assert_allclose(
        first.footprint("xco2").values, expected(done, kernel_of()), rtol=1e-6
    )
    assert float(first.footprint("plain").sum()) > float(first.footprint("xco2").sum()) > 0
    said = read_provenance(first.footprint_path("xco2"))
    assert json.loads(said["kernel"]) == ["height_m", [5, 50, 500], [1, 0.9, 0.8], [0.2, 0.3, 0.4]]


def test_end_points_have_the_weights_of_a_product(done):
    project = stilt.Project(done.path)
    frame = project.endpoints(weight="xco2")
    own = (4, 3, 3)  # of 10 particles on 3 levels
    expected = {
        level: 10 / own[level] * (1 - 0.1 * level) * (0.2 + 0.1 * level) for level in range(3)
    }
    np.testing.assert_allclose(frame["weight"], [expected[(n - 1) % 3] for n in frame["indx"]])
    with pytest.raises(InputError, match="footprints plain are not weighted"):
        project.endpoints(weight="plain")


def test_a_columns_mean_height_is_one_number_under_either_name(done):
    project = stilt.Project(done.path)
    frame = project.simulations
    assert frame["height_m"].tolist() == [HEIGHTS[0]] * 3
    assert frame["mean_height_m"].tolist() == [sum(HEIGHTS) / 3] * 3
    found = project.footprints("xco2")
    assert (
        frame.loc[found["receptor"].to_numpy(), "mean_height_m"].tolist()
        == found["receptor_height"].to_numpy().tolist()
    )


def test_modelled_is_background_and_enhancement_and_the_prior_part(done, tmp_path):
    project = stilt.Project(done.path)
    foot = project.footprints("xco2")
    ones = (
        xr.ones_like(foot[0, 0]).drop_vars(["receptor", "hour"]).assign_attrs(units="umol m-2 s-1")
    )
    sectors = xr.Dataset({"a": ones.astype(float), "b": 2 * ones.astype(float)}).drop_attrs(
        deep=False
    )
    background = xr.Dataset(
        {"background": ("receptor", [404.0, 405, 406]), "spread": ("receptor", [1.0, 1, 1])},
        {"receptor": foot["receptor"].to_numpy()},
    ).isel(receptor=[2, 0, 1])
    found = stilt.modelled(project, sectors, background, prior=True)
    total = 3 * foot.astype(float).sum(("hour", "lat", "lon"))
    np.testing.assert_allclose(found["enhancement_b"], total * 2 / 3, rtol=1e-12)
    seen, weight = 0.2 * 1 + 0.3 * 0.9 + 0.4 * 0.8, 0.9
    np.testing.assert_allclose(found["prior"], 400 * (weight - seen))
    expected = seen * np.array([404.0, 405, 406]) + 400 * (weight - seen) + total
    order = [list(found["receptor"]).index(name) for name in foot["receptor"]]
    np.testing.assert_allclose(found["modelled"][order], expected.isel(receptor=order), rtol=1e-12)
    np.testing.assert_allclose(found["residual"], [410, 411, 412] - found["modelled"])
    assert found["uncertainty"].to_numpy().tolist() == [0.5] * 3
    assert set(found.to_dataframe()) >= {"site", "modelled", "observed", "background_spread"}
    plain = stilt.modelled(project, ones, 400.0, footprint="plain")
    assert "prior" not in plain
    np.testing.assert_allclose(plain["modelled"], 400 + plain["enhancement"])
    stilt.plot_modelled(found, tmp_path / "all.png")
    assert (tmp_path / "all.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="nothing observed to draw"):
        stilt.plot_modelled(found.drop_vars("observed"))
    with pytest.raises(InputError, match="1 receptors have no background, the first fake_"):
        stilt.modelled(project, ones, background.isel(receptor=[0, 1]))


def test_labels_that_are_called_as_our_own_variables_are_renamed(project, tmp_path):
    names = "value,column,row_start,bin,data,background,enhancement,modelled,observed"
    table = project.path / "receptors.csv"
    head, *rows = table.read_text().splitlines()
    more = ",".join("abcdefghi")
    table.write_text("\n".join([f"{head},{names}", *(f"{row},{more}" for row in rows)]) + "\n")
    found = stilt.Project(project.path)
    matrix = found.jacobian()
    for ending in (".nc", ".npz"):
        matrix.save(tmp_path / f"H{ending}")
    again = stilt.Jacobian.open(tmp_path / "H.nc")
    np.testing.assert_array_equal(again.matrix.toarray(), matrix.matrix.toarray())
    np.testing.assert_array_equal(load_npz(tmp_path / "H.npz").data, matrix.matrix.data)
    foot = found.footprints("xco2")
    ones = xr.ones_like(foot[0, 0]).reset_coords(drop=True).astype(float)
    result = stilt.modelled(found, ones.assign_attrs(units="umol m-2 s-1"), 400.0)
    assert result["observed"].to_numpy().tolist() == [410, 411, 412]
    assert result["observed_label"].to_numpy().tolist() == ["i"] * 3


def test_sectors_that_are_called_as_labels_stand_beside_these(project):
    table = project.path / "receptors.csv"
    head, *rows = table.read_text().splitlines()
    more = [f"{row},4,{number // 3}" for number, row in enumerate(rows)]
    table.write_text("\n".join([f"{head},enhancement_b,b", *more]) + "\n")
    found = stilt.Project(project.path)
    foot = found.footprints("xco2")
    ones = xr.ones_like(foot[0, 0]).reset_coords(drop=True).astype(float)
    sectors = xr.Dataset({"a": ones, "b": 2 * ones}).assign_attrs(units="umol m-2 s-1")
    for sector in sectors.values():
        sector.attrs = {"units": "umol m-2 s-1"}
    both = stilt.enhancements(foot, sectors)
    np.testing.assert_allclose(both["b"], 2 * both["a"])
    assert both["b_label"].to_numpy().tolist() == [0, 1, 2]
    result = stilt.modelled(found, sectors, 400.0)
    np.testing.assert_allclose(result["enhancement_b"], both["b"])
    assert result["enhancement_b_label"].to_numpy().tolist() == [4, 4, 4]
    assert result["b_label"].to_numpy().tolist() == [0, 1, 2]


def test_what_was_edited_is_left_out_of_particles_and_end_points_as_of_footprints(project):
    table = project.path / "receptors.csv"
    table.write_text(table.read_text().replace("00:00,-112,40.5,500", "00:00,-112,40.5,600"))
    found = stilt.Project(project.path)
    left = list(found.footprints("plain")["receptor"].to_numpy())
    assert len(left) == 2
    assert sorted(found.endpoints()["sim"].unique()) == sorted(left)
    assert sorted(found.particles()["sim"].unique()) == sorted(left)


def test_the_prior_part_needs_a_prior(project):
    table = project.path / "kernels.csv"
    table.write_text(table.read_text().replace("prior_ppm", "remark"))
    with pytest.raises(InputError, match="needs a column prior_ppm in the table of kernels"):
        stilt.Project(project.path).kernels("xco2").columns()


def test_a_changed_kernel_makes_footprints_anew_from_the_particles(project):
    before = len(runs(project.runs_file))
    (project.path / "kernels.csv").write_text(KERNELS.replace(",1.0,0.2", ",0.25,0.2"))
    assert json.loads(project.stilt("status", str(project.path), "--json").out)["stale"] == 3
    dry = project.stilt("run", str(project.path), "--dry-run")
    assert "the kernels of footprints.xco2 are others" in dry.out
    assert "3 of 3 are footprints alone, from stored particles: no time of transport" in dry.out
    assert "of core time" not in dry.out
    assert project.stilt("run", str(project.path)).code == 0
    assert len(runs(project.runs_file)) == before, "transport was not run again"
    found = stilt.Project(project.path)[0].footprint("xco2").values
    np.testing.assert_allclose(found, expected(project, kernel_of(0.25)), rtol=1e-6)
    assert "nothing to do" in project.stilt("run", str(project.path)).out
    assert project.stilt("verify", str(project.path)).code == 0
    assert project.stilt("archive", str(project.path)).code == 0
    np.testing.assert_array_equal(stilt.Project(project.path)[0].footprint("xco2").values, found)
    assert "nothing to do" in project.stilt("run", str(project.path)).out


def test_a_label_that_is_edited_gives_its_receptor_another_kernel(project):
    before = len(runs(project.runs_file))
    kernels = project.path / "kernels.csv"
    kernels.write_text(KERNELS.replace("s2,5,1.0,0.2", "s2,5,0.25,0.2"))
    assert project.stilt("run", str(project.path)).code == 0
    table = project.path / "receptors.csv"
    swapped = table.read_text().replace("s0,", "s9,").replace("s2,", "s0,").replace("s9,", "s2,")
    table.write_text(swapped)
    said = json.loads(project.stilt("status", str(project.path), "--json").out)
    assert said["to_do"] == said["stale"] == 2
    answer = project.stilt("run", str(project.path))
    assert answer.code == 0
    assert "2 kernel changed" in answer.out
    assert len(runs(project.runs_file)) == before, "transport was not run again"
    found = stilt.Project(project.path)[0].footprint("xco2").values
    np.testing.assert_allclose(found, expected(project, kernel_of(0.25)), rtol=1e-6)
    assert json.loads(project.stilt("status", str(project.path), "--json").out)["stale"] == 0
    assert "nothing to do" in project.stilt("run", str(project.path)).out


def test_stale_footprints_are_told_where_they_are_used(project, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing is stale yet
        stilt.Project(project.path)[0].footprint("xco2")
        assert stilt.Project(project.path).footprints("xco2").sizes["receptor"] == 3
    (project.path / "kernels.csv").write_text(KERNELS.replace(",1.0,0.2", ",0.25,0.2"))
    table = project.path / "receptors.csv"
    table.write_text(table.read_text().replace("00:00,-112,40.5,500,0", "00:00,-112,40.5,600,0"))
    answer = project.stilt("jacobian", str(project.path), "-o", str(tmp_path / "H.nc"))
    assert answer.code == 0
    assert "note: 2 of 2 results are stale" in answer.err
    assert "Warning" not in answer.err
    assert "note: 1 of 3 have no result of today's receptor and no row" in answer.err
    told = project.stilt("enhancements", str(project.path))
    assert (told.code, told.err) == (0, answer.err)
    assert "note" not in told.out
    told = project.stilt(
        "export", str(project.path), "--format", "by-id", "-o", str(tmp_path / "by-id")
    )
    assert (
        told.err.splitlines() == answer.err.replace("and no row", "and no footprint").splitlines()
    )
    told = project.stilt("plot", str(project.path), "-o", str(tmp_path / "mean.png"))
    assert told.err.startswith(
        "note: 2 of 2 results are stale: settings or kernels are others by now"
    )
    assert told.err.count("\n") == 1
    found = stilt.Project(project.path)
    with pytest.warns(stilt.StaleResults, match="2 of 2 results are stale"):
        foot = found.footprints("xco2")
    ones = xr.ones_like(foot[0, 0]).reset_coords(drop=True).astype(float)
    some = found.those(None)[0]
    uses = {
        "modelled": lambda: stilt.modelled(
            found, ones.assign_attrs(units="umol m-2 s-1"), 400.0, prior=True
        ),
        "jacobian": found.jacobian,
        "endpoints": found.endpoints,
        "particles": found.particles,
        "particles of some": lambda: found.particles([some]),
        "export": lambda: found.export("by-id", tmp_path / "again"),
        "footprint": found[some].footprint,
        "particles of one": found[some].particles,
    }
    for name, use in uses.items():
        with pytest.warns(stilt.StaleResults, match="stale: settings or kernels") as told:
            use()
        assert [each.filename for each in told] == [__file__], name


def test_a_table_that_moved_is_the_same_table(project):
    (project.path / "kernels.csv").rename(project.path / "moved.csv")
    config = project.path / "config.yaml"
    config.write_text(
        config.read_text().replace(
            "weight: kernel", "weight: kernel, missing: unweighted, kernels: moved.csv"
        )
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


def test_kernels_in_percent_are_warned_of(tmp_path):
    project = make(tmp_path / "project")
    assert not any("percent" in each.hint for each in preflight(project.path))
    (project.path / "kernels.csv").write_text(KERNELS.replace("s1,50,0.9", "s1,50,90"))
    (told,) = (each for each in preflight(project.path) if "percent" in each.hint)
    assert "xco2: 1 receptor with averaging kernels above 3" in told.text


FUNCTION = """
def halved(particles, receptor):
    assert receptor.reference == "agl"
    return particles.assign(foot=particles["foot"] * 0.5)
"""


def with_function(path, weight="own.py:halved", text=FUNCTION) -> Project:
    halved = FOOTPRINT.replace("}", f", weight: '{weight}'}}")
    project = make_project(path, (5,), footprints=f"{{plain: {FOOTPRINT}, half: {halved}}}")
    (path / "own.py").write_text(text)
    return project


def ratio(project: Project) -> float:
    first = stilt.Project(project.path)[0]
    return float(first.footprint("half").sum() / first.footprint("plain").sum())


def test_a_function_of_ones_own_weighs_particles_and_its_source_counts(tmp_path):
    project = with_function(tmp_path / "project")
    assert project.stilt("run", str(project.path)).code == 0
    assert ratio(project) == pytest.approx(0.5)
    said = read_provenance(stilt.Project(project.path)[0].footprint_path("half"))
    assert said["weights"].startswith("own.py:halved ")
    (project.path / "own.py").rename(project.path / "other.py")
    config = project.path / "config.yaml"
    config.write_text(config.read_text().replace("own.py", "other.py"))
    assert "nothing to do" in project.stilt("run", str(project.path)).out
    (project.path / "other.py").write_text(FUNCTION.replace("0.5", "0.25"))
    answer = project.stilt("run", str(project.path))
    assert "the function of footprints.half is another" in answer.out
    assert ratio(project) == pytest.approx(0.25)
    assert len(runs(project.runs_file)) == 1, "transport was run once"


def test_a_function_may_be_named_by_its_module_which_nobody_imports(tmp_path, monkeypatch):
    package = tmp_path / "installed" / "species" / "weights"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (package / "own.py").write_text(FUNCTION)
    monkeypatch.setenv("PYTHONPATH", str(package.parents[1]))
    monkeypatch.syspath_prepend(str(package.parents[1]))
    project = with_function(tmp_path / "project", "species.weights.own:halved")
    answer = project.stilt("run", str(project.path))
    assert answer.code == 0, answer.err
    assert ratio(project) == pytest.approx(0.5)
    (package / "own.py").write_text(FUNCTION.replace("0.5", "0.25"))
    assert (
        "the function of footprints.half is another" in project.stilt("run", str(project.path)).out
    )
    assert ratio(project) == pytest.approx(0.25)


def test_a_function_may_import_from_its_package_where_that_is_installed(tmp_path, monkeypatch):
    package = tmp_path / "installed" / "species"
    (package / "weights").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "weights" / "__init__.py").touch()
    (package / "half.py").write_text("PART = 0.5\n")
    own = package / "weights" / "own.py"
    own.write_text("from ..half import PART\n" + FUNCTION.replace("0.5", "PART"))
    project = with_function(tmp_path / "project", f"{own}:halved")
    answer = project.stilt("run", str(project.path))
    assert answer.code == 2
    assert "imports from its package, which is not installed" in answer.err
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    answer = project.stilt("run", str(project.path))
    assert answer.code == 0, answer.err
    assert ratio(project) == pytest.approx(0.5)
    said = read_provenance(stilt.Project(project.path)[0].footprint_path("half"))
    assert said["weights"].startswith("species.weights.own.py:halved ")


def test_what_a_function_imports_and_is_not_here_is_named(tmp_path):
    source = b"import nowhere_at_all\n\ndef halved(frame, receptor):\n    return frame\n"
    file = tmp_path / blake2b(source, digest_size=16).hexdigest() / "own.py"
    file.parent.mkdir()
    file.write_bytes(source)
    with pytest.raises(
        EnvironmentFailure, match=", which weighs particles, imports what is not here"
    ):
        load_function(f"{file}:halved")


WRONG_FUNCTIONS = {
    "no file": ("nowhere.py:halved", FUNCTION, "cannot be read as Python"),
    "no function": ("own.py:doubled", FUNCTION, "defines no function doubled"),
    "no Python": ("own.py:halved", "def halved(:", "cannot be read as Python"),
    "no module": ("nowhere.own:halved", FUNCTION, "package.module:function of what is installed"),
    "no path": ("kernels", FUNCTION, "expected kernel or FILE.py:function"),
}


@pytest.mark.parametrize(("weight", "text", "says"), WRONG_FUNCTIONS.values(), ids=WRONG_FUNCTIONS)
def test_functions_that_are_not_there_are_refused_unexecuted(tmp_path, weight, text, says):
    project = with_function(tmp_path / "project", weight, text)
    with pytest.raises(InputError) as caught:
        stilt.Project(project.path).run(say=lambda _: None)
    assert says in " ".join([str(caught.value), *getattr(caught.value, "problems", ())])
    assert any(says in each.text for each in preflight(project.path))
    assert not (project.output / "chunks").exists()


def test_a_copy_that_was_edited_is_refused_by_workers(tmp_path):
    copy = tmp_path / "0123" / "own.py"
    copy.parent.mkdir()
    copy.write_text(FUNCTION)
    with pytest.raises(EnvironmentFailure, match="not the file of weights that was handed over"):
        load_function(f"{copy}:halved")


def test_a_function_that_returns_nothing_is_named(tmp_path):
    source = b"def halved(frame, receptor):\n    frame['foot'] *= 0.5\n"
    file = tmp_path / blake2b(source, digest_size=16).hexdigest() / "own.py"
    file.parent.mkdir()
    file.write_bytes(source)
    weigh = load_function(f"{file}:halved")
    assert weigh is not None
    with pytest.raises(InputError, match="not a frame of particles") as caught:
        weigh(ParticleTable({"foot": np.ones(2)}), None)
    assert "own.py:halved returned NoneType" in str(caught.value)


def test_compiled_code_beside_a_function_is_not_executed(tmp_path) -> None:
    source = b"def halved(frame, receptor):\n    return frame\n"
    file = tmp_path / blake2b(source, digest_size=16).hexdigest() / "f.py"
    file.parent.mkdir()
    file.write_bytes(b"HARM = True\n".ljust(len(source)))
    made = py_compile.compile(
        str(file), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    assert made is not None
    file.write_bytes(source)
    assert (
        load_function(f"{file}:halved") is not None
    )  # the one that was compiled has no such function


def test_receptors_that_are_added_with_their_kernels_leave_the_finished_ones_done(project):
    head, *rows = (project.path / "receptors.csv").read_text().splitlines()
    more = [row.replace("2015-12-10 00:", "2015-12-10 03:") for row in rows[:3]]
    more = [row.replace(",0,s0,", ",3,s3,") for row in more]
    (project.path / "receptors.csv").write_text("\n".join([head, *rows, *more]) + "\n")
    s3 = "".join(f"s3,{height},0.5,0.2,400\n" for height in HEIGHTS)
    (project.path / "kernels.csv").write_text(KERNELS + s3)
    assert json.loads(project.stilt("status", str(project.path), "--json").out)["stale"] == 0
    dry = project.stilt("run", str(project.path), "--dry-run")
    assert "4 simulations: 1 never run, 3 already done" in dry.out
    assert "kernels of footprints.xco2" not in dry.out
    assert project.stilt("run", str(project.path)).code == 0
    assert "4 already done\n" in project.stilt("run", str(project.path)).out
    (project.path / "kernels.csv").write_text(KERNELS.replace("s1,5,1.0", "s1,5,0.7") + s3)
    assert json.loads(project.stilt("status", str(project.path), "--json").out)["stale"] == 1
    assert "1 kernel changed, 3 already done" in project.stilt("run", str(project.path)).out
    (project.path / "receptors.csv").write_text("\n".join([head, *rows]) + "\n")
    (project.path / "kernels.csv").write_text(KERNELS.replace("s1,5,1.0", "s1,5,0.7"))
    assert json.loads(project.stilt("status", str(project.path), "--json").out)["stale"] == 0
    assert "3 already done\n" in project.stilt("run", str(project.path)).out
    (project.path / "kernels.csv").unlink()
    assert json.loads(project.stilt("status", str(project.path), "--json").out)["stale"] == 4


@pytest.mark.parametrize(("numpar", "stale"), [(10, 3), (9, 0)])
def test_results_of_before_are_stale_where_levels_have_unlike_numbers_of_particles(
    tmp_path, monkeypatch, numpar, stale
):
    """As if today's results were those of before each level's weight was that of its own particles."""
    project = make(tmp_path / "project")
    config = project.path / "config.yaml"
    config.write_text(config.read_text().replace("numpar: 10", f"numpar: {numpar}"))
    assert project.stilt("run", str(project.path)).code == 0
    opened = stilt.Project(project.path)
    assert opened.status().stale == 0
    digests = {name: footprint_digest(opened.config, name) for name in ("plain", "xco2")}

    def is_kernel(grid):
        return grid.weight == "kernel"

    monkeypatch.setattr(
        "stilt.batch.today.accepted_footprint_digests",
        lambda grid, _: frozenset({"newer" if is_kernel(grid) else digests["plain"]}),
    )
    monkeypatch.setattr(
        "stilt.batch.today.former_footprint_digests",
        lambda grid, _: frozenset({digests["xco2"]} if is_kernel(grid) else ()),
    )
    found = stilt.Project(project.path)
    assert found.status().stale == stale
    assert found.status().to_do == stale
    monkeypatch.setattr(
        "stilt.batch.today.grid_digest",
        lambda grid, *_: "newer" if is_kernel(grid) else digests["plain"],
    )
    today = Today(found.layout, found.config, EngineIdentity("fake", "1"))
    said = changes(found.layout, project.batches(), today)
    assert "levels of footprints.xco2 weigh by their own particles now" in said


@pytest.mark.parametrize(("numpar", "stale"), [(10, 3), (9, 0)])
def test_results_of_before_are_stale_also_where_the_table_is_another_by_now(
    tmp_path, numpar, stale
):
    """No digest tells by which rule another table's footprints are: the batch does, and older ones say nothing."""
    project = make(tmp_path / "project")
    config, table = project.path / "config.yaml", project.path / "kernels.csv"
    config.write_text(config.read_text().replace("numpar: 10", f"numpar: {numpar}"))
    assert project.stilt("run", str(project.path)).code == 0
    head, *rows = KERNELS.splitlines(keepends=True)
    table.write_text(head + "".join(reversed(rows)))
    assert stilt.Project(project.path).status().stale == 0
    (manifest,) = project.path.glob("output/chunks/*/batch.json")
    handed = json.loads(manifest.read_text())
    assert handed.pop("levels") == "own particles"
    manifest.chmod(0o600)
    manifest.write_text(json.dumps(handed))
    assert stilt.Project(project.path).status().stale == stale
    assert project.stilt("run", str(project.path)).code == 0
    assert stilt.Project(project.path).status().stale == 0
    table.write_text(KERNELS.replace("s1,5,1.0", "s1,5,0.5"))
    assert stilt.Project(project.path).status().stale == 1, "another kernel counts by either rule"


def test_the_rule_of_levels_counts_for_weighted_products_alone(done):
    grids = stilt.Project(done.path).config.footprints
    assert former_footprint_digests(grids["plain"]) == frozenset()
    old = former_footprint_digests(grids["xco2"], "table")
    assert grid_digest(grids["xco2"], "table") not in old
    assert len(old) == 1
