"""One squeue for everything a command asks, kept for a minute for the commands that follow.

The queue of the submitting users is asked for as a whole: one call that also answers for a job of
which only the name is known. What was answered lies in the user's cache folder, and is used again by
every command within ``MAX_AGE_S``, so that ``status --watch`` in ten terminals is one squeue a minute.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from stilt.backends.slurm import commands
from stilt.backends.slurm.answers import Limits, QueuedTask
from stilt.foundations.durable import publish
from stilt.foundations.errors import EnvironmentFailure
from stilt.foundations.paths import home

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_AGE_S = 60.0
FRESH_S = 2.0
"""For commands that start or stop something: their own steps share an answer, others' do not."""

LIMITS_MAX_AGE_S = 3600.0


class Queue(Struct, frozen=True):
    """What squeue said.

    Attributes
    ----------
    as_of
        When it was asked, in seconds since 1970.
    tasks
        Array tasks in every state that Slurm still knows.
    problem
        Why there is no answer; then ``tasks`` is empty and says nothing.
    clusters
        Which clusters were named; none means the one at hand.
    """

    as_of: float
    tasks: tuple[QueuedTask, ...] = ()
    problem: str = ""
    clusters: tuple[str, ...] = ()


class _KeptLimits(Struct, frozen=True):
    as_of: float
    limits: Limits


def kept_queue(
    users: Iterable[str], clusters: Iterable[str] = (), max_age_s: float = MAX_AGE_S
) -> Queue | None:
    """Return what an earlier command was answered, if that is recent; asks nobody."""
    with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
        data = _file("squeue", *users, "@", *clusters).read_bytes()
        queue = msgspec.json.decode(data, type=Queue)
        if 0 <= time.time() - queue.as_of < max_age_s:
            return queue
    return None


def ask_queue(users: Iterable[str], clusters: Iterable[str] = ()) -> Queue:
    """Ask squeue once, and keep the answer for the commands that follow; also that there was none."""
    users, clusters = tuple(users), tuple(clusters)
    now = time.time()
    try:
        tasks = commands.squeue(users=users, clusters=clusters)
        queue = Queue(now, tasks, clusters=clusters)
    except EnvironmentFailure as error:  # also one that there is no squeue, or no process for it
        queue = Queue(now, problem=error.message, clusters=clusters)
    _keep(_file("squeue", *users, "@", *clusters), queue)
    return queue


def forget_queue(users: Iterable[str], clusters: Iterable[str] = ()) -> None:
    """Have the next command ask afresh: this one has changed the queue."""
    with contextlib.suppress(OSError):
        _file("squeue", *users, "@", *clusters).unlink(missing_ok=True)


def local_limits() -> Limits:
    """Return the limits and name of the cluster that squeue asks; they hardly ever change."""
    path = _file("limits")
    with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
        kept = msgspec.json.decode(path.read_bytes(), type=_KeptLimits)
        if 0 <= time.time() - kept.as_of < LIMITS_MAX_AGE_S:
            return kept.limits
    try:
        limits = commands.show_limits()
    except EnvironmentFailure:
        return Limits()
    _keep(path, _KeptLimits(time.time(), limits))
    return limits


def _file(kind: str, *words: str) -> Path:
    """Return where an answer is kept: one file for each host, cluster and question.

    Login nodes of two clusters may share a home, and each asks the Slurm of its own.
    """
    surroundings = [os.environ.get(name, "") for name in ("SLURM_CONF", "SLURM_CLUSTERS")]
    key = "\0".join([socket.gethostname(), *surroundings, *words]).encode()
    root = os.environ.get("XDG_CACHE_HOME") or home() / ".cache"
    return Path(root) / "stilt" / f"{kind}-{blake2b(key, digest_size=8).hexdigest()}.json"


def _keep(path: Path, answer: Queue | _KeptLimits) -> None:
    with contextlib.suppress(OSError):  # a home without room costs another squeue, nothing else
        publish(path, msgspec.json.encode(answer))
