"""Background against a table worked out by hand, a field that is linear, and fields with holes."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import stilt
from stilt.foundations.errors import InputError

LEVELS = {"height": (0.0, 1000.0, 5000.0), "pressure": (1000.0, 700.0, 300.0)}
UNITS = {"height": "m", "pressure": "hPa"}


def points(count=300, seed=0, **columns) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    drawn = {
        "sim": pd.Categorical(rng.choice(["a", "b", "c"], count)),
        "at": np.datetime64("2020-01-01", "ns")
        + rng.integers(0, 86_400, count) * np.timedelta64(1, "s"),
        "long": rng.uniform(-110, -100, count),
        "lati": rng.uniform(30, 50, count),
        "zagl": rng.uniform(0, 5000, count),
        "pres": rng.uniform(300, 1000, count),
    }
    return pd.DataFrame(drawn | columns)


def linear(time, lat, lon, level) -> np.ndarray:
    return 400 + 1e-4 * time + 0.3 * lat - 0.2 * lon + 2e-3 * level


def field(
    on="height", *, lon=(-112.0, -105.0, -99.0), lat=(29.0, 40.0, 51.0), units="ppm"
) -> xr.DataArray:
    hours = np.array([0, 6, 24])
    shape = np.meshgrid(
        hours * 3600, LEVELS[on], lat, (np.array(lon) + 180) % 360 - 180, indexing="ij"
    )
    made = xr.DataArray(
        linear(shape[0], shape[2], shape[3], shape[1]),
        dims=("time", on, "latitude", "longitude"),
        coords={
            "time": np.datetime64("2020-01-01", "ns") + hours * np.timedelta64(1, "h"),
            on: list(LEVELS[on]),
            "latitude": list(lat),
            "longitude": list(lon),
        },
        attrs={"units": units},
    )
    made[on].attrs["units"] = UNITS[on]
    return made


def expected(frame: pd.DataFrame, column="zagl") -> pd.Series:
    seconds = (frame["at"] - np.datetime64("2020-01-01")).dt.total_seconds()
    return linear(seconds, frame["lati"], frame["long"], frame[column]).groupby(
        frame["sim"], observed=True
    )


@pytest.mark.parametrize(
    ("turn", "column"),
    [
        (lambda f: f, "zagl"),
        (lambda f: f[::-1, ::-1, ::-1, ::-1], "zagl"),
        (lambda f: f.assign_coords(longitude=f["longitude"] + 360), "zagl"),
        (lambda f: f.transpose("longitude", "height", "latitude", "time"), "zagl"),
        (lambda f: f.rename(latitude="lat", longitude="lon").chunk(time=1), "zagl"),
        (lambda _: field("pressure"), "pres"),
        (lambda _: field("pressure")[:, ::-1], "pres"),
    ],
    ids=["as is", "turned", "0 to 360", "transposed", "dask", "pressure", "upside down"],
)
def test_background_of_a_linear_field_is_exact(turn, column):
    frame = points()
    found = stilt.background(frame, turn(field()))
    means = expected(frame, column)
    np.testing.assert_allclose(found["background"], means.mean(), rtol=1e-12)
    np.testing.assert_allclose(found["spread"], means.std(ddof=0), rtol=1e-9)
    assert found["receptor"].to_numpy().tolist() == ["a", "b", "c"]
    assert found["number"].to_numpy().tolist() == frame["sim"].value_counts(sort=False).tolist()


def test_levels_may_be_numbers_with_a_field_of_their_pressures():
    frame, given = points(), field("pressure")
    frame["pres"] = frame["pres"].clip(320, 1000)
    lat = given["latitude"]
    pressures = (given["pressure"] + 0.2 * (lat - 29)).assign_attrs(units="hPa").rename("p")
    carried = (given + 2e-3 * (pressures - given["pressure"])).assign_attrs(given.attrs)
    number = {"pressure": [1, 2, 3]}
    in_pa = (100 * pressures).assign_attrs(units="Pa")
    found = stilt.background(
        frame,
        carried.assign_coords(number).rename(pressure="level"),
        vertical=in_pa.assign_coords(number).rename(pressure="level"),
    )
    held = frame.assign(pres=np.minimum(frame["pres"], 1e9))
    inside = frame["pres"] <= 1000
    assert inside.all()
    np.testing.assert_allclose(found["background"], expected(held, "pres").mean(), rtol=1e-6)


def test_levels_of_other_cells_are_refused():
    given = field("pressure")
    vertical = (given * 0 + given["pressure"]).assign_attrs(units="hPa").rename("p")
    number = {"pressure": [1, 2, 3]}
    given, vertical = (
        each.assign_coords(number).rename(pressure="level") for each in (given, vertical)
    )
    with pytest.raises(InputError, match="vertical has another lat than the field"):
        stilt.background(points(), given, vertical=vertical.isel(latitude=[0, 1]))
    turned = stilt.background(points(), given, vertical=vertical[::-1, :, ::-1])
    np.testing.assert_allclose(turned["background"], expected(points(), "pres").mean(), rtol=1e-9)


def test_background_is_that_of_a_table_worked_out_by_hand():
    """Two particles between two levels and two hours; the second weighs three times as much as the first."""
    frame = points(
        2,
        sim=pd.Categorical(["a", "a"]),
        at=pd.to_datetime(["2020-01-01 03:00", "2020-01-01 15:00"]),
        long=[-105.0, -105.0],
        lati=[40.0, 40.0],
        zagl=[500.0, 3000.0],
        weight=[0.5, 1.5],
    )
    given = field() * 0
    given[0], given[1], given[2] = 400, 410, 420
    given[:, 2] += 8  # the highest level
    found = stilt.background(frame, given.assign_attrs(units="ppm"))
    first, second = 405.0, 415.0 + 4.0
    mean = 0.25 * first + 0.75 * second
    assert float(found["background"][0]) == pytest.approx(mean)
    spread = np.sqrt(0.25 * (first - mean) ** 2 + 0.75 * (second - mean) ** 2)
    assert float(found["spread"][0]) == pytest.approx(spread)
    nearest = stilt.background(frame, given.assign_attrs(units="ppm"), time="nearest")
    assert float(nearest["background"][0]) == pytest.approx(0.25 * 400 + 0.75 * 414)


def test_what_is_outside_is_counted_and_said():
    frame = points(7, sim=pd.Categorical(["a"] * 6 + ["b"]))
    frame.loc[0, "at"] = pd.Timestamp("2020-01-03")
    frame.loc[1, "lati"], frame.loc[2, "long"] = 60.0, -90.0
    frame.loc[3, "zagl"] = 5001.0
    frame.loc[6, "lati"] = -10.0
    with pytest.warns(
        UserWarning,
        match=r"5 of 7 end points are not in the field \(1 outside time, 3 outside area, 1",
    ):
        found = stilt.background(frame, field())
    assert found["number"].to_numpy().tolist() == [2, 0]
    assert [int(found[name][0]) for name in ("outside_time", "outside_area", "above_top")] == [
        1,
        2,
        1,
    ]
    assert np.isnan(found["background"][1])
    inner = expected(frame.loc[4:5]).mean()
    assert float(found["background"][0]) == pytest.approx(inner["a"])


def test_particles_without_an_end_are_counted_and_said():
    frame = points(7, sim=pd.Categorical(["a"] * 6 + ["b"]))
    frame.attrs["no_end"] = {"b": 3}
    with pytest.warns(UserWarning, match="3 particles of 1 receptor left before a first row"):
        found = stilt.background(frame, field())
    assert found["no_end"].to_numpy().tolist() == [0, 3]


def test_holes_are_told_and_only_where_they_count():
    frame, given = points(200), field()
    frame["lati"] = np.where(np.arange(200) < 50, 45.0, 35.0)
    holed = given.where(given["latitude"] < 50)
    with pytest.warns(UserWarning, match="50 of 200 end points are not in the field .50 missing."):
        found = stilt.background(frame, holed)
    np.testing.assert_allclose(found["background"], expected(frame[50:]).mean(), rtol=1e-12)


def test_a_field_round_the_globe_has_no_seam():
    lon = np.arange(0.0, 360.0, 30.0)
    given = field(lon=lon, lat=(-90.0, 90.0)).isel(time=0, height=0)
    given[:] = np.cos(np.radians(lon))
    frame = points(2, long=[-10.0, 350.0], lati=[0.0, 0.0], sim=pd.Categorical(["a", "b"]))
    found = stilt.background(frame, given.assign_attrs(units="ppm"))
    value = (1 * np.cos(np.radians(30)) + 2 * 1) / 3
    np.testing.assert_allclose(found["background"], [value, value])


@pytest.mark.parametrize(("units", "ppm"), [("ppb", 1e-3), ("mol mol-1", 1e6), ("umol/mol", 1)])
def test_units_are_converted(units, ppm):
    found = stilt.background(points(), field(units=units))
    np.testing.assert_allclose(
        found["background"], ppm * stilt.background(points(), field())["background"]
    )


REFUSED = {
    "a dataset": (
        lambda: field().to_dataset(name="co2"),
        r"the field is a dataset, of the variables co2 \(give one: dataset\['co2'\]\)",
    ),
    "units": (lambda: field(units=None), " are no mole fraction that is known"),
    "dimensions": (
        lambda: field().isel(latitude=0),
        "the field has the dimensions time, height, lon",
    ),
    "levels": (
        lambda: field().assign_coords(height=[1, 2, 3]).rename(height="level"),
        " of the field is a height or a pressure is not known",
    ),
    "times twice": (
        lambda: field().isel(time=[0, 0, 1]),
        "the field's time has values that are there twice",
    ),
    "no times": (
        lambda: field().assign_coords(time=[0, 6, 24]),
        "the field's times are of the kind int64, not dates",
    ),
    "no coordinate": (lambda: field().drop_vars("latitude"), "the field's lat has no coordinate"),
    "above the sea": (
        lambda: field().assign_coords(
            height=("height", list(LEVELS["height"]), {"units": "m", "standard_name": "altitude"})
        ),
        "height of the field is altitude, above the sea, and end points are above ground",
    ),
    "no pressures": (
        lambda: field("pressure"),
        "the field is on pressures, and end points have none",
    ),
}


@pytest.mark.parametrize(("given", "says"), REFUSED.values(), ids=REFUSED)
def test_fields_that_are_not_understood_are_refused(given, says):
    with warnings.catch_warnings(), pytest.raises(InputError, match=says):
        stilt.background(points(pres=np.nan), given())
