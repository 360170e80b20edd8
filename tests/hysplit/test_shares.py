"""Levels and places have equal shares of the particles, to within one, with both engines.

What is counted are the particles' heights and places in their first minute, without turbulence.
"""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stilt.config.load import parse_config
from stilt.footprint.hnf import release_heights
from stilt.foundations.simulation import Receptor, Simulation
from stilt.particles.table import ParticleTable
from stilt.transport.engines import load_engine
from stilt.transport.protocol import Reason, TransportError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stilt.config.schema import Config
    from stilt.transport.hysplit.locate import Installation

pytestmark = pytest.mark.hysplit

TIME = "199510171800"
LEVELS = [(3, 3), (3, 100), (10, 25), (25, 300), (150, 400)]
PLACES = [(1, 1), (2, 200), (3, 10), (7, 100), (30, 100), (30, 30), (600, 600), (600, 2000)]


@pytest.fixture(scope="module")
def report(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Collect a line for each run and print them after the last one."""
    lines: list[str] = []
    yield lines
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{'engine':8} {'receptor':22} {'numpar':>6} {'released':>8} {'share':>10}")  # noqa: T201
        print("\n".join(lines))  # noqa: T201


@dataclass(frozen=True)
class Runner:
    """Runs receptors with one engine, for an hour."""

    model: str
    ngm: Path
    folder: Path
    report: list[str]

    def run(self, receptor: Receptor, numpar: int, more: str = "") -> ParticleTable:
        """Return the rows that particles begin with, in the order of particles."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        config = settings(self.ngm, numpar, f"model: {self.model}\n{more}")
        engine = load_engine(config)
        table = engine.run(Simulation("a", "ngm", receptor), config, folder).particles
        order = np.lexsort((np.abs(table["time"]), table["indx"]))
        _, first = np.unique(table["indx"][order], return_index=True)
        return ParticleTable({name: values[order][first] for name, values in table.columns.items()})

    def told(self, what: str, numpar: int, counts: np.ndarray) -> tuple[int, int]:
        """Note the smallest and the largest share, and return them."""
        low, high = int(counts.min()), int(counts.max())
        share = f"{low}" if low == high else f"{low} to {high}"
        self.report.append(
            f"{self.model:8} {what:22} {numpar:6,} {int(counts.sum()):8,} {share:>10}"
        )
        return low, high


@pytest.fixture(params=["hysplit", "native"])
def runner(
    request: pytest.FixtureRequest,
    hysplit: Installation,  # noqa: ARG001 - installs it
    ngm: Path,
    tmp_path: Path,
    report: list[str],
) -> Runner:
    return Runner(request.param, ngm, tmp_path, report)


def settings(ngm: Path, numpar: int, more: str) -> Config:
    text = f"""
mets: {{ngm: {{directory: {ngm.parent}, file_format: {ngm.name}, file_tres: 6h}}}}
n_hours: -1
numpar: {numpar}
nturb: 1
{more}
"""
    return parse_config(text, "c")


def column(heights: list[float]) -> Receptor:
    return Receptor(TIME, (-90.0,) * len(heights), (40.0,) * len(heights), tuple(heights))


def places(count: int) -> Receptor:
    numbers = [(number % 25, number // 25) for number in range(count)]
    random.Random(count).shuffle(numbers)
    longitudes = tuple(-97.0 + 0.4 * x for x, _ in numbers)
    latitudes = tuple(32.0 + 0.4 * y for _, y in numbers)
    return Receptor(TIME, longitudes, latitudes, (500.0,) * count)


@pytest.mark.parametrize(("levels", "numpar"), LEVELS)
@pytest.mark.parametrize("order", ["descending", "shuffled"])
def test_levels(runner: Runner, levels: int, numpar: int, order: str) -> None:
    heights = [10.0 + 30.0 * number for number in range(levels)]
    if order == "descending":
        heights.reverse()
    elif order == "shuffled":
        random.Random(levels).shuffle(heights)
    receptor = column(heights)
    first = runner.run(receptor, numpar)
    nearest = np.abs(first["zagl"][:, None] - np.array(heights)).argmin(axis=1)
    low, high = runner.told(f"{levels} levels, {order}", numpar, counts(nearest, levels))
    assert numpar == len(first["indx"])
    assert numpar // levels == low
    assert high - low <= 1
    np.testing.assert_array_equal(release_heights(first, receptor), np.array(heights)[nearest])


@pytest.mark.parametrize(("count", "numpar"), PLACES)
def test_places(runner: Runner, count: int, numpar: int) -> None:
    receptor = places(count)
    first = runner.run(receptor, numpar)
    low, high = runner.told(
        f"{count} places", numpar, counts(nearest_place(first, receptor), count)
    )
    assert numpar == len(first["indx"])
    assert numpar // count == low
    assert high - low <= 1


@pytest.mark.parametrize("heights", [[100.0, 2100.0], [2100.0, 100.0]])
def test_two_heights_are_an_even_line(runner: Runner, heights: list[float]) -> None:
    first = runner.run(column(heights), 100)
    np.testing.assert_allclose(release_heights(first, column(heights)), first["zagl"], atol=40.0)
    tenths = np.floor((first["zagl"] - 100.0) / 200.0).astype(int)
    low, high = runner.told("line, in tenths", 100, counts(tenths.clip(0, 9), 10))
    assert low >= 8
    assert high <= 12


def test_heights_of_one_place_among_several_are_no_line(runner: Runner) -> None:
    receptor = Receptor(TIME, (-90.0, -90.0, -90.0, -95.0), (40.0,) * 4, (10.0, 900.0, 400.0, 50.0))
    first = runner.run(receptor, 8)
    np.testing.assert_allclose(first["zagl"], [50, 10, 400, 900] * 2, atol=5)
    np.testing.assert_array_equal(release_heights(first, receptor), [50, 10, 400, 900] * 2)


def test_levels_share_a_long_emission(runner: Runner) -> None:
    first = runner.run(column([900.0, 100.0, 500.0]), 100, "emisshrs: 0.5")
    nearest = np.abs(first["zagl"][:, None] - np.array([100.0, 500.0, 900.0])).argmin(axis=1)
    np.testing.assert_array_equal(counts(nearest, 3), [34, 33, 33])
    assert len(set(first["time"])) >= 17


def test_the_order_of_rows_makes_no_difference(runner: Runner) -> None:
    one, other = (
        runner.run(column(heights), 7) for heights in ([10.0, 900.0, 300.0], [900.0, 300.0, 10.0])
    )
    for name in one.columns:
        np.testing.assert_array_equal(one[name], other[name])


def test_a_line_is_filled_from_below_whichever_end_comes_first(runner: Runner) -> None:
    up, down = (runner.run(column(heights), 20) for heights in ([10.0, 900.0], [900.0, 10.0]))
    for name in up.columns:
        np.testing.assert_array_equal(up[name], down[name])


@pytest.mark.parametrize("receptor", [column([10.0, 20.0, 30.0, 40.0]), places(4)])
def test_fewer_particles_than_points_are_refused(runner: Runner, receptor: Receptor) -> None:
    with pytest.raises(TransportError, match="raise numpar to 4 or more") as caught:
        runner.run(receptor, 3)
    assert caught.value.reason is Reason.BAD_RECEPTOR


def test_a_place_outside_of_the_meteorology_is_refused(runner: Runner) -> None:
    receptor = Receptor(TIME, (-90.0, 20.0, -95.0), (40.0,) * 3, (10.0,) * 3)
    with pytest.raises(TransportError, match="outside of the meteorology's grid") as caught:
        runner.run(receptor, 6)
    assert caught.value.reason is Reason.BAD_RECEPTOR


def counts(numbers: np.ndarray, of: int) -> np.ndarray:
    return np.bincount(numbers, minlength=of)


def nearest_place(first: ParticleTable, receptor: Receptor) -> np.ndarray:
    lon, lat = np.array(receptor.longitudes), np.array(receptor.latitudes)
    distance = np.hypot(first["long"][:, None] - lon, first["lati"][:, None] - lat)
    assert np.all(distance.min(axis=1) < 0.05)
    return distance.argmin(axis=1)
