"""Variables that no metadata make known: the config says which they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import netCDF4
import pytest

from stilt.config.load import load_config, parse_config
from stilt.foundations.errors import ProblemsError
from stilt.met.dataset.content import content_of
from stilt.met.folder import folder_index
from stilt.met.header import read_header, signature
from tests.dataset.test_project import project
from tests.meteorology.netcdf import write_era5

if TYPE_CHECKING:
    from pathlib import Path

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
    content = content_of(levels.path)
    assert content.fields["UWND"].variable == "my_u"
    assert "VWND" not in content.fields
    assert "TEMP" not in content.fields, "r is in per cent, and t is not asked"
    assert {one.variable: one.why_not for one in content.unused}["r"] == "has the unit '%'"


def test_the_digest_of_a_file_does_not_depend_on_a_table(made: Project) -> None:
    (levels,) = made.path.glob("met/*levels.nc")
    before = signature(levels)
    say(made, "UWND: my_u, VWND: my_v")
    folder_index(load_config(made.path / "config.yaml").mets["era5"])
    assert "UWND" in read_header(levels).levels[1].variables
    assert signature(levels) == before


def test_a_name_that_is_no_field_is_refused() -> None:
    text = "mets: {a: {directory: /x, fields: {UWIN: u}}}\nn_hours: -1\n"
    with pytest.raises(ProblemsError) as caught:
        parse_config(text, "config.yaml")
    (problem,) = caught.value.problems
    assert "$.mets.a.fields.UWIN: expected UWND or VWND or" in problem
