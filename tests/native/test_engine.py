"""The native engine behind the protocol: what it refuses, and what it returns to a worker."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from stilt.config.followed import hysplit_refuses
from stilt.config.schema import Config, Met
from stilt.foundations.errors import EnvironmentFailure, ProblemsError
from stilt.foundations.simulation import Receptor, Simulation
from stilt.particles.columns import COLUMNS
from stilt.transport.engines import load_engine
from stilt.transport.native.engine import NativeEngine
from stilt.transport.native.roughness import HYSPLIT, OWN, roughness_source, setting_of
from stilt.transport.protocol import Reason, TransportError
from tests.native.oracles import table_folder
from tests.shared_data import shared

SIMULATION = Simulation(
    "ngm_199510171800_-90_40_10", "ngm", Receptor("199510171800", (-90.0,), (40.0,), (10.0,))
)


@pytest.fixture
def config() -> Config:
    met = shared("data", "oct1618.BIN")
    source = Met(str(met.parent), met.name, "10d")
    return Config(mets={"ngm": source}, n_hours=-2, numpar=20, model="native")


def changed(config: Config, **settings: object) -> Config:
    return msgspec.structs.replace(config, **settings)


UNSUPPORTED = {
    "w_option": 5,
    "z_top": 1000.0,
    "capemin": -2.0,
    "kmixd": 5,
    "kbls": 3,
    "kblt": 1,
    "kdef": 1,
    "idsp": 1,
    "ichem": 0,
    "initd": 4,
    "krand": 2,
    "maxdim": 3,
    "kmix0": -250,
    "emisshrs": 0.033,
    "vscales": 50.0,
    "maxpar": 5,
    "nturb": 2,
    "outdt": 0.5,
    "pinpf": "PARINIT",
    "wvert": True,
    "varsiwant": ("time", "indx", "long", "lati", "foot", "dmas"),
}


@pytest.mark.parametrize("key", UNSUPPORTED)
def test_a_setting_it_cannot_follow_is_refused_by_name(config, key):
    settings = changed(config, **{key: UNSUPPORTED[key]})
    with pytest.raises(ProblemsError) as refused:
        NativeEngine().prepare(settings)
    assert any(problem.startswith(f"{key}:") for problem in refused.value.problems)
    does_hysplit = not any(hysplit_refuses(settings))
    assert ("model: hysplit" in refused.value.hint) is does_hysplit


def test_the_default_settings_are_accepted(config):
    load_engine(config).prepare(config)


def test_the_version_names_the_algorithm_and_its_table(monkeypatch, tmp_path):
    folder = table_folder()
    monkeypatch.setenv("STILT_HOME", str(tmp_path))
    monkeypatch.delenv("STILT_HYSPLIT", raising=False)
    assert "roughness 0.2 m" in NativeEngine(0.2).version
    assert "ROUGLEN.ASC" in NativeEngine(exe_dir=folder).version
    assert np.all(roughness_source(0.2).load().table_m == 0.2)
    assert setting_of(roughness_source(OWN).label) == OWN
    with pytest.raises(EnvironmentFailure, match="there is no table ROUGLEN"):
        _ = NativeEngine().version


def test_a_run_returns_the_columns_that_were_asked_for(config, tmp_path):
    workdir = tmp_path / "work"
    workdir.mkdir()
    columns = (*config.varsiwant, "temz", "icdx")
    result = NativeEngine().run(SIMULATION, changed(config, varsiwant=columns), workdir)
    assert tuple(result.particles.columns) == columns
    assert len(result.particles) == 20 * 120
    assert result.met_files == (shared("data", "oct1618.BIN"),)
    assert "30 levels" in result.log
    assert result.error_particles is None
    assert not any(workdir.iterdir())


def test_numbers_have_the_decimals_that_hycs_std_prints(config, tmp_path):
    workdir = tmp_path / "work"
    workdir.mkdir()
    particles = NativeEngine().run(SIMULATION, config, workdir).particles
    for name, values in particles.columns.items():
        printed = [float(f"{value:.{COLUMNS[name].decimals}f}") for value in values]
        np.testing.assert_array_equal(values, printed, err_msg=name)
    assert len(np.unique(particles["foot"])) > 100


def test_simulations_of_a_task_share_their_columns(config, tmp_path):
    for number in range(2):
        workdir = tmp_path / f"work{number}"
        workdir.mkdir()
        NativeEngine().run(SIMULATION, config, workdir)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["columns", "work0", "work1"]
    assert len(list((tmp_path / "columns").iterdir())) == 2


def test_errors_make_a_second_table_and_leave_the_first_alone(config, tmp_path):
    workdir = tmp_path / "work"
    workdir.mkdir()
    plain = NativeEngine().run(SIMULATION, config, workdir)
    disturbed = changed(config, siguverr=2.0, tluverr=60.0, zcoruverr=500.0, horcoruverr=40.0)
    result = NativeEngine().run(SIMULATION, disturbed, workdir)
    assert result.error_particles is not None
    np.testing.assert_array_equal(result.particles["long"], plain.particles["long"])
    assert result.error_particles["long"].std() > result.particles["long"].std()


def test_missing_meteorology_is_named(config, tmp_path):
    nowhere = changed(config, mets={"ngm": Met(str(tmp_path), "absent.arl", "10d")})
    with pytest.raises(TransportError) as failure:
        NativeEngine().run(SIMULATION, nowhere, tmp_path / "work")
    assert failure.value.reason == Reason.MET_MISSING


@pytest.mark.parametrize(
    ("longitude", "latitude", "metres"),
    [(-40.0, 30.0, 0.03), (10.0, 23.0, 0.01), (-63.0, -3.0, 2.0), (-98.0, 41.0, 0.75)],
    ids=["Atlantic", "Sahara", "Amazon", "Nebraska"],
)
def test_roughness_of_ones_own_is_by_the_type_of_the_ground(longitude, latitude, metres):
    table = roughness_source(OWN).load()
    assert table.at(np.array([longitude]), np.array([latitude]))[0] == metres


def test_roughness_of_ones_own_is_at_most_a_third_as_far_from_hysplits_as_a_length():
    """Over 200 places of land and of sea, drawn evenly over the globe."""
    folder = table_folder()
    rng = np.random.default_rng(1)
    place = rng.uniform(-180, 180, 2000), np.degrees(np.arcsin(rng.uniform(-1, 1, 2000)))
    own, theirs = (
        np.log(roughness_source(name, folder).load().at(*place)) for name in (OWN, HYSPLIT)
    )
    is_sea = np.isclose(np.exp(own), 0.03)
    for chosen in (np.flatnonzero(is_sea)[:200], np.flatnonzero(~is_sea)[:200]):
        assert len(chosen) == 200
        off, plain = np.abs(own - theirs)[chosen], np.abs(np.log(0.2) - theirs)[chosen]
        assert np.median(off) <= np.median(plain) / 3
        assert off.mean() <= plain.mean() / 2
