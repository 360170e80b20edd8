"""Variants: a project's simulations once more with other settings, through every command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

import stilt
from stilt.config.digests import transport_digest
from stilt.config.dump import dump_config
from stilt.config.followed import told as notes_told
from stilt.config.load import load_config, parse_config
from stilt.config.variants import kinds, settings_of
from stilt.foundations.errors import ProblemsError
from stilt.transport.engines import load_engine, prepare
from tests.projects import FOOTPRINT, Project, make_project
from tests.truth.edited import change

if TYPE_CHECKING:
    from pathlib import Path

GRID = f"{{default: {FOOTPRINT}}}"
VARIANTS = """variants:
  few: {numpar: 4}
  decay: {footprints: {default: {lifetime_h: 1}}}
"""
KINDS = ("fake", "fake-few", "fake-decay")


def made(path: Path, variants: str = VARIANTS) -> Project:
    project = make_project(path, (5, 50), footprints=GRID, settings=variants)
    assert project.stilt("run").code == 0
    return project


def bytes_of(project: Project, beginning: str) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in project.output.rglob(f"{beginning}*.nc")}


def test_each_variant_is_run_with_its_own_settings_and_all_are_told_apart(tmp_path: Path) -> None:
    project = made(tmp_path / "project")
    opened = stilt.Project(project.path)
    ids = opened.receptors.ids()
    assert ids == [
        f"{kind}_20151210{hour}00_-112_40.5_{height}"
        for kind in KINDS
        for hour, height in (("00", 5), ("01", 50))
    ]
    assert opened.status().complete == opened.status().total == 6
    table = opened.simulations
    assert set(table["met"]) == {"fake"}
    assert table["variant"].tolist() == ["", "", "few", "few", "decay", "decay"]
    for found in (opened.footprints(), opened.endpoints()):
        assert set(np.asarray(found["met"])) == {"fake"}
    assert [opened[sim].particles()["indx"].nunique() for sim in ids] == [10, 10, 4, 4, 10, 10]
    footprints = opened.footprints()
    assert footprints["variant"].values.tolist() == table["variant"].tolist()
    assert opened[ids[2]].labels == {"variant": "few"}
    plain, decayed = (float(footprints[place].sum()) for place in (0, 4))
    assert 0 < decayed < 0.9 * plain
    assert opened[ids[4]].settings.footprints["default"].lifetime_h == 1
    found = opened.jacobian()
    assert found.receptors["variant"].values.tolist() == table["variant"].tolist()
    totals = np.asarray(found.matrix.sum(axis=1)).ravel()
    assert np.allclose(totals, footprints.sum(("hour", "lat", "lon")))


def test_what_a_variant_changes_makes_its_own_simulations_stale_and_no_others(
    tmp_path: Path,
) -> None:
    project = made(tmp_path / "project")
    base, decay = bytes_of(project, "fake_"), bytes_of(project, "fake-decay_")
    assert base
    assert decay
    change(project, "numpar: 4", "numpar: 6")
    said = json.loads(project.stilt("status", "--json").out)
    assert said["stale"] == 2
    dry = project.stilt("run", "--dry-run").out
    assert "2 settings changed, 4 already done" in dry
    assert "variants.few.numpar was 4, is 6" in dry
    change(project, "lifetime_h: 1", "lifetime_h: 2")
    dry = project.stilt("run", "--dry-run").out
    assert "4 settings changed, 2 already done" in dry
    assert "variants.decay.footprints.default.lifetime_h was 1, is 2" in dry
    assert "2 of 4 are footprints alone" in dry
    assert project.stilt("run").code == 0
    assert bytes_of(project, "fake_") == base
    assert bytes_of(project, "fake-decay_") != decay
    again = project.stilt("run", "--dry-run")
    assert "6 already done" in again.out


def test_a_variant_that_is_added_is_work_and_what_is_there_stays(tmp_path: Path) -> None:
    project = made(tmp_path / "project", "")
    before = bytes_of(project, "fake_")
    with (project.path / "config.yaml").open("a") as config:
        config.write(VARIANTS)
    screen = " ".join(project.stilt("status").out.split())
    assert "no batch was made for fake-few, fake-decay under variants" in screen
    assert "4 never run, 2 already done" in project.stilt("run", "--dry-run").out
    assert "2 x 3 mets in their variants" in project.stilt("check").out
    assert project.stilt("run").code == 0
    assert bytes_of(project, "fake_") == before
    assert "All simulations are complete" in project.stilt("status").out


def test_results_of_variants_are_verified_archived_replayed_and_removed_as_others(
    tmp_path: Path,
) -> None:
    project = made(tmp_path / "project")
    assert project.stilt("verify").code == 0
    assert project.stilt("log", "replay").code == 0
    before = stilt.Project(project.path).footprints().to_numpy()
    assert project.stilt("archive").code == 0
    assert project.stilt("verify").code == 0
    assert np.array_equal(stilt.Project(project.path).footprints().to_numpy(), before)
    change(project, "lifetime_h: 1", "lifetime_h: 3")
    assert "2 settings changed, 4 already done" in project.stilt("run", "--dry-run").out
    change(project, VARIANTS.replace("lifetime_h: 1", "lifetime_h: 3"), "")
    said = project.stilt("status").out
    assert "All simulations are complete" in said
    said = " ".join(said.split())
    assert "fake-few, fake-decay of the last batch stand under mets and variants no more" in said


REFUSED = [
    ("{few: {numpr: 3}}", "$.variants.few.numpr: unknown key, did you mean numpar?"),
    ("{few: {output: there}}", "$.variants.few.output: cannot vary"),
    ("{few: {model: native}}", "$.variants.few.model: cannot vary"),
    ("{few: {met: nam}}", '$.variants.few.met: expected fake or hrrr, got "nam"'),
    ("{few: {maxpar: 3}}", "$.variants.few.maxpar: 3 is less than numpar (1000)"),
    ("{few: {n_hours: 1}}", "$.variants.few.n_hours: 1 is not the direction"),
    ("{few: {footprints: {default: {xres: 1}}}}", "smooth_factor and lifetime_h may vary"),
    ("{few: {footprints: {far: {lifetime_h: 1}}}}", 'expected default, got "far"'),
    ("{few: {siguverr: 2}}", "$.variants.few.siguverr: a wind error needs all of"),
    ("{few: {numpar: 3}, FEW: {numpar: 4}}", "is the same folder or file as few"),
    ("{hrrr: {}, few: [], a b: {numpar: 1}}", "$.variants.hrrr: expected settings, got nothing"),
]


@pytest.mark.parametrize(("given", "told"), REFUSED)
def test_what_cannot_be_a_variant_is_refused_with_its_place(given: str, told: str) -> None:
    text = f"mets: {{fake: m, hrrr: n}}\nn_hours: -1\nfootprints: {GRID}\nvariants: {given}\n"
    with pytest.raises(ProblemsError) as caught:
        parse_config(text, "config.yaml")
    assert any(f"line 4: {told}" in each or told in each for each in caught.value.problems)


def test_a_variant_that_changes_nothing_is_told() -> None:
    text = "mets: {a: m}\nn_hours: -2\nnumpar: 9\nvariants: {own: {numpar: 9}, few: {numpar: 3}}\n"
    (said,) = (each for each in notes_told(parse_config(text, "c")) if "own" in each)
    assert said.startswith("variant own: its settings are the project's own")


def test_nothing_is_written_of_a_project_with_a_wrong_variant(tmp_path: Path) -> None:
    project = make_project(tmp_path, settings="variants: {few: {numpr: 3}}")
    answer = project.stilt("run")
    assert answer.code == 2
    assert "unknown key, did you mean numpar?" in answer.err
    assert not project.output.exists()


def test_an_engine_says_of_which_variant_it_cannot_follow_the_settings() -> None:
    text = "mets: {a: m}\nn_hours: -2\nmodel: native\nroughness: 0.2\nvariants: {box: {kzmix: 1}}\n"
    config = parse_config(text, "config.yaml")
    with pytest.raises(ProblemsError, match="cannot follow these settings, variant box"):
        prepare(load_engine(config), config)


def test_settings_are_written_and_read_as_they_were(tmp_path: Path) -> None:
    error = "siguverr: 2\ntluverr: 60\nzcoruverr: 500\nhorcoruverr: 40\n"
    none = "siguverr: null, tluverr: null, zcoruverr: null, horcoruverr: null"
    text = f"{error}mets: {{b: m, a: n}}\nn_hours: -2\nziscale: 0.5\nzicontroltf: 1\nfootprints: {GRID}\n"
    text += f"variants: {{long: {{n_hours: -3, met: b}}, calm: {{{none}}}}}\n"
    (tmp_path / "config.yaml").write_text(text)
    config = load_config(tmp_path / "config.yaml")
    data = dump_config(config)
    again = parse_config(data.decode(), "copy")
    assert dump_config(again) == data
    assert list(kinds(config)) == ["b", "a", "b-long", "b-calm", "a-calm"]
    assert all(settings_of(again, kind) == settings_of(config, kind) for kind in kinds(config))
    assert len(settings_of(config, "b-long").ziscale) == 4
    assert [settings_of(config, kind).has_error_run for kind in ("a", "a-calm")] == [True, False]


def test_a_variant_changes_no_other_digest_and_has_none_of_a_meteorology() -> None:
    text = f"mets: {{a: m}}\nn_hours: -2\nfootprints: {GRID}\n"
    alone = parse_config(text, "c")
    varied = parse_config(f"{text}variants: {{few: {{numpar: 4}}}}\n", "c")
    few = parse_config(f"{text}numpar: 4\n".replace("{a: m}", "{a-few: m}"), "c")
    engine = "native 1"
    assert transport_digest(varied, "a", engine) == transport_digest(alone, "a", engine)
    assert transport_digest(varied, "a-few", engine) != transport_digest(few, "a-few", engine)
    assert b"variants" not in dump_config(alone)


def test_names_of_variants_and_of_meteorologies_do_not_clash() -> None:
    text = "mets: {a: m, a-b: n}\nn_hours: -2\nvariants: {b: {numpar: 3}}\n"
    with pytest.raises(ProblemsError) as caught:
        parse_config(text, "c")
    assert "its ids would begin with a-b_, as those of met a-b" in str(caught.value.problems)
