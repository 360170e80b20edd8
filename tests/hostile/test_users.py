"""Two users of one group, and a stranger: who can do what with a shared home, a shared project and a private one."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.projects import FOOTPRINT, make_project
from tests.users import User, needs_setpriv, open_folder

pytestmark = needs_setpriv
GROUP = 61000


@pytest.fixture
def root():
    """A folder that everybody may enter."""
    with open_folder() as folder:
        yield folder


def users(root: Path) -> tuple[User, User, User]:
    return User(61001, GROUP, root), User(61002, GROUP, root), User(61003, 61003, root)


KEEP = "from stilt.kernels.machine_code import *; keep(Path(PACKAGE), 'a', CODE); print(kept(Path(PACKAGE), 'a'))"
LOAD = "from stilt.kernels.machine_code import *; print(kept(Path(PACKAGE), 'a'))"
PACKAGE = str(Path(__file__).parent.parent.parent / "stilt" / "kernels")


def code(text: str, content: bytes = b"code") -> tuple[str, str]:
    return "-c", text.replace("PACKAGE", repr(PACKAGE)).replace("CODE", repr(content))


def test_a_home_of_one_is_used_by_those_who_trust_him(root) -> None:
    alice, bob, stranger = users(root)
    home = root / "shared"
    home.mkdir(mode=0o755)
    os.chown(home, alice.number, GROUP)
    shared = {"STILT_HOME": str(home)}
    assert alice.run(*code(KEEP), cwd=root, **shared).stdout == "b'code'\n"
    assert list(home.rglob("a"))
    for other in (bob, stranger):
        found = other.run(*code(LOAD), cwd=root, **shared)
        assert found.stdout == "None\n"
        assert f"belongs to {alice.number}: it is compiled anew" in found.stderr
        found = other.run(*code(LOAD), cwd=root, STILT_TRUST=str(alice.number), **shared)
        assert (found.stdout, found.stderr) == ("b'code'\n", "")


def test_in_a_home_of_a_group_nobody_runs_code_of_another(root) -> None:
    alice, bob, _ = users(root)
    home = root / "shared"
    home.mkdir()
    os.chown(home, alice.number, GROUP)
    home.chmod(0o2775)
    shared = {"STILT_HOME": str(home)}
    assert alice.run(*code(KEEP), cwd=root, **shared).stdout == "b'code'\n"
    assert not list(home.rglob("a"))  # she keeps it in a cache of her own
    (kept,) = (root / f"home-{alice.number}" / "cache").rglob("a")
    planted = home.joinpath(*kept.parts[kept.parts.index("kernels") :])
    plant = (
        f"from stilt.kernels.machine_code import *; write_sealed(Path({str(planted)!r}), b'harm')"
    )
    assert bob.run("-c", plant, cwd=root, **shared).returncode == 0
    assert planted.exists()
    found = alice.run(*code(LOAD), cwd=root, **shared)
    assert found.stdout == "b'code'\n"
    assert found.stderr.count("\n") == 1
    assert "compiled anew, and kept elsewhere" in found.stderr


def project_of(owner: User, root: Path, mode: int) -> Path:
    project = make_project(root / "p", (5, 50), footprints=f"{{fine: {FOOTPRINT}}}")
    for path in (project.path, *project.path.iterdir()):
        os.chown(path, owner.number, GROUP)
    project.path.chmod(mode)
    return project.path


def test_a_group_goes_on_with_a_project_that_it_shares(root) -> None:
    alice, bob, stranger = users(root)
    project = project_of(alice, root, 0o2775)
    assert alice.stilt(project, "run")[0] == 0
    assert bob.stilt(project, "status")[0] == 0
    assert bob.stilt(project, "verify")[0] == 0
    returned, said = bob.stilt(project, "run", "--no-skip")
    assert (returned, "2 complete" in said) == (0, True), said
    assert "config.yaml belongs to 61001: what they name runs as you" in said
    assert alice.stilt(project, "archive")[0] == 0
    returned, said = stranger.stilt(project, "status")
    assert (returned, "2 complete" in said) == (0, True), said
    returned, said = stranger.stilt(project, "run", "--no-skip")
    assert returned == 4, said
    for path in project.rglob("*"):
        facts = path.lstat()
        assert not facts.st_mode & stat.S_IWOTH, path
        assert facts.st_gid == GROUP, path
        if path.is_dir():
            assert facts.st_mode & stat.S_IWGRP, path


# In a project of alice's, how each command ends for bob of her group and for a stranger: 0 it is done, 2 there is
# nothing that they can see, 4 they may not. Her umask and the mode of the project's folder say what it is.
WAYS = {"shared": (0o002, 0o2775), "readable": (0o022, 0o755), "private": (0o077, 0o755)}
WHO_CAN = """
                   shared     readable   private
status --no-slurm  bob anyone bob anyone
log show           bob anyone bob anyone
verify             bob anyone bob anyone
report -o REPORT   bob anyone bob anyone
cancel             bob
run --no-skip      bob
archive            bob
"""


@pytest.mark.parametrize("way", WAYS)
def test_who_can_do_what(root, way) -> None:
    alice, bob, stranger = users(root)
    umask, mode = WAYS[way]
    project = project_of(alice, root, mode)
    assert alice.stilt(project, "run", umask=umask)[0] == 0
    titles, *rows = WHO_CAN.strip("\n").splitlines()
    start = titles.index(way)
    for row in rows:
        command = row[: titles.index("shared")].split()
        can = row[start : start + len("bob anyone")].split()
        for who, user in (("bob", bob), ("anyone", stranger)):
            words = [f"{root}/home-{user.number}/r.html" if w == "REPORT" else w for w in command]
            code, said = user.stilt(project, *words, umask=umask)
            assert (code == 0) == (who in can), (who, row, said)
            assert code in {0, 2, 4}, (who, row, said)
    assert alice.stilt(project, "status", umask=umask)[0] == 0


def test_in_a_private_project_nothing_can_be_read_by_others(root) -> None:
    alice, *_ = users(root)
    project = project_of(alice, root, 0o755)
    assert alice.stilt(project, "run", umask=0o077)[0] == 0
    for path in (project / "output").rglob("*"):
        assert not path.lstat().st_mode & 0o077, path
