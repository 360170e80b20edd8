"""A seed and a simulation's id give the same particles for as long as the version of the algorithm is the same."""

from __future__ import annotations

import os
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stilt.example.atmosphere import write_atmosphere
from tests.golden.tables import ENGINES, UNITS_APART, Table, particles, seeds
from tests.hysplit.conftest import hysplit  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Callable

ALIKE = ("plain", "another simulation", "another seed", "wind errors")
"""Cases that nothing but their random numbers tells apart."""

VERSIONS = {
    "native": "ALGORITHM in stilt/transport/native/engine.py",
    "hysplit": "SEEDING in stilt/transport/hysplit/namelist.py",
}
"""What makes a result one of another algorithm: it enters each result's digest."""

on_each_engine = pytest.mark.parametrize(
    "engine", ["native", pytest.param("hysplit", marks=pytest.mark.hysplit)]
)


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("golden") / "met"
    write_atmosphere(folder)
    return folder


@pytest.fixture
def computed(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, met: Path, tmp_path: Path
) -> Callable[[str], Table]:
    """Run an engine: native without HYSPLIT's table of roughness lengths, hysplit as it is installed."""

    def compute(engine: str) -> Table:
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(Path(os.environ["STILT_HOME"]) / "kernels"))
        monkeypatch.delenv("STILT_HYSPLIT", raising=False)
        if engine == "hysplit":
            request.getfixturevalue("hysplit")  # or the test is skipped
        else:
            monkeypatch.setenv("STILT_HOME", str(tmp_path))
        return particles(engine, met)

    return compute


def what_to_do(engine: str, kept: Table, now: Table) -> str:
    """Say what makes this test pass again."""
    remake = "make the table anew: python -m tests.golden.make"
    if kept.version == now.version:
        why = f"version {kept.version} of {engine} gives other numbers than it did"
        return f"{why}: undo that, or raise {VERSIONS[engine]} and {remake}"
    return f"the table is of version {kept.version} of {engine}, this is {now.version}: {remake}"


@on_each_engine
def test_a_seed_gives_the_particles_that_it_always_gave(
    computed: Callable[[str], Table], engine: str
) -> None:
    kept, now = Table.read(engine), computed(engine)
    assert now.agrees(kept), what_to_do(engine, kept, now)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_seed_is_derived_as_it_always_was(engine: str) -> None:
    kept, now = Table.read(f"{engine}-seeds"), seeds(engine)
    assert now.agrees(kept), what_to_do(engine, kept, now)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cases", [*combinations(ALIKE, 2)], ids=" and ".join)
def test_other_random_numbers_are_far_apart(engine: str, cases: tuple[str, str]) -> None:
    kept = Table.read(engine)
    apart = kept.units_apart(kept, *cases).max(axis=0)
    assert np.all(apart[:3] > 10 * UNITS_APART)
    assert apart.max() > 1000 * UNITS_APART
