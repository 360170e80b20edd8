"""A project that moved in from R-STILT computes what it computed there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest
import xarray as xr

from tests.hysplit.conftest import hysplit  # noqa: F401 - a fixture
from tests.shared_data import shared

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """\
project <- 'reference'
run_times <- as.POSIXct('{r_run_time}', tz = 'UTC')
lati <- {r_lati}; long <- {r_long}; zagl <- {r_zagl}
receptors <- expand.grid(run_time = run_times, lati = lati, long = long, zagl = zagl)
met_path <- '{folder}'
met_file_format <- '{met_file_format}'
met_file_tres <- '6 hours'
n_hours <- {n_hours}; numpar <- {numpar}; krand <- {krand}; hnf_plume <- T
xmn <- {xmn}; xmx <- {xmx}; ymn <- {ymn}; ymx <- {ymx}
xres <- {xres}; yres <- xres
projection <- '{projection}'; smooth_factor <- {smooth_factor}; time_integrate <- F
frvs <- 0.01; kmix0 <- 150; tratio <- 0.75; veght <- 0.5; maxpar <- numpar; mhrs <- 9999
"""


@pytest.mark.hysplit
@pytest.mark.usefixtures("hysplit")
def test_a_script_moves_in_and_gives_r_stilts_particles_and_footprint(stilt, tmp_path: Path):
    case = shared("reference", "02_small_6h")
    facts = json.loads((case / "case.json").read_text())
    given = {**facts["settings_given"], "folder": shared("data")}
    given["r_run_time"] = given["r_run_time"].replace("T", " ")  # R before 4.3 reads the date only
    (tmp_path / "run_stilt.r").write_text(SCRIPT.format(**given))
    moved = stilt("init", "project", "--from", "run_stilt.r")
    assert moved.returncode == 0, moved.stderr
    assert "not carried over" not in moved.stdout
    assert stilt("check", "project").returncode == 0
    assert stilt("run", "project").returncode == 0

    (particles,) = (tmp_path / "project").glob("output/particles/*/*.parquet")
    assert particles.stem.endswith(facts["simulation_id"])
    ours, theirs = (
        pq.read_table(path).sort_by([("time", "descending"), ("indx", "ascending")])
        for path in (particles, case / "particle.parquet")
    )
    for name, printed in (("long", 1e-4), ("lati", 1e-4), ("zagl", 1e-4), ("foot", 1e-7)):
        difference = np.abs(ours[name].to_numpy() - theirs[name].to_numpy()).max()
        assert difference < printed / 2, f"{name}: other than to the digits that hycs_std prints"
    (footprint,) = (tmp_path / "project").glob("output/footprints/default/*/*.nc")
    with xr.open_dataset(footprint) as data:
        assert float(data["foot"].sum()) == pytest.approx(facts["footprint"]["sum"], rel=1e-5)
        assert float(data["foot"].max()) == pytest.approx(facts["footprint"]["max"], rel=1e-5)
