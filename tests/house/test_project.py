"""A project in Python: run it, ask how it stands, open what it made, draw it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
import pytest

import stilt as package
from stilt.footprint.grid import geometry_of
from stilt.foundations.errors import InputError
from stilt.foundations.recent import RECENT_S
from stilt.log.index import OutputIndex
from stilt.plot.map_frame import MapFrame
from tests.engines import Behaviour
from tests.projects import FOOTPRINT, make_project

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "fake_201512100000_-112_40.5_5"
BAD = "fake_201512100100_-112_40.5_9001"
EMPTY = "fake_201512100200_-112_40.5_9006"
LCC = (
    "{xmin: -113, xmax: -111, ymin: 40, ymax: 41, xres: 10000, yres: 10000,"
    " projection: '+proj=lcc +lat_1=33 +lat_2=45 +lat_0=40 +lon_0=-97'}"
)


@pytest.mark.parametrize(
    ("former", "name"), [("stilt.simulation", "Simulation"), ("stilt.compute", "run_trajectories")]
)
def test_modules_that_moved_can_be_imported_by_their_former_names(former, name) -> None:
    assert getattr(import_module(former), name) is getattr(package, name)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> package.Project:
    """A run with a good simulation, a failed and an empty one."""
    folder: Path = tmp_path_factory.mktemp("house") / "my project"
    heights = (5, Behaviour.MODEL_ERROR, Behaviour.EMPTY)
    made = make_project(folder, heights, footprints=f"{{fine: {FOOTPRINT}, lcc: {LCC}}}")
    answer = made.stilt("run", str(folder))
    assert answer.code == 1, answer.err
    return package.Project(folder)


def test_import_stilt_loads_nothing_but_names() -> None:
    code = "import sys, stilt; dir(stilt); stilt.Project; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(shown.stdout.split())
    assert not loaded & {"numpy", "pandas", "xarray", "yaml", "numba", "pyarrow", "click"}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing


def test_status_is_the_summary_that_the_command_prints(project) -> None:
    summary = project.status()
    assert (summary.total, summary.complete, summary.failed, summary.empty) == (3, 1, 1, 1)


def test_simulations_are_a_frame_with_state_cost_and_reason(project) -> None:
    frame = project.simulations
    assert list(frame.index) == [GOOD, BAD, EMPTY]
    assert list(frame["state"]) == ["complete", "failed", "empty"]
    assert frame.loc[BAD, "reason"] == "MODEL_ERROR"
    assert frame.loc[GOOD, ["longitude", "latitude", "height_m"]].tolist() == [-112, 40.5, 5]
    assert str(frame.loc[GOOD, "time"]) == "2015-12-10 00:00:00"
    assert frame.loc[GOOD, "wall_s"] > 0
    assert frame.loc[GOOD, "outcome_at"].year >= 2026


def test_all_states_cost_one_look_at_the_log_and_a_change_is_seen(
    project, monkeypatch, tmp_path: Path
) -> None:
    copy = shutil.copytree(project.path, tmp_path / "copy")
    looks: list[object] = []
    fold = OutputIndex.fold
    monkeypatch.setattr(OutputIndex, "fold", lambda index: looks.append(index) or fold(index))
    clock = [1000.0]
    monkeypatch.setattr("stilt.foundations.recent.time.monotonic", lambda: clock[0])
    mine = package.Project(copy)
    for _ in range(10):
        assert [result.state for result in mine] == ["complete", "failed", "empty"]
    assert len(looks) <= 2, "the log is folded, and once more where something ended meanwhile"
    before = len(looks)
    clock[0] += 2 * RECENT_S
    assert mine[GOOD].state == "complete"
    assert len(looks) == before, "nothing was written since"
    segment = max(copy.rglob("*.log"), key=lambda path: path.stat().st_size)
    with segment.open("ab") as log:
        log.write(segment.read_bytes().splitlines(keepends=True)[-1])
    clock[0] += 2 * RECENT_S
    assert mine[GOOD].state == "complete"
    assert len(looks) > before


def test_a_simulation_gives_particles_as_a_frame(project) -> None:
    particles = project[GOOD].particles()
    assert {"time", "indx", "long", "lati", "zagl", "foot"} <= set(particles)
    assert len(particles) == 10 * 60
    assert particles.attrs["units"]["zagl"] == "m"
    assert project[GOOD].state == "complete"


def test_a_simulation_gives_footprints_as_arrays(project) -> None:
    fine = project[GOOD].footprint()
    assert fine.dims == ("time", "lat", "lon")
    assert float(fine.sum()) > 0
    assert fine.attrs["units"].startswith("ppm")
    assert str(fine["receptor"].values) == GOOD
    assert project[GOOD].footprint("lcc").dims == ("time", "y", "x")
    np.testing.assert_allclose(
        float(project[GOOD].footprint("fine").sum()), float(fine.sum()), rtol=0
    )


def test_simulations_are_found_by_id_by_place_and_one_by_one(project) -> None:
    assert len(project) == 3
    assert project[0].id == GOOD
    assert [result.id for result in project] == [GOOD, BAD, EMPTY]
    assert project[BAD].receptor.heights_m == (9001.0,)


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda p: p["fake_201512100000_-112_40.5_6"], f"did you mean '{GOOD}'"),
        (lambda p: p[BAD].particles(), "it is failed MODEL_ERROR"),
        (lambda p: p[GOOD].footprint("coarse"), "it has fine, lcc"),
    ],
)
def test_what_is_not_there_is_named_with_what_to_do(project, ask, says) -> None:
    with pytest.raises(InputError, match=says) as caught:
        ask(project)
    assert caught.value.hint


def test_running_again_from_python_runs_what_is_not_complete(project, monkeypatch) -> None:
    heal = project.path / "healed"
    heal.touch()
    monkeypatch.setenv("FAKE_HEAL", str(heal))
    said: list[str] = []
    summary = package.Project(project.path).run(say=said.append)
    assert (summary.complete, summary.failed) == (2, 0)
    assert any("1 " in line for line in said)


@pytest.mark.parametrize("name", ["fine", "lcc"])
def test_a_simulation_is_drawn(project, tmp_path, name) -> None:
    picture = tmp_path / "picture.png"
    figure = project[GOOD].plot(picture, name=name)
    assert picture.read_bytes().startswith(b"\x89PNG")
    texts = " ".join(
        text.get_text() for text in figure.findobj(match=lambda a: hasattr(a, "get_text"))
    )
    for words in (
        "°N" if name == "fine" else "y, km",
        "hours",
        "mixed layer",
        GOOD,
        f"{name}: sum",
    ):
        assert words in texts


def test_the_footprint_to_draw_goes_by_either_name(project) -> None:
    drawn = [project[GOOD].plot(footprint="lcc"), project[GOOD].plot(name="lcc")]
    axes = [[each.get_title() for each in figure.axes] for figure in drawn]
    assert axes[0] == axes[1] != [each.get_title() for each in project[GOOD].plot().axes]


def test_the_star_of_a_projected_map_is_in_the_cell_of_the_receptor(project) -> None:
    """R-STILT's sphere, not PROJ's ellipsoid: they are kilometres apart."""
    stars = project[GOOD].plot(name="lcc").axes[0].lines[0].get_xydata()
    geometry = geometry_of(project.config.footprints["lcc"])
    (x,), (y,) = geometry.project(np.array([-112.0]), np.array([40.5]))
    np.testing.assert_allclose(stars, [[x / 1000, y / 1000]])


def test_projected_footprints_side_by_side_have_a_map(project) -> None:
    frame = MapFrame.of(project.footprints("lcc"))
    assert (frame.unit, frame.scale) == ("km", 1000.0)


def test_an_empty_footprint_is_said_to_be_empty(project) -> None:
    figure = project[EMPTY].plot()
    texts = [text.get_text() for text in figure.findobj(match=lambda a: hasattr(a, "get_text"))]
    assert "no footprint" in texts


def test_plot_writes_a_picture_where_it_is_told(project, stilt, tmp_path) -> None:
    shown = stilt("plot", "_40.5_5", project.path)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == f"{GOOD}.png\n"
    assert (tmp_path / f"{GOOD}.png").stat().st_size > 10_000
    assert stilt("plot", GOOD, project.path, "-o", "a.svg").returncode == 0
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")


def test_plot_without_a_display_says_to_write_a_file(project, stilt) -> None:
    shown = stilt(
        "plot", GOOD, project.path, "--window", env={"DISPLAY": "", "WAYLAND_DISPLAY": ""}
    )
    assert shown.returncode == 4
    assert "-o picture.png" in shown.stderr
