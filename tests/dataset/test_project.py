"""A folder of NetCDF files as the meteorology of a project: `met`, `check`, `run` and the worker say the same of it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import netCDF4
import numpy as np
import pytest

from stilt.met.dataset.analyses import analyses_of
from stilt.met.folder import folder_index
from stilt.met.header import read_header
from stilt.met.overlaps import overlaps
from tests.meteorology.netcdf import Style, write_era5
from tests.projects import Project

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """\
mets: {{era5: {met}}}
footprints:
  default: {{xmin: -15, xmax: -10, ymin: 39, ymax: 43, xres: 0.1, yres: 0.1}}
n_hours: -4
numpar: 40
model: {model}
"""
RECEPTORS = "time,long,lati,zagl\n2021-06-01 18:30:00,-12.3,41.1,50\n"


def project(folder: Path, model: str = "native") -> Project:
    """A project whose meteorology is in its folder ``met``."""
    folder.mkdir(exist_ok=True)
    roughness = "roughness: 0.2\n" if model == "native" else ""
    met = folder / "met"
    (folder / "config.yaml").write_text(CONFIG.format(met=met, model=model) + roughness)
    (folder / "receptors.csv").write_text(RECEPTORS)
    return Project(folder)


def test_a_folder_of_two_files_is_run_to_the_end(arl: Path, tmp_path: Path) -> None:
    made = project(tmp_path / "project")
    write_era5(made.path / "met", arl)
    checked = made.stilt("check")
    assert checked.code == 0, checked.out
    assert (
        "NetCDF: 61 x 51 points of 0.25 deg, -20 to -5 E, 35 to 47.5 N, 37 levels above"
        in " ".join(checked.out.split())
    )
    done = made.stilt("run")
    assert done.code == 0, done.err
    (footprint,) = made.path.glob("output/footprints/*/*/*.nc")
    with netCDF4.Dataset(footprint) as file:
        assert float(np.nansum(file["foot"][:])) > 0
    (particles,) = made.path.glob("output/particles/*/*.parquet")
    import pyarrow.parquet as pq

    said = {
        key.decode(): value.decode() for key, value in pq.read_metadata(particles).metadata.items()
    }
    assert "heat flux: sshf (the mean of the 1 h before" in said["stilt.met_surface"]
    assert "era5_surface.nc" in said["stilt.met_files"]


def test_met_tells_where_each_surface_quantity_comes_from(arl: Path, tmp_path: Path) -> None:
    made = project(tmp_path / "project")
    lacking = frozenset({"zust", "ewss", "nsss", "u10", "blh"})
    write_era5(made.path / "met", arl, leave_out=lacking)
    shown = made.stilt("met").out
    assert "files      2 files" in shown
    assert "10 m wind        none: the lowest level's, by the log law" in shown
    assert "momentum flux    none: from the profiles of wind and temperature" in shown
    assert "heat flux        from the profiles of wind and temperature, as sshf" in shown
    assert "mixed layer      by the bulk Richardson number\n" in shown
    checked = " ".join(made.stilt("check").out.split())
    assert "no 10 m wind: the lowest level's, by the log law" in checked
    assert "no momentum flux: from the profiles of wind and temperature" in checked
    assert "no heat flux" not in checked
    (facts,) = json.loads(made.stilt("met", "--json").out)["era5"]["collections"]
    assert facts["format"] == "NetCDF"
    assert facts["surface"]["terrain"] == "z"
    assert facts["refused_by_native"] == ""
    assert len(facts["levels"]) == 38


LACKING = {
    "temperature": ({"t"}, "no TEMP at the lowest level; add a file that has it to the folder"),
    "vertical motion": ({"w"}, "no vertical motion (WWND or DZDT)"),
    "heights": ({"z"}, "no HGTS at the lowest level"),
    "levels": (set("uvtzwr"), "no file has levels, only surface fields"),
}


@pytest.mark.parametrize(("names", "why"), LACKING.values(), ids=LACKING)
def test_what_is_lacking_is_refused_by_name_everywhere(
    arl: Path, tmp_path: Path, names: set[str], why: str
) -> None:
    made = project(tmp_path / "project")
    write_era5(made.path / "met", arl, leave_out=frozenset(names))
    checked = made.stilt("check")
    assert checked.code != 0
    assert why in " ".join(checked.out.split())
    handed = made.stilt("run")
    assert handed.code != 0
    assert why in handed.err
    assert why in made.stilt("met").out


def test_the_worker_refuses_what_has_gone_since(arl: Path, tmp_path: Path) -> None:
    from stilt.config.load import load_config
    from stilt.foundations.failures import Reason, TransportError
    from stilt.foundations.simulation import Receptor, Simulation
    from stilt.met import folder as folder_module
    from stilt.transport.engines import load_engine

    made = project(tmp_path / "project")
    _, surface = write_era5(made.path / "met", arl, leave_out=frozenset("z"))
    config = load_config(made.path / "config.yaml")
    receptor = Receptor("202106011830", (-12.3,), (41.1,), (50.0,))
    surface.unlink()
    folder_module._recent.clear()
    with pytest.raises(TransportError, match="no HGTS at the lowest level") as caught:
        load_engine(config).run(Simulation("era5_x", "era5", receptor), config, tmp_path)
    assert caught.value.reason is Reason.MET_COVERAGE


def test_hours_that_only_one_of_the_files_has_are_not_covered(arl: Path, tmp_path: Path) -> None:
    made = project(tmp_path / "project")
    levels, _ = write_era5(made.path / "met", arl)
    with netCDF4.Dataset(levels, "a") as file:
        file["valid_time"][:] = file["valid_time"][:] + 6 * 3600
    (made.path / "receptors.csv").write_text(RECEPTORS.replace("18:30", "08:30"))
    said = " ".join(made.stilt("check").out.split())
    together = "levels and surface fields together only for 2021-06-01 06:00 to 2021-06-02 02:00"
    assert together in said
    (made.path / "receptors.csv").write_text(RECEPTORS)
    assert made.stilt("check").code == 0


def test_terrain_of_one_hour_serves_at_all_hours(arl: Path, tmp_path: Path) -> None:
    made = project(tmp_path / "project")
    met = made.path / "met"
    write_era5(met, arl, leave_out=frozenset({"z"}))
    both = write_era5(tmp_path / "all", arl)
    both[0].rename(met / "era5_levels.nc")
    with netCDF4.Dataset(both[1]) as file, netCDF4.Dataset(met / "terrain.nc", "w") as small:
        for name in ("latitude", "longitude", "valid_time"):
            size = 1 if name == "valid_time" else len(file.dimensions[name])
            small.createDimension(name, size)
            small.createVariable(name, "f8", (name,)).units = file[name].units
            small[name][:] = file[name][:size] - (0 if size > 1 else 86400 * 400)
        z = small.createVariable("z", "f4", file["z"].dimensions)
        z.units = file["z"].units
        z[:] = file["z"][:1]
    checked = made.stilt("check")
    assert checked.code == 0, checked.out
    assert "terrain          z\n" in made.stilt("met").out
    assert made.stilt("run").code == 0


def test_hysplit_refuses_netcdf_and_says_what_to_do(arl: Path, tmp_path: Path) -> None:
    made = project(tmp_path / "project", "hysplit")
    write_era5(made.path / "met", arl)
    checked = made.stilt("check")
    assert checked.code != 0
    said = " ".join(checked.out.split())
    assert "is NetCDF, and hycs_std reads ARL files only: use model: native" in said
    assert "stilt met --convert NAME --to FOLDER" in said


def test_daily_files_and_their_neighbours_are_found_in_pairs(arl: Path, tmp_path: Path) -> None:
    """A run between the last hour of one day and the first of the next needs both files of both days."""
    from stilt.config.schema import Met
    from stilt.met.needed import needed

    for hour in (0, 12):
        for path in write_era5(tmp_path / "whole", arl, Style(is_new=True)):
            target = tmp_path / "met" / f"{path.stem}_{hour}.nc"
            target.parent.mkdir(exist_ok=True)
            with netCDF4.Dataset(path) as file, netCDF4.Dataset(target, "w") as part:
                for name, dimension in file.dimensions.items():
                    part.createDimension(name, 12 if name == "valid_time" else len(dimension))
                for name, variable in file.variables.items():
                    if variable.dtype is str or not variable.dimensions:
                        continue
                    copy = part.createVariable(name, variable.dtype, variable.dimensions)
                    copy.setncatts({key: variable.getncattr(key) for key in variable.ncattrs()})
                    is_timed = variable.dimensions[0] == "valid_time"
                    copy[:] = variable[hour : hour + 12] if is_timed else variable[:]
    met = Met(str(tmp_path / "met"))
    assert len(folder_index(met).products) == 2
    minute = int(np.datetime64("2021-06-01T12:00", "m").astype(int))
    found = needed(met, np.array([minute - 30]), -1)
    assert not found.refused
    (supply,) = found.supplies
    names = sorted(path.name for path in supply.files)
    assert names == sorted(
        f"era5_{what}_{hour}.nc" for what in ("levels", "surface") for hour in (0, 12)
    )


def test_of_two_files_with_one_field_check_and_met_name_the_first(
    arl: Path, tmp_path: Path
) -> None:
    made = project(tmp_path / "project")
    levels, surface = write_era5(made.path / "met", arl)
    assert not overlaps([read_header(levels), read_header(surface)])
    other = levels.with_name("era5_again.nc")
    shutil.copy(levels, other)
    said = "era5_again.nc and era5_levels.nc both hold UWND and "
    for command in ("check", "met"):
        done = made.stilt(command)
        answer = " ".join((done.out + done.err).split())
        assert said in answer, command
        assert ": era5_again.nc is used" in answer, command
    (analyses,) = analyses_of([read_header(path) for path in (levels, surface, other)])
    assert analyses[0].path == other
