"""On the same particles the weights of PYSTILT 0.1.0a25's transforms (``pystilt.csv`` has what they made)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stilt.foundations.simulation import Receptor
from stilt.particles.table import ParticleTable
from stilt.weighting.kernel import Kernel
from stilt.weighting.weigh import weigh

HEIGHTS = (25.0, 75.0, 200.0, 600.0, 1500.0, 3000.0)
COLUMN = Receptor("202401010000", (0.0,) * 6, (0.0,) * 6, HEIGHTS)
ON_HEIGHTS = ("height_m", (0.0, 100.0, 1000.0, 2500.0), (0.6, 0.8, 1.05, 1.2))
THEIRS = pd.read_csv(Path(__file__).with_name("pystilt.csv"))
WEIGHTS = tuple(3 * THEIRS["pwf"][:6])
"""Theirs are a particle's; a level has three."""

SAME = {
    "ak_height": (Kernel(*ON_HEIGHTS), None),
    "ak_pressure": (Kernel("pressure_hpa", (985.0, 900.0, 800.0, 720.0), (0.7, 0.9, 1.0, 1.1)), None),
    "pressure": (Kernel("height_m", HEIGHTS, (), WEIGHTS), None),
    "lifetime_5h": (None, 5.0),
    "all": (Kernel("height_m", HEIGHTS, tuple(np.interp(HEIGHTS, *ON_HEIGHTS[1:])), WEIGHTS), 5.0),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_particles_weigh_what_they_do_there(name):
    columns = {
        column: THEIRS[column].to_numpy(float) for column in ("time", "indx", "foot", "pres")
    }
    found, _ = weigh(ParticleTable(columns), COLUMN, *SAME[name])
    np.testing.assert_allclose(found["foot"], THEIRS[name], rtol=1e-8)
