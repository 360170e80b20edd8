"""Realizations: simulations of one receptor that differ in their random numbers alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

import stilt
from stilt.config.digests import footprint_digest, transport_digest
from stilt.config.load import parse_config
from stilt.foundations.errors import ProblemsError
from stilt.receptors import read_receptors
from stilt.transport.hysplit.namelist import seed
from stilt.transport.native.randomness import Stream
from tests.projects import FOOTPRINT, make_project

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "time,longitude,latitude,altitude"
ROWS = ("2015-12-10 09:00,-111.85,40.77,10", "2015-12-10 07:00,-111.85,40.77,10")
MINIMAL = "mets: {hrrr: /met}\nn_hours: -24\n"


def read(folder: Path, text: str, realizations: int, mets: tuple[str, ...] = ("hrrr",)):
    path = folder / "receptors.csv"
    path.write_text(text)
    return read_receptors(path, mets, realizations)


def test_the_first_realization_is_what_a_receptor_alone_is(tmp_path: Path) -> None:
    text = "\n".join([f"{HEAD},site", f"{ROWS[0]},a", f"{ROWS[1]},b"])
    alone, three = (read(tmp_path, text, count, ("hrrr", "nam")) for count in (1, 3))
    assert len(three) == 3 * len(alone) == 12
    assert three.ids()[::3] == alone.ids()
    assert three.ids()[:3] == [f"{alone.ids()[0]}{end}" for end in ("", "_r02", "_r03")]
    assert [each.sim for each in three] == three.ids()
    assert {each.receptor for each in three[:3]} == {alone[0].receptor}
    assert [each.met for each in three] == ["hrrr"] * 6 + ["nam"] * 6
    met, receptor, realization = three.apart([0, 5, 11])
    assert (met.tolist(), receptor.tolist(), realization.tolist()) == (
        [0, 0, 1],
        [0, 1, 1],
        [1, 3, 3],
    )
    assert [three.receptor_of(index) for index in range(12)] == three.apart(range(12))[1].tolist()
    ordered = three.time_order().tolist()
    assert [three[index].receptor.time[-4:] for index in ordered[:6]] == ["0700"] * 3 + ["0900"] * 3
    assert three.simulation_minutes().tolist() == [
        np.datetime64(each.receptor.when.replace(tzinfo=None), "m").astype(int) for each in three
    ]


def test_labels_say_which_realization_it_is_and_lose_none_of_that_name(tmp_path: Path) -> None:
    three = read(tmp_path, f"{HEAD},realization\n{ROWS[0]},mine\n", 3)
    assert three.labels_of([2]) == [{"realization": 3, "realization_label": "mine"}]
    assert three.label_columns(np.arange(3), ())["realization"].tolist() == [1, 2, 3]
    assert read(tmp_path, f"{HEAD}\n{ROWS[0]}\n", 1).labels_of([0]) == [{}]


@pytest.mark.parametrize(
    ("ids", "mets", "told"),
    [
        (
            ("tower", "tower_r02"),
            ("hrrr",),
            "line 3: its simulation hrrr_tower_r02 is realization 2 of line 2 too",
        ),
        (
            ("Tower_R03", "tower"),
            ("hrrr",),
            "line 2: its simulation hrrr_tower_r03 is realization 3 of line 3 too",
        ),
        (
            ("b", "r02"),
            ("a", "a_b"),
            "line 3: its simulation a_b_r02 is realization 2 of line 2 too",
        ),
    ],
)
def test_an_id_that_is_another_ones_realization_is_refused(tmp_path: Path, ids, mets, told) -> None:
    text = "\n".join(
        [f"{HEAD},id", *(f"{row},{name}" for row, name in zip(ROWS, ids, strict=True))]
    )
    with pytest.raises(ProblemsError) as caught:
        read(tmp_path, text, 3, mets)
    assert caught.value.problems == (f"{told}: give it another id",)
    assert len(read(tmp_path, text, 1, mets)) == 2 * len(mets), (
        "one realization each has no such ids"
    )


def test_an_id_that_looks_like_a_realization_of_nothing_stays(tmp_path: Path) -> None:
    names = read(tmp_path, f"{HEAD},id\n{ROWS[0]},tower_r02\n", 2).ids()
    assert names == ["hrrr_tower_r02", "hrrr_tower_r02_r02"]


def test_each_has_random_numbers_of_its_own_in_both_engines(tmp_path: Path) -> None:
    names = read(tmp_path, f"{HEAD}\n{ROWS[0]}\n", 50).ids()
    assert len({seed(name, 0) for name in names}) == 50
    assert len({Stream(0, name) for name in names}) == 50


def test_how_many_there_are_makes_no_result_stale() -> None:
    one = parse_config(MINIMAL + f"footprints: {{default: {FOOTPRINT}}}\n", "c")
    ten = parse_config(MINIMAL + f"footprints: {{default: {FOOTPRINT}}}\nrealizations: 10\n", "c")
    assert transport_digest(one, "hrrr", "native 1") == transport_digest(ten, "hrrr", "native 1")
    assert footprint_digest(one, "default") == footprint_digest(ten, "default")


@pytest.mark.parametrize("krand", [0, 2, 10])
def test_random_numbers_that_are_all_alike_are_refused(krand: int) -> None:
    with pytest.raises(ProblemsError) as caught:
        parse_config(MINIMAL + f"krand: {krand}\nrealizations: 2\n", "c")
    assert f"with krand: {krand} all have the same random numbers" in str(caught.value.problems)
    assert parse_config(MINIMAL + "krand: 4\nrealizations: 2\n", "c").realizations == 2


def test_more_realizations_are_work_and_those_there_are_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path / "project", (5, 50), footprints=f"{{default: {FOOTPRINT}}}")
    assert project.stilt("run").code == 0
    before = {path: path.read_bytes() for path in project.output.rglob("*.nc")}

    def refuse(*_: object) -> None:
        pytest.fail("the settings that were handed over are today's, and need not be read")

    monkeypatch.setattr("stilt.batch.today.read_settings", refuse)
    assert stilt.Project(project.path).status().complete == 2
    monkeypatch.undo()
    config = project.path / "config.yaml"
    config.write_text(config.read_text() + "realizations: 3\n")
    said = project.stilt("status").out
    assert "realizations was 1 in the last batch, is 3" in " ".join(said.split())
    assert "2 x 3 realizations" in project.stilt("check").out
    assert "4 never run, 2 already done" in project.stilt("run", "--dry-run").out
    assert project.stilt("run").code == 0
    opened = stilt.Project(project.path)
    assert opened.status().complete == opened.status().total == 6
    assert all(path.read_bytes() == data for path, data in before.items())
    assert opened.simulations["realization"].tolist() == [1, 2, 3] * 2
    found = opened.jacobian()
    assert found.receptors["realization"].values.tolist() == [1, 2, 3] * 2
    assert found.receptors["receptor"].values.tolist() == opened.receptors.ids()
    assert opened[opened.receptors.ids()[1]].labels == {"realization": 2}


REFUSED = "`stilt run` refuses what there is now"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("realizations: 2\n", "problem"),  # tower_r02 is then two
        ("krand: 2\nrealizations: 3\n", "krand"),
    ],
    ids=["receptors", "settings"],
)
def test_a_project_that_run_refuses_is_not_told_to_be_complete(
    tmp_path: Path, settings: str, told: str
) -> None:
    project = make_project(tmp_path, [5, 6])
    rows = [f"{row},{name}" for row, name in zip(ROWS, ("tower", "tower_r02"), strict=True)]
    (project.path / "receptors.csv").write_text("\n".join([f"{HEAD},id", *rows]))
    assert project.stilt("run").code == 0
    assert "All simulations are complete" in project.stilt("status").out
    with (project.path / "config.yaml").open("a") as config:
        config.write(settings)
    refusal = project.stilt("run")
    assert refusal.code == 2
    assert told in refusal.err
    screen = " ".join(project.stilt("status").out.split())
    assert REFUSED in screen
    assert "nothing is to do for that" not in screen
    said = json.loads(project.stilt("status", "--json").out)
    assert said["refused"]
    assert not said["current"]
