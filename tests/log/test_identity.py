"""A writer says who it is, such that others can tell whether it lives."""

import os
import signal
import subprocess
import sys

import pytest
from msgspec.structs import replace

from stilt.foundations.writers import is_alive, this_writer
from stilt.log.names import new_name, next_attempt, parse_name

SLURM = {
    "SLURM_JOB_ID": "4712",
    "SLURM_ARRAY_JOB_ID": "4711",
    "SLURM_ARRAY_TASK_ID": "3",
    "SLURMD_NODENAME": "n3",
    "SLURM_RESTART_COUNT": "2",
}


@pytest.fixture(autouse=True)
def _outside_slurm(monkeypatch):
    for name in SLURM:
        monkeypatch.delenv(name, raising=False)


def test_a_writer_on_slurm_names_node_job_and_restarts(monkeypatch):
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    writer = this_writer("worker", task=3, attempt=2)
    assert (writer.node, writer.job, writer.restarts) == ("n3", "4711_3", 2)
    assert (writer.task, writer.attempt, writer.pid) == (3, 2, os.getpid())


def test_a_writer_elsewhere_has_no_job():
    writer = this_writer("run")
    assert (writer.node, writer.job, writer.restarts, writer.task) == ("", "", 0, None)
    assert writer.host


def of_child(code):
    """Start a child that describes itself and goes on; return both."""
    script = (
        "import sys, msgspec; from stilt.foundations.writers import this_writer;"
        "print(msgspec.json.encode(this_writer('worker')).decode(), flush=True);" + code
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    import msgspec

    from stilt.foundations.writers import Writer

    return child, msgspec.json.decode(child.stdout.readline(), type=Writer)


def test_a_process_lives_until_it_is_killed_and_a_zombie_does_not():
    child, writer = of_child("sys.stdin.read(); import time; time.sleep(600)")
    try:
        assert is_alive(writer) is True
        child.send_signal(signal.SIGKILL)
        os.waitid(
            os.P_PID, child.pid, os.WEXITED | os.WNOWAIT
        )  # ended, and nobody has asked for it
        assert is_alive(writer) is False
    finally:
        child.kill()
        child.communicate()
    assert is_alive(writer) is False


def test_another_process_with_the_same_number_is_another():
    assert is_alive(replace(this_writer("run"), pid_start=1)) is False


def test_of_another_host_nothing_is_known():
    assert is_alive(replace(this_writer("run"), host="elsewhere")) is None


def test_what_ran_before_the_host_was_started_anew_is_gone(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "n1")
    assert is_alive(replace(this_writer("run"), boot="another")) is False


def test_hosts_that_share_a_name_are_not_taken_for_each_other(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "localhost")
    assert is_alive(replace(this_writer("run"), boot="another")) is None


@pytest.mark.parametrize("host", ["n1", "node-7.cluster.example.org", "größe/../x", "a" * 200, ""])
def test_the_name_of_a_segment_is_a_file_name_and_is_read_back(host):
    writer = replace(this_writer("worker", task=12, attempt=3), host=host)
    name = new_name(writer, 7)
    found = parse_name(name)
    assert "/" not in name
    assert len(name.encode()) < 140
    assert (found.role, found.task, found.attempt, found.seq) == ("worker", 12, 3, 7)


@pytest.mark.parametrize("name", ["", "notes.log", "worker-tx-a1-s1-h-1-aa.log", "checkpoint"])
def test_other_names_are_not_read(name):
    assert parse_name(name) is None


def test_the_next_attempt_is_one_more_than_any_that_a_segment_shows():
    names = [
        new_name(this_writer("worker", task=t, attempt=a), 1) for t, a in [(0, 1), (1, 4), (1, 2)]
    ]
    assert [next_attempt(names, task) for task in (0, 1, 2)] == [2, 5, 1]
