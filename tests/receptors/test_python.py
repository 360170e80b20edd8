"""A receptor that is made in Python is the one that receptors.csv makes, or is refused as there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

import stilt
from stilt.foundations.errors import InputError
from stilt.receptors import read_receptors

TIME, PLACE = "202606162000", {"longitudes": (-111.9,), "latitudes": (40.5,), "heights_m": (30.0,)}
ALIKE = {
    "text": {"time": "2026-06-16 20:00"},
    "YYYYMMDDHH": {"time": "2026061620"},
    "a number": {"time": 2026061620},
    "a moment": {"time": datetime(2026, 6, 16, 20, 0, 59, tzinfo=UTC)},
    "another zone": {"time": datetime(2026, 6, 16, 14, tzinfo=timezone(-timedelta(hours=6)))},
    "numpy": {"time": np.datetime64("2026-06-16T20:00", "ns")},
    "east of 180": {"longitudes": 248.1},
    "single numbers": {"longitudes": -111.9, "latitudes": 40.5, "heights_m": 30},
    "arrays": {"longitudes": np.array([-111.9]), "heights_m": np.array([30.0])},
    "AGL": {"reference": "AGL"},
}
WRONG = {
    "no time": ({"time": "tomorrow"}, "is not a time"),
    "a month too many": ({"time": "2026131620"}, "is not a time"),
    "below ground": ({"heights_m": (-5.0,)}, "altitude -5 is out of range"),
    "latitude": ({"latitudes": (91.0,)}, "latitude 91 is out of range"),
    "longitude": ({"longitudes": (608.1,)}, "longitude 608.1 is out of range"),
    "no number": ({"heights_m": (float("nan"),)}, "altitude nan is not a number"),
    "a text": ({"heights_m": "high"}, "is not a number"),
    "other lengths": ({"longitudes": (-111.9, -112.0)}, "2 longitudes, 1 latitudes and 1 heights"),
    "nothing": ({"longitudes": (), "latitudes": (), "heights_m": ()}, "0 longitudes"),
    "a reference": ({"reference": "roof"}, "neither agl nor asl"),
}


@pytest.mark.parametrize("given", ALIKE.values(), ids=ALIKE)
def test_a_receptor_is_the_same_in_each_way_of_writing_it(given, tmp_path):
    (tmp_path / "receptors.csv").write_text("time,lon,lat,zagl\n2026-06-16 20:00,-111.9,40.5,30\n")
    (simulation,) = read_receptors(tmp_path / "receptors.csv", ("m",))
    made = stilt.Receptor(**{"time": TIME, **PLACE, **given})
    assert made == simulation.receptor
    assert made.digest == simulation.receptor.digest
    assert isinstance(simulation.receptor, stilt.Receptor)


def test_heights_above_sea_level_go_by_each_of_their_names():
    assert stilt.Receptor(TIME, **PLACE, reference="msl").reference == "asl"
    assert stilt.Receptor(TIME, **PLACE, reference=" ASL").reference == "asl"


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_what_receptors_csv_refuses_python_refuses(case):
    given, says = case
    with pytest.raises(InputError, match=says):
        stilt.Receptor(**{"time": TIME, **PLACE, **given})


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(InputError, match=r"not a time.*latitude 91.*altitude -1"):
        stilt.Receptor("x", -111.9, 91, -1)


def test_a_point_is_there_once():
    with pytest.raises(InputError, match="twice"):
        stilt.Receptor(TIME, (-111.9,) * 3, (40.5,) * 3, (10.0, 10.0, 30.0))
