"""Results of other tools are read as those of a project."""

from __future__ import annotations

import gzip
import shutil

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import stilt
from stilt.footprint.grid import edges_of
from stilt.foundations.errors import InputError
from tests.export.made import footprints
from tests.shared_data import shared


@pytest.fixture
def r_stilt(tmp_path):
    """Two footprints that R-STILT made, in its layout, with particles of one."""
    for case, sim in (
        ("01_base", "199510171800_-90_40_10"),
        ("21_h50_n100_24h", "199510171800_-90_40_50"),
    ):
        folder = tmp_path / "out" / "by-id" / sim
        folder.mkdir(parents=True)
        with gzip.open(shared("reference", case, "foot.nc.gz")) as packed:
            (folder / f"{sim}_foot.nc").write_bytes(packed.read())
    shutil.copy(
        shared("reference", "01_base", "particle.parquet"),
        folder.parent / "199510171800_-90_40_10" / "x_traj.parquet",
    )
    return tmp_path


def test_a_folder_of_r_stilt_is_a_collection(r_stilt) -> None:
    found = stilt.open_results(r_stilt)
    assert found.ids == ["199510171800_-90_40_10", "199510171800_-90_40_50"]
    foot = found.footprints()
    assert foot.shape == (2, 24, 200, 200)
    assert foot["hour"].to_numpy().tolist() == list(range(-24, 0))
    np.testing.assert_allclose(float(foot[0].sum(dtype=float)), 3.4157865505059677, rtol=1e-6)
    assert foot["receptor_height"].to_numpy().tolist() == [10.0, 50.0]
    flux = foot[0, 0].drop_vars("hour").drop_attrs().astype(float) * 0 + 2.0
    added = stilt.enhancements(foot, flux)
    np.testing.assert_allclose(added[0], 2 * 3.4157865505059677, rtol=1e-6)
    matrix = found.jacobian(1.0, "6 hours")
    np.testing.assert_allclose(matrix @ 2.0, added, rtol=1e-6)
    assert len(found[0].particles()) == 288_000
    with pytest.raises(InputError, match="has no particles"):
        found[1].particles()
    with pytest.raises(InputError, match="no simulation"):
        found["else"]


def test_one_simulation_of_two_folders_is_refused(r_stilt) -> None:
    shutil.copytree(r_stilt / "out", r_stilt / "again")
    with pytest.raises(InputError, match="name a folder with one of them"):
        stilt.open_results(r_stilt)


def test_results_of_r_stilt_are_drawn(r_stilt, tmp_path) -> None:
    pytest.importorskip("matplotlib")
    stilt.open_results(r_stilt)[0].plot(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_results_of_pystilt_say_themselves_of_which_receptor_they_are(tmp_path) -> None:
    folder = tmp_path / "by-id" / "one"
    folder.mkdir(parents=True)
    shutil.copy(shared("data", "samples", "pystilt_footprint.nc"), folder / "one_foot.nc")
    shutil.copy(
        shared("data", "samples", "pystilt_trajectories.parquet"), folder / "one_traj.parquet"
    )
    found = stilt.open_results(tmp_path)
    assert found.ids == ["one"]
    one = found["one"]
    assert one.receptor.time == "201512101800"
    assert one.receptor.heights_m == (10.0,)
    assert found.footprints()["hour"].to_numpy().tolist() == list(range(-10, 0))
    assert found.footprints().shape == (1, 10, 60, 100)
    np.testing.assert_allclose(found.jacobian(0.2) @ 1.0, found.footprints().sum(dtype=float))
    assert len(one.particles()) == 10_273
    assert one.footprint().sizes == {"time": 10, "lat": 60, "lon": 100}


def everywhere(values: dict[str, float]) -> xr.DataArray:
    """A field on heights that is linear in longitude and latitude, and holds always."""
    lat, lon = np.arange(-90.0, 91, 30), np.arange(-180.0, 180, 30)
    made = values["c"] + values["lat"] * lat[:, None] + 0 * lon
    coords = {"lat": lat, "lon": lon}
    return xr.DataArray(made, coords, ("lat", "lon"), attrs={"units": "ppm"})


@pytest.mark.parametrize("tool", ["r-stilt", "pystilt"])
def test_results_of_others_go_from_end_points_to_what_was_seen(tmp_path, request, tool) -> None:
    if tool == "r-stilt":
        root = request.getfixturevalue("r_stilt")
        shutil.rmtree(root / "out" / "by-id" / "199510171800_-90_40_50")
    else:
        root = tmp_path
        folder = root / "by-id" / "one"
        folder.mkdir(parents=True)
        shutil.copy(shared("data", "samples", "pystilt_footprint.nc"), folder / "one_foot.nc")
        rows = shared("data", "samples", "pystilt_trajectories.parquet")
        shutil.copy(rows, folder / "one_traj.parquet")
    found = stilt.open_results(root)
    frame = found.endpoints()
    particles = found.particles()
    last = particles.sort_values("time", ascending=False).groupby("indx").last()
    for name in ("time", "long", "lati", "zagl"):
        np.testing.assert_array_equal(frame[name], last[name])
    assert frame["sim"].tolist() == found.ids * len(last)
    assert (frame["ended"].eq("end") == (last["time"] == last["time"].min()).to_numpy()).all()
    arrival = pd.Timestamp(found[0].receptor.when).tz_localize(None)
    assert frame["at"].tolist() == [arrival + pd.Timedelta(minutes=t) for t in last["time"]]
    behind = stilt.background(frame, everywhere({"c": 400.0, "lat": 0.5}))
    assert float(behind["background"][0]) == pytest.approx(400 + 0.5 * last["lati"].mean())
    foot = found.footprints()
    flux = (foot[0, 0] * 0 + 2.0).reset_coords(drop=True).drop_attrs()
    fluxes = xr.Dataset({"a": flux, "b": 3 * flux})
    result = stilt.modelled(found, fluxes, behind)
    total = float(foot.sum(dtype=float))
    assert float(result["enhancement_b"][0]) == pytest.approx(6 * total)
    assert float(result["modelled"][0]) == pytest.approx(float(behind["background"][0]) + 8 * total)
    with pytest.raises(InputError, match="have no kernels, and so no prior"):
        stilt.modelled(found, fluxes, behind, prior=True)
    with pytest.raises(InputError, match="have one product, and not 'xco2'"):
        stilt.modelled(found, fluxes, behind, footprint="xco2")


def test_particles_of_r_are_read(tmp_path) -> None:
    rdata = pytest.importorskip("rdata")
    folder = tmp_path / "201512101800_-111.848_40.766_10"
    folder.mkdir()
    frame = pd.DataFrame({"time": [-1.0, -2.0], "indx": [1.0, 1.0], "foot": [0.1, 0.2]})
    rdata.write_rds(folder / "x_traj.rds", {"file": "x", "particle": frame})
    from tests.export.made import footprints

    out = stilt.export(footprints()[[0]], "by-id", tmp_path / "out") / "by-id"
    (sim,) = out.iterdir()
    shutil.copy(folder / "x_traj.rds", sim)
    read = stilt.open_results(out)[0].particles()
    assert read["foot"].tolist() == [0.1, 0.2]


def test_what_is_no_result_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="has no footprints"):
        stilt.open_results(tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        stilt.open_results(tmp_path / "none")


def test_what_by_id_wrote_is_read_with_columns_and_of_one_cell(tmp_path) -> None:
    given = footprints()[2:4, :, :1, :1]
    names = given["receptor"].to_numpy().tolist()
    given = given.assign_coords(receptor=[names[0], names[1].replace("_30", "_X")])
    found = stilt.open_results(stilt.export(given, "by-id", tmp_path / "out"))
    read = found.footprints()
    assert read.shape[2:] == (1, 1)
    assert float(read.sum()) == pytest.approx(float(given.sum()))
    assert np.isnan(read["receptor_height"].to_numpy()).tolist() == [False, True]


def test_the_size_of_a_cell_that_is_alone_is_that_of_the_grid() -> None:
    axis = xr.DataArray([-116.0], dims="lon", attrs={"resolution": 12.0})
    assert edges_of(axis) == (-122.0, -110.0)
    assert edges_of(xr.DataArray([0.0, 2.0], dims="lon", attrs={"resolution": 9.0})) == (-1.0, 3.0)
