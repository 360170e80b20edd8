"""Kinds of meteorology beside the sample's, against hycs_std on the same files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stilt.config.schema import Config, HysplitSection, Met
from stilt.foundations.simulation import Receptor, Simulation
from stilt.transport.hysplit.engine import HysplitEngine
from stilt.transport.native.engine import NativeEngine
from tests.meteorology import KINDS, write
from tests.meteorology.kinds import (
    HEIGHT,
    HEIGHTS_26,
    HYBRID,
    HYBRID_30,
    SIGMA,
    SIGMA_25,
    SIGMA_VOLUME,
)
from tests.native.oracles import COLUMNS, table_folder

pytestmark = pytest.mark.hysplit

REGIONAL = KINDS["regional"]
SIGMA_KIND = replace(REGIONAL, level_type=SIGMA, levels=SIGMA_25, volume=SIGMA_VOLUME)


def without(kind, name):
    return tuple(other for other in kind.surface if other != name)


PLAIN = ("PRSS", "SHGT", "T02M", "U10M", "V10M")

CASES = {
    "pressure, stress": REGIONAL,
    "pressure, friction velocity": replace(
        REGIONAL,
        surface=(*PLAIN, "SHTF", "USTR", "PBLH"),
        volume=("HGTS", "TEMP", "UWND", "VWND", "WWND", "SPHU"),
    ),
    "pressure, no fluxes": replace(REGIONAL, surface=PLAIN),
    "pressure, height motion": replace(
        REGIONAL, volume=("HGTS", "TEMP", "UWND", "VWND", "DZDT", "RELH")
    ),
    "sigma, stress": SIGMA_KIND,
    "sigma with pressures": replace(
        SIGMA_KIND,
        surface=(*PLAIN, "SHTF", "USTR"),
        volume=("PRES", *SIGMA_VOLUME),
        pressure_factor=1.004,
    ),
    "hybrid": replace(SIGMA_KIND, level_type=HYBRID, levels=HYBRID_30, surface=PLAIN),
    "hybrid, pressures that do not count": replace(
        SIGMA_KIND,
        level_type=HYBRID,
        levels=HYBRID_30,
        volume=("PRES", *SIGMA_VOLUME),
        pressure_factor=0.9,
    ),
    "heat flux of EDAS": replace(REGIONAL, model="EDAS"),
    "eastward stress alone": replace(SIGMA_KIND, surface=(*PLAIN, "SHTF", "UMOF")),
    "temperature scale before heat": replace(SIGMA_KIND, surface=(*PLAIN, "USTR", "TSTR", "SHTF")),
    "what packing lost": replace(SIGMA_KIND, volume=(*SIGMA_VOLUME, "DIFW"), residual=2e-3),
    "what packing lost, too early": replace(
        SIGMA_KIND, volume=("DIFW", *SIGMA_VOLUME), residual=2e-3
    ),
    "two vertical motions": replace(SIGMA_KIND, volume=(*SIGMA_VOLUME, "DZDT")),
    "sigma without terrain": replace(SIGMA_KIND, surface=without(SIGMA_KIND, "SHGT")),
    "height levels": replace(
        SIGMA_KIND, level_type=HEIGHT, levels=HEIGHTS_26, volume=("PRES", *SIGMA_VOLUME)
    ),
    "WRF, not staggered": replace(SIGMA_KIND, model="MWRF"),
    "WRF": replace(SIGMA_KIND, model="AWRF", staggered=True),
    "model with a name once thought of as 16 bits": replace(SIGMA_KIND, model="DGEO"),
}

TOLERANCE = {
    "long": 1.5e-4,
    "lati": 1.5e-4,
    "zagl": 0.1,
    "mlht": 0.1,
    "pres": 0.015,
    "dens": 1.2e-5,
    "zsfc": 0.01,
    "temp": 0.0101,  # a unit of the last digit: both have two
    "temz": 0.0101,
    "rhfr": 2e-5,
    "wout": 3e-6,
    "shtf": 0.02,
}


@pytest.mark.parametrize("name", CASES)
# Not near the ground: without turbulence particles sink to where single precision stops hycs_std.
@pytest.mark.parametrize("height", [600.0, 1500.0])
def test_mean_trajectory_is_that_of_hysplit(tmp_path, name, height):
    folder = table_folder()
    write(tmp_path / "made.arl", CASES[name], 15)
    config = Config(
        mets={"made": Met(str(tmp_path), "made.arl", "10d")},
        n_hours=-5,
        numpar=1,
        nturb=1,
        varsiwant=COLUMNS,
        hysplit=HysplitSection(folder),
    )
    receptor = Receptor("202106011100", (-90.2,), (38.3,), (height,))
    simulation = Simulation("made_202106011100_-90.2_38.3_x", "made", receptor)
    tables = []
    for engine in (HysplitEngine(folder), NativeEngine(exe_dir=folder)):
        workdir = tmp_path / engine.name / "work"
        workdir.mkdir(parents=True)
        tables.append(engine.run(simulation, config, workdir).particles)
    theirs, ours = tables
    assert len(ours) == len(theirs) == 300
    apart = {column: float(np.abs(ours[column] - theirs[column]).max()) for column in TOLERANCE}
    assert not {column: value for column, value in apart.items() if value > TOLERANCE[column]}
