"""What a run of the native engine promises, whatever the numbers."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from stilt.foundations.simulation import Receptor
from stilt.transport.native import analysis
from stilt.transport.native.analysis import Setting
from stilt.transport.native.fields import BoundaryOptions
from stilt.transport.native.meteorology import Meteorology
from stilt.transport.native.perturbation import NO_PERTURBATION
from stilt.transport.native.randomness import Stream
from stilt.transport.native.roughness import RoughnessSource
from stilt.transport.native.run import RunSettings, transport
from stilt.transport.native.store import ColumnStore
from stilt.transport.protocol import Reason, TransportError
from tests.shared_data import shared

COLUMNS = ("time", "indx", "long", "lati", "zagl", "foot", "mlht", "dens", "samt", "sigw", "tlgr")
DAY = Receptor("199510171800", (-90.0,), (40.0,), (10.0,))


def open_analyses(folder=None, met=None) -> Meteorology:
    setting = Setting(25000.0, BoundaryOptions(), RoughnessSource("constant", None))
    files = [met or shared("data", "oct1618.BIN")]
    return Meteorology(files, setting, ColumnStore(folder))


@pytest.fixture(scope="module")
def analyses() -> Meteorology:
    return open_analyses()


def run(analyses, receptor, settings, stream=Stream(0, "sim")):  # noqa: B008 - frozen
    return transport(analyses, receptor, settings, stream)


def test_rows_are_in_order_of_time_then_particle(analyses):
    table = run(analyses, DAY, RunSettings(-2, 7, COLUMNS))
    assert tuple(table.columns) == COLUMNS
    np.testing.assert_array_equal(table["time"], np.repeat(-np.arange(1.0, 121.0), 7))
    np.testing.assert_array_equal(table["indx"], np.tile(np.arange(1.0, 8.0), 120))
    assert all(values.dtype == np.float64 for values in table.columns.values())
    assert np.all(table["zagl"] >= 0.0)
    assert np.all((table["samt"] >= 0.0) & (table["samt"] <= 1.0 + 1e-9))


def test_same_seed_and_simulation_give_the_same_bytes(analyses, tmp_path):
    settings = RunSettings(-6, 20, COLUMNS)
    first = run(analyses, DAY, settings)
    run(analyses, Receptor("199510170800", (-85.0,), (35.0,), (50.0,)), settings)
    stored = run(open_analyses(tmp_path), DAY, settings)
    for name in COLUMNS:
        np.testing.assert_array_equal(first[name], stored[name])


@pytest.mark.parametrize(
    "stream", [Stream(1, "sim"), Stream(0, "other"), Stream(0, "sim", "error")]
)
def test_another_seed_simulation_or_run_gives_other_numbers(analyses, stream):
    settings = RunSettings(-1, 20, COLUMNS)
    first, second = run(analyses, DAY, settings), run(analyses, DAY, settings, stream)
    assert not np.any(first["zagl"] == second["zagl"])


def test_a_particle_does_not_depend_on_how_many_there_are(analyses):
    few = run(analyses, DAY, RunSettings(-3, 5, COLUMNS)).to_pandas()
    many = run(analyses, DAY, RunSettings(-3, 40, COLUMNS)).to_pandas()
    same = many[many["indx"] <= 5].reset_index(drop=True)
    assert few.equals(same)


def test_second_process_uses_the_columns_of_the_first(tmp_path):
    settings = RunSettings(-3, 5, COLUMNS)
    run(open_analyses(tmp_path), DAY, settings)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert before
    again = open_analyses(tmp_path)
    run(again, DAY, settings)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    assert all(opened.computed_blocks == 0 for opened in again.opened)


def test_few_analyses_stay_open_and_a_run_does_not_depend_on_it(analyses, tmp_path, monkeypatch):
    settings = RunSettings(-12, 5, COLUMNS)
    expected = run(analyses, DAY, settings)
    monkeypatch.setattr(analysis, "MOST_OPEN", 3)
    for folder in (None, tmp_path):
        few = open_analyses(folder)
        for _ in range(2):
            found = run(few, DAY, settings)
            for name in COLUMNS:
                np.testing.assert_array_equal(found[name], expected[name])
        assert len(few.opened) == 3


def test_all_analyses_of_a_file_share_one_descriptor_of_it(tmp_path):
    met = tmp_path / "own.BIN"  # no other test's analyses have this one open
    shutil.copyfile(shared("data", "oct1618.BIN"), met)
    few = open_analyses(met=met)
    run(few, DAY, RunSettings(-6, 5, COLUMNS))
    links = [path.resolve() for path in Path("/proc/self/fd").iterdir()]
    assert len(few.opened) == 4
    assert links.count(met) == 1


def test_thinned_output_has_states_at_its_minutes_and_sums_over_them(analyses):
    every = run(analyses, DAY, RunSettings(-2, 3, COLUMNS)).to_pandas()
    thinned = run(analyses, DAY, RunSettings(-2, 3, COLUMNS, every_min=30)).to_pandas()
    kept = every[every["time"] % 30 == 0].reset_index(drop=True)
    sums = ["foot", "samt"]
    assert thinned.drop(columns=sums).equals(kept.drop(columns=sums))
    row = np.ceil(-every["time"] / 30)
    summed = every.groupby([row, every["indx"]])[sums].sum().reset_index(drop=True)
    np.testing.assert_allclose(thinned[sums], summed, rtol=1e-12)


def test_emission_over_an_hour_releases_at_a_constant_rate(analyses):
    table = run(analyses, DAY, RunSettings(-2, 120, COLUMNS, emission_hours=1.0)).to_pandas()
    first = -table.groupby("indx")["time"].max()
    np.testing.assert_array_equal(first, np.repeat(np.arange(1.0, 61.0), 2))


def test_column_fills_the_line_between_its_heights(analyses):
    column = Receptor("199510171800", (-90.0,) * 2, (40.0,) * 2, (100.0, 2100.0))
    table = run(analyses, column, RunSettings(-1, 1000, COLUMNS, is_turbulent=False)).to_pandas()
    height = table[table["time"] == -1.0]["zagl"].to_numpy()
    assert np.all(np.diff(height) > -4.0)
    assert height.mean() == pytest.approx(1100.0, abs=10.0)


def test_several_places_share_the_particles(analyses):
    places = Receptor("199510171800", (-90.0, -95.0), (40.0, 35.0), (10.0, 500.0))
    table = run(analyses, places, RunSettings(-1, 11, COLUMNS)).to_pandas()
    first = table[table["time"] == -1.0]
    assert [round(x) for x in first["long"]] == [-95, -90] * 5 + [-95]


def test_heights_above_the_sea_count_from_it(analyses):
    below = Receptor("199510171800", (-90.0,), (40.0,), (100.0,), "asl")
    above = Receptor("199510171800", (-90.0,), (40.0,), (500.0,), "asl")
    settings = RunSettings(-1, 1, (*COLUMNS, "zsfc"), is_turbulent=False)
    assert run(analyses, below, settings)["zagl"][0] == 0.0
    table = run(analyses, above, settings)
    assert table["zagl"][0] + table["zsfc"][0] == pytest.approx(500.0, abs=2.0)


def test_particles_that_leave_the_grid_have_no_more_rows(analyses):
    edge = Receptor("199510171800", (-82.0,), (26.0,), (100.0,))
    table = run(analyses, edge, RunSettings(-24, 50, COLUMNS)).to_pandas()
    last = table.groupby("indx")["time"].min()
    assert last.max() > -1440.0
    x, y = analyses.grids[0].grid.to_index(table["long"].to_numpy(), table["lati"].to_numpy())
    assert x.max() < 31.2
    assert y.min() > 1.8
    for _, rows in table.groupby("indx"):
        np.testing.assert_array_equal(rows["time"], -np.arange(1.0, len(rows) + 1.0))


FAILURES = {
    "time before the meteorology": (("199510140000", -90.0, 40.0), Reason.MET_COVERAGE),
    "time after the meteorology": (("199510250000", -90.0, 40.0), Reason.MET_COVERAGE),
    "run beyond the meteorology": (("199510160600", -90.0, 40.0), Reason.MET_COVERAGE),
    "outside of the grid": (("199510171800", 10.0, 50.0), Reason.BAD_RECEPTOR),
    "above the data": (("199510171800", -90.0, 40.0, 8300.0), Reason.BAD_RECEPTOR),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_run_that_cannot_be_done_fails_with_its_reason(analyses, name):
    (time, longitude, latitude, *height), reason = FAILURES[name]
    where = Receptor(time, (longitude,), (latitude,), tuple(height) or (10.0,))
    with pytest.raises(TransportError) as failure:
        run(analyses, where, RunSettings(-24, 5, COLUMNS))
    assert failure.value.reason == reason


def test_wind_error_spreads_and_mixed_layer_error_scales_the_footprint(analyses):
    settings = RunSettings(-3, 400, COLUMNS)
    calm = run(analyses, DAY, settings).to_pandas().groupby("time")
    wind = NO_PERTURBATION._replace(wind_sd=3.0, wind_min=60.0, wind_m=500.0, wind_km=40.0)
    blown = (
        run(analyses, DAY, RunSettings(-3, 400, COLUMNS, perturbation=wind))
        .to_pandas()
        .groupby("time")
    )
    assert blown["long"].std()[-180.0] > 1.2 * calm["long"].std()[-180.0]
    assert blown["zagl"].mean()[-180.0] == pytest.approx(calm["zagl"].mean()[-180.0], rel=0.15)
    layer = NO_PERTURBATION._replace(mixed_sd=30.0, mixed_min=120.0, mixed_km=50.0)
    scaled = (
        run(analyses, DAY, RunSettings(-3, 400, COLUMNS, perturbation=layer))
        .to_pandas()
        .groupby("time")
    )
    assert scaled["foot"].mean()[-1.0] == pytest.approx(calm["foot"].mean()[-1.0], rel=0.08)
    assert (scaled["foot"].std() / scaled["foot"].mean())[-1.0] == pytest.approx(0.3, abs=0.05)
