"""`stilt init` writes files to start from, and overwrites nothing."""

from __future__ import annotations

import numpy as np
import pytest

from stilt.config.load import parse_config
from stilt.example import atmosphere, starter


def test_a_new_project_has_settings_and_receptors(stilt, tmp_path) -> None:
    shown = stilt("init", "my tower")
    assert shown.returncode == 0, shown.stderr
    assert {path.name for path in (tmp_path / "my tower").iterdir()} == {
        "config.yaml",
        "receptors.csv",
    }
    assert "stilt check 'my tower'" in shown.stdout


def test_the_current_folder_is_the_default(stilt, tmp_path) -> None:
    assert stilt("init").returncode == 0
    assert (tmp_path / "config.yaml").exists()


@pytest.mark.parametrize("name", ["config.yaml", "receptors.csv"])
def test_nothing_is_overwritten(stilt, tmp_path, name) -> None:
    (tmp_path / name).write_text("mine\n")
    shown = stilt("init", ".", "--example")
    assert shown.returncode == 2
    assert name in shown.stderr
    assert "stilt init NEW_PROJECT" in shown.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine\n"


def test_settings_are_written_beside_receptors_that_are_there(stilt, tmp_path) -> None:
    (tmp_path / "receptors.csv").write_text("mine\n")
    shown = stilt("init")
    assert shown.returncode == 0, shown.stderr
    assert "wrote config.yaml\nreceptors.csv was there, and stays as it is" in shown.stdout
    assert (tmp_path / "receptors.csv").read_text() == "mine\n"
    assert (tmp_path / "config.yaml").read_text() == starter.STARTER_CONFIG
    again = stilt("init")
    assert (again.returncode, "config.yaml exists already" in again.stderr) == (2, True)


def test_a_project_in_the_cloud_is_refused(stilt, tmp_path) -> None:
    shown = stilt("init", "s3://bucket/project")
    assert shown.returncode == 2
    assert "not on a local or shared filesystem" in shown.stderr
    assert not list(tmp_path.iterdir())


def test_the_example_brings_its_own_atmosphere(stilt, tmp_path) -> None:
    import arlmet

    shown = stilt("init", "demo", "--example")
    assert shown.returncode == 0, shown.stderr
    files = sorted((tmp_path / "demo" / "met").iterdir())
    assert [path.name for path in files] == ["jet_20260615.arl", "jet_20260616.arl"]
    for path in files:
        with arlmet.File(path) as file:
            assert file.check() == []
            assert len(file.times) == 24


def test_the_example_atmosphere_is_in_balance_and_has_a_diurnal_boundary_layer() -> None:
    noon = atmosphere.FIRST_DAY.replace(hour=20)
    night = atmosphere.FIRST_DAY.replace(hour=9)
    height, temperature = atmosphere.column(atmosphere.surface(noon))
    pressure = atmosphere.SIGMA * atmosphere.GROUND_HPA
    middle = 0.5 * (temperature[1:] + temperature[:-1])
    hydrostatic = (
        atmosphere.GAS_CONSTANT
        / atmosphere.GRAVITY
        * middle
        * np.log(pressure[:-1] / pressure[1:])[:, None]
    )
    assert np.allclose(np.diff(height, axis=0), hydrostatic, rtol=0.02)
    assert (atmosphere.surface(noon).mixed_layer_m > 1000).all()
    assert (atmosphere.surface(night).mixed_layer_m < 300).all()
    assert (atmosphere.surface(noon).heat_flux > 100).all()
    assert (atmosphere.surface(night).heat_flux < 0).all()


@pytest.mark.parametrize("text", [starter.STARTER_CONFIG, starter.EXAMPLE_CONFIG])
def test_the_starter_settings_are_valid(text) -> None:
    config = parse_config(text, "config.yaml")
    assert config.n_hours == -24
    assert list(config.footprints) == ["default"]
