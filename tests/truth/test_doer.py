"""Who did it: a worker is what its batch was handed over with, or does nothing."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

import stilt
from stilt.example.atmosphere import write_atmosphere
from stilt.log.index import OutputIndex
from stilt.log.reader import read_segment
from tests.projects import ENGINE, FOOTPRINT, Project, make_project

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.transport.hysplit.locate import Installation

SIM = "jet_202606161800_-111.9_40.5_30"


def table(hundredths: int) -> str:
    """Return a table of roughness lengths, the same everywhere, as ROUGLEN.ASC has them."""
    return (f"{hundredths:4d}" * 360 + "\n") * 180


def home_with(folder: Path, hundredths: int) -> Path:
    """Return a STILT_HOME whose HYSPLIT has such a table, and nothing else."""
    installed = folder / "hysplit" / "v5.1.0"
    installed.mkdir(parents=True)
    (installed / "ROUGLEN.ASC").write_text(table(hundredths))
    return folder


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("met")
    write_atmosphere(folder)
    return folder


def work(project: Project, batch: str, **env: str):
    return project.stilt("push-worker", "--batch", batch, "--task", "0", **env)


def native_project(path: Path, met: Path, roughness: str = "") -> Project:
    path.mkdir()
    (path / "config.yaml").write_text(
        f"mets: {{jet: {{directory: '{met}', file_format: 'jet_%Y%m%d.arl', file_tres: 1d}}}}\n"
        "footprints: {default: {xmin: -114, xmax: -110, ymin: 39, ymax: 42, xres: 0.5, yres: 0.5}}\n"
        f"n_hours: -1\nnumpar: 20\nmodel: native\n{roughness}\n"
    )
    (path / "receptors.csv").write_text(
        "time,longitude,latitude,altitude\n2026-06-16 18:00,-111.9,40.5,30\n"
    )
    # what is compiled stays where it is, whatever STILT_HOME says
    return Project(path, env={"NUMBA_CACHE_DIR": str(kernels())})


def kernels() -> Path:
    return Path(os.environ["STILT_HOME"]) / "kernels"


def test_a_table_is_read_as_it_was_when_the_batch_was_handed_over(
    tmp_path: Path, met: Path, handed_over: Callable[[Project], str]
) -> None:
    """In a home with another table, in one with none, and in that of the hand-over the particles are the same."""
    particles = []
    homes = {"A": home_with(tmp_path / "A", 20), "B": home_with(tmp_path / "B", 150)}
    homes["none"] = tmp_path / "none"
    for name, home in homes.items():
        project = native_project(tmp_path / f"of-{name}", met, "roughness: hysplit")
        project.env["STILT_HOME"] = str(homes["A"])
        batch = handed_over(project)
        answer = work(project, batch, STILT_HOME=str(home))
        assert answer.code == 0, answer.out + answer.err
        (path,) = (project.output / "particles").rglob(f"{SIM}.parquet")
        particles.append(pq.read_table(path).to_pydict())
        assert_signed(project, path)
    assert particles[0] == particles[1] == particles[2]
    other = native_project(tmp_path / "other", met, "roughness: hysplit")
    other.env["STILT_HOME"] = str(homes["B"])
    assert work(other, handed_over(other)).code == 0
    (path,) = (other.output / "particles").rglob(f"{SIM}.parquet")
    assert pq.read_table(path).to_pydict() != particles[0], "the table matters"


def assert_signed(project: Project, path: Path) -> None:
    """The particles say of themselves what the segment says that vouches for them."""
    headers = [
        read_segment(segment).header
        for segment in OutputIndex(project.output / "log").segments()
        if segment.name.startswith("worker")
    ]
    signed = {digest for header in headers if header for digest in header.transport.values()}
    said = {value.decode() for key, value in (pq.read_schema(path).metadata or {}).items()}
    assert signed & said


def test_a_copied_table_that_was_changed_since_is_refused(
    tmp_path: Path, met: Path, handed_over: Callable[[Project], str]
) -> None:
    project = native_project(tmp_path / "project", met, "roughness: hysplit")
    project.env["STILT_HOME"] = str(home_with(tmp_path / "A", 20))
    batch = handed_over(project)
    (copy,) = (project.output / "inputs").rglob("ROUGLEN.ASC")
    copy.chmod(0o644)
    copy.write_text(table(150))
    answer = work(project, batch)
    assert answer.code == 4
    assert "ROUGLEN.ASC" in answer.err
    assert_nothing_begun(project)


def assert_nothing_begun(project: Project) -> None:
    assert project.outcomes() == {}
    assert not list((project.output / "particles").rglob("*.parquet"))


@pytest.mark.parametrize("installed", ["a table", "nothing"])
def test_what_is_installed_changes_no_result_of_a_roughness_in_metres(
    tmp_path: Path, met: Path, installed: str
) -> None:
    project = native_project(tmp_path / "project", met, "roughness: 0.2")
    project.env["STILT_HOME"] = str(tmp_path / "nothing")
    assert project.stilt("run").code == 0
    (path,) = (project.output / "particles").rglob(f"{SIM}.parquet")
    before = path.read_bytes()
    home = home_with(tmp_path / "A", 150) if installed == "a table" else tmp_path / "nothing"
    said = project.stilt("run", "--no-skip", STILT_HOME=str(home))
    assert said.code == 0, said.err
    (path,) = (project.output / "particles").rglob(f"{SIM}.parquet")
    assert path.read_bytes() == before
    assert "1 already done" in project.stilt("run", "--dry-run", STILT_HOME=str(home)).out


def test_roughness_of_a_table_that_is_not_installed_is_refused_by_check_and_run(
    tmp_path: Path, met: Path
) -> None:
    project = native_project(tmp_path / "project", met, "roughness: hysplit")
    project.env["STILT_HOME"] = str(tmp_path / "nothing")
    for command in ("check", "run"):
        answer = project.stilt(command)
        assert answer.code != 0
        assert "roughness" in answer.out + answer.err
    assert not (project.output / "chunks").exists()


def test_status_calls_nothing_stale_for_what_is_installed_here(tmp_path: Path, met: Path) -> None:
    project = native_project(tmp_path / "project", met, "roughness: hysplit")
    home = home_with(tmp_path / "A", 20)
    assert project.stilt("run", STILT_HOME=str(home)).code == 0
    for there in (tmp_path / "nothing", home_with(tmp_path / "B", 150)):
        said = json.loads(project.stilt("status", "--json", STILT_HOME=str(there)).out)
        assert (said["complete"], said["stale"]) == (1, 0)


@pytest.fixture
def own_engine(tmp_path: Path) -> Path:
    """An engine of the user's own: a file that is edited in these tests."""
    path = tmp_path / "my_engine.py"
    path.write_text(ENGINE.read_text())
    return path


def imported(tmp_path: Path, engine: Path) -> Project:
    project = make_project(tmp_path / "project", footprints=f"{{default: {FOOTPRINT}}}")
    config = project.path / "config.yaml"
    config.write_text(config.read_text().replace(str(ENGINE), str(engine)))
    return project


EDITS = {
    "another line of its file": ("2e-3", "3e-3", "my_engine.py was"),
    "another version": ('version = "1"', 'version = "2"', "engine was fake 1, is fake 2"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_engine_that_was_edited_since_the_hand_over_is_refused_with_the_difference(
    tmp_path: Path, own_engine: Path, handed_over: Callable[[Project], str], edit: str
) -> None:
    project = imported(tmp_path, own_engine)
    batch = handed_over(project)
    old, new, words = EDITS[edit]
    own_engine.write_text(own_engine.read_text().replace(old, new))
    answer = work(project, batch)
    assert answer.code == 4
    assert words in answer.err
    assert "stilt run" in answer.err
    assert_nothing_begun(project)


def test_another_version_of_an_engine_leaves_results_as_they_are_until_asked(
    tmp_path: Path, own_engine: Path
) -> None:
    project = imported(tmp_path, own_engine)
    assert project.stilt("run").code == 0
    own_engine.write_text(own_engine.read_text().replace('version = "1"', 'version = "2"'))
    said = project.stilt("run", "--dry-run").out
    assert "1 already done" in said
    assert "engine was fake 1, is fake 2" in said
    assert "--redo-engine" in said
    again = project.stilt("run", "--redo-engine")
    assert (again.code, "1 made by another engine" in again.out) == (0, True)
    assert "of another engine" not in project.stilt("run", "--dry-run").out


IDENTITY = '''
class Named(FakeEngine):
    """One that says itself what it is."""

    identity = "as it likes"
'''


def test_an_engine_may_say_itself_what_it_is(
    tmp_path: Path, own_engine: Path, handed_over: Callable[[Project], str]
) -> None:
    own_engine.write_text(own_engine.read_text() + IDENTITY)
    project = imported(tmp_path, own_engine)
    config = project.path / "config.yaml"
    config.write_text(config.read_text().replace(":FakeEngine", ":Named"))
    batch = handed_over(project)
    own_engine.write_text(own_engine.read_text() + "\n# a comment more\n")
    assert work(project, batch).code == 0, "the file is not what it goes by"
    own_engine.write_text(own_engine.read_text().replace("as it likes", "another"))
    answer = work(project, batch)
    assert answer.code in {0, 4}
    second = imported_again(project)
    batch = handed_over(second)
    own_engine.write_text(own_engine.read_text().replace('"another"', '"a third"'))
    answer = work(second, batch)
    assert (answer.code, "identity" in answer.err) == (4, True)


def imported_again(project: Project) -> Project:
    shutil.rmtree(project.output)
    return project


@pytest.mark.hysplit
def test_another_program_that_the_environment_names_is_not_taken(
    tmp_path: Path, met: Path, handed_over: Callable[[Project], str], hysplit: Installation
) -> None:
    """A worker runs the program of the hand-over, whatever STILT_HYSPLIT says where it starts."""
    project = native_project(tmp_path / "project", met)
    config = project.path / "config.yaml"
    config.write_text(config.read_text().replace("model: native", "model: hysplit"))
    mine = tmp_path / "mine"
    shutil.copytree(hysplit.exe.parent, mine)
    batch = handed_over(project)
    with (mine / "hycs_std").open("ab") as program:
        program.write(b"\0")
    answer = work(project, batch, STILT_HYSPLIT=str(mine))
    assert answer.code == 0, answer.err
    (path,) = (project.output / "particles").rglob(f"{SIM}.parquet")
    assert_signed(project, path)


@pytest.mark.hysplit
def test_a_program_that_was_changed_since_the_hand_over_is_refused(
    tmp_path: Path, met: Path, handed_over: Callable[[Project], str], hysplit: Installation
) -> None:
    project = native_project(tmp_path / "project", met)
    config = project.path / "config.yaml"
    config.write_text(config.read_text().replace("model: native", "model: hysplit"))
    mine = tmp_path / "mine"
    shutil.copytree(hysplit.exe.parent, mine)
    project.env["STILT_HYSPLIT"] = str(mine)
    batch = handed_over(project)
    with (mine / "hycs_std").open("ab") as program:
        program.write(b"\0")
    answer = work(project, batch)
    assert (answer.code, "hycs_std" in answer.err) == (4, True)
    assert_nothing_begun(project)


@pytest.mark.hysplit
def test_results_of_another_program_are_done_for_every_command_and_run_says_whose_they_are(
    tmp_path: Path, met: Path, hysplit: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = native_project(tmp_path / "project", met)
    config = project.path / "config.yaml"
    config.write_text(config.read_text().replace("model: native", "model: hysplit"))
    assert project.stilt("run").code == 0
    mine = tmp_path / "mine"
    shutil.copytree(hysplit.exe.parent, mine)
    with (mine / "hycs_std").open("ab") as program:
        program.write(b"\0")
    monkeypatch.setenv("STILT_HYSPLIT", str(mine))
    said = json.loads(project.stilt("status", "--json").out)
    assert (said["complete"], said["stale"], said["to_do"]) == (1, 0, 0)
    assert stilt.Project(project.path)[SIM].state == "complete"
    dry = project.stilt("run", "--dry-run").out
    assert ("1 already done" in dry, "engine input hycs_std was" in dry) == (True, True)
    assert project.stilt("verify").code == 0
    assert project.stilt("check").code == 0
    assert "would hand over 1 as" in project.stilt("run", "--dry-run", "--redo-engine").out
    config.write_text(config.read_text().replace("xres: 0.5", "xres: 1"))
    said = json.loads(project.stilt("status", "--json").out)
    assert (said["stale"], said["to_do"]) == (1, 1)
    dry = project.stilt("run", "--dry-run").out
    assert "would hand over 1 as" in dry
    assert "footprints alone" not in dry, (
        "particles of another program would be signed as this one's"
    )
