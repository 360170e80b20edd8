"""What hycs_std computed, and running the native engine on the same receptors."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from stilt.foundations.errors import EnvironmentFailure
from stilt.foundations.simulation import Receptor
from stilt.transport.hysplit.install import install
from stilt.transport.hysplit.locate import locate
from stilt.transport.native.analysis import Setting
from stilt.transport.native.fields import BoundaryOptions
from stilt.transport.native.meteorology import Meteorology
from stilt.transport.native.randomness import Stream
from stilt.transport.native.roughness import HYSPLIT, roughness_source
from stilt.transport.native.run import RunSettings, transport
from stilt.transport.native.store import ColumnStore
from tests.shared_data import shared

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES = (
    "time indx long lati zagl foot mlht dens samt sigw tlgr pres zsfc temp temz rhfr sphu wout shtf"
)
COLUMNS = tuple(_NAMES.split())


@lru_cache(maxsize=1)
def table_folder() -> str:
    """Folder of HYSPLIT's roughness table; the oracles were made with it."""
    try:
        install()
        return str(locate().exe.parent)
    except EnvironmentFailure as error:
        pytest.skip(f"the table of roughness lengths is not available: {error.message}")


@lru_cache(maxsize=8)
def analyses(options: BoundaryOptions = BoundaryOptions()) -> Meteorology:  # noqa: B008 - frozen
    """The sample meteorology, with columns in memory."""
    met = shared("data", "oct1618.BIN")
    return Meteorology(
        [met], Setting(25000.0, options, roughness_source(HYSPLIT, table_folder())), ColumnStore()
    )


def receptor(
    control_time: str, latitude: float, longitude: float, heights: Sequence[float]
) -> Receptor:
    """A receptor from a time as CONTROL writes it, ``95 10 17 18 00``."""
    count = len(heights)
    time = "19" + control_time.replace(" ", "")
    return Receptor(time, (longitude,) * count, (latitude,) * count, tuple(map(float, heights)))


def run(
    where: Receptor,
    settings: RunSettings,
    options: BoundaryOptions = BoundaryOptions(),  # noqa: B008 - frozen
    seed: int = 0,
) -> pd.DataFrame:
    """Return the particle table as a data frame."""
    return transport(analyses(options), where, settings, Stream(seed, "oracle")).to_pandas()


def oracle(name: str, table: str = "data.csv") -> tuple[pd.DataFrame, list[str]]:
    """Return an oracle's table and the lines of its CONTROL."""
    folder = shared("transport", name)
    return pd.read_csv(folder / table), (folder / "CONTROL").read_text().splitlines()


def receptor_of(control: list[str]) -> tuple[Receptor, int]:
    """Return the receptor and the hours of a CONTROL file."""
    places = int(control[1])
    points = [tuple(map(float, line.split())) for line in control[2 : 2 + places]]
    heights = [height for _, _, height in points]
    where = receptor(control[0], points[0][0], points[0][1], heights)
    return where, int(re.sub(r"\s", "", control[2 + places]))


def largest(computed: pd.Series, expected: pd.Series) -> float:
    """Largest absolute difference."""
    return float(np.abs(computed.to_numpy() - expected.to_numpy()).max())
