"""Particles equal R-STILT's, to the printed digit, wherever hycs_std is deterministic."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from stilt.transport.hysplit.engine import HysplitEngine
from tests.hysplit.reference_cases import OF_LEVELS, case, case_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stilt.particles.table import ParticleTable
    from stilt.transport.hysplit.locate import Installation
    from stilt.transport.protocol import TransportResult

pytestmark = pytest.mark.hysplit

DECIMALS = 10  # more than are printed of any column, fewer than tell R's parser from a correct one
RANDOM = {"20_h5_krand4"}  # R-STILT's default, seeded by the operating system
FAILURES = {"91_met_ends_early", "97_timeout"}  # successes to R-STILT, failures here
MINUTES_LONG = {"01_base", "21_h50_n100_24h", "23_n1000_6h"}
DETERMINISTIC = [
    pytest.param(name, marks=pytest.mark.slow if name in MINUTES_LONG else ())
    for name in case_names("CONTROL", "particle.parquet")
    if name not in {*RANDOM, *FAILURES, *OF_LEVELS}
]


@pytest.fixture(scope="module")
def report(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Collect a line for each table and print them after the last one."""
    lines: list[str] = []
    yield lines
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{'particles of':36} {'rows':>8} {'columns':>8} {'different digits':>17}")  # noqa: T201
        print("\n".join(lines))  # noqa: T201


@pytest.fixture(scope="module")
def run(hysplit: Installation, ngm: Path, tmp_path_factory: pytest.TempPathFactory):
    """Run a case once for all tests."""
    engine = HysplitEngine(str(hysplit.exe.parent))

    @cache
    def run_case(name: str) -> TransportResult:
        given = case(name)
        return engine.run(given.simulation, given.config(ngm.parent), tmp_path_factory.mktemp(name))

    return run_case


def by_time(frame: pd.DataFrame) -> pd.DataFrame:
    """In one order: R-STILT sorts forward runs and columns of several heights."""
    order = np.lexsort((frame["indx"], np.abs(frame["time"])))
    return frame.iloc[order].reset_index(drop=True)


def reference(name: str, file: str = "particle.parquet") -> pd.DataFrame:
    frame = pd.read_parquet(case(name).folder / file)
    if "foot_no_hnf_dilution" in frame:
        frame["foot"] = frame["foot_no_hnf_dilution"]
    return by_time(frame)


def assert_equal_digits(
    name: str, found: ParticleTable, expected: pd.DataFrame, report: list[str]
) -> None:
    ours = by_time(found.to_pandas())
    assert len(ours) == len(expected)
    theirs = expected[list(ours.columns)]
    same = (ours.round(DECIMALS) == theirs.round(DECIMALS)) | (ours.isna() & theirs.isna())
    different = int((~same).to_numpy().sum())
    report.append(f"{name:36} {len(ours):8,} {ours.shape[1]:8} {different:17}")
    assert different == 0


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_particles_are_r_stilts(run, report: list[str], name: str) -> None:
    assert_equal_digits(name, run(name).particles, reference(name), report)


@pytest.mark.parametrize("name", ["31_winderr", "32_zierr"])
def test_error_particles_are_r_stilts(run, report: list[str], name: str) -> None:
    error_particles = run(name).error_particles
    assert error_particles is not None
    expected = reference(name, "particle_error.parquet")
    assert_equal_digits(f"{name}, error run", error_particles, expected, report)


def test_particles_that_leave_the_domain_are_no_failure(run) -> None:
    particles = run("30_edge").particles
    assert particles["time"].min() == -782
    assert "off spatial domain of all grids" in run("30_edge").log


def test_runs_are_written_outward_in_time(run) -> None:
    for name in ("94_fail_no_influence", "25_forward_12h"):
        assert np.all(np.diff(np.abs(run(name).particles["time"])) >= 0)


def test_the_result_says_what_it_was_made_from(run, ngm: Path, hysplit: Installation) -> None:
    result = run("94_fail_no_influence")
    assert result.met_files == (ngm,)
    assert "Complete Hysplit" in result.log
    assert result.provenance["engine_sha256"] == hysplit.sha256
    assert "KRAND=2" in result.provenance["setup_cfg"]
    assert result.provenance["control"].startswith("95 10 17 18 00\n1\n40 -90 10\n-2\n")
    assert 10e6 < result.peak_rss_bytes < 500e6
    assert result.error_particles is None


def test_a_random_stream_of_the_systems_own_runs_too(run) -> None:
    assert len(run("20_h5_krand4").particles) == len(reference("20_h5_krand4"))
