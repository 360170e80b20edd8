"""``stilt verify`` finds every broken output, and the next run makes just those anew."""

import json
import os
import shutil

import pytest

from stilt.cli import verify as command
from stilt.foundations.paths import plain_and_imprint
from stilt.log.index import OutputIndex
from tests.projects import FOOTPRINT, Project, make_project

HEIGHTS = tuple(range(5, 55, 5))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    made = make_project(
        tmp_path_factory.mktemp("verify") / "a project",
        HEIGHTS,
        footprints=f"{{near: {FOOTPRINT}}}",
    )
    assert made.stilt("run", "--cpus", "2").code == 0
    return made


@pytest.fixture
def project(finished, tmp_path):
    """Return a project of its own, moved since it was run."""
    shutil.copytree(finished.path, tmp_path / "moved", symlinks=True)
    return Project(tmp_path / "moved")


def particles(project):
    """Return the particle files under the names that the log has of them."""
    return sorted((project.output / "particles").rglob(".*.parquet.*"))


def footprints(project):
    return sorted((project.output / "footprints").rglob(".*.nc.*"))


def plain(path):
    return path.with_name(plain_and_imprint(path.name)[0])


def remove(path):
    """Remove a file under both of its names: under one of them it is whole."""
    path.unlink()
    plain(path).unlink()


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def swap(first, second):
    held = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(held)


def runs(project):
    """Return what the engine ran, one simulation a line."""
    return project.runs_file.read_text().splitlines()


def test_every_broken_output_is_found_and_only_those_are_made_anew(project):
    made, grids = particles(project), footprints(project)
    before = {path: path.read_bytes() for path in made}
    whole = {plain(path): data for path, data in before.items()}
    remove(made[0])
    made[1].write_bytes(before[made[1]][:-100])
    made[2].write_bytes(before[made[2]] + b"x")
    made[3].write_bytes(b"")
    flip_a_bit(made[4])
    swap(made[5], made[6])
    flip_a_bit(grids[7])
    broken = [*made[:7], grids[7]]

    answer = project.stilt("verify", "--json")
    said = json.loads(answer.out)
    assert answer.code == 5, answer.err
    assert (said["simulations"], said["files"]) == (10, 20)
    assert {found["path"] for found in said["broken"]} == {
        path.relative_to(project.output).as_posix() for path in broken
    }
    status = json.loads(project.stilt("status", "--json").out)
    assert (status["complete"], status["pending"], status["total"]) == (2, 8, 10)

    ran = len(runs(project))
    assert project.stilt("run").code == 0
    assert {plain(path).stem for path in broken} == {
        line.split()[0] for line in runs(project)[ran:]
    }
    assert {path: path.read_bytes() for path in whole} == whole
    again = project.stilt("verify")
    assert (again.code, again.err) == (0, "")
    assert "20 files of 10 simulations" in again.out
    assert "all as the log says" in again.out


def test_what_is_whole_is_said_to_be_and_nothing_is_written(project):
    segments = OutputIndex(project.output / "log").segments()
    assert project.stilt("verify").code == 0
    assert OutputIndex(project.output / "log").segments() == segments


def test_the_message_names_the_file_what_is_wrong_and_what_to_do(project):
    path = particles(project)[0]
    path.write_bytes(path.read_bytes()[:-1])
    answer = project.stilt("verify")
    size = path.stat().st_size
    assert (
        f"{path.relative_to(project.output)}: it has {size:,} bytes, not {size + 1:,}" in answer.out
    )
    assert "1 broken; 1 simulation is work again: stilt run" in answer.out


def test_a_file_that_can_not_be_read_is_not_called_broken(project):
    path = particles(project)[0]
    path.unlink()
    path.symlink_to(path.name)  # a loop: nothing can be said of it, whoever asks
    answer = project.stilt("verify", "--json")
    said = json.loads(answer.out)
    assert answer.code == 4
    assert said["broken"] == []
    assert [found["path"] for found in said["unreadable"]] == [
        path.relative_to(project.output).as_posix()
    ]


def test_what_another_node_made_just_now_is_not_called_missing(project, monkeypatch, capsys):
    remove(particles(project)[0])
    monkeypatch.setattr("socket.gethostname", lambda: "another-node")
    with pytest.raises(SystemExit) as ended:
        command.command([os.fspath(project.path)])
    assert ended.value.code in {0, None}
    assert "1 were made on other nodes just now" in capsys.readouterr().out


def test_an_empty_project_has_nothing_to_verify(tmp_path):
    project = make_project(tmp_path / "p")
    answer = project.stilt("verify")
    assert answer.code == 0
    assert "0 files of 0 simulations" in answer.out
