"""Fluxes and footprints make enhancements: conserved, matched in time, refused where they do not fit."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import stilt
from stilt.foundations.errors import InputError
from tests.engines import Behaviour
from tests.projects import FOOTPRINT, make_project
from tests.shared_data import REPOSITORY

GRID = {"lat": np.arange(40.05, 41, 0.1), "lon": np.arange(-112.95, -111, 0.1)}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> stilt.Project:
    folder = tmp_path_factory.mktemp("flux") / "project"
    heights = (5, 50, Behaviour.EMPTY, Behaviour.MODEL_ERROR)
    whole = FOOTPRINT.replace("}", ", time_integrate: true}")
    made = make_project(
        folder, heights, footprints=f"{{hourly: {FOOTPRINT}, whole: {whole}}}", n_hours=-2
    )
    assert made.stilt("run", str(folder)).code == 1
    return stilt.Project(folder)


def field(values: float | np.ndarray = 1.0, times: int | None = None, **grid) -> xr.DataArray:
    coords = {**GRID, **grid}
    shape = [len(coords["lat"]), len(coords["lon"])]
    dims = ["lat", "lon"]
    if times is not None:
        coords["time"] = np.datetime64("2015-12-09T20:00") + np.arange(times) * np.timedelta64(
            1, "h"
        )
        dims, shape = ["time", *dims], [times, *shape]
    return xr.DataArray(np.broadcast_to(values, shape).astype(float), dims=dims, coords=coords)


def test_footprints_of_all_complete_simulations_are_one_lazy_array(project) -> None:
    foot = project.footprints("hourly")
    assert foot.dims == ("receptor", "hour", "lat", "lon")
    assert list(foot["hour"].values) == [-2, -1]
    assert foot.sizes["receptor"] == 3
    assert [float(foot[n].sum()) for n in range(2)] == [
        float(project[sim].footprint("hourly").sum()) for sim in foot["receptor"].values[:2]
    ]
    assert float(foot[2].sum()) == 0.0, "an empty simulation has no file, and no influence"


@pytest.mark.parametrize(
    "index",
    [
        {"receptor": 0},
        {"receptor": [1, 0], "hour": -1},
        {"lat": slice(2, 7), "lon": [3, 1]},
        {"receptor": slice(None, None, -1), "hour": 0, "lat": 5},
        {"receptor": slice(0, 0)},
    ],
)
def test_lazy_indexing_gives_what_reading_all_would(project, index) -> None:
    lazy = project.footprints("hourly")
    xr.testing.assert_equal(
        lazy.isel(index).load(), project.footprints("hourly").load().isel(index)
    )


def test_a_stale_footprint_from_a_grid_of_the_same_size_elsewhere_is_not_taken_for_todays(
    project, tmp_path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(project.path, moved)
    config = moved / "config.yaml"
    config.write_text(
        config.read_text().replace(
            FOOTPRINT, FOOTPRINT.replace("ymin: 40, ymax: 41", "ymin: 41, ymax: 42")
        )
    )
    with pytest.raises(InputError, match="made with other settings"):
        stilt.Project(moved).footprints("hourly").load()


def test_a_uniform_flux_of_one_gives_the_sum_of_the_footprint(project) -> None:
    foot = project.footprints("hourly")
    added = stilt.enhancements(foot, field())
    np.testing.assert_allclose(
        added, foot.load().astype(float).sum(("hour", "lat", "lon")), rtol=1e-13
    )
    assert added.attrs["units"] == "ppm"
    assert list(added["receptor"].values) == list(foot["receptor"].values)
    whole = stilt.enhancements(project.footprints("whole"), field())
    np.testing.assert_allclose(whole, added, rtol=1e-5)


def test_a_flux_on_another_grid_conserves_its_total() -> None:
    random = np.random.default_rng(1)
    lat, lon = np.linspace(39.1, 41.9, 29), np.linspace(-114.2, -109.8, 45)
    flux = xr.DataArray(
        random.random((29, 45)), coords={"lat": lat, "lon": lon}, dims=("lat", "lon")
    )
    fine_lat, fine_lon = np.linspace(38.01, 42.99, 250), np.linspace(-115.99, -108.01, 400)
    regridded = stilt.regrid(flux, fine_lat, fine_lon)

    def total(of: xr.DataArray) -> float:
        half = 0.5 * abs(float(of["lat"][1] - of["lat"][0]))
        bands = np.sin(np.radians(of["lat"] + half)) - np.sin(np.radians(of["lat"] - half))
        return float((of * bands).sum() * abs(float(of["lon"][1] - of["lon"][0])))

    assert total(regridded) == pytest.approx(total(flux), rel=1e-12)


@pytest.mark.parametrize(
    "lon",
    [GRID["lon"] + 360, GRID["lon"][::-1], GRID["lon"] - 360],
    ids=["0-360", "descending", "-"],
)
def test_longitudes_may_be_counted_in_any_way(lon) -> None:
    flux = field(np.arange(20.0), lon=GRID["lon"])
    is_descending = lon[0] > lon[-1]
    other = flux[:, ::-1] if is_descending else flux.assign_coords(lon=lon)
    regridded = stilt.regrid(other, GRID["lat"], GRID["lon"])
    np.testing.assert_allclose(regridded, flux, rtol=1e-9)


def test_each_hour_takes_the_flux_that_holds_in_it(project) -> None:
    foot = project.footprints("hourly").isel(receptor=[1])  # arrives at 01:00
    hours = np.arange(6.0)[:, None, None]
    added = stilt.enhancements(foot, field(hours, times=6))
    by_hour = foot.load().astype(float).sum(("receptor", "lat", "lon"))
    assert float(added[0]) == pytest.approx(float(3 * by_hour[0] + 4 * by_hour[1]), rel=1e-12)


def test_an_hour_between_two_fluxes_takes_its_share_of_each(project) -> None:
    foot = project.footprints("hourly").isel(receptor=[1])
    flux = field(np.arange(6.0)[:, None, None], times=6)
    flux = flux.assign_coords(time=flux["time"] + np.timedelta64(15, "m"))
    added = stilt.enhancements(foot, flux)
    by_hour = foot.load().astype(float).sum(("receptor", "lat", "lon"))
    expected = (0.25 * 2 + 0.75 * 3) * by_hour[0] + (0.25 * 3 + 0.75 * 4) * by_hour[1]
    assert float(added[0]) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize(
    ("units", "micromoles"),
    [
        ("umol m-2 s-1", 1),
        ("micromol/m2/s", 1),
        ("\N{MICRO SIGN}mol m^-2 s^-1", 1),
        ("mol m**-2 s**-1", 1e6),
        ("mmol s-1 m-2", 1e3),
        ("nmol/(m2 s)", 1e-3),
        (
            "\N{MICRO SIGN}mol m\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT TWO} s\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT ONE}",
            1,
        ),
        ("mol\N{MIDDLE DOT}m\N{MINUS SIGN}2\N{MIDDLE DOT}s\N{MINUS SIGN}1", 1e6),
    ],
)
def test_units_are_taken_at_their_word(project, units, micromoles) -> None:
    foot = project.footprints("hourly")
    added = stilt.enhancements(foot, field().assign_attrs(units=units))
    np.testing.assert_allclose(added, micromoles * stilt.enhancements(foot, field()), rtol=1e-12)


def test_a_flux_with_the_units_of_a_footprint_is_warned_of(project) -> None:
    foot = project.footprints("hourly")
    flux = field().assign_attrs(units=foot.attrs["units"])
    with pytest.warns(UserWarning, match="the flux has the units of a footprint") as told:
        added = stilt.enhancements(foot, flux)
    assert told[0].filename == __file__
    np.testing.assert_array_equal(added, stilt.enhancements(foot, field()))


@pytest.mark.parametrize(
    ("flux", "says"),
    [
        (lambda: field().rename(lat="y"), "the flux has the dimensions y, lon"),
        (lambda: field().where(field()["lat"] > 40.5), "missing values"),
        (lambda: field(times=3), "does not cover 2015-12-09T23:00"),
        (lambda: field().isel(lat=[0]), "one cell"),
        (lambda: field().assign_attrs(units="kg m-2 s-1"), "kg m-2 s-1"),
    ],
)
def test_a_flux_that_does_not_fit_is_refused(project, flux, says) -> None:
    with pytest.raises(InputError, match=says) as caught:
        stilt.enhancements(project.footprints("hourly"), flux())
    assert caught.value.hint


def test_a_flux_that_changes_needs_hourly_footprints(project) -> None:
    with pytest.raises(InputError, match="integrated over time"):
        stilt.enhancements(project.footprints("whole"), field(times=6))


def test_a_single_footprint_is_taken_as_it_is(project) -> None:
    all_of_them = stilt.enhancements(project.footprints("hourly"), field(2.0))
    for name in ("hourly", "whole"):
        single = stilt.enhancements(project[0].footprint(name), field(2.0))
        assert float(single[0]) == pytest.approx(float(all_of_them[0]), rel=1e-5)
    alone = stilt.calc_footprint(
        project[0].particles(), project.config.footprints["hourly"], project[0].receptor
    )
    changing = field(np.arange(6.0)[:, None, None], times=6)
    expected = stilt.enhancements(project.footprints("hourly"), changing)[0]
    assert float(stilt.enhancements(alone, changing)[0]) == pytest.approx(float(expected), rel=1e-5)


def test_several_fluxes_give_a_result_each(project) -> None:
    foot = project.footprints("hourly")
    sectors = xr.Dataset({"traffic": field(1.0), "power": field(3.0)})
    added = stilt.enhancements(foot, sectors.rename(lat="latitude", lon="longitude"))
    assert set(added) == {"traffic", "power"}
    xr.testing.assert_allclose(
        added["power"].drop_attrs(), 3 * stilt.enhancements(foot, field()).drop_attrs()
    )


def test_bounds_of_cells_beside_fluxes_are_none(project) -> None:
    foot = project.footprints("hourly")
    sectors = xr.Dataset({"traffic": field(1.0), "power": field(3.0)})
    sectors["lat_bnds"] = ("lat", "nv"), np.zeros((sectors.sizes["lat"], 2))
    sectors["crs"] = 0
    sectors["lat"].attrs["bounds"] = "lat_bnds"
    sectors["power"].attrs["grid_mapping"] = "crs"
    assert set(stilt.enhancements(foot, sectors)) == {"traffic", "power"}
    with pytest.raises(InputError, match="the dataset of fluxes has none"):
        stilt.enhancements(foot, sectors[["lat_bnds", "lat"]])
    sectors["lat"].attrs.clear()
    with pytest.raises(InputError, match="the flux has the dimensions lat, nv"):
        stilt.enhancements(foot, sectors)


@pytest.mark.parametrize(
    ("units", "species", "micromoles"),
    [
        ("kg m-2 s-1", "co2", 1e9 / 44.0095),
        ("g m-2 s-1", "CH4", 1e6 / 16.0425),
        ("kg CO2 m-2 s-1", "co2", 1e9 / 44.0095),
        ("kg C/m2/s", "c", 1e9 / 12.0107),
    ],
)
def test_a_flux_by_mass_needs_its_species(project, units, species, micromoles) -> None:
    foot, flux = project.footprints("hourly"), field().assign_attrs(units=units)
    expected = micromoles * stilt.enhancements(foot, field())
    np.testing.assert_allclose(
        stilt.enhancements(foot, flux, species=species), expected, rtol=1e-12
    )
    named = flux.assign_attrs(species=species)
    np.testing.assert_allclose(stilt.enhancements(foot, named), expected, rtol=1e-12)
    with pytest.raises(InputError, match="its species is xenon"):
        stilt.enhancements(foot, field().assign_attrs(units="kg m-2 s-1"), species="xenon")


def test_projected_footprints_take_fluxes_in_degrees_and_on_their_own_cells(project) -> None:
    grid = {"xmin": -113, "xmax": -111, "ymin": 40, "ymax": 41, "xres": 10_000, "yres": 10_000}
    foot = stilt.calc_footprint(
        project[0].particles(), grid | {"projection": "EPSG:32612"}, project[0].receptor
    )
    assert foot.dims == ("time", "y", "x")
    wide = {"lat": np.arange(39.05, 42, 0.1), "lon": np.arange(-114.95, -109, 0.1)}
    total = float(foot.astype(float).sum())
    assert float(stilt.enhancements(foot, field(2.0, **wide))[0]) == pytest.approx(2 * total)
    own = xr.ones_like(foot[0]).drop_vars("time").astype(float).assign_attrs(units="mmol m-2 s-1")
    assert float(stilt.enhancements(foot, own)[0]) == pytest.approx(1000 * total)
    north = field(
        wide["lat"][:, None], **wide
    )  # a flux that is its latitude: the mean is the footprint's
    from pyproj import Proj

    _, lat = Proj("EPSG:32612")(*np.meshgrid(foot["x"], foot["y"]), inverse=True)
    mean = float((foot.sum("time") * lat).sum())
    assert float(stilt.enhancements(foot, north)[0]) == pytest.approx(mean, rel=2e-4)
    assert float(stilt.enhancements(foot, north[::-1])[0]) == pytest.approx(mean, rel=2e-4)
    with pytest.raises(InputError, match="the flux has another x than the footprints"):
        stilt.enhancements(foot, own.assign_coords(x=own["x"] + 1))


def test_particles_of_several_simulations_are_one_frame(project) -> None:
    frame = project.particles()
    assert frame["sim"].nunique() == 3
    some = project.particles(frame["sim"].unique()[:1])
    assert len(some) == len(project[frame["sim"][0]].particles())


def test_a_footprint_is_computed_from_a_frame_without_a_project(project) -> None:
    result = project[0]
    grid = {"xmin": -113, "xmax": -111, "ymin": 40, "ymax": 41, "xres": 0.1, "yres": 0.1}
    foot = stilt.calc_footprint(result.particles(), grid, result.receptor)
    np.testing.assert_allclose(foot, result.footprint("hourly"), rtol=1e-5)
    assert list(foot["time"].values) == list(result.footprint("hourly")["time"].values)
    with pytest.raises(InputError):
        stilt.calc_footprint(result.particles(), {**grid, "xres": -1}, result.receptor)
    frame = result.particles()
    decaying = stilt.calc_footprint(frame, {**grid, "lifetime_h": 2}, result.receptor)
    frame["foot"] *= np.exp(frame["time"] / 120)
    by_hand = stilt.calc_footprint(frame, grid, result.receptor)
    np.testing.assert_allclose(decaying, by_hand, rtol=1e-5)
    assert float(decaying.sum()) < float(foot.sum())


def test_trajectories_are_run_without_a_project(project) -> None:
    result = project[0]
    met = {"directory": "met", "file_format": "%Y", "file_tres": "6h"}
    frame = stilt.run_trajectories(
        result.receptor, met, n_hours=-2, numpar=10, model=project.config.model
    )
    assert len(frame) == len(result.particles())
    with pytest.raises(InputError, match=r"^settings: .*did you mean numpar") as caught:
        stilt.run_trajectories(result.receptor, met, n_hours=-2, numpars=10, veght="high")
    assert "veght" in str(caught.value)
    assert "mend these arguments: keys and values of settings" in caught.value.hint
    assert "config.yaml" not in str(caught.value)
    folder = stilt.run_trajectories(
        result.receptor,
        str(project.path / "met"),
        n_hours=-2,
        numpar=10,
        model=project.config.model,
    )
    assert len(folder) == len(frame)


def test_the_worked_example_goes_from_receptors_to_a_figure(tmp_path) -> None:
    model = REPOSITORY / "tests" / "engines.py"
    shown = subprocess.run(
        [
            *(sys.executable, REPOSITORY / "tools" / "enhancements.py", tmp_path / "tower"),
            *("--model", f"{model}:FakeEngine"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert "17 of 17 complete" in shown.stdout
    assert (tmp_path / "tower" / "enhancements.png").read_bytes().startswith(b"\x89PNG")
