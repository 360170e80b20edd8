"""Every kind of meteorology against what hycs_std computed on it, without hycs_std.

``tools/kinds.py`` prints all of it as a table, ``tools/oracles`` makes it anew.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.drawn import drawn
from tests.native import kinds
from tests.native.oracles import table_folder

MEAN, SPREAD = kinds.stored(kinds.MEAN_TABLE), kinds.stored(kinds.SPREAD_TABLE)
PLACES = ("b", "d")
"""Two of the six; the table has all."""

ROUGH = {"ngm", "gdas0.5"}
"""Without 10 m wind, or without fluxes: they depend on HYSPLIT's table of roughness lengths."""


def ground(kind: str) -> dict[str, Any]:
    """How rough the ground is: as in HYSPLIT's table where that matters; else no HYSPLIT is needed."""
    return {"exe_dir": table_folder()} if kind in ROUGH else {"roughness": 0.2}


SAME = dict.fromkeys(kinds.MEAN_NAMES, ("alike",)) | {"low top": ("alike", "refused by both")}
"""What both do: above a low top no start is."""

SPREAD_KINDS = ("gdas0.5", "hrrr36", "ngm", "wrf", "north pole")
"""A night with a lid over the sea, the most used, fluxes of another kind, staggered winds, a pole."""

TODAYS = drawn(kinds.NAMES, 1)[0]
"""Of this kind hycs_std computes anew."""


@pytest.mark.parametrize("kind", kinds.MEAN_NAMES)
def test_mean_trajectories_are_those_of_hycs_std(tmp_path, kind):
    rough = ground(kind)
    met = kinds.write_kind(tmp_path, kind)
    judged = {}
    for run in (run for run in kinds.RUNS if run.kind == kind and run.place in PLACES):
        theirs = [row for row in MEAN[kind] if tuple(row[name] for name in kinds.GROUND) == run.key]
        judged[run] = kinds.verdict(theirs, kinds.mean_rows("native", met, run, **rough))
    assert len(judged) == 2 * len(PLACES)
    assert not {run: found for run, found in judged.items() if found[0] not in SAME[kind]}


@pytest.mark.parametrize("kind", SPREAD_KINDS)
def test_statistics_of_turbulence_are_those_of_hycs_std(tmp_path, kind):
    """In standard errors, with places rounded as hycs_std's; the footprint, without that, within a few per cent."""
    rough = ground(kind)
    met = kinds.write_kind(tmp_path, kind)
    rounded = kinds.spread_rows("native", met, kind, **rough, is_single=True)
    score = kinds.scores(SPREAD[kind], rounded)
    assert len(score) == len(SPREAD[kind]) == 22
    assert not kinds.differ_by_more_than_chance(score), score


@pytest.mark.hysplit
@pytest.mark.parametrize("kind", [TODAYS])
def test_hycs_std_computes_a_kind_anew(tmp_path, kind):
    """The tables are what hycs_std computes, and the native engine is like it: one kind a day."""
    folder, met = table_folder(), kinds.write_kind(tmp_path, kind)
    for run in (run for run in kinds.RUNS if run.kind == kind and run.place in PLACES):
        anew = kinds.mean_rows("hysplit", met, run, folder)
        stored = [row for row in MEAN[kind] if tuple(row[name] for name in kinds.GROUND) == run.key]
        assert kinds.verdict(stored, anew)[0] == "alike"
    theirs = kinds.spread_rows("hysplit", met, kind, folder, seeds=2)
    ours = kinds.spread_rows("native", met, kind, folder, is_single=True, seeds=2)
    assert not kinds.differ_by_more_than_chance(kinds.scores(theirs, ours))
    assert not kinds.differ_by_more_than_chance(kinds.scores(theirs, SPREAD[kind]))


def test_a_table_without_a_kind_or_with_other_numbers_would_be_noticed():
    rows = MEAN["hrrr36"][:9]
    assert (set(MEAN), set(SPREAD)) == (set(kinds.MEAN_NAMES), set(kinds.NAMES))
    moved = [{**row, "lati": f"{float(row['lati']) + 0.01:.4f}"} for row in rows]
    assert kinds.verdict(rows, rows)[0] == "alike"
    assert kinds.verdict(rows, moved)[0] == "wrong"
    assert kinds.verdict(rows, rows[:7])[0] == "wrong"
    score = {"zagl 60 min": 1.0, "long 60 min": -2.0, "foot hour 0": 3.6}
    assert not kinds.differ_by_more_than_chance(score)
    assert kinds.differ_by_more_than_chance({**score, "low 10 min": -3.7})
    assert kinds.differ_by_more_than_chance({**score, "low 10 min": 4.6})
