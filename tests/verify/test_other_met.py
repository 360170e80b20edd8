"""Met files that were exchanged since results were made from them are noted; the results stay done."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from stilt.met.header import signature
from stilt.outputs.met_read import MetRead
from tests.hysplit_at_hand import settings_of
from tests.meteorology import KINDS, write
from tests.meteorology.air import Air
from tests.projects import Project

if TYPE_CHECKING:
    from pathlib import Path

KIND = KINDS["coarse"]


@pytest.fixture(params=["native", pytest.param("hysplit", marks=pytest.mark.hysplit)])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    engine = settings_of(request.param)
    folder = tmp_path / "p"
    (folder / "met").mkdir(parents=True)
    write(folder / "met" / "made", KIND, 6)
    (folder / "config.yaml").write_text(
        f"mets: {{made: {{directory: {folder / 'met'}}}}}\nn_hours: -1\nnumpar: 10\n{engine}"
    )
    longitude, latitude = KIND.at(0.5, 0.5)
    rows = [f"2021-06-01 05:00,{longitude:.3f},{latitude:.3f},{height}" for height in (5, 50)]
    (folder / "receptors.csv").write_text("\n".join(["time,lon,lat,zagl", *rows, ""]))
    made = Project(folder)
    assert made.stilt("run").code == 0
    return made


def noted(project: Project) -> list[dict[str, object]]:
    answer = project.stilt("verify", "--json")
    assert answer.code == 0, answer.err
    found: list[dict[str, object]] = json.loads(answer.out)["other_met"]
    return found


@pytest.mark.parametrize("is_archived", [False, True])
def test_a_met_file_that_was_exchanged_is_a_note_and_no_staleness(project, is_archived) -> None:
    met = project.path / "met" / "made"
    if is_archived:
        assert project.stilt("archive").code == 0
    before = met.stat().st_size
    assert noted(project) == []
    write(met, KIND, 9)
    (found,) = noted(project)
    assert (found["path"], found["results"]) == (str(met), 2)
    said = project.stilt("verify")
    assert said.code == 0
    assert "all as the log says" in said.out
    assert f"{met} had {before:,} bytes, has {met.stat().st_size:,}" in said.out
    assert "2 already done" in project.stilt("run", "--dry-run").out
    write(met, replace(KIND, model="OTHR"), 6)
    assert f"{met} has other headers" in project.stilt("verify").out
    met.unlink()
    assert noted(project) == []


def test_a_met_file_of_the_same_shape_with_other_values_is_told_by_its_checksums(project) -> None:
    met = project.path / "met" / "made"
    before = met.stat()
    write(met, replace(KIND, air=Air(wind=1.1)), 6)
    assert met.stat().st_size == before.st_size
    assert len(noted(project)) == 1
    assert f"{met} has other values" in project.stilt("verify").out
    assert "2 already done" in project.stilt("run", "--dry-run").out


def test_a_signature_of_headers_alone_is_as_good_as_before(tmp_path) -> None:
    now = signature(write(tmp_path / "made 1.5", KIND, 6))
    older = now.rpartition(".")[0]
    read = MetRead()
    read.note({"met_files": str(tmp_path / "made 1.5"), "met_signatures": older})
    assert read.others() == []
    write(tmp_path / "made 1.5", replace(KIND, model="OTHR"), 6)
    (other,) = read.others()
    assert str(other).endswith("has other headers")
