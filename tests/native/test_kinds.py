"""Every kind of meteorology against what hycs_std computed on it, without hycs_std.

``tools/kinds.py`` prints all of it as a table, ``tools/oracles`` makes it anew.
"""

from __future__ import annotations

import pytest

from tests.native import kinds
from tests.native.oracles import table_folder

MEAN = kinds.stored(kinds.MEAN_TABLE)
PLACES = ("b", "d")
"""Two of the six; the table has all."""

ROUGH = {"ngm", "gdas0.5"}
"""Without 10 m wind, or without fluxes: they depend on HYSPLIT's table of roughness lengths."""


@pytest.mark.parametrize("kind", kinds.NAMES)
def test_mean_trajectories_are_those_of_hycs_std(tmp_path, kind):
    folder = table_folder() if kind in ROUGH else None
    met = kinds.write_kind(tmp_path, kind)
    judged = {}
    for run in (run for run in kinds.RUNS if run.kind == kind and run.place in PLACES):
        theirs = [row for row in MEAN[kind] if tuple(row[name] for name in kinds.GROUND) == run.key]
        judged[run] = kinds.verdict(theirs, kinds.mean_rows("native", met, run, folder))
    assert len(judged) == 2 * len(PLACES)
    assert not {run: largest for run, (said, largest) in judged.items() if said != "alike"}


def test_a_table_without_a_kind_or_with_other_numbers_would_be_noticed():
    rows = MEAN["hrrr36"][:9]
    assert set(MEAN) == set(kinds.NAMES)
    moved = [{**row, "lati": f"{float(row['lati']) + 0.01:.4f}"} for row in rows]
    assert kinds.verdict(rows, rows)[0] == "alike"
    assert kinds.verdict(rows, moved)[0] == "wrong"
    assert kinds.verdict(rows, rows[:7])[0] == "wrong"
