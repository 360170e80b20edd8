"""``run.lock``: held for seconds, by the command that plans and hands over.

It only saves two people from planning at the same time. Nothing that a worker does depends on it: on a
shared filesystem a lock may be a lie.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import socket
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

import msgspec
from msgspec import Struct

from stilt.foundations.durable import made_folder
from stilt.foundations.errors import EnvironmentFailure
from stilt.foundations.writers import user_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stilt.foundations.paths import Layout

TIMEOUT_S = 60.0
_POLL_S = 0.1
_SAY_AFTER_S = 1.0
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP})


class Owner(Struct, frozen=True):
    """Who holds the lock, as it stands in the file."""

    host: str
    pid: int
    user: str
    since: str

    def __str__(self) -> str:
        return f"{self.user} on {self.host} (pid {self.pid}) since {self.since}"


@contextmanager
def run_lock(layout: Layout, timeout_s: float = TIMEOUT_S) -> Iterator[None]:
    """Hold ``run.lock``, waiting for whoever has it.

    A filesystem without locks is said so on stderr, and the block runs all the same.

    Raises
    ------
    EnvironmentFailure
        If it is still held after ``timeout_s``, or the log's folder cannot be written.
    """
    path = layout.run_lock
    try:
        with made_folder(path.parent, layout.output) as folder:
            place = folder / path.name
            handle = open(place, "a+b", buffering=0, opener=_open_unlinked)  # noqa: SIM115
    except OSError as error:
        raise EnvironmentFailure(
            f"the output root {layout.output} cannot be written: {error.strerror}",
            "check its permissions, or set `output:` in config.yaml",
            code="OUTPUT_UNWRITABLE",
        ) from error
    with handle:
        locked = _acquire(handle, str(path), timeout_s)
        try:
            _write(handle, msgspec.json.encode(_this_owner()) + b"\n")
            yield
        finally:
            # before the unlock: whoever comes next must not read this owner as the present one
            _write(handle, b"")
            if locked:
                import portalocker

                portalocker.unlock(handle)


def _open_unlinked(path: str, flags: int) -> int:
    """Open the lock file itself: by a link in its place, another file would be written."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)


def read_owner(data: bytes) -> Owner | None:
    """Return who stands in the lock file, if anyone does."""
    try:
        return msgspec.json.decode(data, type=Owner)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _acquire(handle: IO[bytes], name: str, timeout_s: float) -> bool:
    """Return whether the lock is held; False on a mount that has none."""
    import portalocker

    flags = portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING
    began = time.monotonic()
    said = False
    while True:
        try:
            portalocker.lock(handle, flags)
        except portalocker.AlreadyLocked:
            waited = time.monotonic() - began
            if waited > timeout_s:
                raise _still_held(handle, name, timeout_s) from None
            if waited > _SAY_AFTER_S and not said:
                said = True
                sys.stderr.write(f"stilt: waiting for {name}, held by {_holder(handle)}\n")
            time.sleep(_POLL_S * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, so that waiters do not march in step
        except portalocker.LockException as error:
            cause = error.args[0] if error.args else error
            if isinstance(cause, OSError) and cause.errno in _NO_LOCKS:
                sys.stderr.write(
                    f"stilt: {name}: this filesystem has no locks ({cause.strerror}); "
                    "do not start two `stilt run` at once here\n"
                )
                return False
            raise EnvironmentFailure(
                f"{name} cannot be locked: {cause}",
                "`stilt doctor` tests the filesystem",
                code="LOCKS_REFUSED",
            ) from error
        else:
            return True


def _still_held(handle: IO[bytes], name: str, timeout_s: float) -> EnvironmentFailure:
    return EnvironmentFailure(
        f"{name} is held by {_holder(handle)}; waited {timeout_s:.0f} s",
        "run the command again when that one has handed over; the lock falls with its process",
        code="PROJECT_BUSY",
    )


def _holder(handle: IO[bytes]) -> str:
    handle.seek(0)
    owner = read_owner(handle.read())
    return str(owner) if owner else "a process that has not written its name"


def _this_owner() -> Owner:
    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return Owner(socket.gethostname(), os.getpid(), user_name(), since)


def _write(handle: IO[bytes], data: bytes) -> None:
    """Replace the content; on disk before the lock is released.

    A full disk is no obstacle: jobs can be cancelled on it, and who holds the lock is only told to who waits.
    """
    with contextlib.suppress(OSError):
        handle.seek(0)
        handle.truncate()
        handle.write(data)
        os.fsync(handle.fileno())
