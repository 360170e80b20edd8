"""Append events to a segment of one's own.

A process has one segment, creates it exclusively and is the only one ever to append to it, so that
nothing rests on a lock between nodes. After a failed write, fsync or close the kernel may have dropped
data that a second fsync would call safe (Rebello et al., ATC'20): the handle is dead, a new segment is
begun and what was not durable is appended again. Duplicates are harmless, the fold is idempotent.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from itertools import islice
from typing import TYPE_CHECKING

from portalocker import LOCK_EX, LOCK_NB, lock, unlock
from portalocker.exceptions import LockException

from stilt.foundations.durable import fsync_dir, made_folder
from stilt.foundations.errors import EnvironmentFailure
from stilt.foundations.room import no_room
from stilt.log.events import (
    FORMAT_MAJOR,
    FORMAT_MINOR,
    Closed,
    Done,
    Event,
    Segment,
    Started,
)
from stilt.log.lines import encode_line
from stilt.log.names import new_name
from stilt.log.silence import TOUCH_S
from stilt.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from stilt.foundations.identity import EngineIdentity
    from stilt.foundations.writers import Writer

GROUP_SECONDS = 1.0
GROUP_EVENTS = 64

_TRIES = 3
_EVENTS_A_LINE = 256
_LEARNT_LATER = (Started, Done)

_TELLS_S = 1.0
"""Clocks that differ by less than this are the same: files are dated by ticks, and some calls take time."""


class SegmentWriter:
    """The sole appender of one segment after another, for one process.

    Events of single simulations are synced in groups, at most ``GROUP_SECONDS`` or ``GROUP_EVENTS``
    behind; all others at once. The segment is created with the first event.

    Parameters
    ----------
    log_dir
        The ``log`` folder of the output root; segments go to its subfolder ``batch``.
    batch, seq
        The batch that the events belong to.
    writer
        This process, from ``stilt.foundations.writers.this_writer``.
    transport, footprints
        The settings digests that this process makes simulations with, by met and by footprint name.
    engine, imprint
        What it makes them with, and what the names of its outputs carry.
    """

    def __init__(
        self,
        log_dir: Path,
        batch: str,
        seq: int,
        writer: Writer,
        *,
        transport: Mapping[str, str] | None = None,
        footprints: Mapping[str, str] | None = None,
        engine: EngineIdentity | None = None,
        imprint: str = "",
    ) -> None:
        self.folder = log_dir / batch
        self.path: Path | None = None
        self._batch = batch
        self._seq = seq
        self._writer = writer
        self._transport = dict(transport or {})
        self._footprints = dict(footprints or {})
        self._engine = engine
        self._imprint = imprint
        self._descriptor = -1
        self._lines = 0
        self._undurable: list[Event] = []
        self._unwritten = 0
        self._last_group: list[Event] = []
        self._oldest = 0.0
        self._touched = 0.0

    @property
    def written_to(self) -> Path:
        """The segment, of a writer that has appended something."""
        assert self.path is not None  # noqa: S101 - as the docstring says
        return self.path

    def append(self, *events: Event, sync: bool = False) -> None:
        """Write the events as one line; sync at once if asked or if they concern the batch.

        Raises
        ------
        EnvironmentFailure
            The filesystem refuses. The events are kept and written with the next call that succeeds.
        """
        if not self._undurable:
            self._oldest = time.monotonic()
        self._undurable.extend(events)
        self._unwritten += len(events)
        if sync or not all(isinstance(event, _LEARNT_LATER) for event in events):
            self.sync()
        else:
            self._persist(self._write)
            self.tick()

    def append_all(self, events: Iterable[Event]) -> int:
        """Write any number of events, some hundreds a line, and return how many; they are durable on return."""
        rest, count = iter(events), 0
        while block := list(islice(rest, _EVENTS_A_LINE)):
            self.append(*block)
            count += len(block)
        self.sync()
        return count

    def tick(self) -> None:
        """Sync if the oldest event that is not durable has waited long enough, and show that this process lives.

        Call it when idle, every few seconds at least.
        """
        if self._descriptor >= 0 and time.monotonic() - self._touched >= TOUCH_S:
            self._touched = time.monotonic()
            with contextlib.suppress(OSError):  # the next event tells what is wrong
                os.utime(self._descriptor)
        if not self._undurable:
            return
        if len(self._undurable) >= GROUP_EVENTS or time.monotonic() - self._oldest >= GROUP_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Return when every event is durable.

        Raises
        ------
        EnvironmentFailure
            The filesystem refuses; the events are kept.
        """
        if self._undurable:
            self._persist(self._write_and_sync)
            self._last_group, self._undurable = self._undurable, []

    def close(self, why: str = "finished") -> None:
        """Sync, end the segment with ``closed`` and give it up. Nothing is written if there was no event.

        Raises
        ------
        EnvironmentFailure
            The filesystem refuses; the events are kept.
        """
        if self.path is None and not self._undurable:
            return
        self.append(Closed(at=time.time(), why=why), sync=True)
        try:
            self._release()
        except OSError:
            # An error at close can mean that the last group never arrived (NFS): say it again elsewhere.
            self._undurable, self._unwritten = self._last_group, len(self._last_group)
            self._abandon()
            self.sync()
            self._abandon()
        self.path = None

    def _persist(self, action: Callable[[], None]) -> None:
        """Do ``action``, on a fresh segment after each failure."""
        for attempt in range(1, _TRIES + 1):
            try:
                action()
            except OSError as error:
                self._abandon()
                if attempt == _TRIES:
                    raise self._failure(error) from error
            else:
                return

    def _write(self) -> None:
        if self._descriptor < 0:
            self._open()
        if self._unwritten:
            self._write_line(self._undurable[-self._unwritten :])
            self._unwritten = 0

    def _write_and_sync(self) -> None:
        self._write()
        os.fsync(self._descriptor)

    def _write_line(self, events: list[Event]) -> None:
        line = encode_line(self._lines, events)
        written = os.write(self._descriptor, line)
        if written != len(line):
            raise OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes were written")
        self._lines += 1

    def _open(self) -> None:
        """Create a segment, with its header; its name is durable on return."""
        log_dir, name = self.folder.parent, new_name(self._writer, self._seq)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with made_folder(self.folder, log_dir.parent) as folder:
            fsync_dir(log_dir)
            self._descriptor = os.open(folder / name, flags, 0o666)
            self._lines = 0
            try:
                _lock(self._descriptor)
                self._write_line([self._header()])
                fsync_dir(folder)
            except OSError:
                # It holds no event yet, and an empty file a try would fill a full disk's folder.
                with contextlib.suppress(OSError):
                    (folder / name).unlink()
                raise
        self.path = self.folder / name

    def _header(self) -> Segment:
        return Segment(
            major=FORMAT_MAJOR,
            minor=FORMAT_MINOR,
            batch=self._batch,
            seq=self._seq,
            writer=self._writer,
            at=time.time(),
            stilt=__version__,
            transport=self._transport,
            footprints=self._footprints,
            engine=self._engine,
            imprint=self._imprint,
            ahead_s=self._ahead_s(),
        )

    def _ahead_s(self) -> float:
        """Return by how much this clock is ahead of the one that has just dated the new segment."""
        ahead_s = time.time() - os.fstat(self._descriptor).st_mtime
        return round(ahead_s, 1) if abs(ahead_s) >= _TELLS_S else 0.0

    def _release(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        with contextlib.suppress(LockException):
            unlock(descriptor)
        os.close(descriptor)

    def _abandon(self) -> None:
        """Let a dead handle go; what is not durable has to be written again."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._unwritten = len(self._undurable)

    def _failure(self, error: OSError) -> EnvironmentFailure:
        said, todo = no_room(error, self.folder) or (
            str(error.strerror or error),
            "mend the filesystem",
        )
        return EnvironmentFailure(
            f"the log in {self.folder} can't be written: {said}",
            f"{todo}, then run the same command again: nothing is done twice",
            code="LOG_UNWRITABLE",
        )


def _lock(descriptor: int) -> None:
    """Lock one's own segment, so that a person or a tool can see that its writer lives.

    Nothing depends on it: the segment has one writer. A mount without locks (ENOLCK, ENOSYS,
    EOPNOTSUPP) or with a lock manager that is away is no obstacle.
    """
    with contextlib.suppress(LockException):
        lock(descriptor, LOCK_EX | LOCK_NB)
