"""What is executed was made by this user, by root, or by whom this user trusts."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from stilt.foundations import ownership
from stilt.kernels import machine_code
from tests.projects import ENGINE, FOOTPRINT, make_project

NOBODY = 65534
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to give files to others")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Three folders in which code may be kept, all below a folder of this user alone."""
    for name, variable in (("home", "STILT_HOME"), ("cache", "XDG_CACHE_HOME")):
        monkeypatch.setenv(variable, str(tmp_path / name))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.delenv(ownership.TRUST_VARIABLE, raising=False)
    monkeypatch.setattr(machine_code.tempfile, "tempdir", str(tmp_path))
    machine_code._folders.cache_clear()
    machine_code._warn.cache_clear()
    return tmp_path / "home"


PACKAGE = Path(machine_code.__file__).parent


def kept_file(home: Path) -> Path:
    machine_code.keep(PACKAGE, "a.machine", b"code")
    (file,) = home.rglob("*.machine")
    assert machine_code.kept(PACKAGE, "a.machine") == b"code"
    return file


SPOILED = {
    "the file may be written by all": lambda file: file.chmod(0o666),
    "its folder may": lambda file: file.parent.chmod(0o777),
    "its folder may, and is sticky": lambda file: file.parent.chmod(0o1777),
    "a folder above may": lambda file: file.parent.parent.chmod(0o777),
    "the home may": lambda file: file.parents[2].chmod(0o777),
    "it is a link": lambda file: file.rename(file.with_name("b")).parent.joinpath(file.name).symlink_to("b"),
    "it is a pipe": lambda file: (file.unlink(), os.mkfifo(file)),
}  # fmt: skip
BY_ROOT = {
    "the file is another's": lambda file: os.chown(file, NOBODY, -1),
    "its folder is": lambda file: os.chown(file.parent, NOBODY, -1),
    "a folder above is": lambda file: os.chown(file.parent.parent, NOBODY, -1),
    "a group may write the file": lambda file: (os.chown(file, -1, 100), file.chmod(0o664)),
    "a group may write its folder": lambda file: (
        os.chown(file.parent, -1, 100),
        file.parent.chmod(0o2775),
    ),
}


@pytest.mark.parametrize(
    "spoil",
    [*SPOILED.values(), *(pytest.param(way, marks=needs_root) for way in BY_ROOT.values())],
    ids=[*SPOILED, *BY_ROOT],
)
def test_code_that_another_could_have_put_there_is_not_loaded(home, spoil) -> None:
    spoil(kept_file(home))
    assert machine_code.kept(PACKAGE, "a.machine") is None


def test_it_is_said_once_and_kept_elsewhere(home, capsys) -> None:
    file = kept_file(home)
    file.parents[1].chmod(0o777)
    assert machine_code.kept(PACKAGE, "a.machine") is None
    assert not machine_code.has_kept(PACKAGE)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"others can write {file.parents[1]}" in said
    machine_code.keep(PACKAGE, "a.machine", b"anew")
    assert machine_code.kept(PACKAGE, "a.machine") == b"anew"
    assert list((home.parent / "cache").rglob("*.machine"))
    assert file.read_bytes().endswith(b"code")


def test_sticky_folders_above_are_fine(home) -> None:
    home.mkdir()
    home.chmod(0o1777)
    kept_file(home)


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o077])
def test_what_is_kept_can_be_loaded_again_whatever_the_umask(home, mask) -> None:
    before = os.umask(mask)
    try:
        file = kept_file(home)
    finally:
        os.umask(before)
    assert not stat.S_IMODE(file.stat().st_mode) & 0o022 & ~mask
    assert machine_code.kept(PACKAGE, "a.machine") == b"code"


@needs_root
def test_whom_the_user_names_is_trusted(home, monkeypatch) -> None:
    file = kept_file(home)
    for path in (file, file.parent, file.parent.parent):
        os.chown(path, NOBODY, -1)
    assert machine_code.kept(PACKAGE, "a.machine") is None
    for named in ("nobody", str(NOBODY), " x, nobody"):
        monkeypatch.setenv(ownership.TRUST_VARIABLE, named)
        assert machine_code.kept(PACKAGE, "a.machine") == b"code"


@needs_root
def test_a_group_of_one_is_its_user(home) -> None:
    file = kept_file(home)  # group root, with nobody else in it
    file.chmod(0o664)
    file.parent.chmod(0o775)
    assert machine_code.kept(PACKAGE, "a.machine") == b"code"


TELLTALE = """
from pathlib import Path
Path({note!r}).write_text("imported")
from tests.engines import FakeEngine
"""


@pytest.fixture
def named(tmp_path, monkeypatch):
    """A project that was run, and whose engine has since become one that tells when it is imported."""
    project = make_project(tmp_path / "p", (5,), footprints=f"{{fine: {FOOTPRINT}}}")
    monkeypatch.setenv("PYTHONPATH", str(ENGINE.parent.parent))
    assert project.stilt("run").code == 0
    note, engine = tmp_path / "note", tmp_path / "engine.py"
    engine.write_text(TELLTALE.format(note=str(note)))
    config = project.path / "config.yaml"
    config.write_text(config.read_text().replace(str(ENGINE), str(engine)))
    return project, note, engine


READING = [
    "status",
    "status --failed",
    "status --json",
    "log show",
    "log replay",
    "logs fake_",
    "report",
    "plot fake_",
    "verify",
    "archive --dry-run",
    "cancel",
]


def test_commands_that_read_import_nothing_that_a_project_names(named) -> None:
    project, note, _ = named
    for command in READING:
        answer = project.stilt(*command.split())
        assert answer.code in {0, 2}, (command, answer.err)
        assert not note.exists(), command
    assert project.stilt("run", "--dry-run").code == 0
    assert note.exists()


@needs_root
@pytest.mark.parametrize("command", ["check", "met", "run", "run --dry-run"])
def test_the_owner_of_an_engine_is_named_before_it_is_imported(named, command) -> None:
    project, note, engine = named
    said = project.stilt(*command.split()).err
    assert "belongs to" not in said
    os.chown(engine, NOBODY, -1)
    engine.write_text("import sys; sys.stderr.write('here I am\\n')\n" + engine.read_text())
    said = project.stilt(*command.split()).err
    assert f"{engine} belongs to nobody" in said
    assert said.index("belongs to nobody") < said.index("here I am")
    os.chown(engine, 0, -1)
    os.chown(project.path / "config.yaml", NOBODY, -1)
    said = project.stilt(*command.split()).err
    assert "config.yaml belongs to nobody" in said
    assert said.index("belongs to nobody") < said.index("here I am")
    assert note.exists()


@needs_root
def test_the_owner_of_another_hysplit_is_named(tmp_path) -> None:
    folder = tmp_path / "build"
    folder.mkdir()
    for name in ("hycs_std", "ASCDATA.CFG", "LANDUSE.ASC", "ROUGLEN.ASC"):
        (folder / name).write_text("#!/bin/sh\nexit 1\n")
        (folder / name).chmod(0o755)
    os.chown(folder / "hycs_std", NOBODY, -1)
    project = make_project(tmp_path / "p", (5,), settings=f"hysplit: {{exe_dir: {folder}}}")
    config = project.path / "config.yaml"
    config.write_text(config.read_text().replace(f"model: '{ENGINE}:FakeEngine'", "model: hysplit"))
    assert f"{folder / 'hycs_std'} belongs to nobody" in project.stilt("check").err


def test_modules_in_the_current_folder_are_not_imported(tmp_path) -> None:
    project = make_project(tmp_path / "p", (5,))
    for name in ("numpy", "msgspec", "stilt", "portalocker"):
        (project.path / f"{name}.py").write_text(f"open('{tmp_path}/harm', 'w')\n")
    answer = project.stilt("run", PYTHONSAFEPATH="1")
    assert answer.code == 0, answer.err
    assert not (tmp_path / "harm").exists()
