"""Where particles end, against their table; how they end, against the meteorology."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

import stilt
from stilt.example import atmosphere
from stilt.example.starter import write_starter
from stilt.foundations.errors import InputError
from stilt.met.grid import Grid
from stilt.outputs.store import Own
from stilt.particles.endpoints import NOTE, WAYS, decode, encode, end_points
from stilt.particles.parquet import read_particles, read_provenance, write_particles
from stilt.particles.table import ParticleTable
from stilt.weighting.kernel import Kernel
from tests.projects import Project
from tests.weighting.slow import weighted

if TYPE_CHECKING:
    from pathlib import Path

DEGREES = Grid(90, 0, 0.5, 0.5, 0, 0, 0, 1, 1, 34, -127, 51, 29)
GLOBE = Grid(90, 0, 1, 1, 0, 0, 0, 1, 1, -90, 0, 360, 181)
CONE = Grid(90, 0, 40, -97, 12, 0, 40, 50.5, 50.5, 40, -97, 100, 100)


@pytest.mark.parametrize(
    ("grid", "lon", "lat", "side"),
    [
        (DEGREES, -126.9, 40, 0),
        (DEGREES, -127.2, 40, 0),
        (DEGREES, 233.1, 40, 0),
        (DEGREES, -101.9, 40, 1),
        (DEGREES, -110, 33.9, 2),
        (DEGREES, -110, 48.1, 3),
        (GLOBE, 0.1, 70, 3),
        (GLOBE, 359.9, -70, 2),
        (CONE, -104, 40, 0),
        (CONE, -90, 40, 1),
        (CONE, -97, 34.7, 2),
        (CONE, -97, 45.3, 3),
    ],
)
def test_a_particle_leaves_through_the_side_that_it_is_nearest_to(grid, lon, lat, side):
    assert grid.nearest_side(np.array([lon]), np.array([lat])).tolist() == [side]


def table(rng=None, particles=5, minutes=60) -> ParticleTable:
    """Particle k of five is there for 60, 59, ... minutes, rows as engines write them."""
    rng = rng or np.random.default_rng(1)
    rows = [
        (t, i)
        for t in range(1, minutes + 1)
        for i in range(1, particles + 1)
        if t <= minutes + 1 - i
    ]
    time, indx = np.array(rows, float).T
    drawn = {
        name: np.round(rng.uniform(-100, 100, len(rows)), 4) for name in ("long", "lati", "zagl")
    }
    return ParticleTable({"time": -time, "indx": indx, **drawn})


def test_end_points_are_the_last_rows_of_particles():
    given = table()
    frame = end_points(given, -1, 0).to_pandas()
    expected = given.to_pandas().sort_values("time", ascending=False).groupby("indx").last()
    for name in ("time", "long", "lati", "zagl"):
        assert frame[name].tolist() == expected[name].tolist()
    assert frame["ended"].tolist() == ["end"] + 4 * ["left"]
    assert frame["pres"].isna().all()


def test_end_points_do_not_depend_on_the_order_of_rows():
    given = table(particles=9)
    rows = np.random.default_rng(3).permutation(len(given))
    mixed = ParticleTable({name: values[rows] for name, values in given.columns.items()})
    expected = end_points(given, -1, 0).columns
    assert np.array_equal(expected["indx"], np.arange(1.0, 10.0))
    for name, values in end_points(mixed, -1, 0).columns.items():
        assert np.array_equal(values, expected[name])


def test_a_run_whose_rows_are_minutes_apart_ends_in_its_last_row():
    columns = {"time": (-60, -50), "indx": (1, 2), "long": (0, 0), "lati": (0, 0)}
    rows = ParticleTable({name: np.array(values, float) for name, values in columns.items()})
    assert end_points(rows, -1, 10).to_pandas()["ended"].tolist() == ["end", "left"]


@pytest.mark.parametrize("particles", [0, 1, 200])
def test_a_text_keeps_them(particles):
    rng = np.random.default_rng(particles)
    columns = {
        "indx": np.arange(1.0, particles + 1),
        "time": -rng.integers(0, 9000, particles).astype(float),
        "long": np.round(rng.uniform(-180, 180, particles), 4),
        "zagl": np.round(rng.uniform(0, 25_000, particles), 4),
        "pres": np.round(rng.uniform(10, 1050, particles), 2),
        "ended": rng.integers(0, len(WAYS), particles).astype(float),
    }
    kept = decode(encode(type(end_points(table(), -1, 0))(columns)))
    assert {name: values.tolist() for name, values in kept.columns.items()} == {
        name: values.tolist() for name, values in columns.items()
    }


LEVELS = (50, 400, 1500)
KERNEL = Kernel(
    "pressure_hpa", (1020.0, 900.0, 700.0, 200.0), (0.7, 0.9, 1.0, 1.2), (0.1, 0.3, 0.4, 0.2)
)


def make_example(path: Path, model: str) -> Project:
    """Write the example with a point that air leaves the meteorology from, and a column with a kernel on pressures."""
    project = Project(path)
    assert project.stilt("init", "demo", "--example").code == 0
    config = path / "demo" / "config.yaml"
    text = config.read_text().replace("model: native", f"model: {model}")
    text = text.replace("n_hours: -24", "n_hours: -6").replace("numpar: 200", "numpar: 40")
    text = text.replace("  default: {", "  seen: {weight: kernel, missing: unweighted, ")
    columns = "time indx long lati zagl foot mlht dens samt sigw tlgr pres".replace(" ", ", ")
    config.write_text(f"{text}\nvarsiwant: [{columns}]\n")
    rows = ["time,lon,lat,zagl,r_idx,site", "2026-06-16 12:00,-126.0,40.5,500,0,edge"]
    rows += [f"2026-06-16 21:00,-111.9,40.5,{height},1,city" for height in LEVELS]
    (path / "demo" / "receptors.csv").write_text("\n".join(rows) + "\n")
    kernel = zip(KERNEL.levels, KERNEL.averaging, KERNEL.weights, strict=True)
    lines = [",".join(map(str, ("city", *level))) for level in kernel]
    head = "site,pressure_hpa,averaging_kernel,pressure_weight"
    (path / "demo" / "kernels.csv").write_text("\n".join([head, *lines]) + "\n")
    return project


@pytest.mark.parametrize(
    "model",
    ["native", pytest.param("hysplit", marks=pytest.mark.hysplit)],
)
def test_a_project_keeps_end_points_and_weighs_particles_with_either_engine(tmp_path, model):
    project = make_example(tmp_path, model)
    answer = project.stilt("run", "demo")
    assert answer.code == 0, answer.out + answer.err
    made = stilt.Project(tmp_path / "demo")
    city = made[1]
    particles = city.particles()
    assert len(particles)
    particles["foot"] = weighted(particles, city.receptor, KERNEL)
    seen = made.config.footprints["seen"]
    with pytest.raises(InputError, match="calc_footprint knows no weights"):
        stilt.calc_footprint(particles, seen, city.receptor)
    unweighted = replace(seen, weight=None, kernels=None)
    expected = stilt.calc_footprint(particles, unweighted, city.receptor)
    found = city.footprint("seen")
    assert float(found.sum()) > 0
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9)
    check_end_points(made)


def check_end_points(made: stilt.Project) -> None:
    """Hold end points against particles, and those that are kept against those made of particles."""
    frame = made.endpoints()
    assert set(frame["ended"]) >= {"end", "west"}
    assert frame["pres"].between(300, 1050).all()
    for simulation in made:
        own = frame[frame["sim"] == simulation.id]
        particles = simulation.particles()
        last = particles.sort_values("time", ascending=False).groupby("indx").last()
        for name in ("time", "long", "lati", "zagl", "pres"):
            np.testing.assert_allclose(own[name], last[name], atol=1e-9)
        assert (own["ended"].eq("end") == (own["time"] == -360)).all()
        stored = simulation.stored_particles()
        assert isinstance(stored, Own)
        said = stored.provenance()
        older = {key: text for key, text in said.items() if key != NOTE}
        write_particles(stored.path, read_particles(stored.path), provenance=older)
        assert NOTE not in read_provenance(stored.path)
    older_frame = stilt.Project(made.path).endpoints()
    pd.testing.assert_frame_equal(older_frame, frame, atol=1e-9)
    assert older_frame.attrs["no_end"] == {}
    stored = made[0].stored_particles()
    assert isinstance(stored, Own)
    rows, said = read_particles(stored.path), stored.provenance()
    there = rows["indx"] > 2
    rest = ParticleTable({name: values[there] for name, values in rows.columns.items()})
    write_particles(stored.path, rest, provenance=said)
    assert stilt.Project(made.path).endpoints().attrs["no_end"] == {made[0].id: 2}


WINDS = {
    "west": (20.0, 0.0, -125.9, 41.0),
    "east": (-20.0, 0.0, -103.1, 41.0),
    "south": (0.0, 20.0, -114.5, 35.1),
    "north": (0.0, -20.0, -114.5, 46.9),
}
"""Even winds (m s-1, eastward and northward), and where air arrives that came in through the side a while before."""


@pytest.mark.parametrize(
    "model",
    ["native", pytest.param("hysplit", marks=pytest.mark.hysplit)],
)
@pytest.mark.parametrize("side", WINDS)
def test_particles_leave_through_the_side_that_the_wind_comes_from_or_reach_the_end(
    tmp_path, monkeypatch, model, side
):
    east, north, lon, lat = WINDS[side]
    shape = atmosphere.ROWS, atmosphere.COLUMNS
    even = np.full(shape, east), np.full(shape, north)
    monkeypatch.setattr(atmosphere, "wind", lambda _height_m, _when: even)
    write_starter(tmp_path, example=True)
    config = tmp_path / "config.yaml"
    text = config.read_text().replace("model: native", f"model: {model}")
    config.write_text(text.replace("n_hours: -24", "n_hours: -3").replace("200", "20"))
    rows = [
        "time,lon,lat,zagl",
        f"2026-06-16 18:00,{lon},{lat},500",
        "2026-06-16 18:00,-114.5,41,500",
    ]
    (tmp_path / "receptors.csv").write_text("\n".join(rows) + "\n")
    project = stilt.Project(tmp_path)
    summary = project.run(say=lambda _: None)
    assert summary.complete + summary.empty == 2
    frame = project.endpoints()
    near, inside = (frame[frame["sim"] == simulation.id] for simulation in project)
    assert near["ended"].tolist() == 20 * [side]
    assert inside["ended"].tolist() == 20 * ["end"]
    assert (near["time"] > -180).all()
    assert (inside["time"] == -180).all()
    for own, simulation in ((near, project[0]), (inside, project[1])):
        last = simulation.particles().sort_values("time", ascending=False).groupby("indx").last()
        np.testing.assert_allclose(own[["long", "lati"]], last[["long", "lati"]], atol=1e-9)


def test_end_points_are_a_hundredth_of_a_particle_file_at_most(tmp_path):
    """Of a day of 200 particles, as engines write them."""
    rng = np.random.default_rng(2)
    shape = 200, 1440
    walk = {
        name: np.cumsum(rng.normal(0, size, shape), axis=1)
        for name, size in (("long", 0.01), ("lati", 0.01), ("zagl", 30))
    }
    time, indx = -np.tile(np.arange(1.0, 1441), 200), np.repeat(np.arange(1.0, 201), 1440)
    columns = {name: np.round(np.abs(values), 4).ravel() for name, values in walk.items()}
    given = ParticleTable({"time": time, "indx": indx, **columns})
    note = encode(end_points(given, -24, 0))
    sizes = []
    for number, provenance in enumerate(({}, {NOTE: note})):
        write_particles(tmp_path / f"{number}.parquet", given, provenance=provenance)
        sizes.append((tmp_path / f"{number}.parquet").stat().st_size)
    assert sizes[0] < sizes[1] < 1.01 * sizes[0]
