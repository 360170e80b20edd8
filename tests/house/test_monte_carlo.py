"""The Monte-Carlo error: of parts of the particles, beside the spread of other random numbers."""

from __future__ import annotations

import csv
import io
import re

import numpy as np
import pytest
import xarray as xr

import stilt
from stilt.api.monte_carlo import FEW_PARTS, _tell_few, over_members, split, standard_error
from stilt.api.pictures import choose, counterparts
from stilt.example.starter import write_starter
from stilt.foundations.errors import InputError
from stilt.foundations.simulation import Receptor
from stilt.particles.table import ParticleTable
from tests.hysplit_at_hand import settings_of
from tests.projects import FOOTPRINT, Project, make_project

SEEDS = {"native": 50, "hysplit": 25}


@pytest.fixture(scope="module", params=SEEDS)
def seeds(request, tmp_path_factory) -> stilt.Project:
    """Return a project of the example's atmosphere: two receptors with many seeds each."""
    folder = tmp_path_factory.mktemp("seeds") / request.param
    write_starter(folder, example=True)
    config = folder / "config.yaml"
    text = re.sub(r"(?m)^(model|roughness):.*\n", "", config.read_text())
    text = re.sub(r"n_hours: .*", "n_hours: -4", text)
    config.write_text(f"{text}realizations: {SEEDS[request.param]}\n{settings_of(request.param)}")
    (folder / "receptors.csv").write_text(
        "time,longitude,latitude,altitude\n2026-06-16 19:00,-111.9,40.5,30\n2026-06-16 22:00,-111.9,40.5,500\n"
    )
    project = stilt.Project(folder)
    assert project.run(say=lambda _line: None).complete == 2 * SEEDS[request.param]
    return project


def patchy() -> xr.DataArray:
    """Return a flux whose cells differ by orders of magnitude, 0.25 degrees wide."""
    lat, lon = np.arange(38.125, 44, 0.25), np.arange(-121.875, -110, 0.25)
    values = np.random.default_rng(1).gamma(0.3, 3.0, (len(lat), len(lon)))
    return xr.DataArray(values, dims=("lat", "lon"), coords={"lat": lat, "lon": lon})


@pytest.mark.slow
@pytest.mark.parametrize("flux", [None, patchy()], ids=["uniform", "patchy"])
def test_the_stated_error_covers_the_spread_of_many_seeds(seeds, flux) -> None:
    count = seeds.config.realizations
    found = seeds.monte_carlo_error(flux)
    among = stilt.over_realizations(found["enhancement"])
    assert among["realizations"].values.tolist() == [count, count]
    values, errors = (found[name].values.reshape(2, count) for name in ("enhancement", "error"))
    z = (values - among["mean"].values[:, None]) / errors
    ratio = np.sqrt((errors**2).mean(axis=1)) / among["spread"].values
    within = (abs(z) < 1.96).mean(axis=1)
    told = f"stated / spread {ratio}, sd of z {z.std(axis=1)}, within 1.96 {within}"
    # a spread of n is itself known to one in the root of 2 (n - 1): four times that
    assert (abs(ratio - 1) < 4 / np.sqrt(2 * (count - 1))).all(), told
    # 94 % lie within errors that are known to 16 %; of 50, 82 % or more do in all but one case in a thousand
    assert (within >= 0.82).all(), told
    assert among["error"].values == pytest.approx(among["spread"].values / np.sqrt(count))


def test_parts_have_their_share_of_every_release_point() -> None:
    indx = np.repeat(np.arange(1.0, 31.0), 2)
    table = ParticleTable({"indx": indx, "time": np.tile([-1.0, -2.0], 30)})
    levels = Receptor("202606161900", (0.0,) * 3, (0.0,) * 3, (5.0, 50.0, 500.0))
    parts = list(split(table, levels, 5))
    assert sorted(np.concatenate([part["indx"] for part in parts])) == sorted(indx)
    for part in parts:
        assert np.bincount((np.unique(part["indx"]).astype(int) - 1) % 3).tolist() == [2, 2, 2]
    assert len(list(split(table, levels, 20))) == 10, "no more parts than each point has particles"
    line = Receptor("202606161900", (0.0,) * 2, (0.0,) * 2, (5.0, 500.0))
    assert sorted(len(part) for part in split(table, line, 20)) == [2] * 10 + [4] * 10
    assert not list(split(ParticleTable({"indx": np.empty(0)}), line, 20))


def test_a_last_round_that_does_not_reach_all_points_is_in_no_part() -> None:
    """A part of the lower levels alone, with their larger footprint, made the error of a column twice what it is."""
    table = ParticleTable({"indx": np.arange(1.0, 12.0)})
    levels = Receptor("202606161900", (0.0,) * 3, (0.0,) * 3, (5.0, 50.0, 500.0))
    parts = [part["indx"].tolist() for part in split(table, levels, 20)]
    assert parts == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    few = ParticleTable({"indx": np.arange(1.0, 3.0)})
    assert not list(split(few, levels, 20))


def test_an_error_of_few_parts_is_told() -> None:
    with pytest.warns(UserWarning, match="2 of 3 simulations have few particles .* the least 1: "):
        _tell_few([2, 20, 1], 20)
    _tell_few([20, FEW_PARTS], 20)
    _tell_few([5], 5)


def test_the_error_is_that_of_a_mean() -> None:
    assert standard_error([1.0, 2.0, 3.0]) == pytest.approx(1 / np.sqrt(3))
    assert np.isnan(standard_error([1.0]))


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """Return a project with realizations that the fake engine runs."""
    folder = tmp_path_factory.mktemp("fake") / "project"
    made = make_project(folder, (5, 50), footprints=f"{{hourly: {FOOTPRINT}}}")
    config = folder / "config.yaml"
    config.write_text(config.read_text() + "realizations: 3\n")
    assert made.stilt("run").code == 0
    return made


def test_realizations_are_brought_together_receptor_by_receptor(project) -> None:
    footprints = stilt.Project(project.path).footprints()
    found = stilt.over_realizations(footprints)
    members = footprints.load().values.reshape(2, 3, *footprints.shape[1:])
    assert found["receptor"].values.tolist() == footprints["receptor"].values[::3].tolist()
    assert found["receptor_height"].values.tolist() == [5.0, 50.0]
    assert "realization" not in found.coords
    np.testing.assert_allclose(found["mean"], members.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found["spread"], members.std(axis=1, ddof=1), rtol=1e-5)
    np.testing.assert_allclose(found["error"] * np.sqrt(3), found["spread"], rtol=1e-6)
    one = stilt.over_realizations(footprints[:1])
    assert np.isnan(one["error"]).all()
    assert one["realizations"].values.tolist() == [1]


def test_a_sounding_is_modelled_once_with_the_error_of_its_realizations(project) -> None:
    opened = stilt.Project(project.path)
    flux = patchy()
    ids = opened.receptors.ids()
    each = xr.DataArray([400.0, 401.0, 405.0] * 2, dims="receptor", coords={"receptor": ids})
    found = stilt.modelled(opened, flux, each)
    among = stilt.over_realizations(stilt.enhancements(opened.footprints(), flux) + each)
    assert found["receptor"].values.tolist() == ids[::3]
    assert found["receptor_height"].values.tolist() == [5.0, 50.0]
    np.testing.assert_allclose(found["modelled"], among["mean"], rtol=1e-12)
    np.testing.assert_allclose(found["modelled_error"], among["error"], rtol=1e-9)
    np.testing.assert_allclose(found["background"], [402.0, 402.0])
    assert found["realizations"].values.tolist() == [3, 3]
    assert found["met"].values.tolist() == list(opened.config.mets) * 2
    assert opened.jacobian().receptors["met"].values.tolist() == list(opened.config.mets) * 6
    assert opened.endpoints()["met"].unique().tolist() == list(opened.config.mets)
    assert found["modelled_error"].attrs == {"units": "ppm"}
    assert "realization" not in found.coords


def test_fewer_realizations_are_taken_away_as_their_mean(project, tmp_path) -> None:
    other = make_project(tmp_path / "one", (5, 50), footprints=f"{{hourly: {FOOTPRINT}}}")
    assert other.stilt("run").code == 0
    chosen = choose(stilt.Project(project.path))
    those = counterparts(chosen, stilt.Project(other.path))
    assert those.ids == chosen.receptors == tuple(chosen.ids[::3])
    last = choose(stilt.Project(project.path), [chosen.ids[-1]])
    assert counterparts(last, stilt.Project(other.path)).ids == (chosen.ids[3],)
    assert counterparts(those, stilt.Project(project.path)).ids == those.ids
    picture = str(tmp_path / "minus.png")
    words = ("plot", "--minus", str(other.path), "-o", picture)
    assert project.stilt(*words).code == 0
    refused = project.stilt(*words, "--sum")
    assert refused.code == 2
    assert "6 simulations less 2" in refused.err


def test_values_without_realizations_are_refused(project) -> None:
    footprints = stilt.Project(project.path).footprints()
    with pytest.raises(InputError, match="not of several realizations of receptors"):
        stilt.over_realizations(footprints.drop_vars("realization"))


def test_a_dataset_and_a_function_of_weights_have_no_one_error(project) -> None:
    opened = stilt.Project(project.path)
    with pytest.raises(InputError, match="a dataset has 1 fluxes, and an error is of one"):
        opened.monte_carlo_error(patchy().to_dataset(name="co2"))
    config = project.path / "config.yaml"
    before = config.read_text()
    (project.path / "mine.py").write_text("def all_alike(table, receptor):\n    return table\n")
    weighted = FOOTPRINT.replace("}", f", weight: '{project.path / 'mine.py'}:all_alike'}}")
    config.write_text(before.replace(FOOTPRINT, weighted))
    try:
        with pytest.raises(InputError, match="weighted by a function, and a part of the particles"):
            stilt.Project(project.path).monte_carlo_error()
    finally:
        config.write_text(before)


def test_the_command_prints_what_python_returns(project, tmp_path) -> None:
    flux = tmp_path / "flux.nc"
    patchy().to_netcdf(flux)
    opened = stilt.Project(project.path)
    expected = opened.monte_carlo_error(patchy())
    said = project.stilt("enhancements", "--flux", str(flux), "--error")
    assert said.code == 0, said.err
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert [row["receptor"] for row in rows] == opened.receptors.ids()
    assert [int(row["realization"]) for row in rows] == [1, 2, 3] * 2
    for name in ("enhancement", "error"):
        np.testing.assert_allclose([float(row[name]) for row in rows], expected[name], rtol=1e-8)
    table = tmp_path / "ppm.csv"
    assert project.stilt("enhancements", "-o", str(table)).out == ""
    sums = opened.footprints().sum(("hour", "lat", "lon"))
    with table.open() as file:
        found = [float(row["enhancement"]) for row in csv.DictReader(file)]
    np.testing.assert_allclose(found, sums, rtol=1e-5)


def test_a_realization_without_a_modelled_value_counts_in_no_mean() -> None:
    along = ["a", "a_r02", "b", "b_r02"]
    values = xr.Dataset(
        {
            "enhancement": ("receptor", [1.0, 3.0, 1.0, 2.0]),
            "modelled": ("receptor", [401.0, np.nan, np.nan, np.nan]),
        },
        coords={"receptor": along, "realization": ("receptor", [1, 2, 1, 2])},
    )
    found = over_members(values, "modelled")
    assert found["enhancement"].to_numpy().tolist() == [1.0, 1.5]
    assert found["realizations"].to_numpy().tolist() == [1, 0]
    np.testing.assert_array_equal(found["modelled"], [401.0, np.nan])
