"""A simulation with a wind error has particles of two runs, and is complete with both of today's only."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from stilt.particles.parquet import read_provenance
from tests.engines import runs
from tests.projects import FOOTPRINT, Project, lose, make_project, names_of

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
    return sorted(project.output.glob("particles/*/*.parquet"), key=lambda path: len(path.name))


@pytest.mark.parametrize("error_particles", ["never written", "of other settings"])
def test_what_was_killed_between_the_two_is_run_whole(
    project: Project, error_particles: str
) -> None:
    _, errors = two_runs(project)
    old = errors.read_bytes()
    change(project, "numpar: 10", "numpar: 5")
    assert project.stilt("run").code == 0
    lose(errors)
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
        lose(two_runs(project)[1])
    assert "1 output missing" in project.stilt("run").out
    assert project.stilt("verify").code == 0
    assert "nothing to do" in project.stilt("run").out


def test_a_run_leaves_a_file_that_a_worker_may_be_writing(project: Project) -> None:
    folder = two_runs(project)[0].parent
    being_written, old = folder / ".tmp-000000000000-a", folder / ".tmp-000000000000-b"
    for path in (being_written, old):
        path.touch()
    os.utime(old, (0, 0))
    assert project.stilt("run").code == 0
    assert (being_written.exists(), old.exists()) == (True, False)


def test_a_plain_name_that_somebody_removed_comes_back(project: Project) -> None:
    particles = two_runs(project)[0]
    particles.unlink()
    assert "nothing to do" in project.stilt("run").out
    assert particles.samefile(names_of(particles)[1])
