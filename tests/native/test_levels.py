"""The internal levels, which hycs_std names in its MESSAGE file, for many kinds of input levels and tops."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from stilt.met.analysis import GridHeader
from stilt.met.arl import Level
from stilt.transport.native.arl import AnalysisIndex
from stilt.transport.native.levels import vertical_grid

TABLE = Path(__file__).parent / "tables" / "internal_levels.csv"
"""114 of the trials with hycs_std 5.1.0: levels of three types drawn at random, and tops."""


def index_of(level_type, offset, levels, surface=0.0):
    place = (0.0,) * 11
    header = GridHeader("TEST", *place, offset, 10, 10, level_type)
    found = (Level(surface, ()), *(Level(height, ()) for height in levels))
    return AnalysisIndex(Path("met"), 0, 0, header, found)


def rows():
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row['level_type']}-{row['top_m']}")
def test_internal_levels_are_those_that_hycs_std_chooses(row):
    levels = [float(text) for text in row["levels"].split()]
    index = index_of(int(row["level_type"]), float(row["offset"]), levels, float(row["surface"]))
    grid = vertical_grid(index, float(row["top_m"]))
    chosen = (grid.count, grid.a, grid.b, grid.c)
    assert chosen == (int(row["count"]), *(float(row[name]) for name in "abc"))


def test_of_several_files_the_one_with_most_levels_decides():
    few = index_of(2, 0.0, [1000.0, 850.0, 700.0, 500.0, 300.0])
    many = index_of(2, 0.0, [float(p) for p in range(1000, 20, -20)])
    assert vertical_grid(few, 25000.0).count == 30
    assert vertical_grid([few, many], 25000.0) == vertical_grid(many, 25000.0)
