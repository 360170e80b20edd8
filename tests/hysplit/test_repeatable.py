"""Without krand a rerun gives the same particles, and receptors do not share their turbulence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from stilt.config.load import parse_config
from stilt.foundations.simulation import Receptor, Simulation
from stilt.transport.hysplit.engine import HysplitEngine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stilt.particles.table import ParticleTable
    from stilt.transport.hysplit.locate import Installation

pytestmark = pytest.mark.hysplit


@pytest.fixture
def run(hysplit: Installation, ngm: Path, tmp_path: Path) -> Callable[..., ParticleTable]:
    """Run ten particles for an hour."""
    engine = HysplitEngine(str(hysplit.exe.parent))
    settings = f"""
        mets: {{ngm: {{directory: {ngm.parent}, file_format: {ngm.name}, file_tres: 6h}}}}
        n_hours: -1
        numpar: 10
        """
    runs = iter(range(100))

    def run_once(
        sim: str = "a", heights: tuple[float, ...] = (10.0,), more: str = ""
    ) -> ParticleTable:
        count = len(heights)
        receptor = Receptor("199510171800", (-90.0,) * count, (40.0,) * count, heights)
        workdir = tmp_path / str(next(runs))
        workdir.mkdir()
        text = "\n".join(line.strip() for line in settings.splitlines()) + more
        return engine.run(
            Simulation(sim, "ngm", receptor), parse_config(text, "c"), workdir
        ).particles

    return run_once


def same(one: ParticleTable, other: ParticleTable) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one.columns)


def test_a_rerun_is_identical(run: Callable[..., ParticleTable]) -> None:
    assert same(run(), run())


def test_another_receptor_has_other_turbulence(run: Callable[..., ParticleTable]) -> None:
    assert not same(run("a"), run("b"))


def test_another_seed_gives_another_realisation(run: Callable[..., ParticleTable]) -> None:
    assert not same(run(), run(more="seed: 1\n"))


def test_krand_2_alone_gives_every_receptor_the_same_stream(
    run: Callable[..., ParticleTable],
) -> None:
    assert same(run("a", more="krand: 2\n"), run("b", more="krand: 2\n"))


def test_a_column_is_released_along_its_whole_height(run: Callable[..., ParticleTable]) -> None:
    table = run(heights=(100.0, 3000.0), more="nturb: 1\n")
    first = table["zagl"][table["time"] == -1]
    assert np.all(np.diff(first) > 0)
    assert first[0] < 400
    assert first[-1] > 2300


def test_heights_above_sea_level_are_taken_as_such(
    hysplit: Installation, ngm: Path, tmp_path: Path
) -> None:
    engine = HysplitEngine(str(hysplit.exe.parent))
    text = f"""
mets: {{ngm: {{directory: {ngm.parent}, file_format: {ngm.name}, file_tres: 6h}}}}
n_hours: -1
numpar: 2
nturb: 1
"""
    first = {}
    for reference in ("agl", "asl"):
        receptor = Receptor("199510171800", (-105.0,), (40.0,), (4000.0,), reference)
        (tmp_path / reference).mkdir()
        result = engine.run(
            Simulation("a", "ngm", receptor), parse_config(text, "c"), tmp_path / reference
        )
        first[reference] = result.particles["zagl"][0]
    assert first["agl"] == pytest.approx(4000, abs=50)
    assert first["asl"] < 3000  # the ground there is at more than 1000 m
