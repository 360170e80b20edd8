"""Of several results of one simulation the one that the log vouches for is given, or none; files are never shared."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr

import stilt
from stilt.foundations.errors import StiltError
from tests.engines import runs
from tests.projects import FOOTPRINT, PATIENCE_S, Project, make_project, wait_until
from tests.truth.conftest import ON_ANOTHER_NODE, lose_jobs
from tests.truth.edited import change, counts, named_project, write_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIM = "fake_201512100000_-112_40.5_5"
ERRORS = "siguverr: 2\ntluverr: 60\nzcoruverr: 500\nhorcoruverr: 40"


def test_a_worker_that_goes_on_after_a_newer_batch_replaces_nothing(
    tmp_path: Path, handed_over: Callable[[Project], str]
) -> None:
    """As one whose node was lost: Slurm has no such job any more, and the worker computes on."""
    project = make_project(tmp_path / "project", footprints=f"{{default: {FOOTPRINT}}}")
    batch = handed_over(project)
    task = ("push-worker", "--batch", batch, "--task", "0")
    project.let_run(0)
    older = project.start(*task, **ON_ANOTHER_NODE)
    wait_until(lambda: runs(project.runs_file, "begin"), "the older one is at work")
    stopped = project.processes()
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    project.let_run(None)
    lose_jobs(project)
    change(project, "xres: 0.1", "xres: 0.2")
    change(project, "numpar: 10", "numpar: 5")
    newer = project.stilt("run", "--backend", "local")
    assert newer.code == 0, newer.err
    assert_newest(project)
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    older.communicate(timeout=PATIENCE_S)
    assert older.returncode == 0
    assert_newest(project)
    assert "nothing to do" in project.stilt("run").out
    (plain,) = (project.output / "footprints").rglob(f"{SIM}.nc")
    with xr.open_dataset(plain) as opened:
        assert opened.sizes["lon"] == 10


def assert_newest(project: Project) -> None:
    this = stilt.Project(project.path)
    assert this[SIM].footprint().sizes["lon"] == 10
    assert len(this[SIM].particles()) == 5 * 60
    assert counts(project)["complete"] == 1
    assert project.stilt("verify").code == 0


@pytest.fixture
def archived(tmp_path: Path) -> Project:
    """A project whose results of earlier settings are in archives, and those of newer ones in files of their own."""
    project = make_project(tmp_path / "project", footprints=f"{{default: {FOOTPRINT}}}")
    assert project.stilt("run").code == 0
    assert project.stilt("archive").code == 0
    change(project, "xres: 0.1", "xres: 0.2")
    change(project, "numpar: 10", "numpar: 5")
    assert project.stilt("run").code == 0
    return project


@pytest.mark.parametrize("lost", ["particles", "footprints", "both"])
def test_an_archived_older_result_does_not_stand_in_for_a_lost_newer_one(
    archived: Project, lost: str
) -> None:
    for folder in ("particles", "footprints") if lost == "both" else (lost,):
        for path in (archived.output / folder).rglob("*fake_*"):
            path.unlink()
    this = stilt.Project(archived.path)
    asked = {"particles": this[SIM].particles, "footprints": this[SIM].footprint}
    for what, ask in asked.items():
        if lost in {what, "both"}:
            with pytest.raises(StiltError):
                ask()
    said = archived.stilt("run").out
    assert "1 output missing" in said
    assert_newest(archived)
    assert Counter(runs(archived.runs_file))[SIM] == (2 if lost == "footprints" else 3)


SHARED = {
    "case": ("Tower", "tower"),
    "Unicode form": ("tour-\u00e9", "tour-e\u0301"),
    "our own suffix": ("x", "x.error"),
}


@pytest.mark.parametrize("kind", SHARED)
def test_two_ids_that_would_share_a_file_are_refused(tmp_path: Path, kind: str) -> None:
    first, second = SHARED[kind]
    project = named_project(tmp_path / "project")
    write_rows(
        project, f"{first},2015-12-10 18:00,-112,40.5,30", f"{second},2015-12-10 18:00,-113,40.5,30"
    )
    answer = project.stilt("run")
    assert answer.code == 2, answer.out
    assert "line 3" in answer.err or second in answer.err
    assert not (project.output / "chunks").exists()


def test_a_name_like_a_suffix_of_ours_shares_no_file_whether_refused_or_not(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", settings=ERRORS)
    write_rows(project, "x.error,2015-12-10 18:00,-112,40.5,30")
    answer = project.stilt("run")
    if answer.code == 2:
        assert "x.error" in answer.err
        return
    this = stilt.Project(project.path)["fake_x.error"]
    np.testing.assert_allclose(
        this.particles(error=True)["long"] - this.particles()["long"], 0.01, atol=1e-9
    )


@pytest.mark.parametrize("has_links", [True, False], ids=["hard links", "no hard links"])
def test_a_copy_without_the_names_that_begin_with_a_dot_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    project = make_project(tmp_path / "project", footprints=f"{{default: {FOOTPRINT}}}")
    assert project.stilt("run").code == 0
    copy = tmp_path / "copy"
    shutil.copytree(project.path, copy, ignore=shutil.ignore_patterns(".*"))

    def link(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    if not has_links:
        monkeypatch.setattr(os, "link", link)
    said: list[str] = []
    stilt.Project(copy).run(say=said.append)
    assert said == ["1 simulation: 1 already done", "nothing to do"]
    assert stilt.Project(copy)[SIM].footprint().sizes["lon"] == 20


def test_a_copy_in_which_both_names_are_files_of_their_own_is_archived_whole(
    tmp_path: Path,
) -> None:
    """As cp -r and rsync make one, which know nothing of hard links unless they are told."""
    project = make_project(tmp_path / "project", footprints=f"{{default: {FOOTPRINT}}}")
    assert project.stilt("run").code == 0
    copy = Project(tmp_path / "copy")
    shutil.copytree(project.path, copy.path)
    assert copy.stilt("archive").code == 0
    left = [path for path in copy.output.rglob("*fake_*") if path.suffix != ".log"]
    assert left == []
    assert stilt.Project(copy.path)[SIM].footprint().sizes["lon"] == 20
    assert copy.stilt("run").out.splitlines() == ["1 simulation: 1 already done", "nothing to do"]
