"""What may be concluded from Slurm's answers, and from their absence."""

from __future__ import annotations

import getpass
import socket
import time
from typing import TYPE_CHECKING

import pytest

from stilt.backends.liveness import Fate
from stilt.backends.slurm import commands, observe, queue
from stilt.backends.slurm.answers import JobId, Limits, QueuedTask
from stilt.backends.slurm.backend import _job_of
from stilt.backends.slurm.observe import Array, accepted_unseen, arrays, observe_slurm, submitters
from stilt.backends.slurm.queue import Queue
from stilt.foundations.paths import home
from stilt.foundations.writers import Writer
from stilt.log.events import Submitting
from stilt.log.fold import BatchState, Life

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ME = getpass.getuser()
NOW = time.time()


def array(**changes) -> Array:
    known = {"job": "7", "cluster": "here", "users": (ME,), "at": NOW - 100}
    return Array("b1", "stilt-b1-0", 0, 2, **{**known, **changes})


def listed(state: str, index: int = 0, name: str = "stilt-b1-0", job: str = "7") -> QueuedTask:
    return QueuedTask(job, index, state, "n1", NOW - 50, ME, "", name)


@pytest.mark.parametrize(
    ("said", "known", "expected"),
    [
        pytest.param([listed("RUNNING")], array(), Fate.LIVE, id="running"),
        pytest.param([listed("PENDING")], array(), Fate.LIVE, id="waiting"),
        pytest.param([listed("COMPLETING")], array(), Fate.LIVE, id="still ending"),
        pytest.param([listed("REQUEUE_HOLD")], array(), Fate.LIVE, id="held after a requeue"),
        pytest.param([listed("COMPLETED")], array(), Fate.GONE, id="ended"),
        pytest.param([listed("NODE_FAIL")], array(), Fate.GONE, id="lost with its node"),
        pytest.param([listed("TIMEOUT")], array(), Fate.GONE, id="timed out"),
        pytest.param([], array(), Fate.GONE, id="an answer without it"),
        pytest.param([listed("RUNNING", index=1)], array(), Fate.GONE, id="another index"),
        pytest.param([listed("RUNNING", name="other")], array(), Fate.GONE, id="an id used again"),
        pytest.param([listed("RUNNING")], array(job=""), Fate.LIVE, id="accepted, not recorded"),
        pytest.param([], array(job=""), Fate.GONE, id="never accepted"),
        pytest.param(
            [listed("CANCELLED"), listed("RUNNING", job="8")],
            array(),
            Fate.LIVE,
            id="by hand again",
        ),
        pytest.param([], array(cluster="there"), Fate.UNKNOWN, id="another cluster"),
        pytest.param([], array(at=NOW + 100), Fate.UNKNOWN, id="submitted since"),
        pytest.param("no answer", array(), Fate.UNKNOWN, id="no answer"),
    ],
)
def test_what_a_queue_says_of_a_task(
    said: list[QueuedTask] | str, known: Array, expected: Life, monkeypatch: pytest.MonkeyPatch
):
    answer = Queue(NOW, problem=said) if isinstance(said, str) else Queue(NOW, tuple(said))
    monkeypatch.setattr(observe, "ask_queue", lambda *_: answer)
    monkeypatch.setattr(observe, "local_limits", lambda: Limits(cluster="here"))
    monkeypatch.setattr(commands, "has_slurm", lambda: True)
    lives, _ = observe_slurm([known], fresh=True)
    assert lives["b1", 0].fate is expected


def test_other_users_jobs_that_are_hidden_are_unknown(monkeypatch: pytest.MonkeyPatch):
    limits = Limits(cluster="here", private_jobs=True)
    monkeypatch.setattr(observe, "ask_queue", lambda *_: Queue(NOW))
    monkeypatch.setattr(observe, "local_limits", lambda: limits)
    monkeypatch.setattr(commands, "has_slurm", lambda: True)
    monkeypatch.setattr(observe.os, "getuid", lambda: 12345)
    lives, _ = observe_slurm([array(users=("somebody",))], fresh=True)
    assert lives["b1", 0].fate is Fate.UNKNOWN


def test_clusters_whose_login_nodes_share_a_home_are_asked_each(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(commands, "has_slurm", lambda: True)
    monkeypatch.setattr(observe, "FRESH_S", 0)
    for here in ("there", "here"):

        def squeue(*, clusters: Sequence[str], here: str = here, **_) -> tuple[QueuedTask, ...]:
            return (listed("RUNNING"),) if "there" in (clusters or (here,)) else ()

        monkeypatch.setattr(commands, "squeue", squeue)
        monkeypatch.setattr(commands, "show_limits", lambda here=here: Limits(cluster=here))
        monkeypatch.setattr(socket, "gethostname", lambda here=here: f"login.{here}")
        lives, _ = observe_slurm([array(cluster="there")], fresh=True)
        assert lives["b1", 0].fate is Fate.LIVE, here


def test_a_submission_that_was_cut_off_is_looked_for_where_it_was_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """With `clusters: one`, asked from two: no other cluster has a job of ours, whatever its number."""
    monkeypatch.setattr(commands, "has_slurm", lambda: True)
    monkeypatch.setattr(queue, "home", lambda: tmp_path)
    monkeypatch.setattr(commands, "show_limits", lambda: Limits(cluster="two"))
    asked: list[tuple[str, ...]] = []

    def squeue(*_: str, clusters: tuple[str, ...] = (), **__: object) -> tuple[QueuedTask, ...]:
        asked.append(tuple(clusters))
        return (listed("RUNNING"),) if "one" in clusters else ()

    monkeypatch.setattr(commands, "squeue", squeue)
    intent = Submitting("b1", "stilt-b1-0", NOW - 60, 0, 1, clusters="one")
    found = list(arrays(BatchState("b1", intents={"stilt-b1-0": intent})))
    lives, queue_said = observe_slurm(found, fresh=True)
    assert asked == [("one",)]
    assert lives["b1", 0].fate is Fate.LIVE
    job = accepted_unseen(found, queue_said)["stilt-b1-0"]
    assert _job_of(found[0], job) == JobId(job, "one")
    assert commands.find_by_name("stilt-b1-0", "three,one") == (JobId(job, "one"),)


def test_whoever_may_have_submitted_a_batch_is_asked_for():
    """A run of one user's that was killed may have been settled by a run of another's."""
    batch = BatchState("b1", intents={"stilt-b1-0": Submitting("b1", "stilt-b1-0", NOW, 0, 2)})
    for number, user in enumerate(["zoe", "adam"]):
        writer = Writer("run", "login1", number, user=user)
        name = f"b1/run-{number}.log"
        batch.lives[name] = Life(name=name, batch="b1", seq=1, role="run", writer=writer)
    assert submitters(arrays(batch)) == ("adam", "zoe")


def test_a_user_without_a_home_is_answered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(observe.os, "getuid", lambda: 54321)
    monkeypatch.setattr(queue, "home", lambda: tmp_path / home().relative_to("/"))
    monkeypatch.setattr(commands, "has_slurm", lambda: True)
    monkeypatch.setattr(commands, "squeue", lambda *_, **__: (listed("RUNNING"),))
    lives, _ = observe_slurm([array(cluster="")], fresh=True)
    assert lives["b1", 0].fate is Fate.LIVE


def test_a_machine_without_slurm_knows_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(commands, "has_slurm", lambda: False)
    lives, queue = observe_slurm([array(users=("nobody-asked-yet",))])
    assert lives["b1", 0].fate is Fate.UNKNOWN
    assert queue.problem == "there is no Slurm on this machine"
