"""What happened to more than a few receptors on the way stands in one line."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

from stilt.api.project import Project
from stilt.log.index import OutputIndex
from stilt.report.content import collect
from stilt.status.gather import gather
from stilt.status.happened import FEW, words
from stilt.status.opened import open_project
from stilt.status.screen import render
from tests.status.conftest import ProjectLog, done

LIFTED = "5 lifted to the ground, by up to 1,000 m"


def write(log: ProjectLog, *facts: dict[str, float], outcome: str = "complete") -> None:
    batch = log.batch("0001-x", [list(range(len(facts)))], project_total=len(facts))
    ended = (replace(done(n, outcome), facts=each) for n, each in enumerate(facts))
    log.worker(batch, 0, *ended)


def test_it_is_counted_with_its_greatest_value_whether_there_is_a_checkpoint(project_log):
    facts = [{"lifted_m": 10.0**n, "lifted_particles": 3.0} for n in (-1, 0, 1, 2, 3)]
    write(project_log, *facts, {}, {"share_outside_grid": 0.4}, {"share_outside_grid": 0.6})
    project = open_project(project_log.layout.project)
    afresh = gather(project, use_checkpoint=False)
    assert (afresh.facts["lifted_m"].simulations, afresh.facts["lifted_m"].greatest) == (5, 1000)
    assert afresh.facts["share_outside_grid"].simulations == 1
    assert set(afresh.facts) == {"lifted_m", "share_outside_grid"}
    OutputIndex(project_log.layout.log_dir).fold()
    frozen = OutputIndex(project_log.layout.log_dir).fold()
    assert gather(project).facts == afresh.facts
    said = dict(frozen.facts({"lifted_m"}))
    assert math.isclose(said["lifted_m"], 1000)
    assert LIFTED in render(afresh)


def test_what_touches_a_few_is_no_line(project_log):
    write(project_log, *[{"particles_left": 7.0}] * FEW, *[{}] * 10 * FEW)
    assert "left the meteorology's domain" not in render(project_log.summary())


@pytest.mark.parametrize(
    ("facts", "others", "told"),
    [
        ({"particles_left": 7.0}, 0, "1 with particles that left the meteorology's domain"),
        ({"particles_left": 7.0}, 8, "1 with particles that left the meteorology's domain"),
        ({"hours_without_particles": 4.0}, 30, "1 with hours without a particle, up to 4"),
        ({"share_outside_grid": 0.9}, 30, "1 with more than half of the footprint outside of its"),
        ({"weight_above_column": 0.6}, 30, "1 with pressure weights above the release, up to 60%"),
        ({"weight_above_column": 0.1}, 30, ""),
    ],
)
def test_a_part_of_few_and_what_is_serious_is_a_line(project_log, facts, others, told):
    write(project_log, facts, *[{}] * others)
    summary = project_log.summary()
    assert words(summary.facts, 1 + others).startswith(told)
    assert told in " ".join(render(summary, 200).split())


def test_what_failed_is_not_counted(project_log):
    write(project_log, *[{"particles_left": 7.0}] * 9, outcome="failed")
    assert project_log.summary().facts == {}


def test_the_report_says_it_too(project_log):
    write(project_log, {"hours_without_particles": 4.0})
    path = project_log.layout.project
    (path / "config.yaml").write_text(
        "mets: {m: met}\nn_hours: -1\nmodel: native\nroughness: 0.2\n"
    )
    (path / "receptors.csv").write_text("time,long,lati,zagl\n2026-06-16 10:00,0,0,5\n")
    assert "1 with hours without a particle, up to 4" in collect(Project(path)).notes
