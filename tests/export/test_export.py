"""Footprints in other tools' formats: what is read from them is what was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import netCDF4
import numpy as np
import pytest
import xarray as xr

import stilt
from stilt.formats.by_id import ids_of
from stilt.formats.export import FORMATS
from stilt.foundations.errors import InputError
from tests.export.made import HOURS, LAT, LCC, LON, TIMES, footprints, particles

if TYPE_CHECKING:
    from pathlib import Path

HOUR = np.timedelta64(1, "h")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("projection", ["", LCC], ids=["degrees", "plane"])
def test_geotiff_is_north_up_where_it_belongs(tmp_path, projection) -> None:
    rasterio = pytest.importorskip("rasterio")
    given = footprints(projection)
    folder = stilt.export(given, "geotiff", tmp_path / "tiffs")
    assert names_in(folder) == sorted(f"{sim}.tif" for sim in given["receptor"].to_numpy())
    first = given[0]
    with rasterio.open(folder / f"{first['receptor'].item()}.tif") as file:
        layers = [layer for layer in range(len(HOURS)) if layer != 3]
        np.testing.assert_array_equal(file.read()[:, ::-1], first.to_numpy()[layers])
        assert file.descriptions[0] == "2016-01-30T15:00:00Z"
        assert file.crs.is_projected == bool(projection)
        x, y = file.xy(0, 0)
        np.testing.assert_allclose(
            (y, x), [first[name][end] for name, end in zip(first.dims[1:], (-1, 0), strict=True)]
        )
        assert file.tags()["receptor_time"] == "2016-01-31T21:00:00Z"
    with rasterio.open(folder / f"{given['receptor'][1].item()}.tif") as file:
        assert file.count == 1
        assert not file.read().any()


@pytest.mark.parametrize("projection", ["", LCC], ids=["degrees", "plane"])
def test_zarr_opens_as_it_was_given(tmp_path, projection) -> None:
    zarr = pytest.importorskip("zarr", minversion="3.0")
    given = footprints(projection)
    folder = stilt.export(given, "zarr", tmp_path / "foot.zarr")
    assert zarr.open_group(folder, mode="r").metadata.zarr_format == 3
    with xr.open_zarr(folder, consolidated=False) as found:
        np.testing.assert_array_equal(found["foot"].to_numpy(), given.to_numpy())
        assert found["foot"].dims == given.dims
        assert found["place"].to_numpy().tolist() == given["place"].to_numpy().tolist()
        np.testing.assert_array_equal(found["receptor_time"], given["receptor_time"])


@pytest.mark.parametrize("projection", ["", LCC], ids=["degrees", "plane"])
def test_what_is_written_by_id_is_read_by_id(tmp_path, projection) -> None:
    given = footprints(projection)
    folder = stilt.export(given, "by-id", tmp_path / "rstilt")
    own = folder / "by-id" / "201601312100_-112_40.5_30"
    with netCDF4.Dataset(own / f"{own.name}_foot.nc") as file:
        assert file["foot"].dimensions == ("time", *given.dims[2:])
        assert len(file["time"]) == len(HOURS) - 1
    found = stilt.open_results(folder)
    assert found.ids == sorted(sim.removeprefix("jet_") for sim in given["receptor"].to_numpy())
    assert found[own.name].receptor.longitudes == (-112.0,)
    again = found.footprints().sel(receptor=ids_of(list(given["receptor"].to_numpy())))
    np.testing.assert_array_equal(again.to_numpy(), given.to_numpy())
    np.testing.assert_array_equal(again["receptor_time"], given["receptor_time"])
    expected, made = stilt.jacobian(given, 0.5, "1D"), stilt.jacobian(again, 0.5, "1D")
    np.testing.assert_allclose(made.matrix.toarray(), expected.matrix.toarray())


def test_ids_stay_apart() -> None:
    assert ids_of(["a_1", "b_2"]) == ["1", "2"]
    assert ids_of(["a_1", "b_1"]) == ["a_1", "b_1"]


def test_openghg_has_a_file_for_each_site_and_month(tmp_path) -> None:
    given = footprints()
    folder = stilt.export(
        given, "paris", tmp_path / "paris", particles=particles, site="place", time_resolved=True
    )
    assert names_in(folder) == [
        "HDP-30m_stilt_201601.nc",
        "WBB-30m_stilt_201601.nc",
        "WBB-30m_stilt_201602.nc",
    ]
    with xr.open_dataset(folder / "WBB-30m_stilt_201601.nc") as found:
        np.testing.assert_array_equal(found["time"], TIMES[:3])
        values = given[:3].to_numpy()
        np.testing.assert_allclose(found["srr"], values.sum(axis=1), rtol=1e-6)
        parts = found["srr_time_resolved"].sum("resolution") + found["srr_residual"]
        np.testing.assert_allclose(parts, found["srr"], rtol=1e-5)
        np.testing.assert_array_equal(found["srr_time_resolved"][0, :, :, 5], values[0, -6])
        np.testing.assert_array_equal(found["resolution"] / HOUR, np.arange(24))
        assert found["srr_time_resolved"].dims == ("time", "latitude", "longitude", "resolution")
        sides = {side: found[f"particle_locations_{side}"][0] for side in "nesw"}
        assert {side: float(each.sum()) for side, each in sides.items()} == {
            "n": 0.25,
            "e": 0.25,
            "s": 0.0,
            "w": 0.25,
        }
        north, east = (np.argwhere(sides[side].to_numpy())[0] for side in "ne")
        assert (LON[north[0]].round(2), north[1]) in {(-112.05, 1), (-111.95, 1)}
        assert (LAT[east[0]].round(2), east[1]) == (40.95, 19)


def test_openghg_itself_takes_it(tmp_path) -> None:
    pytest.importorskip("openghg")
    from openghg.standardise.footprints import parse_paris

    folder = stilt.export(
        footprints(),
        "paris",
        tmp_path / "paris",
        particles=particles,
        site="place",
        time_resolved=True,
    )
    for species in ("inert", "co2"):
        found = parse_paris(
            filepath=folder / "WBB-30m_stilt_201601.nc",
            domain="TEST", model="STILT", inlet="30m", species=species, site="WBB",
        )  # fmt: skip
        data = next(iter(found.values()))["data"]
        assert data["fp"].dims[:1] == ("time",)


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("shapefile", {}, "is no format"),
        ("by-id", {"site": "WBB"}, "has no option site"),
        ("paris", {"site": "WBB"}, "have the same time"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(
    tmp_path, kind, options, words
) -> None:
    with pytest.raises(InputError, match=words):
        stilt.export(footprints(), kind, tmp_path / "new", **options)
    with pytest.raises(InputError, match="is there already"):
        stilt.export(footprints(), "by-id", tmp_path.parent)
    with pytest.raises(InputError, match="projected"):
        stilt.export(footprints(LCC), "paris", tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_realizations_go_to_openghg_as_their_mean_or_each_as_a_site(tmp_path) -> None:
    foot = footprints().isel(receptor=[0, 0, 0])
    ids = [f"{foot['receptor'].item(0)}{end}" for end in ("", "_r02", "_r03")]
    three = foot.assign_coords(receptor=ids, realization=("receptor", [1, 2, 3]))
    with pytest.raises(InputError, match="have the same time") as caught:
        stilt.export(three, "paris", tmp_path / "all", site="WBB")
    assert (
        "over_realizations(footprints)['mean'], or give realization as the site"
        in caught.value.hint
    )
    of_mets = three.drop_vars("realization").assign_coords(met=("receptor", ["a", "b", "c"]))
    with pytest.raises(InputError) as met_told:
        stilt.export(of_mets, "paris", tmp_path / "mets")
    assert met_told.value.hint == "give met as the site"
    stilt.export(stilt.over_realizations(three)["mean"], "paris", tmp_path / "mean", site="WBB")
    stilt.export(three, "paris", tmp_path / "each", site="realization")
    count = {path.name: len(list(path.iterdir())) for path in tmp_path.iterdir()}
    assert count == {"mean": 1, "each": 3}
    two = xr.concat([three, three], "receptor")
    with pytest.raises(InputError, match="have the same time") as caught:
        stilt.export(two, "paris", tmp_path / "places", site="WBB")
    assert "say which site is whose" in caught.value.hint


def test_the_command_knows_every_format() -> None:
    from stilt.cli.export import FORMATS as OFFERED

    assert tuple(FORMATS) == OFFERED
