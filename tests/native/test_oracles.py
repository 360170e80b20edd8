"""The parts of hycs_std's results that hold no random numbers, to the tolerances of its specification."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stilt.transport.native.fields import BoundaryOptions
from stilt.transport.native.run import RunSettings
from tests.native.oracles import COLUMNS, largest, oracle, receptor, receptor_of, run
from tests.shared_data import shared

# Largest difference after up to 24 h, positions in degrees, heights in m. Single precision makes hycs_std drift.
ALONG_A_DAY = {
    "long": 4.2e-4,
    "lati": 3e-4,
    "zagl": 0.10,
    "mlht": 0.05,
    "pres": 0.02,
    "dens": 1.3e-5,
    "zsfc": 0.026,
    "temp": 0.01,
    "temz": 0.01,
    "rhfr": 3e-5,
    "wout": 1e-5,
    "shtf": 0.01,
}

# Without turbulence this one sinks to where single precision stops its motion.
NEAR_GROUND = ALONG_A_DAY | {
    "long": 7e-3,
    "lati": 8e-3,
    "zagl": 0.36,
    "zsfc": 0.11,
    "shtf": 0.05,
    "rhfr": 1e-4,
}

# One step: what is printed, and half a unit more.
FIRST_MINUTE = {
    "long": 6e-5,
    "lati": 6e-5,
    "zagl": 2.5e-3,
    "pres": 0.006,
    "dens": 6e-6,
    "temz": 0.006,
    "rhfr": 6e-6,
    "wout": 2e-6,
    "zsfc": 4e-4,
    "shtf": 0.006,
}

TRAJECTORIES = {
    "traj_ngm_40N90W_0010m_back24h": NEAR_GROUND,
    "traj_ngm_40N90W_0100m_back24h": ALONG_A_DAY,
    "traj_ngm_40N90W_0500m_back24h": ALONG_A_DAY,
    "traj_ngm_40N90W_1500m_back24h": ALONG_A_DAY,
    "traj_ngm_40N90W_5000m_back24h": ALONG_A_DAY,
    "traj_ngm_33N85W_500m_back24h": ALONG_A_DAY,
    "traj_ngm_40N90W_500m_fwd24h": ALONG_A_DAY,
}


def assert_close(
    computed: pd.DataFrame, expected: pd.DataFrame, tolerance: dict[str, float]
) -> None:
    differences = {name: largest(computed[name], expected[name]) for name in tolerance}
    beyond = {name: value for name, value in differences.items() if value > tolerance[name]}
    assert not beyond, f"beyond the tolerance: {beyond}"


@pytest.mark.parametrize("name", TRAJECTORIES)
def test_mean_trajectory_follows_hysplit_for_a_day(name):
    expected, control = oracle(name)
    where, hours = receptor_of(control)
    table = run(where, RunSettings(hours, 1, COLUMNS, is_turbulent=False)).set_index("time")
    assert_close(table.loc[expected["time"]], expected, TRAJECTORIES[name])


def first_minute(time: str, latitude: float, longitude: float, heights) -> pd.DataFrame:
    settings = RunSettings(-1, 1, COLUMNS, is_turbulent=False)
    rows = [run(receptor(time, latitude, longitude, [z]), settings).iloc[0] for z in heights]
    return pd.DataFrame(rows)


def test_column_is_that_of_hysplit():
    expected, control = oracle("column_ngm_40N90W_first_minute")
    released = expected["zagl"] - 60.0 * expected["wout"]
    table = first_minute(control[0], 40.0, -90.0, released)
    assert_close(table, expected, FIRST_MINUTE | {"mlht": 0.01, "temp": 0.006})


def test_levels_at_a_grid_point_are_those_of_hysplit():
    expected = pd.read_csv(shared("transport", "levels_gridpoint_first_minute.csv"))
    table = first_minute("95 10 17 18 00", 39.3759, -90.3987, expected["h"])
    assert_close(table, expected, FIRST_MINUTE)


@pytest.mark.parametrize("name", ["1718", "1708", "1620"])
def test_turbulence_profile_is_that_of_hysplit(name):
    expected, control = oracle(f"sigw_tlgr_profile_ngm_{name}")
    where, hours = receptor_of(control)
    table = run(where, RunSettings(hours, 3000, COLUMNS))
    table = table[table["time"] == -1.0]
    assert largest(table["mlht"][:1], expected["mlht"][:1]) < 0.05
    ours = table[["sigw", "tlgr"]].drop_duplicates().to_numpy()
    # In its last sub-step a particle may be in the thin layer above the mixed layer or have moved on: compare
    # the pairs that exist, each with the nearest of ours.
    for sigma_w, time_scale in expected[["sigw", "tlgr"]].drop_duplicates().to_numpy():
        distance = np.maximum(
            abs(ours[:, 0] - sigma_w) / 1e-3, abs(ours[:, 1] / time_scale - 1.0) / 2e-4
        )
        assert distance.min() < 1.0, f"no level has sigma_w {sigma_w} and T_L {time_scale}"


def test_first_minute_at_sites_by_day_and_night_is_that_of_hysplit():
    expected, _ = oracle("first_minute_sites_mlht_foot_sigw")
    assert len(expected) == 24
    for site in expected.itertuples():
        where = receptor(site.start, site.rlat, site.rlon, [5.0])
        table = run(where, RunSettings(-1, 200, COLUMNS))
        low = table[(table["time"] == -1.0) & (table["samt"] == 1.0)]
        place = f"{site.start} {site.rlat} {site.rlon}"
        assert low["mlht"].iloc[0] == pytest.approx(site.mlht, abs=0.05), place
        assert low["foot"].iloc[0] == pytest.approx(site.foot, rel=2.5e-4), place
        assert abs(low["sigw"] - site.sigw).min() < 1e-3, place
        assert abs(low["tlgr"] / site.tlgr - 1.0).min() < 2e-4, place


MIXED_LAYERS = {
    "base": (BoundaryOptions(), ()),
    "kmix0_900": (BoundaryOptions(kmix0=900.0), ()),
    "kmixd0": (BoundaryOptions(kmixd=0), ()),
    "kmixd1": (BoundaryOptions(kmixd=1), ()),
    "kmixd700": (BoundaryOptions(kmixd=700), ()),
    "zicontrol_2_0.5_1.5": (BoundaryOptions(), (2.0, 0.5, 1.5)),
}


@pytest.mark.parametrize("name", MIXED_LAYERS)
def test_mixed_layer_methods_are_those_of_hysplit(name):
    expected, control = oracle("kmixd_options_mlht_series")
    where, hours = receptor_of(control)
    options, factors = MIXED_LAYERS[name]
    settings = RunSettings(hours, 1, COLUMNS, is_turbulent=False, zi_factors=factors)
    table = run(where, settings, options).set_index("time")
    rows = expected[expected["option"] == name]
    assert largest(table.loc[rows["time"], "mlht"], rows["mlht"]) < 0.06
