"""Columns of receptors.csv that are labels select simulations and footprints, and change neither."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import xarray as xr

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


@pytest.mark.parametrize("is_archived", [False, True])
def test_labels_are_in_the_files_as_they_were_when_these_were_made(tmp_path, is_archived) -> None:
    made = make_project(tmp_path / "p", (5, 6), footprints=f"{{fine: {FOOTPRINT}}}")
    label(made.path, ("WBB", "DBK"))
    receptors = made.path / "receptors.csv"
    receptors.write_text(receptors.read_text().replace("site,state", "site,lat_mean (deg)"))
    assert made.stilt("run").code == 0
    if is_archived:
        assert made.stilt("archive").code == 0
        assert made.stilt("verify").code == 0
    project = stilt.Project(made.path)
    for number, site in enumerate(("WBB", "DBK")):
        result = project[number]
        expected = {"site": site, "lat_mean (deg)": number}
        assert result.labels == expected
        foot = result.footprint()
        assert str(foot["site"].to_numpy()) == site
        known = project.folded().find(result.id)
        for stored in (
            result._footprint(known, None),
            result._store.particles(result.simulation, known, result.receptor.digest),
        ):
            assert json.loads(stored.provenance()["labels"]) == expected


def test_new_footprints_of_stored_particles_have_the_labels_of_their_day(tmp_path) -> None:
    made = make_project(tmp_path / "p", (5,), footprints=f"{{fine: {FOOTPRINT}}}")
    label(made.path, ("WBB",))
    made.stilt("run")
    label(made.path, ("DBK",))
    config = made.path / "config.yaml"
    config.write_text(config.read_text().replace("xres: 0.1", "xres: 0.2"))
    assert made.stilt("run").code == 0
    with xr.open_dataset(stilt.Project(made.path)[0].footprint_path()) as file:
        assert file["site"].to_numpy().tolist() == ["DBK"]
        assert file["state"].to_numpy().tolist() == [0]
    with made.runs_file.open() as runs:
        assert sum("begin" in line for line in runs) == 1


def test_files_of_many_receptors_open_with_their_labels_side_by_side(tmp_path) -> None:
    made = make_project(tmp_path / "p", (5, 6, 7), footprints=f"{{fine: {FOOTPRINT}}}")
    label(made.path, ("WBB", "DBK", "WBB"))
    made.stilt("run")
    files = [result.footprint_path() for result in stilt.Project(made.path)]
    parts = [xr.load_dataset(path) for path in files]
    both = xr.concat(parts, dim="receptor", join="outer")
    assert both["foot"].sel(receptor=both["site"] == "WBB").sizes["receptor"] == 2
