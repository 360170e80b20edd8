"""The matrix of an inversion times fluxes is the enhancements, whatever its elements and bins; nothing is lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import xarray as xr
from scipy.sparse import load_npz

import stilt
from stilt.api.jacobian import Jacobian
from stilt.foundations.errors import InputError
from stilt.matrix.targets import elements_of
from tests.engines import Behaviour
from tests.projects import FOOTPRINT, make_project

LAT, LON = np.arange(40.05, 41, 0.1), np.arange(-112.95, -111, 0.1)
TIMES = np.array(["2015-12-31T22:40", "2016-01-01T01:00", "2016-01-04T03:15"], "datetime64[ns]")
HOURS = np.arange(-6, 0)
LCC = "+proj=lcc +lat_1=30 +lat_2=60 +lat_0=40 +lon_0=-112"
X, Y = np.arange(-8e4, 8e4, 1e4), np.arange(0.5e4, 10e4, 1e4)


def footprints(projection: str = "") -> xr.DataArray:
    """Three receptors, the second of which is empty."""
    y, x = (("y", Y), ("x", X)) if projection else (("lat", LAT), ("lon", LON))
    chance = np.random.default_rng(4)
    shape = (len(TIMES), len(HOURS), len(y[1]), len(x[1]))
    values = chance.random(shape) * (chance.random(shape) < 0.2)
    values[1] = 0.0
    return xr.DataArray(
        values.astype(np.float32),
        dims=("receptor", "hour", y[0], x[0]),
        coords={
            "receptor": ["b", "a", "c"],
            "hour": HOURS,
            y[0]: y[1],
            x[0]: x[1],
            "receptor_time": ("receptor", TIMES),
            "site": ("receptor", ["one", "one", "two"]),
        },
        attrs={"crs": projection},
    )


def regions() -> xr.DataArray:
    """Four elements on a grid that is not the footprints', with a hole, and rows from north to south."""
    lat, lon = np.arange(41.2, 39.7, -0.25), 247.0 + 0.3 * np.arange(8)
    numbers = (np.arange(len(lat))[:, None] // 3 * 2 + np.arange(len(lon)) // 4).astype(float)
    numbers[3, 4] = np.nan
    return xr.DataArray(numbers, dims=("lat", "lon"), coords={"lat": lat, "lon": lon})


def basis() -> xr.DataArray:
    """Three functions of place that add up to one on the whole grid."""
    lat, lon = np.arange(39.5, 42, 0.5), np.arange(-113.5, -110, 0.5)
    weights = np.random.default_rng(6).random((3, len(lat), len(lon)))
    return xr.DataArray(
        weights / weights.sum(axis=0),
        dims=("function", "lat", "lon"),
        coords={"function": ["a", "b", "c"], "lat": lat, "lon": lon},
    )


def on_plane() -> xr.DataArray:
    """Two elements on a grid of another projection, which hold all footprints between them."""
    y, x = np.arange(-4e5, 4e5, 2e4), np.arange(-4e5, 4e5, 2e4)
    return xr.DataArray(
        np.broadcast_to((x > 1e4).astype(int), (len(y), len(x))),
        dims=("y", "x"),
        coords={"y": y, "x": x},
        attrs={"crs": f"{LCC} +ellps=WGS84"},
    )


TARGETS = {"own cells": None, "coarse": 0.25, "as coarse as the grid": 1.0, "regions": regions()}
BINS = ("run", "hours", "2 hours", "4 hours", "1h", "3h", "1D", "1W", "MS")


def flux_of(found: stilt.Jacobian, target) -> tuple[np.ndarray, xr.DataArray]:
    """Return numbers for each bin and element, and the flux that has them everywhere in each."""
    numbers = np.random.default_rng(5).random(found.shape[1:])
    if isinstance(target, xr.DataArray):
        inside = np.nan_to_num(target.to_numpy(), nan=0).astype(int)
        fields = np.where(np.isfinite(target), numbers[:, inside], 0.0)
        cells = dict(target.coords)
    else:
        fields, cells = numbers, dict(found.elements.coords)
    names = list(cells)
    if found.bins.dtype.kind != "M":
        return numbers, xr.DataArray(fields, dims=("bin", *names), coords=cells)
    return numbers, xr.DataArray(
        fields, dims=("time", *names), coords={"time": found.bins.to_numpy(), **cells}
    )


def enhancements(found: stilt.Jacobian, flux: xr.DataArray, foot: xr.DataArray) -> np.ndarray:
    """The product's own enhancements by a flux that is constant in each element and bin."""
    if found.bins.dtype.kind == "M":
        last = flux["time"].to_numpy()[-1] + np.timedelta64(40, "D")
        ended = xr.concat([flux, flux.isel(time=[-1]).assign_coords(time=[last])], "time")
        return stilt.enhancements(foot, ended).to_numpy()
    starts = found.bins.to_numpy()
    added = np.zeros(foot.sizes["receptor"])
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < len(starts) else 1
        part = foot.where((foot["hour"] >= start) & (foot["hour"] < end), 0.0)
        added += stilt.enhancements(part, flux[number]).to_numpy()
    return added


@pytest.mark.parametrize(
    ("projection", "bins"), [*(("", bins) for bins in BINS), (LCC, "4 hours"), (LCC, "1D")]
)
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_the_matrix_times_fluxes_is_the_enhancements(target, projection, bins) -> None:
    foot = footprints(projection)
    found = stilt.jacobian(foot, target, bins)
    numbers, flux = flux_of(found, target)
    expected = enhancements(found, flux, foot)
    assert expected[1] == 0.0
    assert expected[0] > 0.0
    np.testing.assert_allclose(found @ numbers, expected, rtol=1e-6)


@pytest.mark.parametrize("bins", BINS)
@pytest.mark.parametrize("target", [None, 0.25, 1.0], ids=["own cells", "coarse", "as coarse"])
def test_nothing_is_lost(target, bins) -> None:
    foot = footprints()
    found = stilt.jacobian(foot, target, bins)
    whole = foot.astype(np.float64).sum(("hour", "lat", "lon")).to_numpy()
    np.testing.assert_allclose(found @ 1.0, whole, rtol=1e-9)


@pytest.mark.parametrize("projection", ["", LCC], ids=["degrees", "plane"])
@pytest.mark.parametrize(
    "target",
    [basis(), on_plane(), "7000@EPSG:32612"],
    ids=["basis", "on a plane", "cells of a plane"],
)
def test_nothing_is_lost_in_elements_that_hold_the_grid(target, projection) -> None:
    foot = footprints(projection)
    found = stilt.jacobian(foot, target, "3h")
    whole = foot.astype(np.float64).sum(("hour", *foot.dims[2:])).to_numpy()
    np.testing.assert_allclose(found @ 1.0, whole, rtol=1e-9)
    assert found.shape[2:] != foot.shape[2:]


def test_elements_of_another_projection_are_where_they_are_said_to_be() -> None:
    """What lies east of the central meridian is in the second element, but for one column of cells."""
    foot = footprints()
    found = stilt.jacobian(foot, on_plane())
    east = foot.where(foot["lon"] > -112 + 0.1, 0.0).sum(("hour", "lat", "lon")).to_numpy()
    west = foot.where(foot["lon"] < -112 + 0.1, 0.0).sum(("hour", "lat", "lon")).to_numpy()
    assert np.all(found.matrix[:, [1]].toarray()[:, 0] <= east * 1.001)
    assert np.all(found.matrix[:, [0]].toarray()[:, 0] >= west * 0.999)


SQUARES = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"state": name, "area": 1},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[w, 39], [e, 39], [e + 0.3, 42], [w + lean, 42], [w, 39]]],
            },
        }
        for name, w, e, lean in (("W", -115, -112.05, 0.0), ("E", -112.05, -108, 0.3))
    ],
}


@pytest.mark.parametrize("projection", ["", LCC], ids=["degrees", "plane"])
def test_polygons_share_cells_by_area(projection, tmp_path) -> None:
    pytest.importorskip("shapely")
    file = tmp_path / "states.geojson"
    file.write_text(json.dumps(SQUARES))
    foot = footprints(projection)
    found = stilt.jacobian(foot, f"{file}:state")
    assert found.elements["element"].to_numpy().tolist() == ["W", "E"]
    whole = foot.astype(np.float64).sum(("hour", *foot.dims[2:])).to_numpy()
    np.testing.assert_allclose(found @ 1.0, whole, rtol=1e-9)
    assert (found.matrix.toarray()[[0, 2]] > 0).all()
    with pytest.raises(InputError, match="have no property 'county'"):
        stilt.jacobian(foot, f"{file}:county")


@pytest.mark.parametrize("projection", ["", LCC], ids=["degrees", "plane"])
def test_cells_of_h3_share_all_of_each_cell(projection) -> None:
    h3 = pytest.importorskip("h3")
    foot = footprints(projection)
    share, elements = elements_of(foot, "h3:4")
    np.testing.assert_allclose(share.sum(axis=1), 1.0, rtol=1e-9)
    assert (share.sum(axis=0) > 0).all()
    names = elements["element"].to_numpy().tolist()
    assert names == sorted(set(names))
    assert {h3.get_resolution(name) for name in names} == {4}
    found = stilt.jacobian(foot, "h3:4", "2 hours")
    whole = foot.astype(np.float64).sum(("hour", *foot.dims[2:])).to_numpy()
    np.testing.assert_allclose(found @ 1.0, whole, rtol=1e-9)


def test_a_footprint_cell_belongs_to_the_cell_of_h3_that_its_middle_lies_in() -> None:
    h3 = pytest.importorskip("h3")
    foot = footprints("")
    share, elements = elements_of(foot, "h3:3")
    names = elements["element"].to_numpy()
    lat, lon = np.meshgrid(foot["lat"], foot["lon"], indexing="ij")
    whole = 0
    for cell, middle in enumerate(zip(lat.ravel(), lon.ravel(), strict=True)):
        row = share[[cell]].toarray()[0]
        if row.max() > 1 - 1e-12:
            whole += 1
            assert names[row.argmax()] == h3.latlng_to_cell(*middle, 3)
    assert whole > share.shape[0] / 2


@pytest.mark.parametrize("west", [170.0, -20.0], ids=["across 180 degrees", "half the globe"])
def test_cells_of_h3_go_round_the_globe(west) -> None:
    pytest.importorskip("h3")
    lat, lon = np.arange(-60.0, 61.0, 10.0), west + np.arange(0.0, 200.0 if west < 0 else 30.0, 2.5)
    foot = xr.DataArray(
        np.ones((1, 1, len(lat), len(lon)), np.float32),
        dims=("receptor", "hour", "lat", "lon"),
        coords={"lat": lat, "lon": lon},
    )
    share, _ = elements_of(foot, "h3:1")
    np.testing.assert_allclose(share.sum(axis=1), 1.0, rtol=1e-9)


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("h3:16", "is no resolution of H3"),
        ("h3:x", "is no resolution of H3"),
        ("h3:12", "cells touch the grid, more than 100,000"),
    ],
)
def test_cells_of_h3_that_there_are_not_are_refused(target, told) -> None:
    pytest.importorskip("h3")
    with pytest.raises(InputError, match=told):
        stilt.jacobian(footprints(""), target)


@pytest.mark.parametrize("projection", ["", LCC], ids=["degrees", "plane"])
@pytest.mark.parametrize("target", [None, 0.25, regions()], ids=["own cells", "coarse", "regions"])
def test_a_flux_that_is_folded_in_makes_rows_of_enhancements(target, projection) -> None:
    foot = footprints(projection)
    times = np.arange("2015-12-31T12", "2016-01-05T00", dtype="datetime64[h]").astype(
        "datetime64[ns]"
    )
    lat, lon = np.arange(39, 42.1, 0.5), np.arange(-115, -108.9, 0.5)
    flux = xr.DataArray(
        np.random.default_rng(7).random((len(times), len(lat), len(lon))) * 1e-3,
        dims=("time", "lat", "lon"),
        coords={"time": times, "lat": lat, "lon": lon},
        attrs={"units": "mmol m-2 s-1"},
    )
    found = stilt.jacobian(foot, target, "2 hours", weight=flux)
    assert found.units == "ppm"
    expected = stilt.enhancements(foot, flux).to_numpy()
    if target is None or isinstance(target, float):
        np.testing.assert_allclose(found @ 1.0, expected, rtol=1e-9)
    else:
        assert np.all(found @ 1.0 <= expected * (1 + 1e-9))
    with pytest.raises(InputError, match="does not cover"):
        stilt.jacobian(foot, weight=flux[20:])


def test_a_bin_of_the_calendar_has_its_part_of_an_hour() -> None:
    """The first receptor's hour from 23:40 on the day before lies in both days."""
    foot = footprints().isel(receptor=[0])
    only = foot.where(foot["hour"] == -1, 0.0).assign_coords(
        receptor_time=("receptor", [np.datetime64("2016-01-01T00:20", "ns")])
    )
    found = stilt.jacobian(only, bins="1D")
    assert [str(each)[:10] for each in found.bins.to_numpy()] == ["2015-12-31", "2016-01-01"]
    by_day = found.matrix.toarray().reshape(2, -1).sum(axis=1)
    np.testing.assert_allclose(by_day / by_day.sum(), [2 / 3, 1 / 3])


def test_a_receptor_that_was_selected_is_a_row_with_its_labels() -> None:
    one = footprints().sel(receptor="c")
    found, whole = stilt.jacobian(one), stilt.jacobian(footprints())
    np.testing.assert_array_equal(found.matrix.toarray(), whole.matrix[[2]].toarray())
    assert found.receptors["site"].to_numpy().tolist() == ["two"]
    flux = xr.ones_like(one[0].astype(float)).drop_vars("hour").drop_attrs()
    np.testing.assert_allclose(stilt.enhancements(one, flux), found @ 1.0)
    with pytest.raises(InputError, match="have the dimensions hour"):
        stilt.jacobian(one.sum(("lat", "lon")))


def test_rows_keep_the_order_and_the_labels_of_receptors() -> None:
    found = stilt.jacobian(footprints(), 1.0, "hours")
    assert found.receptors["receptor"].to_numpy().tolist() == ["b", "a", "c"]
    assert found.receptors["site"].to_numpy().tolist() == ["one", "one", "two"]
    assert found.bins.to_numpy().tolist() == HOURS.tolist()
    assert found.shape == (3, 6, 2, 2)


@pytest.mark.parametrize(
    ("target", "bins", "words"),
    [
        (None, "fortnight", "mean nothing"),
        (None, "0 hours", "have no length"),
        (None, "10min", "shorter than an hour"),
        (0.0, "run", "degrees is no grid"),
        (regions() + 0.5, "run", "whole numbers"),
        (regions().rename(lat="row"), "run", "dimensions"),
    ],
)
def test_what_means_nothing_is_refused(target, bins, words) -> None:
    with pytest.raises(InputError, match=words):
        stilt.jacobian(footprints(), target, bins)


def test_what_is_integrated_cannot_be_divided() -> None:
    whole = footprints().sum("hour", keepdims=True).assign_coords(hour=[0])
    whole = whole.assign_attrs(crs="")
    assert stilt.jacobian(whole).matrix.nnz
    with pytest.raises(InputError, match="integrated over time"):
        stilt.jacobian(whole, bins="hours")


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> stilt.Project:
    folder = tmp_path_factory.mktemp("jacobian") / "project"
    made = make_project(
        folder,
        (5, 50, Behaviour.EMPTY, Behaviour.MODEL_ERROR),
        footprints=f"{{hourly: {FOOTPRINT}}}",
        n_hours=-2,
    )
    assert made.stilt("run", str(folder)).code == 1
    return stilt.Project(folder)


def test_the_command_writes_what_python_makes_and_archives_change_no_byte(
    project, stilt, tmp_path, monkeypatch
) -> None:
    expected = project.jacobian(0.5, "1D")
    monkeypatch.setattr("stilt.api.jacobian.AT_ONCE", 2)
    again = project.jacobian(0.5, "1D", cpus=2)
    np.testing.assert_array_equal(again.matrix.toarray(), expected.matrix.toarray())
    assert expected.matrix.nnz
    for name in ("H.nc", "H.npz", "H.parquet"):
        shown = stilt("jacobian", project.path, "--target", "0.5", "--bins", "1D", "-o", name)
        assert shown.returncode == 0, shown.stderr
        assert "3 receptors" in shown.stdout
    opened = type(expected).open(tmp_path / "H.nc")
    for matrix in (opened.matrix, load_npz(tmp_path / "H.npz")):
        np.testing.assert_array_equal(matrix.toarray(), expected.matrix.toarray())
    assert opened.shape == expected.shape
    assert (
        opened.receptors["receptor"].to_numpy().tolist()
        == expected.receptors["receptor"].to_numpy().tolist()
    )
    table = pq.read_table(tmp_path / "H.parquet")
    np.testing.assert_allclose(table["value"].to_numpy().sum(), expected.matrix.sum())
    packed = tmp_path / "packed"
    shutil.copytree(project.path, packed, symlinks=True)
    assert stilt("archive", packed).returncode == 0
    assert (
        stilt("jacobian", packed, "--target", "0.5", "--bins", "1D", "-o", "again.nc").returncode
        == 0
    )
    assert (tmp_path / "again.nc").read_bytes() == (tmp_path / "H.nc").read_bytes()


def test_elements_come_from_a_file(project, stilt, tmp_path) -> None:
    regions().to_dataset(name="region").to_netcdf(tmp_path / "basis.nc")
    shown = stilt("jacobian", project.path, "--target", "basis.nc:region")
    assert shown.returncode == 0, shown.stderr
    assert "4 elements" in shown.stdout
    for text, words in (
        ("none.nc", "can't be read"),
        ("basis.nc:area", "has the variables region"),
    ):
        refused = stilt("jacobian", project.path, "--target", text)
        assert (refused.returncode, words in refused.stderr) == (2, True), refused.stderr
    assert stilt("jacobian", project.path, "-o", "H.txt").returncode == 2


def test_python_takes_the_target_of_the_command(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    regions().to_dataset(name="region").to_netcdf("basis.nc")
    foot = footprints()
    for text, same in (("basis.nc:region", regions()), (Path("basis.nc"), regions()), ("0.5", 0.5)):
        found, expected = stilt.jacobian(foot, text), stilt.jacobian(foot, same)
        np.testing.assert_array_equal(found.matrix.todense(), expected.matrix.todense())
    with pytest.raises(InputError, match=r"the target none.nc can't be read"):
        stilt.jacobian(foot, "none.nc")
    stilt.jacobian(foot).save("H.npz")
    with pytest.raises(InputError, match=r"Jacobian.open reads .nc, which has all of a matrix"):
        Jacobian.open("H.npz")
