"""Footprints equal R-STILT's, made from the same particles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from stilt.config.schema import FootprintGrid
from stilt.footprint.calc import calc_footprint
from tests.footprint import cases
from tests.footprint.obvious import obvious_footprint

if TYPE_CHECKING:
    from numpy.typing import NDArray

RTOL = 1e-6
"""R-STILT stores single precision, whose spacing is 1.2e-7."""

NOT_SQUARE = {"15_nonsquare_cells", "56_tiny_nonsquare_x_gt_y"}
"""R-STILT scrambles kernels whose cells are not square: compared with the method as it is described."""


@pytest.fixture(scope="module")
def report(request):
    """Collect a line for each case and print them as a table after the last one."""
    lines: list[str] = []
    yield lines
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{'case':32} {'max rel':>9} {'total':>11} {'rel':>9} {'centroid moved by':>18}")  # noqa: T201
        print("\n".join(lines))  # noqa: T201


def centroid(values: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64]):
    weight = values.astype(np.float64).sum(axis=0)
    return np.array([(weight.sum(0) * x).sum(), (weight.sum(1) * y).sum()]) / weight.sum()


@pytest.mark.parametrize("name", cases.names_with("foot.nc.gz"))
def test_every_reference_footprint_is_reproduced(name, report):
    theirs = cases.footprint(name, "foot.nc.gz")
    ours = calc_footprint(cases.particles(name), cases.grid(name), cases.receptor(name))

    np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(ours.y, theirs.y, rtol=1e-12, atol=1e-9)
    values, expected = cases.in_layers_of(ours, theirs), theirs.values
    if name in NOT_SQUARE:
        expected = obvious_footprint(cases.particles(name), cases.grid(name))
        values = ours.values
    total, expected_total = values.sum(dtype=float), expected.sum(dtype=float)
    large = expected > 1e-6 * expected.max()
    error = float(np.abs(values[large] / expected[large].astype(float) - 1).max())
    moved = np.abs(centroid(values, ours.x, ours.y) - centroid(expected, ours.x, ours.y)).max()
    note = "  (the method as described: R-STILT is wrong here)" if name in NOT_SQUARE else ""
    report.append(
        f"{name:32} {error:9.1e} {total:11.6g} {total / expected_total - 1:9.1e} {moved:18.1e}{note}"
    )
    assert error <= RTOL
    assert total == pytest.approx(expected_total, rel=RTOL)
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-6 * float(expected.max()))


def test_cells_that_are_not_square_hold_the_same_total_as_square_ones():
    name = "15_nonsquare_cells"
    ours = calc_footprint(cases.particles(name), cases.grid(name), cases.receptor(name))
    square = cases.footprint("01_base", "foot.nc.gz")
    assert ours.values.sum(dtype=float) == pytest.approx(square.values.sum(dtype=float), rel=1e-4)


def test_one_particle_is_not_smoothed():
    name = "57_tiny_one_particle"
    table = cases.particles(name)
    ours = calc_footprint(table, cases.grid(name), cases.receptor(name))
    inside = (table["long"] < 4) & (table["lati"] < 4)
    assert ours.values.sum() == pytest.approx(table["foot"][inside].sum())
    assert np.count_nonzero(ours.values) <= np.count_nonzero(inside)


@pytest.mark.parametrize("name", ["38_krand3_no_turbulence", "94_fail_no_influence"])
def test_nothing_within_the_grid_is_an_empty_footprint(name):
    ours = calc_footprint(cases.particles(name), cases.grid(name), cases.receptor(name))
    assert ours.is_empty


@pytest.mark.parametrize(
    ("file", "grid"),
    [
        ("foot_a.nc.gz", FootprintGrid(-100, -80, 30, 50, 0.1, 0.1)),
        ("foot_b.nc.gz", FootprintGrid(-100, -80, 30, 50, 0.02, 0.02, time_integrate=True)),
    ],
)
def test_a_thousand_particles_over_a_day_are_reproduced(file, grid):
    theirs = cases.footprint("bench", file)
    ours = calc_footprint(cases.bench_particles(), grid, cases.receptor("01_base"))
    np.testing.assert_allclose(cases.in_layers_of(ours, theirs), theirs.values, rtol=RTOL)
