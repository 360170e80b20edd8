"""Columns of receptors.csv that are labels select simulations and footprints, and change neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import stilt
from tests.engines import Behaviour
from tests.projects import FOOTPRINT, make_project

if TYPE_CHECKING:
    from pathlib import Path

HEIGHTS = (5, Behaviour.MODEL_ERROR, 7, Behaviour.EMPTY)
SITES = ("WBB", "WBB", "DBK", "DBK")


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> stilt.Project:
    folder: Path = tmp_path_factory.mktemp("labels") / "p"
    made = make_project(folder, HEIGHTS, footprints=f"{{fine: {FOOTPRINT}}}")
    label(folder, SITES)
    answer = made.stilt("run")
    assert answer.code == 1, answer.err
    assert (
        answer.err.count("columns site, state are labels")
        + answer.out.count("columns site, state are labels")
        == 1
    )
    return stilt.Project(folder)


def label(folder: Path, sites: tuple[str, ...]) -> None:
    path = folder / "receptors.csv"
    head, *rows = [",".join(line.split(",")[:4]) for line in path.read_text().splitlines()]
    labelled = [
        f"{row},{site},{number}" for number, (row, site) in enumerate(zip(rows, sites, strict=True))
    ]
    path.write_text("\n".join([f"{head},site,state", *labelled]) + "\n")


def test_labels_are_columns_of_simulations(project) -> None:
    frame = project.simulations
    assert frame["site"].tolist() == list(SITES)
    assert frame["state_label"].tolist() == [0, 1, 2, 3]
    assert frame[frame["site"] == "DBK"]["state"].tolist() == ["complete", "empty"]


def test_labels_are_coordinates_of_footprints(project) -> None:
    footprints = project.footprints()
    assert footprints["site"].dims == ("receptor",)
    assert footprints["site"].to_numpy().tolist() == ["WBB", "DBK", "DBK"]
    one = footprints[footprints["site"] == "WBB"]
    assert one.receptor.to_numpy().tolist() == [project.simulations.index[0]]
    by_site = footprints.groupby("site").sum().sum(("hour", "lat", "lon"))
    assert by_site.sel(site="WBB") > 0


def test_other_labels_make_nothing_stale(project) -> None:
    label(project.path, ("A", "B", "C", "D"))
    again = stilt.Project(project.path)
    assert again.simulations["site"].tolist() == ["A", "B", "C", "D"]
    assert again.status().stale == 0
    assert again.status().complete == 2
