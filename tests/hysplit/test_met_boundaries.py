"""Meteorology in many files gives the particles that it gives in one, wherever a run begins and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from stilt.config.load import parse_config
from stilt.foundations.failures import Reason, TransportError
from stilt.foundations.simulation import Receptor, Simulation
from stilt.met.arl import read_arl
from stilt.met.supply import Part, crop
from stilt.transport.hysplit.engine import HysplitEngine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stilt.transport.hysplit.locate import Installation
    from stilt.transport.protocol import TransportResult
    from tests.met.conftest import Analyses

pytestmark = pytest.mark.hysplit

HOURS = [f"199510{day}{hour:02d}" for day in (16, 17, 18) for hour in range(0, 24, 2)]


@pytest.fixture
def run(
    hysplit: Installation, analyses: Analyses, ngm: Path, tmp_path: Path
) -> Callable[..., TransportResult]:
    """Run from files of some hours each, or from the one file where there are none."""
    engine = HysplitEngine(str(hysplit.exe.parent))

    def run_from(file_hours: int | None, time: str, n_hours: int) -> TransportResult:
        folder, name, tres = ngm.parent, ngm.name, 6
        if file_hours:
            folder, name, tres = tmp_path / f"every {file_hours} h", "ngm %Y%m%d_%H", file_hours
            analyses.write(folder, name, [*HOURS[:: file_hours // 2], "1995101900"])
        text = f"""
mets: {{ngm: {{directory: "{folder}", file_format: "{name}", file_tres: {tres}h}}}}
n_hours: {n_hours}
numpar: 10
"""
        workdir = tmp_path / f"work {file_hours}"
        workdir.mkdir()
        receptor = Receptor(time, (-90.0,), (40.0,), (100.0,))
        return engine.run(Simulation("a", "ngm", receptor), parse_config(text, "c"), workdir)

    return run_from


@pytest.mark.parametrize(
    ("file_hours", "time", "n_hours", "files"),
    [
        (6, "199510172200", -2, 1),
        (6, "199510162200", -6, 2),
        (6, "199510162300", -6, 3),
        (6, "199510171000", 4, 2),
        (6, "199510171200", 3, 1),
        (6, "199510170930", 2, 2),
        (6, "199510171100", 7, 3),
        (24, "199510162300", -3, 2),
        (4, "199510182000", -60, 16),
    ],
)  # fmt: skip
def test_particles_do_not_depend_on_how_the_meteorology_is_cut(
    run: Callable[..., TransportResult], file_hours: int, time: str, n_hours: int, files: int
) -> None:
    cut, whole = run(file_hours, time, n_hours), run(None, time, n_hours)
    assert len(cut.met_files) == files
    for name in whole.particles.columns:
        np.testing.assert_array_equal(cut.particles[name], whole.particles[name])
    assert np.abs(whole.particles["time"]).max() == 60 * abs(n_hours)


def test_files_of_a_single_time_are_called_that(run: Callable[..., TransportResult]) -> None:
    with pytest.raises(TransportError, match="single time") as caught:
        run(2, "199510171200", -4)
    assert caught.value.reason is Reason.MET_INTERVAL


def test_cropped_meteorology_gives_the_same_particles_but_for_its_packing(
    run: Callable[..., TransportResult], hysplit: Installation, ngm: Path, tmp_path: Path
) -> None:
    [_] = crop([read_arl(ngm)], ngm.parent, tmp_path / "small", Part((-125.0, 20.0, -62.0, 58.0)))
    text = f"""
mets: {{ngm: {{directory: "{tmp_path}/small", file_format: "{ngm.name}", file_tres: 6h}}}}
n_hours: -3
numpar: 10
"""
    (tmp_path / "work").mkdir()
    receptor = Receptor("199510171800", (-90.0,), (40.0,), (100.0,))
    cropped = HysplitEngine(str(hysplit.exe.parent)).run(
        Simulation("a", "ngm", receptor), parse_config(text, "c"), tmp_path / "work"
    )
    whole = run(None, "199510171800", -3)
    for name, tolerance in (("long", 0.05), ("lati", 0.05), ("mlht", 20.0)):
        np.testing.assert_allclose(
            cropped.particles[name], whole.particles[name], rtol=0, atol=tolerance
        )
