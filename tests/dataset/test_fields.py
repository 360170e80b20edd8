"""Variables that no metadata make known: the config says which they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import netCDF4
import pytest

from stilt.config.load import load_config, parse_config
from stilt.foundations.errors import ProblemsError
from stilt.foundations.paths import Layout
from stilt.foundations.simulation import Simulation
from stilt.met import folder as folder_module
from stilt.met import kept
from stilt.met.dataset.content import content_of
from stilt.met.dataset.naming import table_of_met
from stilt.met.folder import folder_index
from stilt.met.header import read_header, signature
from stilt.transport.native.engine import NativeEngine
from tests.dataset.conftest import EVENING
from tests.dataset.test_project import project
from tests.meteorology.netcdf import write_era5

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.config.schema import Config
    from tests.projects import Project


@pytest.fixture
def made(arl: Path, tmp_path: Path) -> Project:
    """A project with winds and a heat flux under names of somebody's own."""
    made = project(tmp_path / "project")
    levels, surface = write_era5(made.path / "met", arl)
    with netCDF4.Dataset(levels, "a") as file:
        for name in ("u", "v"):
            file[name].delncattr("standard_name")
            file.renameVariable(name, f"my_{name}")
    with netCDF4.Dataset(surface, "a") as file:
        file["sshf"].units = "W m-2"
        file["sshf"].standard_name = "heat"
        file.renameVariable("sshf", "hf")
    return made


def say(made: Project, fields: str) -> None:
    config = made.path / "config.yaml"
    met = f"{{directory: {made.path / 'met'}, fields: {{{fields}}}}}"
    config.write_text(config.read_text().replace(str(made.path / "met"), met))


def test_a_table_makes_them_known_to_every_command(made: Project) -> None:
    assert "no UWND at the lowest level" in made.stilt("met").out
    say(made, "UWND: my_u, VWND: my_v, SHTF: hf")
    said = made.stilt("met").out
    assert "variables  UWND VWND" in said
    assert "hf: does not say whether upward or downward is positive" in said
    (surface,) = made.path.glob("met/*surface.nc")
    with netCDF4.Dataset(surface, "a") as file:
        file["hf"].positive = "down"
    assert "heat flux        hf (turned upward: it says down)" in made.stilt("met").out
    done = made.stilt("run")
    assert done.code == 0, done.err
    verified = made.stilt("verify")
    assert verified.code == 0
    assert "other" not in verified.out


def test_a_field_of_the_table_is_that_variable_alone(made: Project) -> None:
    say(made, "UWND: my_u, VWND: nowhere, TEMP: r")
    met = load_config(made.path / "config.yaml").mets["era5"]
    headers = [h for p in folder_index(met).products for h in p.headers()]
    (levels,) = (header for header in headers if len(header.levels) > 1)
    content = content_of(levels.path, levels.table)
    assert content.fields["UWND"].variable == "my_u"
    assert "VWND" not in content.fields
    assert "TEMP" not in content.fields, "r is in per cent, and t is not asked"
    assert {one.variable: one.why_not for one in content.unused}["r"] == "has the unit '%'"


def test_the_digest_of_a_file_does_not_depend_on_a_table(made: Project) -> None:
    (levels,) = made.path.glob("met/*levels.nc")
    before = signature(levels)
    say(made, "UWND: my_u, VWND: my_v")
    table = table_of_met(load_config(made.path / "config.yaml").mets["era5"])
    assert "UWND" in read_header(levels, table).levels[1].variables
    assert signature(levels) == before


def test_a_name_that_is_no_field_is_refused() -> None:
    text = "mets: {a: {directory: /x, fields: {UWIN: u}}}\nn_hours: -1\n"
    with pytest.raises(ProblemsError) as caught:
        parse_config(text, "config.yaml")
    (problem,) = caught.value.problems
    assert "$.mets.a.fields.UWIN: expected UWND or VWND or" in problem


@pytest.fixture
def two_winds(arl: Path, tmp_path: Path) -> Path:
    """A folder with a second west wind, which only a table makes known."""
    levels, _ = write_era5(tmp_path / "above" / "met", arl)
    with netCDF4.Dataset(levels, "a") as file:
        wind = file.createVariable("gale", "f4", file["u"].dimensions)
        wind.units = "m s-1"
        wind[:] = 25.0
    return levels.parent


def config_of(folder: Path, *mets: str) -> Config:
    table = "fields: {UWND: gale}"
    every = {
        "plain": f"{{directory: {folder}}}",
        "gale": f"{{directory: {folder}, {table}}}",
        "above": f"{{directory: {folder.parent}, {table}}}",
    }
    chosen = ", ".join(f"{name}: {every[name]}" for name in mets)
    return parse_config(
        f"mets: {{{chosen}}}\nn_hours: -1\nnumpar: 10\nmodel: native\nroughness: 0.2\n",
        "config.yaml",
    )


def west_of(engine: NativeEngine, config: Config, met: str, task: Path) -> float:
    """The mean longitude of all rows of a run with a meteorology."""
    task.mkdir(exist_ok=True)
    ran = engine.run(Simulation("same", met, EVENING), config, task / met)
    return float(ran.particles.columns["long"].mean())


@pytest.mark.parametrize("mets", [("plain", "gale", "above"), ("above", "gale", "plain")])
def test_each_meteorology_of_a_folder_has_its_own_table(
    two_winds: Path, tmp_path: Path, mets: tuple[str, ...]
) -> None:
    def alone(met: str) -> float:
        return west_of(NativeEngine(0.2), config_of(two_winds, met), met, tmp_path / f"only {met}")

    expected = {met: alone(met) for met in mets}
    assert expected["gale"] == expected["above"] < expected["plain"] - 0.1
    config, one = config_of(two_winds, *mets), NativeEngine(0.2)
    for met in mets:
        assert west_of(one, config, met, tmp_path / "task") == expected[met]
        other = NativeEngine(0.2)  # of another process: columns are shared
        assert west_of(other, config, met, tmp_path / "task") == expected[met]


def test_an_index_that_is_kept_has_the_table_of_its_meteorology(
    two_winds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_roots", [])
    layout = Layout.of(tmp_path)
    layout.output.mkdir()
    kept.keep_in(layout)
    mets = config_of(two_winds, "above", "gale", "plain").mets
    for _ in range(2):  # the second time from what is kept
        for met in mets.values():
            tables = {h.table for p in folder_index(met).products for h in p.headers()}
            assert tables == {table_of_met(met)}
        folder_module._recent.clear()
        folder_module._indexed.cache_clear()
        monkeypatch.setattr(folder_module, "read_header", None)
    assert len(list(layout.met_dir.iterdir())) == len(mets)
