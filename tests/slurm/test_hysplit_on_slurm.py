"""The real transport model in the tasks of a real Slurm."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.hysplit_at_hand import need_hysplit
from tests.shared_data import shared
from tests.slurm.jobs import slurm_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.slurm.cluster import Cluster

pytestmark = [pytest.mark.slurm, pytest.mark.hysplit]


def test_receptors_become_footprints(cluster: Cluster, tmp_path: Path):
    met = shared("data", "oct1618.BIN")
    need_hysplit()
    run = slurm_project(tmp_path, cluster, [10], workers=2, cpus=2)
    execution = run.project.path.joinpath("config.yaml").read_text().partition("execution:")[2]
    (tmp_path / "config.yaml").write_text(
        f"mets:\n  ngm: {{directory: {met.parent}, file_format: oct1618, file_tres: 3d}}\n"
        "footprints:\n"
        "  near: {xmin: -95, xmax: -85, ymin: 37, ymax: 43, xres: 0.5, yres: 0.5}\n"
        f"n_hours: -2\nnumpar: 20\nexecution:{execution}\n"
    )
    (tmp_path / "receptors.csv").write_text(
        "time,longitude,latitude,altitude\n"
        + "".join(f"1995-10-17 {hour:02d}:00,-90,40,10\n" for hour in range(8, 12))
    )
    run.submit()
    run.await_outcome("complete", 4)
    assert Counter(run.project.outcomes().values()) == {"complete": 4}
    assert len(list(run.project.output.rglob("*.parquet"))) == 4
    assert len(list((run.project.output / "footprints" / "near").rglob("*.nc"))) == 4
    assert "nothing to do" in run.stilt("run").out
