"""A chunk whose file is not what was handed over, while its task waits: every command says the same of it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stilt.batch.chunks import read_chunk
from stilt.batch.manifest import read_manifest
from stilt.foundations.paths import Layout
from tests.engines import runs
from tests.projects import Project, make_project, wait_until
from tests.stub_slurm import give_stub_slurm

if TYPE_CHECKING:
    from collections.abc import Callable

WORD = "its task can begin nothing more"


def chunks_of(project: Project) -> list[Path]:
    layout = Layout.of(project.path)
    newest = project.batches()[-1]
    return [
        layout.chunk(newest, ref.digest) for ref in read_manifest(layout.manifest(newest)).chunks
    ]


def change(chunk: Path) -> None:
    data = chunk.read_bytes()
    chunk.unlink()
    chunk.write_bytes(data.replace(b"-112", b"-113"))


def forget_claims(chunk: Path) -> None:
    (chunk.parent / "claims").unlink()
    change(chunk)


def counts(project: Project) -> tuple[int, int, int, int]:
    """Return total, pending, in_hand and to_do, held against what `run --dry-run` says."""
    shutil.rmtree(project.env["XDG_CACHE_HOME"], ignore_errors=True)
    said = json.loads(project.stilt("status", "--json").out)
    dry = project.stilt("run", "--dry-run", "--backend", "slurm", "--n-workers", "1").out
    handed, queued = re.search(r"hand over (\d+)", dry), re.search(r"(\d+) queued", dry)
    assert said["to_do"] == (int(handed[1]) if handed else 0), dry
    assert said["in_hand"] == (int(queued[1]) if queued else 0), dry
    assert (WORD in dry) == any(WORD in note for note in said["notes"]), dry
    return said["total"], said["pending"], said["in_hand"], said["to_do"]


def test_every_command_says_that_its_task_begins_nothing_more(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", [5] * 6)
    give_stub_slurm(project, tmp_path)
    on_slurm = ("run", "--backend", "slurm", "--n-workers", "3")
    assert project.stilt(*on_slurm).code == 0
    change(chunks_of(project)[0])
    assert counts(project) == (6, 6, 4, 2)
    shown = project.stilt("status").out
    assert WORD in " ".join(shown.split())
    assert "2 simulations more to do: stilt run" in shown
    again = json.loads(project.stilt("log", "replay", "--json").out)
    assert (again["in_hand"], again["to_do"]) == (4, 2)
    verified = project.stilt("verify")
    assert (verified.code, WORD in verified.out) == (5, True)
    assert project.stilt(*on_slurm).code == 0
    assert counts(project) == (6, 6, 6, 0)
    assert [len(read_chunk(chunk).simulations) for chunk in chunks_of(project)] == [1, 1]
    cancelled = project.stilt("cancel").out
    assert re.findall(r"(\d+) tasks running or waiting", cancelled) == ["3", "2"]
    assert counts(project) == (6, 6, 0, 6)


@pytest.mark.parametrize("injure", [Path.unlink, forget_claims])
def test_it_may_be_lost_or_of_an_older_version(
    tmp_path: Path, injure: Callable[[Path], None]
) -> None:
    project = make_project(tmp_path / "p", [5] * 4)
    give_stub_slurm(project, tmp_path)
    assert project.stilt("run", "--backend", "slurm", "--n-workers", "2").code == 0
    injure(chunks_of(project)[0])
    assert counts(project) == (4, 4, 2, 2)


def test_what_is_waited_for_again_is_told_by_the_claims_of_its_batch(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", [5, 9001, 9002])
    give_stub_slurm(project, tmp_path)
    assert project.stilt("run").code == 1
    with (project.path / "receptors.csv").open("a") as file:
        file.write("2015-12-20 00:00,-112,40.5,5\n")
    assert project.stilt("run", "--backend", "slurm", "--n-workers", "1").code == 0
    assert counts(project) == (4, 3, 3, 0)
    change(chunks_of(project)[0])
    assert counts(project) == (4, 3, 0, 3)


def test_a_worker_at_work_keeps_what_it_has_begun_and_leaves_the_rest(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", [5] * 4)
    give_stub_slurm(project, tmp_path)
    project.let_run(1)
    first = project.start("run", "--n-workers", "1", "--cpus", "1")
    wait_until(lambda: len(project.outcomes()) == 2, "a second simulation that was begun")
    change(chunks_of(project)[0])
    assert counts(project)[2:] == (1, 2)
    second = project.start("run", "--n-workers", "1", "--cpus", "1")
    wait_until(lambda: len(project.batches()) == 2, "another batch")
    assert len(read_chunk(chunks_of(project)[0]).simulations) == 2
    project.let_run(None)
    first.wait(60)
    assert second.wait(60) == 0
    assert sorted(runs(project.runs_file)) == sorted(project.outcomes())
    assert set(project.outcomes().values()) == {"complete"}
