"""One atmosphere, in an ARL file and as NetCDF, and runs with the native engine in each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from stilt.foundations.simulation import Receptor
from stilt.transport.native.analysis import Setting
from stilt.transport.native.fields import BoundaryOptions
from stilt.transport.native.meteorology import Meteorology
from stilt.transport.native.randomness import Stream
from stilt.transport.native.roughness import RoughnessSource
from stilt.transport.native.run import RunSettings, transport
from stilt.transport.native.store import ColumnStore
from tests.meteorology import KINDS, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stilt.met.dataset.naming import Table
    from stilt.particles.table import ParticleTable

HOURS = 26
KIND = replace(KINDS["era5"], nx=61, ny=51)
COLUMNS = ("time", "indx", "long", "lati", "zagl", "foot", "mlht", "dens", "sigw", "temp", "shtf")
EVENING = Receptor("202106011830", (-12.3,), (41.1,), (50.0,))
MORNING = Receptor("202106010830", (-12.3,), (41.1,), (50.0,))


@pytest.fixture(scope="session")
def arl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of ERA5-like air: hourly, 37 levels of pressure, a quarter of a degree."""
    return write(tmp_path_factory.mktemp("arl") / "era5.arl", KIND, HOURS)


def run(
    paths: Sequence[Path],
    hours: int,
    *,
    where: Receptor = EVENING,
    is_turbulent: bool = True,
    particles: int = 200,
    options: BoundaryOptions = BoundaryOptions(),  # noqa: B008 - frozen
    table: Table = (),
) -> ParticleTable:
    """Run one receptor with files."""
    setting = Setting(25000.0, options, RoughnessSource("constant", None))
    meteorology = Meteorology(paths, setting, ColumnStore(), table)
    settings = RunSettings(hours, particles, COLUMNS, is_turbulent=is_turbulent)
    return transport(meteorology, where, settings, Stream(0, "same air"))
