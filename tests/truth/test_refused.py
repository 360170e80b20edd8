"""What an engine refuses is written as failed at the hand-over, makes no task, and every command says so."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

import stilt as api
from stilt.log.reader import read_segment
from tests.hysplit_at_hand import need_hysplit, settings_of
from tests.meteorology import KINDS, write
from tests.projects import Project
from tests.slurm.cluster import started
from tests.slurm.jobs import SlurmProject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.slurm.cluster import Cluster

KIND = KINDS["coarse"]
OUTSIDE = ("10", "20")
"""Longitudes of two receptors on the other side of the globe."""


@pytest.fixture(params=["native", pytest.param("hysplit", marks=pytest.mark.hysplit)])
def model(request: pytest.FixtureRequest) -> str:
    if request.param == "hysplit":
        need_hysplit()
    return str(request.param)


@pytest.fixture
def project(model: str, tmp_path: Path) -> Project:
    """Three receptors that can run, and two that cannot."""
    folder = tmp_path / "p"
    (folder / "met").mkdir(parents=True)
    write(folder / "met" / "made_20210601", KIND, 6)
    (folder / "config.yaml").write_text(
        f"mets: {{made: {{directory: {folder / 'met'}}}}}\nn_hours: -1\nnumpar: 10\n{settings_of(model)}"
    )
    longitude, latitude = KIND.at(0.5, 0.5)
    rows = [f"2021-06-01 05:00,{longitude:.3f},{latitude:.3f},{height}" for height in (5, 50, 80)]
    rows += [f"2021-06-01 05:00,{outside},50,50" for outside in OUTSIDE]
    (folder / "receptors.csv").write_text("\n".join(["time,lon,lat,zagl", *rows, ""]))
    return Project(folder)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with ExitStack() as stack:
        try:
            yield stack.enter_context(started("--nodes=1", "--cpus=2", "--memory=8000"))
        except RuntimeError as error:
            pytest.skip(f"no Slurm: {error}")


@pytest.fixture
def slurm(project: Project, cluster: Cluster) -> SlurmProject:
    execution = "execution: {backend: slurm, n_workers: 2, time: 10, mem: 500}\n"
    with (project.path / "config.yaml").open("a") as file:
        file.write(execution)
    project.env = {name: cluster.env[name] for name in ("SLURM_CONF", "PATH")}
    project.env["XDG_CACHE_HOME"] = str(project.path / "cache")
    return SlurmProject(project, cluster, project.path / "cache")


def check_all_say_so(project: Project, **states: int) -> None:
    """Hold against each other what each command says of the two that were refused, and of the others."""
    said = json.loads(project.stilt("status", "--json").out)
    names = ("pending", "running", "complete", "empty", "failed", "interrupted", "stale")
    counts = {name: said[name] for name in names if said[name]}
    assert counts == states
    assert said["total"] == sum(states.values())
    assert (said["failures"], said["to_do"]) == ({"BAD_RECEPTOR": 2}, 2)
    totals = [sum(batch[name] for name in names[:-1]) for batch in said["batches"]]
    assert totals == [batch["total"] for batch in said["batches"]]
    assert "2 BAD_RECEPTOR" in project.stilt("status").out
    replayed = json.loads(project.stilt("log", "replay", "--json").out)
    assert {name: replayed[name] for name in names if replayed[name]} == states
    listed = project.stilt("status", "--failed").out
    frame = api.Project(project.path).simulations
    failed = frame[frame["state"] == "failed"]
    assert Counter(frame["state"]) == states
    for outside, (sim, row) in zip(OUTSIDE, failed.iterrows(), strict=True):
        message = f"{outside}, 50 lies outside of the meteorology's grid or on its outermost cells"
        assert (row["reason"], row["message"]) == ("BAD_RECEPTOR", message)
        assert message in listed
        logs = project.stilt("logs", str(sim)).out
        assert logs.startswith(f"{sim}: failed\n")
        assert message in logs
        assert "started" not in logs
    assert project.stilt("verify").code == 0
    assert project.stilt("report").code == 0
    (page,) = project.path.rglob("*.html")
    assert "BAD_RECEPTOR" in page.read_text()
    assert "2 of 5 simulations cannot run: BAD_RECEPTOR" in " ".join(
        project.stilt("check").out.split()
    )


def check_nothing_is_left(project: Project) -> None:
    """Run again, dry and for good: what was refused stays so, and nothing more is written about it."""
    before = {path: path.read_bytes() for path in (project.output / "log").rglob("*.log")}
    for arguments in (["run", "--dry-run"], ["run"]):
        answer = project.stilt(*arguments)
        assert "2 of 2 simulations cannot succeed: BAD_RECEPTOR: 10, 50 lies" in answer.out
        assert "would hand over" not in answer.out
    assert (answer.code, "nothing to hand over" in answer.out) == (1, True)
    assert {path: path.read_bytes() for path in before} == before
    assert len(project.batches()) == 1


def listed(project: Project) -> int:
    """Count what the chunks of all batches list."""
    chunks = [*project.output.glob("chunks/0*/*.json")]
    texts = [json.loads(path.read_text()) for path in chunks if path.name != "batch.json"]
    return sum(len(text["simulations"]) for text in texts)


def test_here(project: Project) -> None:
    dry = project.stilt("run", "--dry-run")
    assert "2 of 5 simulations cannot succeed: BAD_RECEPTOR: 10, 50 lies outside" in dry.out
    assert "would hand over 3 as batch" in dry.out
    assert not project.output.exists()
    answer = project.stilt("run")
    assert answer.code == 1, answer.err
    assert "2 of 5 simulations cannot succeed: BAD_RECEPTOR: 10, 50 lies outside" in answer.out
    assert "5 simulations: 3 complete, 2 failed" in answer.out
    assert listed(project) == 3
    check_all_say_so(project, complete=3, failed=2)
    check_nothing_is_left(project)


@pytest.mark.slurm
def test_on_slurm(slurm: SlurmProject) -> None:
    project = slurm.project
    assert "would hand over 3 as batch" in project.stilt("run", "--dry-run").out
    (job,) = slurm.submit()
    assert Counter(project.outcomes().values())["failed"] == 2
    assert listed(project) == 3
    slurm.await_outcome("complete", 3)
    slurm.await_ended(job)
    check_all_say_so(project, complete=3, failed=2)
    check_nothing_is_left(project)


@pytest.mark.slurm
def test_whoever_waits_for_slurm_waits_for_the_others(slurm: SlurmProject) -> None:
    answer = slurm.stilt("run", "--wait")
    assert answer.code == 1, answer.err
    assert Counter(slurm.project.outcomes().values()) == {"complete": 3, "failed": 2}


def test_where_nothing_can_run_no_task_is_made(project: Project) -> None:
    receptors = project.path / "receptors.csv"
    lines = receptors.read_text().splitlines()
    receptors.write_text("\n".join([lines[0], *lines[-2:], ""]))
    answer = project.stilt("run")
    assert (answer.code, "nothing to hand over" in answer.out) == (1, True), answer.err
    assert listed(project) == 0
    (batch,) = json.loads(project.stilt("status", "--json").out)["batches"]
    assert (batch["total"], batch["failed"], batch["jobs"]) == (2, 2, [])
    receptors.write_text("\n".join([*lines, ""]))
    assert "5 simulations: 3 never run, 2 failed" in project.stilt("run", "--dry-run").out
    assert project.stilt("run").code == 1
    check_all_say_so(project, complete=3, failed=2)


def test_what_can_run_after_all_is_run(project: Project) -> None:
    project.stilt("run")
    longitude, latitude = KIND.at(0.5, 0.5)
    receptors = project.path / "receptors.csv"
    text = receptors.read_text()
    for outside in OUTSIDE:
        text = text.replace(f",{outside},50,50", f",{longitude:.3f},{latitude:.3f},{outside}0")
    receptors.write_text(text)
    answer = project.stilt("run")
    assert (answer.code, "2 never run, 3 already done" in answer.out) == (0, True), answer.err


def test_failures_that_are_foreseen_do_not_stop_a_worker(project: Project) -> None:
    answer = project.stilt("run", "--max-fails", "1")
    assert "5 simulations: 3 complete, 2 failed" in answer.out


def without_met(project: Project) -> None:
    config = project.path / "config.yaml"
    config.write_text(config.read_text().replace(str(project.path / "met"), "/nowhere"))


def test_a_folder_that_is_not_there_is_refused_as_a_whole(project: Project) -> None:
    without_met(project)
    answer = project.stilt("run")
    assert (answer.code, "nothing was handed over: 5 of 5" in answer.err) == (2, True)
    assert not (project.output / "chunks").exists()


@pytest.mark.slurm
def test_a_folder_that_only_nodes_may_have_is_theirs_to_judge(slurm: SlurmProject) -> None:
    without_met(slurm.project)
    slurm.submit()
    slurm.await_outcome("failed", 5)
    assert set(slurm.project.reasons().values()) == {"MET_MISSING"}
    assert listed(slurm.project) == 5


def test_they_are_told_by_the_run_alone(project: Project) -> None:
    project.stilt("run")
    written = {
        path.name.partition("-")[0]: read_segment(path).events
        for path in (project.output / "log").glob("*/*.log")
    }
    failed = [event.sim for event in written["run"] if getattr(event, "outcome", "") == "failed"]
    assert len(failed) == 2
    assert not any(getattr(event, "sim", "") in failed for event in written["worker"])
