"""A run that brought nothing says so: at its end, in status and in the report."""

from __future__ import annotations

from tests.engines import Behaviour
from tests.projects import FOOTPRINT, make_project

SAID = "simulations are empty: no particle touched the surface within the footprint grids"


def test_a_run_whose_simulations_all_are_empty_says_so(tmp_path) -> None:
    heights = (Behaviour.EMPTY, Behaviour.EMPTY)
    project = make_project(tmp_path / "p", heights, footprints=f"{{fine: {FOOTPRINT}}}")
    answer = project.stilt("run")
    assert answer.code == 0, answer.err
    assert f"all 2 {SAID}" in answer.out
    assert f"all 2 {SAID}" in " ".join(project.stilt("status").out.split())
    assert project.stilt("report").code == 0
    (page,) = project.path.rglob("*.html")
    assert f"all 2 {SAID}" in page.read_text()


def test_a_run_with_one_footprint_does_not(tmp_path) -> None:
    project = make_project(
        tmp_path / "p", (5, Behaviour.EMPTY), footprints=f"{{fine: {FOOTPRINT}}}"
    )
    assert SAID not in project.stilt("run").out
    assert SAID not in project.stilt("status").out
