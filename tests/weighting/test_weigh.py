"""Weights against a slow reference, and what must hold whatever they are."""

from __future__ import annotations

import random

import msgspec
import numpy as np
import pandas as pd
import pytest

from stilt.config.schema import FootprintGrid
from stilt.footprint.calc import calc_footprint
from stilt.foundations.errors import InputError
from stilt.foundations.simulation import Receptor
from stilt.particles.table import ParticleTable
from stilt.weighting.kernel import Kernel
from stilt.weighting.weigh import shares_of_points, weigh
from tests.weighting.slow import weighted

GRID = FootprintGrid(xmin=-113, xmax=-110, ymin=39, ymax=42, xres=0.1, yres=0.1)
HEIGHTS = (50.0, 300.0, 1200.0, 4000.0)


def column(heights=HEIGHTS, *, slant=0.0, reference="agl") -> Receptor:
    lons = tuple(-111.9 + slant * place for place in range(len(heights)))
    return Receptor("201512100000", lons, (40.5,) * len(heights), tuple(heights), reference)


def particles(count=24, minutes=5, seed=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    time, indx = (a.ravel() for a in np.mgrid[1 : minutes + 1, 1 : count + 1])
    return pd.DataFrame(
        {
            "time": -time.astype(float),
            "indx": indx.astype(float),
            "long": rng.normal(-111.9, 0.3, time.size),
            "lati": rng.normal(40.5, 0.3, time.size),
            "foot": rng.exponential(1e-3, time.size),
            "pres": rng.uniform(500, 1000, time.size),
        }
    )


def table(frame: pd.DataFrame) -> ParticleTable:
    return ParticleTable({name: frame[name].to_numpy() for name in frame})


def values_of(particles: ParticleTable, grid: FootprintGrid, receptor: Receptor) -> np.ndarray:
    return calc_footprint(particles, grid, receptor).values  # noqa: PD011 - no frame


def some_kernel(rng: random.Random, on: str, heights) -> Kernel:
    if on == "height_m":
        levels = list(heights) if rng.random() < 0.3 else []
        levels = sorted(
            {*levels, *(rng.choice([0.0, 100.0, rng.uniform(0, 9000)]) for _ in range(3))}
        )
    else:
        levels = sorted((rng.uniform(300, 1050) for _ in range(rng.randint(1, 6))), reverse=True)
    draw = [tuple(rng.uniform(least, 1.5) for _ in levels) for least in (-0.5, 0)]
    averaging, weights = draw[0] if rng.random() < 0.8 else (), draw[1]
    return Kernel(on, tuple(levels), averaging, weights if rng.random() < 0.8 else ())


@pytest.mark.parametrize("seed", range(40))
def test_weighted_foot_is_that_of_a_slow_reference(seed):
    rng = random.Random(seed)
    receptor = rng.choice(
        [
            column(),
            column((500.0,)),
            column((10.0, 3000.0)),  # a line
            column((3000.0, 10.0)),
            column(rng.sample(HEIGHTS, 3)),
            column(HEIGHTS, slant=0.01),
            column((100.0, 100.0, 900.0), slant=0.01),
            column(HEIGHTS, reference="asl"),
        ]
    )
    on = rng.choice(["height_m", "pressure_hpa"])
    kernel, lifetime = some_kernel(rng, on, receptor.heights_m), rng.choice([None, 0.7])
    frame = particles(count=rng.choice([24, 25]), seed=seed)
    found, _ = weigh(table(frame), receptor, kernel, lifetime)
    expected = weighted(frame, receptor, kernel, lifetime)
    np.testing.assert_allclose(found["foot"], expected, rtol=1e-12, atol=1e-18)


@pytest.mark.parametrize(
    "kernel",
    [
        Kernel("height_m", (0.0, 9000.0), (0.0, 2.0)),
        Kernel("pressure_hpa", (1000.0, 300.0), (0.0, 2.0), (0.5, 0.5)),
    ],
)
def test_particles_of_a_line_weigh_the_same_where_others_have_no_row(kernel):
    line = Receptor("201512100000", (-111.9, -111.9), (40.5, 40.5), (0.0, 9000.0))
    frame = particles(count=40)
    frame["pres"] = 1000.0 * np.exp(-0.03 * (frame["indx"] - 1.0))
    lost = frame["indx"].isin([3, 17, *range(36, 41)])
    whole = weigh(table(frame), line, kernel)[0]["foot"]
    found = weigh(table(frame[~lost]), line, kernel, released=40)[0]["foot"]
    np.testing.assert_allclose(found, whole[~lost.to_numpy()], rtol=1e-10)


@pytest.mark.parametrize("receptor", [column(), column((500.0,)), column(HEIGHTS, slant=0.02)])
def test_a_kernel_of_ones_with_equal_weights_changes_nothing(receptor):
    points = len(receptor.heights_m)
    kernel = Kernel("height_m", receptor.heights_m, (1.0,) * points, (1 / points,) * points)
    found, facts = weigh(table(particles()), receptor, kernel)
    plain = values_of(table(particles()), GRID, receptor)
    np.testing.assert_allclose(values_of(found, GRID, receptor), plain, rtol=1e-6)
    assert facts == {}


@pytest.mark.parametrize("count", [24, 25, 27, 5])
def test_levels_have_the_weights_that_are_stated_however_many_particles_they_have(count):
    kernel = Kernel("height_m", HEIGHTS, (0.5, 0.9, 1.1, -0.2), (0.1, 0.2, 0.3, 0.4))
    frame = particles(count=count)
    found = weigh(table(frame), column(), kernel)[0]["foot"]
    level = (frame["indx"].to_numpy(int) - 1) % 4
    for place in range(4):
        own = frame["foot"][level == place]
        share = kernel.averaging[place] * kernel.weights[place]
        mean = own.sum() / frame["indx"][level == place].nunique()
        assert found[level == place].sum() / count == pytest.approx(share * mean, rel=1e-12)


def test_a_footprint_is_the_sum_of_those_of_levels_by_their_weights():
    """Each level alone, as a receptor of its own; unsmoothed and at rest, as both go by the whole cloud."""
    kernel = Kernel("height_m", HEIGHTS, (0.5, 0.9, 1.1, 1.2), (0.1, 0.2, 0.3, 0.4))
    frame = particles()
    frame[["long", "lati"]] = frame.groupby("indx")[["long", "lati"]].transform("first")
    grid = msgspec.structs.replace(GRID, smooth_factor=0.0)
    found = values_of(weigh(table(frame), column(), kernel)[0], grid, column())
    total = np.zeros_like(found)
    for level, height in enumerate(HEIGHTS):
        alone = frame[(frame["indx"] - 1) % 4 == level]
        share = kernel.averaging[level] * kernel.weights[level]
        total += share * values_of(table(alone), grid, column((height,)))
    np.testing.assert_allclose(found, total, rtol=1e-5, atol=1e-12)


def test_receptors_levels_may_stand_in_any_order():
    kernel = Kernel("height_m", HEIGHTS, (0.5, 0.9, 1.1, 1.2), (0.1, 0.2, 0.3, 0.4))
    one = weigh(table(particles()), column(), kernel)[0]["foot"]
    other = weigh(table(particles()), column(HEIGHTS[::-1]), kernel)[0]["foot"]
    assert np.array_equal(one, other)


@pytest.mark.parametrize("seed", range(10))
def test_weights_are_conserved_but_for_what_lies_above(seed):
    rng = np.random.default_rng(seed)
    levels = np.sort(rng.uniform(0, 10_000, 8))
    weights = rng.dirichlet(np.ones(8))
    points = rng.uniform(0, 12_000, 5)
    dealt = shares_of_points(levels, weights, points, 0.0).sum()
    top = levels[-1] + (levels[-1] - levels[-2]) / 2
    heights = np.sort(points)
    reach = heights[-1] + (heights[-1] - heights[-2]) / 2
    assert dealt == pytest.approx(1.0) if reach >= top else dealt < 1.0
    beyond = [*points, 50_000.0]
    assert shares_of_points(levels, weights, np.array(beyond), 0.0).sum() == pytest.approx(1.0)


def test_what_lies_outside_is_told():
    kernel = Kernel("height_m", (100.0, 1200.0, 9000.0), (1.0, 1.0, 1.0), (0.2, 0.3, 0.5))
    _, facts = weigh(table(particles()), column((50.0, 600.0, 1200.0)), kernel)
    assert facts == {"particles_outside_kernel": 8.0, "weight_above_column": 0.5}


def test_a_lifetime_takes_the_age_of_each_row():
    frame = particles(minutes=3)
    found, _ = weigh(table(frame), column(), None, 2.0)
    np.testing.assert_allclose(
        found["foot"], frame["foot"] * np.exp(frame["time"] / 120.0), rtol=1e-15
    )


def test_a_kernel_on_pressures_names_the_column_that_it_needs():
    with pytest.raises(InputError, match="add pres to varsiwant"):
        weigh(
            table(particles().drop(columns="pres")),
            column(),
            Kernel("pressure_hpa", (900.0,), (1.0,)),
        )
