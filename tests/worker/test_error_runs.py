"""A simulation with a wind error has particles of two runs, and is complete with both of today's only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stilt.foundations.paths import Layout
from stilt.outputs.listing import Listing
from stilt.particles.parquet import read_provenance
from tests.engines import runs
from tests.projects import FOOTPRINT, Project, make_project

if TYPE_CHECKING:
    from pathlib import Path

WIND_ERROR = "siguverr: 1.0\ntluverr: 60.0\nzcoruverr: 500.0\nhorcoruverr: 40.0\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = make_project(tmp_path / "project", settings=WIND_ERROR, footprints=f"{{a: {FOOTPRINT}}}")
    assert made.stilt("run").code == 0
    return made


def change(project: Project, old: str, new: str) -> None:
    config = project.path / "config.yaml"
    config.write_text(config.read_text().replace(old, new))


def two_runs(project: Project) -> list[Path]:
    """Return the particles and the error particles of the one simulation."""
    return sorted(project.output.glob("particles/*/*"), key=lambda path: len(path.name))


@pytest.mark.parametrize("error_particles", ["never written", "of other settings"])
def test_what_was_killed_between_the_two_is_run_whole(
    project: Project, error_particles: str
) -> None:
    _, errors = two_runs(project)
    old = errors.read_bytes()
    change(project, "numpar: 10", "numpar: 5")
    assert project.stilt("run").code == 0
    errors.unlink()
    if error_particles == "of other settings":
        errors.write_bytes(old)
    change(project, "xres: 0.1", "xres: 0.2")  # asks for footprints alone

    answer = project.stilt("run")
    assert answer.code == 0, answer.out
    assert len(runs(project.runs_file)) == 3
    digests = {read_provenance(path)["transport_digest"] for path in two_runs(project)}
    assert len(digests) == 1
    assert project.stilt("verify").code == 0
    assert "nothing to do" in project.stilt("run").out


def test_footprints_alone_are_made_from_what_both_left(project: Project) -> None:
    change(project, "xres: 0.1", "xres: 0.2")
    assert project.stilt("run").code == 0
    assert len(runs(project.runs_file)) == 1
    assert project.stilt("verify").code == 0


@pytest.mark.parametrize("archived", [False, True])
def test_error_particles_that_are_gone_are_made_anew(project: Project, *, archived: bool) -> None:
    if archived:
        assert project.stilt("archive").code == 0
        assert "nothing to do" in project.stilt("run").out
        next(project.output.glob("archive/error_particles/*")).unlink()
    else:
        two_runs(project)[1].unlink()
    assert "1 output missing" in project.stilt("run").out
    assert project.stilt("verify").code == 0
    assert "nothing to do" in project.stilt("run").out


def test_a_run_leaves_the_file_that_a_live_worker_is_writing(project: Project) -> None:
    (path, errors) = two_runs(project)
    folder, sim = path.parent, path.stem
    leftover = folder / f".tmp-000000000000-{errors.name}"
    leftover.touch()
    listing = Listing(Layout.of(project.path))
    assert sim in listing.error_particles(folder.name)
    listing.remove_leftovers([sim])
    assert leftover.exists()
    listing.remove_leftovers([])
    assert not leftover.exists()
