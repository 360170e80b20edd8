"""Whatever call of the writer fails, nothing that it acknowledged is lost, and it goes on."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stilt.foundations.durable import TEMPORARY_PREFIX, publish, publish_with
from stilt.foundations.errors import EnvironmentFailure
from stilt.foundations.writers import this_writer
from stilt.log.events import Done, Pending, Started
from stilt.log.index import OutputIndex
from stilt.log.reader import Verdict, read_segment
from stilt.log.writer import SegmentWriter
from tests.log.faults import CALLS, ERRORS, Fault

SIMS = [f"hrrr_{n}" for n in range(8)]


def scenario(log_dir):
    """Write a small life and return what it said was durable."""
    acknowledged = set()
    writer = SegmentWriter(log_dir, "b1", 1, this_writer("worker", task=0, attempt=1))
    writer.append(Pending("c0", 8, "b1", 1, 1.0))
    for number, sim in enumerate(SIMS):
        writer.append(Started(sim, 1.0))
        writer.append(Done(sim, "complete", 2.0))
        if number % 3 == 2:
            writer.sync()
            acknowledged = set(SIMS[: number + 1])
    writer.close()
    return acknowledged | set(SIMS)


def complete(log_dir):
    state = OutputIndex(log_dir).fold()
    return {sim for sim, found in state.sims.items() if found.is_done}


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("call", CALLS)
def test_one_failed_call_loses_nothing(tmp_path, call, number):
    for k in range(1000):
        log_dir = tmp_path / str(k) / "log"
        log_dir.parent.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            fault = Fault(call, k, number).install(patch)
            acknowledged = scenario(log_dir)
        state = OutputIndex(log_dir).fold()
        assert acknowledged <= complete(log_dir), f"call {k}"
        assert state.damaged == 0, f"call {k}: {state.damages}"
        assert state.batches["b1"].total == 8
        if not fault.happened:
            break
    else:
        pytest.fail("the scenario has no end")


def test_the_folders_that_are_made_are_durable_before_what_lies_in_them(tmp_path, monkeypatch):
    synced = []

    def noted(descriptor):
        synced.append(Path(f"/proc/self/fd/{descriptor}").resolve())

    monkeypatch.setattr(os, "fsync", noted)
    publish(tmp_path / "particles" / "2015-12-10" / "x.parquet", b"x")
    folders = [path for path in synced if path.is_dir()]
    assert folders == [
        tmp_path,
        tmp_path / "particles",
        tmp_path / "particles" / "2015-12-10",
    ]
    publish(tmp_path / "particles" / "2015-12-10" / "y.parquet", b"y")
    assert synced[-1:] == folders[-1:]
    assert synced.count(folders[0]) == 1


def test_a_torn_write_loses_nothing_and_leaves_a_tail_not_damage(tmp_path):
    for k in range(1000):
        log_dir = tmp_path / str(k)
        with pytest.MonkeyPatch.context() as patch:
            fault = Fault("write", k, errno.ENOSPC, torn=True).install(patch)
            acknowledged = scenario(log_dir)
        assert acknowledged <= complete(log_dir)
        assert OutputIndex(log_dir).fold().damaged == 0
        if not fault.happened:
            return


@pytest.mark.parametrize(
    ("call", "k"),
    [(call, k) for call in ("write", "fsync") for k in range(6)]
    + [("open", 0), ("open", 1), ("open", 2), ("mkdir", 0)],
)
def test_a_lasting_failure_is_said_and_the_events_are_kept_until_it_passes(tmp_path, call, k):
    log_dir = tmp_path / "log"
    writer = SegmentWriter(log_dir, "b1", 1, this_writer("worker", task=0, attempt=1))
    refusals = []
    with pytest.MonkeyPatch.context() as patch:
        Fault(call, k, errno.ENOSPC, lasting=5).install(patch)
        for sim in SIMS:
            try:
                writer.append(Done(sim, "complete", 2.0), sync=True)
            except EnvironmentFailure as error:
                refusals.append(str(error))
    writer.close()
    assert complete(log_dir) == set(SIMS)
    assert refusals
    # where a file can't be made, either nothing has room or no further file has
    assert all(str(log_dir) in said for said in refusals)
    assert all(re.search("No space left|no inodes left", said) for said in refusals), refusals


@pytest.mark.parametrize(
    "number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP], ids=errno.errorcode.get
)
def test_a_mount_without_locks_is_no_obstacle(tmp_path, monkeypatch, number):
    def refuse(*_arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    monkeypatch.setattr("fcntl.lockf", refuse)
    assert scenario(tmp_path) <= complete(tmp_path)


def test_a_living_writer_can_be_seen_by_its_lock(tmp_path):
    writer = SegmentWriter(tmp_path, "b1", 1, this_writer("worker", task=0, attempt=1))
    writer.append(Started("hrrr_1", 1.0))
    probe = (
        "import fcntl,sys\n"
        "try: fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except BlockingIOError: print('held')\n"
        "else: print('free')"
    )

    def held():
        command = [sys.executable, "-c", probe, str(path)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    path = writer.path
    assert held() == "held"
    writer.close()
    assert held() == "free"


def test_a_message_that_is_not_text_does_not_cost_the_event(tmp_path):
    writer = SegmentWriter(tmp_path, "b1", 1, this_writer("worker", task=0, attempt=1))
    writer.append(Done("hrrr_1", "failed", 2.0, reason="INTERNAL", message="file \udcff"))
    path = writer.path
    writer.close()
    content = read_segment(path)
    assert content.verdict is Verdict.CLEAN
    assert content.events[0].message == "file ?"


def test_reading_needs_no_write_permission_and_takes_no_lock(tmp_path):
    scenario(tmp_path)
    before = {path: path.stat() for path in tmp_path.rglob("*")}
    for path in tmp_path.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    assert complete(tmp_path) == set(SIMS)
    after = {path: path.stat() for path in tmp_path.rglob("*")}
    assert {p: s.st_mtime_ns for p, s in before.items()} == {
        p: s.st_mtime_ns for p, s in after.items()
    }
    for path in tmp_path.rglob("*"):
        path.chmod(0o755)


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("call", ["open", "write", "fsync", "close", "replace"])
def test_a_failed_publication_changes_nothing(tmp_path, call, number):
    for k in range(20):
        path = tmp_path / f"{k}.json"
        path.write_bytes(b"old")
        with pytest.MonkeyPatch.context() as patch:
            fault = Fault(call, k, number).install(patch)
            said = None
            try:
                publish(path, b"new")
            except OSError as error:
                said = error.errno
        if said is None:
            assert path.read_bytes() == b"new"
        else:
            assert said == number
            # Only what comes after the rename, syncing the folder, can fail with the new bytes in place.
            assert path.read_bytes() == b"old" or (call in {"open", "fsync", "close"} and k > 0)
        assert not list(tmp_path.glob(f"{TEMPORARY_PREFIX}*"))
        if not fault.happened:
            return


def test_a_rename_that_reports_failure_though_it_happened_is_a_success(tmp_path, monkeypatch):
    real = os.replace

    def replayed(source, target):
        real(source, target)
        raise FileNotFoundError(errno.ENOENT, "the first answer was lost", str(source))

    monkeypatch.setattr(os, "replace", replayed)
    publish(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_what_the_callee_fails_to_write_is_not_published(tmp_path):
    def half(path):
        path.write_bytes(b"half")
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - its own
        publish_with(tmp_path / "a", half)
    assert list(tmp_path.iterdir()) == []
