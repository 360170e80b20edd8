"""Every kind of meteorology against what hycs_std computed on it, without hycs_std.

``tools/kinds.py`` prints all of it as a table, ``tools/oracles`` makes it anew.
"""

from __future__ import annotations

import pytest

from tests.native import kinds

MEAN = kinds.stored(kinds.MEAN_TABLE)
PLACES = ("b", "d")
"""Two of the six; the table has all."""


@pytest.mark.parametrize("kind", kinds.NAMES)
def test_mean_trajectories_are_those_of_hycs_std(tmp_path, kind):
    met = kinds.write_kind(tmp_path, kind)
    for run in (run for run in kinds.RUNS if run.kind == kind and run.place in PLACES):
        theirs = [row for row in MEAN[kind] if tuple(row[name] for name in kinds.GROUND) == run.key]
        ours = kinds.mean_rows("native", met, run, "nowhere")
        assert kinds.verdict(theirs, ours) == (
            "alike",
            pytest.approx(kinds.verdict(theirs, ours)[1]),
        )
