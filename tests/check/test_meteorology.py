"""What check says of the hours is what each simulation meets when it looks for its files."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stilt.check.meteorology import Demand, find_files, read_headers
from stilt.config.schema import Met
from stilt.foundations.failures import TransportError
from stilt.foundations.simulation import Receptor
from stilt.met.files import find_met_files
from stilt.met.listing import listing
from tests.met.conftest import analyses  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from pathlib import Path

    from tests.met.conftest import Analyses

START = datetime(1995, 10, 16, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def fails(met: Met, time: datetime, n_hours: int) -> bool:
    receptor = Receptor(f"{time:%Y%m%d%H%M}", (-90.0,), (40.0,), (10.0,))
    try:
        find_met_files(met, receptor, n_hours)
    except TransportError:
        return True
    return False


@pytest.mark.parametrize("seed", range(12))
def test_the_simulations_that_cannot_run_are_those_that_will_fail(
    tmp_path: Path,
    analyses: Analyses,  # noqa: F811 - the fixture
    seed: int,
):
    """Six-hourly files of two-hourly analyses, some of them missing; receptors at any minute."""
    dice = random.Random(seed)
    hours = [f"{START + timedelta(hours=6 * index):%Y%m%d%H}" for index in range(9)]
    folder = tmp_path / "met"
    analyses.write(folder, "ngm_%Y%m%d_%H", hours)
    for path in sorted(folder.iterdir()):
        if dice.random() < 0.25:
            path.unlink()
    met = Met(str(folder), "ngm_%Y%m%d_%H", "6h")
    n_hours = dice.choice([-12, -3, -1, 2, 9])
    times = [START + timedelta(minutes=dice.randrange(-300, 3200)) for _ in range(60)]
    minutes = np.array([int((time - EPOCH).total_seconds()) // 60 for time in times])
    listing.cache_clear()
    expected = [fails(met, time, n_hours) for time in times]
    files = find_files(met, n_hours, minutes)
    headers, damaged = read_headers(files.found)
    assert not damaged
    uncovered = Demand(met, files, minutes, n_hours).uncovered(headers)
    said = np.logical_or.reduce([rows for _, rows in uncovered] or [np.zeros(60, bool)])
    assert said.tolist() == expected
