"""On the same particles the weights of PYSTILT 0.1.0a25's transforms: what they made once, and run beside ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stilt.foundations.simulation import Receptor
from stilt.particles.table import ParticleTable
from stilt.weighting.kernel import Kernel
from stilt.weighting.weigh import weigh
from tests.shared_data import REPOSITORY, shared

HEIGHTS = (25.0, 75.0, 200.0, 600.0, 1500.0, 3000.0)
COLUMN = Receptor("202401010000", (0.0,) * 6, (0.0,) * 6, HEIGHTS)
ON_HEIGHTS = ("height_m", (0.0, 100.0, 1000.0, 2500.0), (0.6, 0.8, 1.05, 1.2))
THEIRS = pd.read_csv(Path(__file__).with_name("pystilt.csv"))
WEIGHTS = tuple(3 * THEIRS["pwf"][:6])
"""Theirs are a particle's; a level has three."""

PEER = Path(
    os.environ.get("STILT_PYSTILT", REPOSITORY / ".tools" / "pystilt-0.1.0a25" / "bin" / "python")
)
"""An interpreter that has PYSTILT."""

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


@pytest.mark.slow
def test_footprints_are_those_of_pystilts_transforms_beside_ours(tmp_path):
    shared("data", "samples", "pystilt_trajectories.parquet")
    if not PEER.exists():
        pytest.skip(
            "no PYSTILT: tools/pystilt_weights.py fetches it, or STILT_PYSTILT names a python with it"
        )
    tool = [sys.executable, REPOSITORY / "tools" / "pystilt_weights.py", "--python", PEER]
    shown = subprocess.run(tool, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert shown.stdout.count("footprint") == 10
    assert "asked 1e-06: yes" in shown.stdout
