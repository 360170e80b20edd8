"""Of particles that are not kept only the ends are there: all else is as ever, and what needs them again is said."""

import json

import numpy as np
import pytest

import stilt
from stilt.foundations.errors import InputError
from tests.projects import FOOTPRINT, make_project

HEIGHTS = (5, 10, 15)
NONE = "keep: {particles: none}"
OTHER = FOOTPRINT.replace("xmax: -111", "xmax: -110.5")


def project(path, settings=NONE, footprint=FOOTPRINT):
    return make_project(path, HEIGHTS, settings=settings, footprints=f"{{near: {footprint}}}")


def runs(made):
    return made.runs_file.read_text().count("begin")


@pytest.fixture
def made(tmp_path):
    made = project(tmp_path / "none")
    assert made.stilt("run").code == 0
    return made


def test_everything_but_particles_is_as_where_they_are_kept(made, tmp_path):
    kept = project(tmp_path / "all", "")
    assert kept.stilt("run").code == 0
    ours, theirs = stilt.Project(made.path), stilt.Project(kept.path)
    np.testing.assert_array_equal(ours.footprints(), theirs.footprints())
    assert ours[0].footprint().attrs == theirs[0].footprint().attrs
    assert ours.endpoints().equals(theirs.endpoints())
    assert (ours.simulations["particles_not_kept"] == 1).all()
    assert theirs.simulations["particles_not_kept"].isna().all()
    assert len(theirs[0].particles()) > 0
    with pytest.raises(InputError, match="only their ends were kept"):
        ours[0].particles()
    picture = tmp_path / "alone.png"
    assert made.stilt("plot", "--output", picture, theirs[0].id).code == 0
    assert picture.stat().st_size > 0
    for command in ("verify", "archive", "verify"):
        assert made.stilt(command).code == 0
    assert ours.endpoints().equals(theirs.endpoints())
    with pytest.raises(InputError, match="only their ends were kept"):
        stilt.Project(made.path)[0].particles()


def test_another_grid_needs_transport_and_that_is_said_beforehand(made, tmp_path):
    assert runs(made) == len(HEIGHTS)
    assert made.stilt("run").code == 0  # nothing is to do
    assert runs(made) == len(HEIGHTS)
    project(made.path, footprint=OTHER)
    said = made.stilt("run", "--dry-run").out
    assert "3 of 3 need transport again for other footprints" in said
    assert "from stored particles" not in said
    assert "needs transport again" in " ".join(made.stilt("check").out.split())
    assert "of them need transport" in " ".join(made.stilt("status").out.split())
    assert json.loads(made.stilt("status", "--json").out)["stale"] == len(HEIGHTS)
    before = stilt.Project(made.path)
    with pytest.raises(InputError, match="was made with other settings"):
        before.footprints().load()
    assert made.stilt("run").code == 0
    assert runs(made) == 2 * len(HEIGHTS)
    fresh = project(tmp_path / "fresh", footprint=OTHER)
    assert fresh.stilt("run").code == 0
    np.testing.assert_array_equal(
        stilt.Project(made.path).footprints(), stilt.Project(fresh.path).footprints()
    )


@pytest.mark.parametrize("archived", [False, True])
def test_what_is_kept_makes_nothing_stale_and_takes_nothing_away(tmp_path, archived):
    made = project(tmp_path / "p", "")
    assert made.stilt("run").code == 0
    if archived:
        assert made.stilt("archive").code == 0
    before = stilt.Project(made.path)[0].particles()
    project(made.path)  # none, from now on
    said = made.stilt("run")
    assert said.code == 0
    assert "3 already done" in said.out
    project(made.path, footprint=OTHER)
    assert "need transport again" not in made.stilt("run", "--dry-run").out
    assert made.stilt("run").code == 0
    assert runs(made) == len(HEIGHTS)  # the particles were there
    assert stilt.Project(made.path)[0].particles().equals(before)


def test_a_run_that_was_killed_between_particles_and_footprints_goes_on(made):
    for path in (made.output / "footprints").rglob("*.nc*"):
        path.unlink()
    assert made.stilt("run").code == 0
    assert runs(made) == 2 * len(HEIGHTS)
    assert stilt.Project(made.path).footprints().sum() > 0


def test_what_is_kept_is_one_of_two(tmp_path):
    made = project(tmp_path / "p", "keep: {particles: some}")
    answer = made.stilt("check")
    assert answer.code == 2
    assert "keep.particles" in answer.out + answer.err
