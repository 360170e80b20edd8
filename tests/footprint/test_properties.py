"""What holds for the footprint of any cloud of particles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stilt.config.schema import FootprintGrid
from stilt.footprint.calc import calc_footprint
from stilt.foundations.simulation import Receptor
from stilt.particles.table import ParticleTable
from tests.footprint.obvious import obvious_footprint

SQUARE = {"xres": 0.25, "yres": 0.25}

GRIDS = {
    "square cells": FootprintGrid(-3.0, 3.0, -3.0, 3.0, **SQUARE),
    "wide cells": FootprintGrid(-3.0, 3.0, -3.0, 3.0, 0.5, 0.2),
    "high cells": FootprintGrid(-3.0, 3.0, -3.0, 3.0, 0.2, 0.5),
    "an incomplete last cell": FootprintGrid(-3.0, 2.9, -3.0, 2.9, 0.4, 0.4),
    "fine cells": FootprintGrid(-0.3, 0.3, -0.3, 0.3, 0.01, 0.01),
    "one layer": FootprintGrid(-3.0, 3.0, -3.0, 3.0, **SQUARE, time_integrate=True),
    "wide kernels": FootprintGrid(-3.0, 3.0, -3.0, 3.0, **SQUARE, smooth_factor=30.0),
    "no smoothing": FootprintGrid(-3.0, 3.0, -3.0, 3.0, **SQUARE, smooth_factor=0.0),
    "a box beside the cloud": FootprintGrid(0.5, 3.0, 1.0, 3.0, **SQUARE, smooth_factor=30.0),
    "one cell": FootprintGrid(-0.5, 0.5, -0.5, 0.5, 1.0, 1.0),
    "the globe": FootprintGrid(-180.0, 180.0, -90.0, 90.0, 10.0, 10.0, smooth_factor=300.0),
    "metres": FootprintGrid(
        -3.0, 3.0, -3.0, 3.0, 30_000.0, 20_000.0, "+proj=lcc +lat_1=-5 +lat_2=10"
    ),
    "metres, smoothed": FootprintGrid(
        -3.0, 3.0, -3.0, 3.0, 30_000.0, 20_000.0, "+proj=tmerc +datum=WGS84", smooth_factor=20_000.0
    ),
}


@dataclass(frozen=True)
class Cloud:
    """Particles that wander from (0, 0), with gaps, late starts, early ends and zero foot."""

    table: ParticleTable
    is_forward: bool

    @property
    def receptor(self) -> Receptor:
        return Receptor("202007010030", (0.0,), (0.0,), (10.0,))


@st.composite
def clouds(draw, min_particles: int = 1) -> Cloud:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(min_particles, 8))
    forward = draw(st.booleans())
    step_deg = draw(st.sampled_from([0.002, 0.02, 0.1]))
    step_min = draw(st.sampled_from([1, 1, 1, 2, 0.5, 0.25]))
    parts = []
    for indx in range(1, count + 1):
        first = draw(st.sampled_from([1, 1, 1, 2, 31]))
        last = first + draw(st.sampled_from([0, 5, 70, 150]))
        minutes = np.arange(first, last + 1)
        path = np.cumsum(rng.normal(0, step_deg, (2, len(minutes))), axis=1).round(4)
        foot = np.where(rng.random(len(minutes)) < 0.3, 0, rng.random(len(minutes))).round(6)
        parts.append(np.vstack([minutes * step_min, np.full(len(minutes), indx), path, foot]))
    rows = np.hstack(parts)
    rows = rows[:, np.lexsort((rows[1], rows[0]))]
    rows[0] *= 1 if forward else -1
    columns = dict(zip(("time", "indx", "long", "lati", "foot"), rows, strict=True))
    return Cloud(ParticleTable({k: np.ascontiguousarray(v) for k, v in columns.items()}), forward)


def footprint(cloud: Cloud, grid: FootprintGrid, **columns):
    return calc_footprint(cloud.table.with_columns(**columns), grid, cloud.receptor)


few = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@pytest.mark.parametrize("name", GRIDS)
@few
@given(cloud=clouds())
def test_it_is_the_obvious_method(name, cloud):
    ours = footprint(cloud, GRIDS[name])
    obvious = obvious_footprint(cloud.table, GRIDS[name])
    np.testing.assert_allclose(ours.values, obvious, rtol=2e-7, atol=1e-9)


@few
@given(cloud=clouds())
def test_all_foot_of_a_cloud_within_the_grid_is_in_the_footprint(cloud):
    wide = FootprintGrid(-30.0, 30.0, -30.0, 30.0, **SQUARE, smooth_factor=5.0)
    expected = cloud.table["foot"].sum() / len(np.unique(cloud.table["indx"]))
    assert footprint(cloud, wide).values.sum(dtype=float) == pytest.approx(expected, rel=1e-6)


@few
@given(cloud=clouds())
def test_none_is_lost_at_the_date_line_of_a_global_grid(cloud):
    expected = cloud.table["foot"].sum() / len(np.unique(cloud.table["indx"]))
    ours = footprint(cloud, GRIDS["the globe"], long=(cloud.table["long"] + 360) % 360 - 180)
    assert ours.values.sum(dtype=float) == pytest.approx(expected, rel=1e-6)


@few
@given(cloud=clouds(), factor=st.floats(0.1, 10), seed=st.integers(0, 99))
def test_it_is_linear_in_foot(cloud, factor, seed):
    grid = GRIDS["square cells"]
    one = cloud.table["foot"]
    other = np.random.default_rng(seed).random(len(one))
    both = footprint(cloud, grid, foot=one + factor * other).values
    apart = (
        footprint(cloud, grid, foot=one).values + factor * footprint(cloud, grid, foot=other).values
    )
    np.testing.assert_allclose(both, apart, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["square cells", "fine cells", "metres"])
@few
@given(cloud=clouds(min_particles=2), seed=st.integers(0, 99))
def test_the_order_of_particles_does_not_matter(name, cloud, seed):
    rng = np.random.default_rng(seed)
    indx = cloud.table["indx"]
    numbers = rng.permutation(1000)[: int(indx.max()) + 1].astype(float)
    order = np.argsort(numbers[indx.astype(int)], kind="stable")  # particle after particle
    shuffled = {name: values[order] for name, values in cloud.table.columns.items()}
    shuffled["indx"] = numbers[shuffled["indx"].astype(int)]
    other = calc_footprint(ParticleTable(shuffled), GRIDS[name], cloud.receptor)
    np.testing.assert_allclose(
        other.values, footprint(cloud, GRIDS[name]).values, rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize(("edge", "cell"), [(3.0, 0.25), (0.5, 0.015625)])
@few
@given(cloud=clouds(), turn=st.one_of(st.just(180.0), st.floats(-360, 360)))
def test_a_cloud_and_its_grid_may_lie_at_any_longitude(cloud, turn, edge, cell):
    def around(longitude: float) -> FootprintGrid:
        west, east = ((x + longitude + 180) % 360 - 180 for x in (-edge, edge))
        return FootprintGrid(west, east, -edge, edge, cell, cell, smooth_factor=3.0)

    shift = round(turn)
    long = cloud.table["long"] + 1 / 65536  # not on the edge of a cell, there or here
    here = footprint(cloud, around(0), long=long)
    there = footprint(cloud, around(shift), long=(long + shift + 180) % 360 - 180)
    np.testing.assert_allclose(there.values, here.values, rtol=1e-5, atol=1e-7)


def test_a_cloud_across_the_date_line_is_as_narrow_as_anywhere():
    rng = np.random.default_rng(1)
    table = ParticleTable(
        {
            "time": np.repeat([-1.0, -60.0, -600.0], 50),
            "indx": np.tile(np.arange(1.0, 51.0), 3),
            "long": np.concatenate([rng.normal(0, width, 50) for width in (0.01, 0.1, 1)]),
            "lati": rng.normal(50, 0.1, 150),
            "foot": np.ones(150),
        }
    )
    here = calc_footprint(
        table,
        FootprintGrid(-20, 20, 40, 60, 0.5, 0.5),
        Receptor("202001010000", (0.0,), (50.0,), (5.0,)),
    )
    moved = table.with_columns(long=(table["long"] + 360) % 360 - 180)
    there = calc_footprint(
        moved,
        FootprintGrid(-180, 180, 40, 60, 0.5, 0.5),
        Receptor("202001010000", (180.0,), (50.0,), (5.0,)),
    )
    # On the globe the box from -20 to 20 lies half at each end.
    folded = np.concatenate([there.values[:, :, -40:], there.values[:, :, :40]], axis=2)
    np.testing.assert_allclose(folded, here.values, rtol=1e-5, atol=1e-7)
    assert there.values.sum() == pytest.approx(here.values.sum(), rel=1e-6)


@pytest.mark.parametrize(
    "damage",
    [
        {"long": np.nan},
        {"lati": np.inf},
        {"foot": np.nan},
    ],
    ids=str,
)
def test_rows_without_a_place_or_foot_drop_out(damage):
    time = -np.repeat(np.arange(1.0, 11.0), 4)
    rng = np.random.default_rng(3)
    table = ParticleTable(
        {
            "time": time,
            "indx": np.tile(np.arange(1.0, 5.0), 10),
            "long": rng.normal(0, 0.3, 40),
            "lati": rng.normal(0, 0.3, 40),
            "foot": rng.random(40),
        }
    )
    ((column, value),) = damage.items()
    damaged = table[column].copy()
    damaged[7] = value
    receptor = Receptor("202001010000", (0.0,), (0.0,), (5.0,))
    grid = FootprintGrid(-5, 5, -5, 5, 0.5, 0.5)
    ours = calc_footprint(table.with_columns(**{column: damaged}), grid, receptor)
    expected = (table["foot"].sum() - table["foot"][7]) / 4
    assert ours.values.sum() == pytest.approx(expected, rel=1e-6)


def test_a_table_without_rows_is_empty():
    table = ParticleTable({n: np.empty(0) for n in ("time", "indx", "long", "lati", "foot")})
    ours = calc_footprint(
        table, GRIDS["one layer"], Receptor("202001010000", (0.0,), (0.0,), (5.0,))
    )
    assert ours.is_empty
