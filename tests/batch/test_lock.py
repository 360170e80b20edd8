"""``run.lock``: who waits is told for whom, and a mount without locks is no reason to stop."""

from __future__ import annotations

import errno
import io
import os
import pwd
import resource
import signal
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING

import portalocker
import pytest

from stilt.batch.lock import read_owner, run_lock
from stilt.foundations.errors import EnvironmentFailure
from stilt.foundations.paths import Layout
from tests.engines import runs
from tests.projects import PATIENCE_S, Project, make_project, wait_until

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

HOLD = """
import sys
from stilt.batch.lock import run_lock
from stilt.foundations.paths import Layout
with run_lock(Layout.of(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def holder(project: Path) -> subprocess.Popen[str]:
    process = Project(project).begin([sys.executable, "-c", HOLD, str(project)])
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_who_holds_it_stands_in_the_message_of_who_gives_up(tmp_path: Path) -> None:
    with holder(tmp_path) as other:
        with (
            pytest.raises(EnvironmentFailure, match=rf"pid {other.pid}\) since"),
            run_lock(Layout.of(tmp_path), timeout_s=0.3),
        ):
            pass
        other.communicate("\n")


def test_the_next_one_gets_it_when_the_first_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    with holder(tmp_path) as other:

        def release() -> None:
            wait_until(said.getvalue, "it says for whom it waits")
            other.communicate("\n")

        releasing = threading.Thread(target=release)
        releasing.start()
        with run_lock(Layout.of(tmp_path), timeout_s=PATIENCE_S):
            releasing.join()
    assert f"held by root on {os.uname().nodename}" in said.getvalue() or os.getuid() != 0


def test_it_falls_with_its_process(tmp_path: Path) -> None:
    with holder(tmp_path) as other:
        other.kill()
        other.wait()
        with run_lock(Layout.of(tmp_path), timeout_s=0):
            held = True
    assert held


def test_the_owner_is_written_while_it_is_held_and_gone_after(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    with run_lock(layout):
        owner = read_owner(layout.run_lock.read_bytes())
        assert owner is not None
        assert owner.pid == os.getpid()
    assert layout.run_lock.read_bytes() == b""


def test_a_user_without_a_name_may_hold_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs with the user's number and knows no users."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)

    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    layout = Layout.of(tmp_path)
    with run_lock(layout):
        owner = read_owner(layout.run_lock.read_bytes())
        assert owner is not None
        assert owner.user == str(os.getuid())


def test_it_can_be_held_where_nothing_can_be_written(tmp_path: Path) -> None:
    """As on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with run_lock(Layout.of(tmp_path)):
            held = True
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert held


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b'{"host":"\xff"}', bytes(80)])
def test_an_owner_that_cannot_be_read_is_none(data: bytes) -> None:
    assert read_owner(data) is None


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_mount_without_locks_is_said_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, number: int
) -> None:
    def refuse(*_: object) -> None:
        error = OSError(number, os.strerror(number))
        raise portalocker.LockException(error, str(error))

    monkeypatch.setattr(portalocker, "lock", refuse)
    entered = False
    with run_lock(Layout.of(tmp_path)):
        entered = True
    assert entered
    assert "no locks" in capsys.readouterr().err


def test_another_failure_of_the_lock_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        error = OSError(errno.EIO, "Input/output error")
        raise portalocker.LockException(error, str(error))

    monkeypatch.setattr(portalocker, "lock", refuse)
    with pytest.raises(EnvironmentFailure, match="Input/output"), run_lock(Layout.of(tmp_path)):
        pass


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "output").write_text("a file where a folder should be")
    with pytest.raises(EnvironmentFailure, match="output"), run_lock(Layout.of(tmp_path)):
        pass


WITHOUT_LOCKS = """
import errno, os, sys
import portalocker
def refuse(*_):
    error = OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
    raise portalocker.LockException(error, str(error))
portalocker.lock = refuse
import stilt.receptors.read, stilt.commands.run
print("ready", flush=True)
sys.stdin.readline()
from stilt.cli import main
main(["run", "--cpus", "1"])
"""


@pytest.mark.parametrize("turn", range(3))
def test_two_runs_at_once_without_locks_run_nothing_twice(tmp_path: Path, turn: int) -> None:
    project = make_project(tmp_path / str(turn), [5] * 4)
    both = [
        project.begin([sys.executable, "-c", WITHOUT_LOCKS], FAKE_SLEEP="0.5") for _ in range(2)
    ]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    answers = [process.communicate("\n", timeout=PATIENCE_S)[1] for process in both[::-1]]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 0], [0, 3], [3, 3]), answers
    assert project.stilt("run").code == 0
    assert max(Counter(runs(project.runs_file)).values()) == 1
    assert set(project.outcomes().values()) == {"complete"}
