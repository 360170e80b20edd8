"""A particle file says of itself what made it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from stilt.particles.parquet import read_particles, read_provenance

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import CompletedProcess

    from stilt.transport.hysplit.locate import Installation

pytestmark = pytest.mark.hysplit


def test_receptor_settings_files_seed_and_log_are_in_the_particle_file(
    hysplit: Installation, ngm: Path, tmp_path: Path, stilt: Callable[..., CompletedProcess[str]]
) -> None:
    (tmp_path / "config.yaml").write_text(
        f"mets: {{ngm: {{directory: {ngm.parent}, file_format: {ngm.name}, file_tres: 6h}}}}\n"
        "n_hours: -1\nnumpar: 10\nkmix0: 120\nseed: 5\n"
    )
    (tmp_path / "receptors.csv").write_text("time,long,lati,zagl\n1995-10-17 18:00,-90,40,10\n")
    done = stilt("run", tmp_path)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "output/particles/1995-10-17/ngm_199510171800_-90_40_10.parquet"
    found = read_provenance(path)
    assert json.loads(found["receptor"])["heights_m"] == [10.0]
    settings = json.loads(found["settings"])
    assert (settings["kmix0"], settings["kmixd"], settings["seed"]) == (120, 3, 5)
    assert settings["met"]["name"] == "ngm"
    assert found["met_files"] == str(ngm)
    assert "SEED=-" in found["setup_cfg"]
    assert found["engine_sha256"] == hysplit.sha256
    assert "Complete Hysplit" in found["model_log"]
    table = read_particles(path)
    assert len(table) == 600
    assert {"foot", "foot_no_hnf_dilution"} <= table.columns.keys()
