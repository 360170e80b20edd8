"""A pool of processes, each running one simulation at a time.

Its own, because those of the standard library end when one of their processes is killed, which is just
what an out-of-memory killer does, and because their helper threads make a later fork unsafe. Here the
parent has one thread and imports nothing heavy; a process that is lost costs its own simulation and is
replaced; and the kernel ends them all when the parent ends, however it ends.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import msgspec
from msgspec import Struct

from stilt.batch.chunks import ChunkEntry
from stilt.foundations.errors import StiltError
from stilt.foundations.processes import (
    adopt_orphans,
    die_with_parent,
    ignore_stop_signals,
    kill_tree,
    reap_orphans,
)
from stilt.log.events import Done  # noqa: TC001 - msgspec reads the annotation

if TYPE_CHECKING:
    from collections.abc import Callable

_READ_BYTES = 1 << 16
_OOM_SCORE = b"600"
_MOST_DESCRIPTORS = 1024  # a worker has a handful


class Ready(Struct, frozen=True, tag_field="reply", tag="ready"):
    """A process has loaded what it needs and waits for work."""


class Finished(Struct, frozen=True, tag_field="reply", tag="finished"):
    """A simulation ended."""

    done: Done


class Broken(Struct, frozen=True, tag_field="reply", tag="broken"):
    """No process can work here: the engine, the settings or the output root do not do.

    ``exit_code`` is that of the error's class, ``code`` the kind of trouble.
    """

    message: str
    hint: str
    exit_code: int
    code: str

    @classmethod
    def by(cls, error: StiltError) -> Broken:
        """Return what an error says."""
        return cls(error.message, error.hint, error.exit_code, error.code)


class Lost(Struct, frozen=True, tag_field="reply", tag="lost"):
    """A process ended by itself or was killed, by ``signal`` if that is not 0."""

    signal: int
    status: int
    was_ready: bool


Reply = Ready | Finished | Broken | Lost


@dataclass(slots=True, eq=False)
class Member:
    """One process of the pool.

    Attributes
    ----------
    entry
        What it is working on.
    since
        When it got that, by the caller's clock.
    """

    pid: int
    channel: int
    ready: bool = False
    entry: ChunkEntry | None = None
    since: float = 0.0
    stuck: bool = False
    received: bytearray = field(default_factory=bytearray)


class Pool:
    """Processes that run ``prepare()`` once and then what it returns, for one entry after the other.

    Parameters
    ----------
    size
        How many processes.
    prepare
        Called in each new process; imports what is heavy and returns the function that simulates.
    wakeup
        A descriptor that becomes readable when ``wait`` is to return early (a signal came).
    """

    def __init__(
        self, size: int, prepare: Callable[[], Callable[[ChunkEntry], Done]], wakeup: int
    ) -> None:
        self.size = size
        self.members: list[Member] = []
        self._prepare = prepare
        self._wakeup = wakeup
        self._decoder = msgspec.json.Decoder(Ready | Finished | Broken)
        self._selector = selectors.DefaultSelector()
        self._selector.register(wakeup, selectors.EVENT_READ)
        adopt_orphans()

    def fill(self, at_most: int) -> None:
        """Start processes until there are as many as there is work for, and not more than ``size``."""
        while len(self.members) < min(self.size, at_most):
            self._start()

    def idle(self) -> list[Member]:
        """Return the members that wait for work."""
        return [member for member in self.members if member.ready and member.entry is None]

    def busy(self) -> list[Member]:
        """Return the members that are at work."""
        return [member for member in self.members if member.entry is not None]

    def give(self, member: Member, entry: ChunkEntry, now: float) -> None:
        """Send a member its next simulation."""
        member.entry, member.since = entry, now
        # if it has just died, its end of file is about to say so
        with contextlib.suppress(OSError):
            _send(member.channel, msgspec.json.encode(entry))

    def wait(self, timeout_s: float) -> list[tuple[Member, Reply]]:
        """Return what members have said since, after at most ``timeout_s``; members lost are removed."""
        heard: list[tuple[Member, Reply]] = []
        for key, _ in self._selector.select(timeout_s):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wakeup, _READ_BYTES)
            else:
                heard += self._hear(key.data)
        return heard

    def kill(self, member: Member) -> None:
        """End a member and everything it started; ``wait`` then reports it lost."""
        kill_tree(member.pid, reap=False)

    def stop(self) -> list[tuple[Member, Reply]]:
        """End all members and what they started, and return what they had still said before."""
        for member in self.members:
            kill_tree(member.pid, reap=False)
        heard: list[tuple[Member, Reply]] = []
        for member in list(self.members):
            while member in self.members:
                heard += self._hear(member)
        reap_orphans(frozenset())
        return heard

    def _start(self) -> None:
        ours, theirs = (end.detach() for end in socket.socketpair())
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _be_member(parent, theirs, self._prepare)
        os.close(theirs)
        member = Member(pid, ours)
        self.members.append(member)
        self._selector.register(ours, selectors.EVENT_READ, member)

    def _hear(self, member: Member) -> list[tuple[Member, Reply]]:
        try:
            data = os.read(member.channel, _READ_BYTES)
        except OSError:
            data = b""
        if not data:
            return [(member, self._bury(member))]
        member.received += data
        *lines, rest = member.received.split(b"\n")
        member.received = bytearray(rest)
        heard: list[tuple[Member, Reply]] = []
        for line in lines:
            reply = self._decoder.decode(line)
            member.ready = True
            heard.append((member, reply))
        return heard

    def _bury(self, member: Member) -> Lost:
        self._selector.unregister(member.channel)
        os.close(member.channel)
        self.members.remove(member)
        _, status = os.waitpid(member.pid, 0)
        reap_orphans(frozenset(other.pid for other in self.members))
        code = os.waitstatus_to_exitcode(status)
        return Lost(signal=max(0, -code), status=max(0, code), was_ready=member.ready)


def signal_name(number: int) -> str:
    """Return a signal's name, such as SIGKILL."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _be_member(
    parent: int, channel: int, prepare: Callable[[], Callable[[ChunkEntry], Done]]
) -> NoReturn:
    """Live the life of a pool process; never returns into the parent's code."""
    status = 1
    try:
        _detach(parent, channel)
        status = _serve(channel, prepare)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the parent is gone
    except BaseException:  # noqa: BLE001 - whatever it is, it must not run up the parent's stack
        traceback.print_exc()
    finally:
        os._exit(status)


def _detach(parent: int, channel: int) -> None:
    """Share nothing with the parent but stdin, stdout, stderr and the channel."""
    signal.set_wakeup_fd(-1)
    ignore_stop_signals()
    die_with_parent(parent)
    os.setpgid(0, 0)
    os.closerange(3, channel)
    os.closerange(channel + 1, _MOST_DESCRIPTORS)
    # should memory run out, the simulation goes and the worker stays to tell the tale
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_bytes(_OOM_SCORE)
    # one simulation a core: libraries must not each start a thread for every core of the node
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"


def _serve(channel: int, prepare: Callable[[], Callable[[ChunkEntry], Done]]) -> int:
    try:
        simulate = prepare()
    except StiltError as error:
        _send(channel, msgspec.json.encode(Broken.by(error)))
        return 1
    gc.freeze()  # what is loaded stays
    _send(channel, msgspec.json.encode(Ready()))
    decoder = msgspec.json.Decoder(ChunkEntry)
    with os.fdopen(os.dup(channel), "rb") as orders:
        for line in orders:
            try:
                reply: Finished | Broken = Finished(simulate(decoder.decode(line)))
            except StiltError as error:
                reply = Broken.by(error)
            _send(channel, msgspec.json.encode(reply))
    return 0


def _send(channel: int, data: bytes) -> None:
    view = memoryview(data + b"\n")
    while view:
        view = view[os.write(channel, view) :]
