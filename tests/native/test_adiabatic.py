"""Without turbulence, air that is neither heated nor cooled keeps its potential temperature along its way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stilt.config.schema import Config, HysplitSection, Met
from tests.meteorology import KINDS, write
from tests.meteorology.air import GAS, HEAT_CAPACITY, Air
from tests.native.kinds import compute
from tests.native.oracles import table_folder

HOURS = 13
LEVELS = {"pressure": "regional", "sigma": "mercator"}


def largest_change(folder, model, kind, direction, motion):
    """Largest change of potential temperature over 12 hours, K, in waves with so much of their vertical motion."""
    waves = replace(KINDS[kind], step_h=1.0, air=Air(adiabatic=True, motion=motion))
    name = f"waves_{motion:g}.arl"
    write(folder / name, waves, HOURS)
    config = Config(
        mets={"met": Met(str(folder), name, "10d")},
        n_hours=12 * direction,
        numpar=1,
        nturb=1,
        roughness=0.2 if model == "native" else None,
        model=model,
        varsiwant=("time", "indx", "long", "lati", "zagl", "pres", "temz"),
        hysplit=HysplitSection(table_folder() if model == "hysplit" else None),
    )
    table = compute(config, waves.at(0.5, 0.5), 2500.0, 0.5 if direction > 0 else HOURS - 0.5)
    potential = table["temz"] * (1000.0 / table["pres"]) ** (GAS / HEAT_CAPACITY)
    return np.abs(potential - potential[0]).max()


@pytest.mark.parametrize("model", ["native", pytest.param("hysplit", marks=pytest.mark.hysplit)])
@pytest.mark.parametrize("direction", [-1, 1])
@pytest.mark.parametrize("kind", LEVELS.values(), ids=LEVELS)
def test_potential_temperature_is_kept(tmp_path, model, kind, direction):
    kept, lost = (largest_change(tmp_path, model, kind, direction, motion) for motion in (1.0, 0.0))
    assert lost > 1.5
    assert kept < 0.15
