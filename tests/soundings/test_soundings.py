"""Receptors from files in the layouts of instruments, and from grids of times and places."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from click.testing import CliRunner

import stilt
from stilt.cli.receptors import command
from stilt.config.load import load_config
from stilt.config.schema import USUAL_VARSIWANT
from stilt.example.starter import write_starter
from stilt.foundations.errors import InputError
from stilt.receptors import read_receptors
from stilt.soundings.receptors import release_levels
from stilt.weighting.kernels import kernels_of
from stilt.weighting.table import read_rows
from tests.projects import Project
from tests.soundings.layouts import (
    AIR_PER_PA,
    CO,
    NO2,
    WATER,
    oco_lite,
    tccon,
    tropomi_ch4,
    tropomi_co,
    tropomi_no2,
)

VARSIWANT = "time indx long lati zagl foot mlht dens samt sigw tlgr pres".split()  # noqa: SIM905


def test_soundings_of_oco_are_those_of_the_file_from_the_ground_up(tmp_path):
    path = oco_lite(tmp_path / "oco2_LtCO2.nc4")
    found = stilt.read_soundings(path)
    with xr.open_dataset(path) as given:
        assert (
            found["sounding"].to_numpy().tolist()
            == given["sounding_id"].astype(str).to_numpy().tolist()
        )
        np.testing.assert_array_equal(found["observed_ppm"], given["xco2"])
        np.testing.assert_array_equal(found["pressure_hpa"], given["pressure_levels"][:, ::-1])
        np.testing.assert_array_equal(
            found["averaging_kernel"], given["xco2_averaging_kernel"][:, ::-1]
        )
        np.testing.assert_array_equal(found["prior_ppm"], given["co2_profile_apriori"][:, ::-1])
        assert found["is_good"].to_numpy().tolist() == [True, True, False] * 2
        np.testing.assert_array_equal(found["time"], given["time"])
    assert found["azimuth_deg"].to_numpy().tolist() == [90.0] * 6


def test_soundings_of_tropomi_are_pixels_that_were_retrieved(tmp_path):
    found = stilt.read_soundings(tropomi_ch4(tmp_path / "s5p.nc"))
    assert found.sizes == {"sounding": 11, "level": 12}
    assert found["sounding"].to_numpy()[0] == "20190705T1520_0_1"
    assert float(found["observed_ppm"][0]) == pytest.approx(1.851)
    assert float(found["uncertainty_ppm"][0]) == pytest.approx(0.002)
    np.testing.assert_allclose(
        found["pressure_hpa"][0], 960 - 80 * (np.arange(12) + 0.5), rtol=1e-6
    )
    np.testing.assert_allclose(found["averaging_kernel"][0], np.linspace(1, 0.5, 12), rtol=1e-6)
    np.testing.assert_allclose(found["pressure_weight"].sum("level"), 1.0)
    np.testing.assert_allclose(found["prior_ppm"], 1.8, rtol=1e-6)
    assert found["is_good"].to_numpy()[:3].tolist() == [False, True, False]


@pytest.mark.parametrize("are_middles", [False, True])
def test_tropomis_carbon_monoxide_is_what_its_kernel_makes_of_the_air(tmp_path, are_middles):
    path = tropomi_co(tmp_path / "s5p.nc", are_middles=are_middles)
    found = stilt.read_soundings(path)
    assert found.sizes == {"sounding": 12, "level": 50}
    dry = 1 - WATER * 18.0153 / 28.9647 / (95_000 * AIR_PER_PA)
    seen = (found["pressure_weight"] * found["averaging_kernel"] * CO).sum("level")
    tolerance = 3e-2 if are_middles else 1e-5
    np.testing.assert_allclose(found["observed_ppm"] * dry, seen, rtol=tolerance)
    np.testing.assert_allclose(found["uncertainty_ppm"], 0.1 * found["observed_ppm"], rtol=1e-5)
    np.testing.assert_allclose(found["averaging_kernel"][0, [0, -1]], [0.9, 1.4], rtol=1e-5)
    np.testing.assert_allclose(found["pressure_weight"].sum("level"), 1.0, rtol=1e-5)
    assert float(found["prior_ppm"].max()) == 0
    assert found["is_good"].to_numpy()[:2].tolist() == [True, False]


def test_tropomis_nitrogen_dioxide_is_what_its_tropospheric_kernel_makes_of_the_air(tmp_path):
    found = stilt.read_soundings(tropomi_no2(tmp_path / "s5p.nc"))
    assert found.sizes == {"sounding": 12, "level": 34}
    seen = (found["pressure_weight"] * found["averaging_kernel"] * NO2).sum("level")
    np.testing.assert_allclose(found["observed_ppm"], seen, rtol=1e-5)
    np.testing.assert_allclose(found["uncertainty_ppm"], 0.2 * found["observed_ppm"], rtol=1e-5)
    np.testing.assert_allclose(found["averaging_kernel"][0, 0], 0.3 * 2.0 / 0.8, rtol=1e-5)
    assert (found["averaging_kernel"][0] > 0).to_numpy().tolist() == [True] * 21 + [False] * 13


def test_soundings_of_tccon_have_heights_above_the_station(tmp_path):
    found = stilt.read_soundings(tccon(tmp_path / "tccon.nc"))
    np.testing.assert_allclose(found["height_m"][0], [0, 2000, 6000, 18_500], atol=1e-2)
    assert float(found["observed_ppm"][1]) == pytest.approx(400.5)
    assert found["sounding"].to_numpy()[1] == "20150622T190840"


@pytest.mark.parametrize("write", [oco_lite, tropomi_ch4, tropomi_co, tropomi_no2, tccon])
def test_tables_of_soundings_are_ones_that_a_project_reads(tmp_path, write):
    soundings = stilt.choose_soundings(stilt.read_soundings(write(tmp_path / "file.nc")))
    soundings["averaging_kernel"][:, -2:] *= -0.3  # as upper levels of CO and NO2 may be
    receptors, kernels = stilt.receptors_of(soundings, "200:1000,1000:3000", slant=True)
    receptors.to_csv(tmp_path / "receptors.csv", index=False)
    kernels.to_csv(tmp_path / "kernels.csv", index=False)
    (tmp_path / "config.yaml").write_text(
        f"mets: {{m: met}}\nn_hours: -1\nvarsiwant: [{', '.join(VARSIWANT)}]\n"
        "footprints: {x: {xmin: -113, xmax: -111, ymin: 40, ymax: 41, xres: 0.1, weight: kernel}}\n"
    )
    read = read_receptors(tmp_path / "receptors.csv", ["m"])
    found = kernels_of(load_config(tmp_path / "config.yaml"), read)["x"]
    count = soundings.sizes["sounding"]
    assert read.n_receptors == count > 0
    assert (found.of_receptor >= 0).all()
    assert next(sim.receptor.heights_m for sim in read) == (
        100.0,
        300.0,
        500.0,
        700.0,
        900.0,
        1500.0,
        2500.0,
    )
    assert read.labels["sounding"].to_pylist() == [
        str(name) for name in soundings["sounding"].to_numpy()
    ]
    last = found.of(count - 1)
    np.testing.assert_allclose(last.averaging, soundings["averaging_kernel"][count - 1], rtol=1e-6)
    np.testing.assert_allclose(last.weights, soundings["pressure_weight"][count - 1], rtol=1e-6)


def test_slant_columns_go_along_the_line_of_sight(tmp_path):
    soundings = stilt.read_soundings(
        oco_lite(tmp_path / "oco.nc")
    )  # 30 degrees from the zenith, in the east
    receptors, _ = stilt.receptors_of(soundings.isel(sounding=[0]), [0.0, 10_000.0], slant=True)
    assert receptors["latitude"].tolist() == [40.0, 40.0]
    east_m = (receptors["longitude"][1] + 112.0) * 111_190 * np.cos(np.radians(40))
    assert east_m == pytest.approx(10_000 * np.tan(np.radians(30)), rel=1e-3)
    without = soundings.drop_vars("azimuth_deg")
    with pytest.raises(InputError, match="no angles of the line of sight"):
        stilt.receptors_of(without, slant=True)


def ids(soundings) -> list[int]:
    return [int(str(name)[-2:]) for name in soundings["sounding"].to_numpy()]


def test_soundings_are_chosen_by_quality_place_time_and_number(tmp_path):
    everything = stilt.read_soundings(oco_lite(tmp_path / "oco.nc", 12))
    choose = stilt.choose_soundings
    assert ids(choose(everything)) == [0, 1, 3, 4, 6, 7, 9, 10]
    assert ids(choose(everything, good=False, nth=5)) == [0, 5, 10]
    assert ids(choose(everything, good=False, box=(-111.975, 170, 40.05, 40.11))) == [3, 4, 5]
    assert ids(choose(everything, good=False, box=(170, -111.985, -90, 90))) == [0, 1]
    start = everything["time"].to_numpy()[0]
    span = {"since": start + np.timedelta64(6, "s"), "until": start + np.timedelta64(12, "s")}
    assert ids(choose(everything, good=False, **span)) == [2, 3]


def test_at_most_so_many_of_a_cell_and_overpass(tmp_path):
    one = stilt.read_soundings(oco_lite(tmp_path / "oco.nc", 10))
    next_orbit = one.assign(time=one["time"] + np.timedelta64(99, "m"))
    both = xr.concat([next_orbit, one], "sounding")
    found = stilt.choose_soundings(both, good=False, most=2, cell_deg=0.1)
    lat = np.floor(found["latitude"] / 0.1 + 1e-9)
    assert found["time"].to_index().is_monotonic_increasing
    keys = pd.Series(list(zip(found["time"].dt.hour.to_numpy(), lat.to_numpy(), strict=True)))
    assert keys.value_counts().tolist() == [2, 2, 2, 2]
    assert ids(found) == [2, 5, 7, 9] * 2  # 40.1 is just below in 32 bits


@pytest.mark.parametrize(
    "text", ["", "100", "100:50", "100:1050", "0:100", "100:3000,500:3400", "1:99999"]
)
def test_levels_that_are_no_whole_layers_are_refused(text):
    with pytest.raises(InputError, match="are no whole layers above"):
        release_levels(text)


def test_the_command_writes_tables_of_soundings_and_replaces_none(tmp_path, monkeypatch):
    project = Project(tmp_path)
    oco_lite(tmp_path / "oco.nc", 12)
    answer = project.stilt(
        "receptors", "p", "--soundings", "oco.nc", "--levels", "500:2000", "--most", "1"
    )
    assert answer.code == 0, answer.err
    assert "wrote p/receptors.csv\nwrote p/kernels.csv\n" in answer.out
    assert "3 soundings of 4 release levels" in answer.out
    line = answer.out.splitlines()[-1].strip()
    assert line == f"varsiwant: [{', '.join((*USUAL_VARSIWANT, 'pres'))}]"
    frame = pd.read_csv(tmp_path / "p" / "receptors.csv")
    assert len(frame) == 12
    labels = read_receptors(tmp_path / "p" / "receptors.csv", ["m"]).labels
    assert len(read_rows(tmp_path / "p" / "kernels.csv", labels)) == 3 * 20
    assert frame.columns.tolist()[-3:] == ["sounding", "observed_ppm", "uncertainty_ppm"]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"receptors.csv is there already"):
        command.main(["p", "--soundings", "oco.nc"], standalone_mode=False)
    command.main(
        ["p", "--soundings", "oco.nc", "--levels", "500:1000", "--force"], standalone_mode=False
    )
    assert len(pd.read_csv(tmp_path / "p" / "receptors.csv")) == 2 * 8


def test_soundings_of_another_file_are_appended_and_what_stands_there_stays(tmp_path):
    project = Project(tmp_path)
    oco_lite(tmp_path / "one.nc", 4)
    oco_lite(tmp_path / "two.nc", 8)
    options = ("--levels", "500:1000", "--append")
    for name in ("one.nc", "two.nc", "two.nc"):
        before = {p.name: p.read_bytes() for p in (tmp_path / "p").glob("*.csv")}
        answer = project.stilt("receptors", "p", "--soundings", name, *options)
        assert answer.code == 0, answer.err
        assert all((tmp_path / "p" / n).read_bytes().startswith(b) for n, b in before.items())
    assert "they are there already" in answer.out
    frame = pd.read_csv(tmp_path / "p" / "receptors.csv")
    assert frame["r_idx"].value_counts().tolist() == [2] * 6
    assert frame["sounding"].nunique() == 6
    assert len(pd.read_csv(tmp_path / "p" / "kernels.csv")) == 6 * 20
    frame.assign(r_idx="a").to_csv(tmp_path / "p/receptors.csv", index=False)
    answer = project.stilt("receptors", "p", "--soundings", "two.nc", *options)
    assert (answer.code, "is no whole number, so none can be numbered on" in answer.err) == (
        2,
        True,
    )
    frame.rename(columns={"observed_ppm": "seen"}).to_csv(tmp_path / "p/receptors.csv", index=False)
    answer = project.stilt("receptors", "p", "--soundings", "two.nc", *options)
    assert (answer.code, "has no column observed_ppm" in answer.err) == (2, True)


def test_times_are_appended_to_a_grid_where_it_does_not_have_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for until, says in (("02", "24 rows more"), ("03", "24 rows more"), ("03", "there already")):
        span = ("--every", "1h", "--from", "2024-07-01", "--to", f"2024-07-{until}")
        answer = CliRunner().invoke(command, ["--at", "-111.9,40.5,30", *span, "--append"])
        assert says in answer.output
    assert len(pd.read_csv("receptors.csv")) == 48
    assert CliRunner().invoke(command, ["--at", "1,2,3", "--append", "--force"]).exit_code


def test_the_example_of_init_is_no_receptor_of_anybodys(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_starter(tmp_path, example=False)
    span = ("--every", "1h", "--from", "2024-07-01", "--to", "2024-07-02")
    assert not CliRunner().invoke(command, ["--at", "-111.9,40.5,30", *span]).exit_code
    assert len(pd.read_csv("receptors.csv")) == 24
    assert CliRunner().invoke(command, ["--at", "-111.9,40.5,30", *span]).exit_code


def test_times_of_a_grid_with_a_zone_are_made_utc():
    times = [pd.Timestamp("2020-07-01 12:00", tz="America/Denver"), "2020-12-01 12:00"]
    found = stilt.receptor_grid(times, [(-112, 40)], [5])
    assert found["time"].tolist() == ["2020-07-01 18:00", "2020-12-01 12:00"]


def test_the_command_makes_a_grid_of_times_and_places(tmp_path):
    project = Project(tmp_path)
    span = ("--every", "6h", "--from", "2024-07-01", "--to", "2024-07-02T00:00Z")
    answer = project.stilt("receptors", ".", "--at", "248.1,40.5,30", "--at", "5,45,10", *span)
    assert answer.code == 0, answer.err
    assert "8 receptors\nnext: stilt init, which writes config.yaml beside it" in answer.out
    read = read_receptors(tmp_path / "receptors.csv", ["m"])
    assert [sim.sim for sim in read][:2] == [
        "m_202407010000_-111.9_40.5_30",
        "m_202407010600_-111.9_40.5_30",
    ]
    assert read.n_receptors == 8


def test_a_grid_of_months_is_written_in_times_as_receptors_csv_has_them(tmp_path, monkeypatch):
    (tmp_path / "config.yaml").touch()
    monkeypatch.chdir(tmp_path)
    span = ("--every", "MS", "--from", "2024013106", "--to", "2024-04-01 00:01")
    answer = CliRunner().invoke(command, ["--at", "5,45,30", *span])
    assert answer.output.endswith("2 receptors\nnext: stilt check\n")
    assert pd.read_csv("receptors.csv")["time"].tolist() == ["2024-02-01 06:00", "2024-03-01 06:00"]


SPAN = ("--from", "2024-01-01", "--to", "2024-01-02")
WRONG = {
    "append and force": (
        ("--at", "1,2,3", "--append", "--force"),
        "tables are added to or replaced",
    ),
    "both": (("--soundings", "oco.nc", "--at", "1,2,3"), "give either --soundings or --at"),
    "neither": ((), "give either --soundings or --at"),
    "no step": (("--at", "1,2,3", *SPAN), "--at needs --every, --from and --to"),
    "step": (("--at", "1,2,3", *SPAN, "--every", "soon"), "--every 'soon' is no step of time"),
    "time": (("--at", "1,2,3", "--from", "yesterdayish"), "'yesterdayish' is not a time"),
    "no length": (("--at", "1,2,3", *SPAN, "--every", "0h"), "--every '0h' is no step of time"),
    "back": (("--at", "1,2,3", *SPAN, "--every", "-1h"), "--every '-1h' is no step of time"),
    "seconds": (("--at", "1,2,3", *SPAN, "--every", "90s"), "is not whole minutes"),
    "no month": (("--at", "1,2,3", *SPAN, "--every", "0MS"), "--every '0MS' is no step of time"),
    "no span": (("--at", "1,2,3", *SPAN[:3], SPAN[1], "--every", "1h"), "is not before --to"),
    "backward": (("--soundings", "oco.nc", *SPAN, "--from", "2024-01-03"), "is not before --to"),
    "too many": (
        ("--at", "1,2,3", "--from", "2000-01-01", "--to", "2024-01-01", "--every", "1min"),
        "these are 12,623,040 receptors; a grid has 1 to 5,000,000",
    ),
    "latitude": (
        ("--at", "5,95,30", *SPAN, "--every", "1h"),
        "latitude 95 is out of range: -90 to 90 degrees north",
    ),
    "longitude": (("--at", "361,5,30", *SPAN, "--every", "1h"), "longitude 361 is out of range"),
    "height": (("--at", "5,45,nan", *SPAN, "--every", "1h"), "altitude nan is not a number"),
    "numbers": (("--at", "1,2", *SPAN, "--every", "1h"), "write them with commas between"),
    "no file": (("--soundings", "nowhere.nc"), "give a NetCDF file of an instrument"),
    "no kind": (
        ("--soundings", "other.nc"),
        "no kind of file that is known: ",
    ),
    "not whole": (
        ("--soundings", "other.nc", "--kind", "oco"),
        "the file has no variable sounding_id, which those of OCO Lite have",
    ),
    "none left": (("--soundings", "oco.nc", "--box", "0,1,0,1"), "no sounding is left"),
}


@pytest.mark.parametrize(("given", "says"), WRONG.values(), ids=WRONG)
def test_what_the_command_cannot_use_it_refuses_and_writes_nothing(
    tmp_path, given, says, monkeypatch
):
    oco_lite(tmp_path / "oco.nc")
    xr.Dataset({"a": 1}).to_netcdf(tmp_path / "other.nc")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        command.main(["p", *given], standalone_mode=False)
    assert says in str(caught.value)
    assert not (tmp_path / "p").exists()
