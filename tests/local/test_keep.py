"""Of particles that are not kept only the ends are there: all else is as ever, and what needs them again is said."""

import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest

import stilt
from stilt.foundations.errors import InputError
from stilt.foundations.writers import this_writer
from stilt.log.events import Started
from stilt.log.writer import SegmentWriter
from tests.hysplit_at_hand import settings_of
from tests.meteorology import KINDS, write
from tests.projects import FOOTPRINT, Project, make_project

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
    project(made.path, settings="", footprint=OTHER)  # keep is taken out: it is so all the same
    told = "3 of 3 need transport again for other footprints"
    assert told in " ".join(made.stilt("check").out.split())
    project(made.path, footprint=OTHER)
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


def real(path, model, settings):
    """Return a project of one simulation in an atmosphere of its own."""
    (path / "met").mkdir()
    kind = replace(KINDS["coarse"], step_h=1.0)
    write(path / "met" / "early", kind, 6)
    longitude, latitude = kind.at(0.5, 0.5)
    row = f"2021-06-01 05:00,{longitude:.3f},{latitude:.3f},50\n"
    (path / "receptors.csv").write_text(f"time,longitude,latitude,altitude\n{row}")
    near = (
        f"{{xmin: {longitude - 1:.2f}, xmax: {longitude + 1:.2f}, ymin: {latitude - 1:.2f}, "
        f"ymax: {latitude + 1:.2f}, xres: 0.1, yres: 0.1}}"
    )
    (path / "config.yaml").write_text(
        f"mets: {{m: met}}\nfootprints: {{near: {near}}}\nn_hours: -1\nnumpar: 10\n"
        f"{settings_of(model)}{settings}\n"
    )
    return Project(path)


def interrupt(made):
    """Let the log end within the simulations, as where a worker is killed before it can say that they ended."""
    (batch,) = made.batches()
    sims = made.fold().sims.values()
    events = [Started(sim.sim, sim.at, sim.met, sim.receptor) for sim in sims]
    (segment,) = (made.output / "log" / batch).glob("worker*")
    segment.unlink()
    writer = SegmentWriter(
        made.output / "log",
        batch,
        1,
        msgspec.structs.replace(this_writer("worker", 0, 1), pid_start=1),
    )
    writer.append(*events)
    writer._abandon()


@pytest.mark.parametrize(
    "model", ["fake", "native", pytest.param("hysplit", marks=pytest.mark.hysplit)]
)
@pytest.mark.parametrize("settings", [NONE, ""], ids=["not kept", "kept"])
def test_a_dry_run_goes_by_what_the_batch_that_was_interrupted_kept(tmp_path, model, settings):
    """Not by what config.yaml says by now: particles that are not there promise no footprint without transport."""
    is_fake = model == "fake"
    made = project(tmp_path, settings) if is_fake else real(tmp_path, model, settings)
    assert made.stilt("run", "--cpus", "1").code == 0
    interrupt(made)
    config = made.path / "config.yaml"
    now = config.read_text().replace(NONE, "") if settings else f"{config.read_text()}{NONE}\n"
    config.write_text(now)
    said = made.stilt("run", "--dry-run").out
    total = len(made.fold().sims)
    assert f"{total} interrupted" in said
    assert (f"{total} of {total} are footprints alone" in said) == (settings == "")
    made.stilt("run", "--cpus", "1")
    assert made.outcomes() == dict.fromkeys(made.outcomes(), "complete")
    assert not is_fake or runs(made) == len(HEIGHTS) * (2 if settings else 1)


def test_what_is_kept_is_one_of_two(tmp_path):
    made = project(tmp_path / "p", "keep: {particles: some}")
    answer = made.stilt("check")
    assert answer.code == 2
    assert "keep.particles" in answer.out + answer.err
