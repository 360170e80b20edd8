"""Paths that stand in a log, and files that somebody else put there, are checked before they are opened or removed."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

import stilt as package
from stilt.batch.chunks import read_chunk
from stilt.batch.manifest import read_manifest
from stilt.foundations.durable import digest_file
from stilt.foundations.errors import DamagedError, InputError
from stilt.foundations.inside import (
    MisplacedError,
    is_file_below,
    opened,
    opened_below,
    read_regular,
    remove_below,
)
from tests.drawn import drawn
from tests.hostile.asking import ask
from tests.hostile.logs import done, header, pending, write_segment
from tests.projects import Project, make_project, names_of

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = 65534
DATE = "2015-12-10"
SIM = "fake_201512100000_-112_40.5_5"
PARTICLES = f"particles/{DATE}/{SIM}.parquet"
FOOT = f"footprints/fine/{DATE}/{SIM}.nc"
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to give files to others")


def promise(project: Project, path: str, file: Path) -> None:
    """Have the log promise a file by some path."""
    size, digest = digest_file(file)
    output = {"path": path, "size": size, "digest": digest}
    event = done("fake_outside", wall_s=1.0, outputs=[output])
    write_segment(project.output / "log", header(), pending(count=1), event)


def tree(folder: Path) -> dict[str, Any]:
    """Return everything below a folder, with what is in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else path.is_symlink()
        for path in sorted(folder.rglob("*"))
    }


LEADING_OUT = {
    "up": "../../outside/x.parquet",
    "up, from a product": "particles/../../../outside/x.parquet",
    "up, as a footprint": "footprints/../../../outside/x.parquet",
    "absolute": "{outside}/x.parquet",
    "through a link": "particles/linked/x.parquet",
    "a link": "particles/x.parquet",
    "through a link of links": "particles/linked/../linked/x.parquet",
    "NUL": "particles/\0/x.parquet",
    "long": "particles/" + "d/" * 1000 + "x.parquet",
    "empty": "",
    "of the log": "log/checkpoint",
}


@pytest.mark.parametrize("path", LEADING_OUT.values(), ids=LEADING_OUT)
def test_nothing_outside_of_the_output_root_is_packed_or_removed(project, tmp_path, path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.copy(project.output / PARTICLES, outside / "x.parquet")
    (project.output / "particles" / "linked").symlink_to(outside)
    (project.output / "particles" / "x.parquet").symlink_to(outside / "x.parquet")
    before = tree(outside)
    promise(project, path.format(outside=outside), outside / "x.parquet")
    found = ask(project, "verify", "--json")
    assert found.code == 5, found.err
    assert '"sim":"fake_outside"' in found.out.replace(": ", ":")
    answer = ask(project, "archive")
    assert answer.code in {0, 5}, answer.err
    assert "Traceback" not in answer.err + found.err
    assert tree(outside) == before
    assert [entry.name for entry in tmp_path.iterdir() if entry.name != "p"] == ["outside"]
    assert not list((project.output / "archive").rglob("*x.parquet"))


def test_archive_says_what_it_left_and_packs_the_rest(project, tmp_path) -> None:
    outside = tmp_path / "outside.parquet"
    shutil.copy(project.output / PARTICLES, outside)
    promise(project, "particles/../../../outside.parquet", outside)
    answer = ask(project, "archive")
    assert answer.code == 5
    assert "left as it is: particles/../../../outside.parquet" in answer.out
    assert outside.exists()
    assert not (project.output / PARTICLES).exists()  # it was packed
    assert ask(project, "plot", SIM).code == 0


@pytest.mark.parametrize("place", [PARTICLES, FOOT])
@pytest.mark.parametrize("kind", ["pipe", "socket", "folder", "link to elsewhere", "looped link"])
def test_what_is_no_regular_file_is_damage_and_nobody_waits_for_it(
    project, tmp_path, place, kind
) -> None:
    file = names_of(project.output / place)[-1]
    place = file.relative_to(project.output).as_posix()
    kept = file.rename(tmp_path / "kept")
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "socket":
        os.mknod(file, 0o140644)
    elif kind == "folder":
        file.mkdir()
    else:
        file.symlink_to(kept if kind == "link to elsewhere" else file.name)
    assert f"{place}: " in ask(project, "archive", "--dry-run").out or kind == "folder"
    for command in ("verify", "plot " + SIM, "report", "logs " + SIM, "status --no-slurm"):
        answer = ask(project, *command.split())
        assert "Traceback" not in answer.err
        assert answer.code != 70, (command, answer.err)
        if command == "verify":
            # of a loop of links nothing can be said
            assert answer.code == (4 if kind == "looped link" else 5), answer.err
            assert place in answer.out
        if command.startswith("plot"):
            # by now the log says that it is invalid; a link to nothing is a file that is missing
            assert answer.code in {2, 5} or kind == "looped link", answer.err
    assert kept.exists()


def test_a_name_in_the_same_folder_may_be_a_link_or_the_same_file(project) -> None:
    file = project.output / FOOT
    keyed = file.rename(file.with_name(f"{SIM}.k1.nc"))
    file.symlink_to(keyed.name)
    particles = project.output / PARTICLES
    os.link(particles, particles.with_name("other.parquet"))
    assert ask(project, "verify").code == 0
    assert ask(project, "plot", SIM).code == 0
    result = package.Project(project.path)[SIM]
    assert float(result.footprint().sum()) > 0
    assert len(result.particles())


def test_a_product_folder_on_another_filesystem_is_used(project, tmp_path) -> None:
    elsewhere = tmp_path / "scratch"
    shutil.move(project.output / "footprints", elsewhere)
    (project.output / "footprints").symlink_to(elsewhere)
    assert ask(project, "verify").code == 0
    assert ask(project, "plot", SIM).code == 0
    assert ask(project, "report").code == 0
    assert ask(project, "archive").code == 0
    assert not (elsewhere / "fine" / DATE / f"{SIM}.nc").exists()


@needs_root
def test_a_product_folder_that_is_a_link_of_somebody_else_is_not(project, tmp_path) -> None:
    elsewhere = tmp_path / "scratch"
    shutil.move(project.output / "footprints", elsewhere)
    (project.output / "footprints").symlink_to(elsewhere)
    os.lchown(project.output / "footprints", NOBODY, -1)
    assert ask(project, "archive").code == 5
    assert ask(project, "plot", SIM).code == 5
    answer = ask(project, "verify")
    assert answer.code == 5
    assert "is a link of nobody" in answer.out
    assert (elsewhere / "fine" / DATE / f"{SIM}.nc").exists()


@pytest.mark.parametrize("name", ["worker-t00000-a01-s00001-h-1-ff.log", "x.log"])
@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_a_segment_that_is_no_file_is_damage_and_the_rest_goes_on(project, name, kind) -> None:
    (batch,) = (folder for folder in (project.output / "log").iterdir() if folder.is_dir())
    place = batch / name
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "link":
        place.symlink_to("/dev/zero")
    else:
        place.mkdir()
    for command in ("status --no-slurm", "log show", "log replay", f"logs {SIM}", "verify", "run"):
        answer = ask(project, *command.split())
        assert answer.code == 0, (command, answer.err)
    shown = ask(project, "status", "--no-slurm").out
    assert f"{batch.name}/{name}, byte 0: it is no regular file" in shown.replace("\n  ", " ")
    assert "1 complete" in shown


@pytest.mark.parametrize(
    "what",
    ["batch.json", "chunk", "settings", "checkpoint", "config.yaml", "receptors.csv", "claims"],
)
def test_a_pipe_in_place_of_what_is_read_is_an_answer_not_a_wait(project, what) -> None:
    (batch,) = (project.output / "chunks").iterdir()
    place = {
        "batch.json": batch / "batch.json",
        "chunk": next(path for path in batch.glob("*.json") if path.name != "batch.json"),
        "settings": next(batch.glob("config-*.yaml")),
        "checkpoint": project.output / "log" / "checkpoint",
        "config.yaml": project.path / "config.yaml",
        "receptors.csv": project.path / "receptors.csv",
        "claims": batch / "claims",
    }[what]
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    for command in ("status --no-slurm", "log replay", "run --dry-run", "verify", "report"):
        answer = ask(project, *command.split())
        assert "Traceback" not in answer.err
        assert answer.code != 70, (command, answer.err)


def test_the_lock_of_a_run_is_not_written_through_a_link(project, tmp_path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    lock = project.output / "log" / "run.lock"
    lock.unlink(missing_ok=True)
    lock.symlink_to(victim)
    answer = project.stilt("run", "--no-skip")
    assert answer.code == 4
    assert victim.read_text() == "precious"


def test_the_words_of_a_failure_are_not_written_through_a_link(tmp_path) -> None:
    project = make_project(tmp_path / "p", (9001,))
    victim = tmp_path / "victim"
    victim.write_text("precious")
    log = project.output / "logs" / DATE / "fake_201512100000_-112_40.5_9001.log"
    log.parent.mkdir(parents=True)
    log.symlink_to(victim)
    assert project.stilt("run").code == 1
    assert victim.read_text() == "precious"
    assert "the fake model said no" in log.read_text()


LINKS = [
    *((folder, NOBODY) for folder in ("log", "chunks", "particles", "footprints", "archive", "inputs", "logs")),
    *((folder, os.getuid()) for folder in (
        f"particles/{DATE}", "footprints/fine", f"footprints/fine/{DATE}", f"logs/{DATE}", "log/archive",
        "archive/particles", "inputs/met",
    )),
]  # fmt: skip
"""Folders of the output root, and whose link is in their place: further down even one's own leads nowhere."""


@needs_root
@pytest.mark.parametrize(("folder", "owner"), drawn(LINKS, 4))
def test_nothing_is_written_through_a_link_that_leads_out(project, tmp_path, folder, owner) -> None:
    place, outside = project.output / folder, tmp_path / "outside"
    if place.exists():
        place.rename(outside)
    outside.mkdir(exist_ok=True)
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(outside)
    os.lchown(place, owner, -1)
    receptors = project.path / "receptors.csv"
    receptors.write_text(receptors.read_text() + "2015-12-10 01:00,-112,40.5,9001\n")
    before = tree(outside)
    for command in ("verify", "archive", "run --no-skip", "cancel"):
        answer = ask(project, *command.split())
        assert "Traceback" not in answer.err
        assert answer.code in {0, 1, 3, 4, 5}, (command, answer.err)
    assert tree(outside) == before


def test_a_run_whose_outputs_would_go_elsewhere_stops_and_says_so(project, tmp_path) -> None:
    place = project.output / "particles" / DATE
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    answer = ask(project, "run", "--no-skip")
    assert answer.code == 4, answer.err
    assert f"outputs have no place: the folder {place} is a link" in answer.out + answer.err
    assert "whoever may write to that folder can say how it came there" in answer.out + answer.err


@needs_root
@pytest.mark.parametrize("command", ["report", "plot " + SIM])
def test_no_page_and_no_picture_is_written_through_a_link_of_somebody_else(
    project, tmp_path, command
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    link = project.path / ("report.html" if command == "report" else f"{SIM}.png")
    link.symlink_to(victim)
    os.lchown(link, NOBODY, -1)
    answer = ask(project, *command.split())
    assert answer.code == 2, answer.err
    assert f"{link.name} is a link of nobody, to {victim}" in answer.err
    assert victim.read_text() == "precious"
    os.lchown(link, os.getuid(), -1)  # one's own leads where one wants
    assert ask(project, *command.split()).code == 0
    assert victim.read_bytes() != b"precious"


def test_a_picture_is_drawn_without_what_a_file_in_the_folder_would_have_started(project) -> None:
    (project.path / "matplotlibrc").write_text("text.usetex: True\n")
    answer = project.stilt("plot", SIM, PATH="/nowhere")
    assert answer.code == 0, answer.err


def test_no_name_is_restored_outside_of_the_output_root(project, tmp_path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.copy(project.output / PARTICLES, outside / "x.parquet")
    size, digest = digest_file(outside / "x.parquet")
    output = {
        "path": "../../outside/.x.parquet.0002-01-0a0b0c0d",
        "size": size,
        "digest": digest,
    }
    write_segment(project.output / "log", header(), pending(), done(SIM, outputs=[output]))
    answer = ask(project, "run")
    assert answer.code in {0, 1}, answer.err
    assert [path.name for path in outside.iterdir()] == ["x.parquet"]


def test_opening_and_removing_by_hand(tmp_path) -> None:
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "f").write_text("x")
    with opened_below(root, "a/b/f") as path:
        assert path.read_text() == "x"
    assert is_file_below(root, "a/b/f")
    assert not is_file_below(root, "a/b/g")
    assert not is_file_below(root, "a/b/f/g")
    (root / "a" / "c").symlink_to("b")
    for wrong in ("a/c/f", "a//f", "/a/b/f", "a/b/f\n", "."):
        with pytest.raises(MisplacedError, match="whoever may write to that folder can say"):
            is_file_below(root, wrong)
        with pytest.raises(MisplacedError):
            remove_below(root, wrong)
    (root / "a" / "b" / "l").symlink_to("l")
    with pytest.raises(MisplacedError, match="is a link to a link"):
        is_file_below(root, "a/b/l")
    remove_below(root, "a/b/f")
    remove_below(root, "a/b/f")
    assert not (root / "a" / "b" / "f").exists()


@pytest.mark.parametrize("path", ["..", "", "x/../y", "/x", "a\nb", "n" * 300, "d/" * 600 + "x"])
def test_a_path_that_stilt_does_not_write_is_refused_as_text(tmp_path, path) -> None:
    with pytest.raises(MisplacedError, match="is no path of an output"):
        is_file_below(tmp_path, path)


def test_errors_name_the_file_as_it_is_known(tmp_path) -> None:
    file = tmp_path / "f"
    file.write_text("x")
    with pytest.raises(DamagedError, match=f"bad {file}"), opened(file) as path:
        raise DamagedError(f"bad {path}")
    with pytest.raises(OSError, match=str(file)), opened(file) as path:
        raise OSError(5, "bad", str(path))
    with pytest.raises(MisplacedError, match="1 bytes, more"):
        read_regular(file, 0)


@pytest.mark.parametrize("read", [read_manifest, read_chunk])
def test_deep_nesting_is_damage(tmp_path, read) -> None:
    from stilt.batch.chunks import chunk_digest

    data = b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    file = tmp_path / f"{chunk_digest(data)}.json"
    file.write_bytes(data)
    with pytest.raises(DamagedError):
        read(file)


def test_settings_of_many_bytes_are_refused_before_they_are_read(tmp_path) -> None:
    from stilt.config.load import load_config

    file = tmp_path / "config.yaml"
    with file.open("wb") as handle:
        handle.truncate(1 << 40)
    with pytest.raises(InputError, match="bytes, more than"):
        load_config(file)
