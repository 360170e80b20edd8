"""What only Linux has, and what takes its place elsewhere.

What is read of ``/proc`` counts as unknown where it is not there, at each place that reads it. What has no counterpart
is here: elsewhere a killed worker's child may go on to its end, a process's memory is not known, and a file below the
output root is opened by its name. Nobody has run stilt on another system.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from pathlib import Path

DESCRIPTORS = Path("/proc/self/fd")
"""A folder or file that is open, by the number of its descriptor."""

O_PATH: int = getattr(os, "O_PATH", os.O_RDONLY)
"""Open a folder for what lies in it, also where it may not be listed."""

SINCE_BOOT: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

USUAL_PIPE_BYTES = 65_536
"""What a pipe holds where it can't be asked."""


def prctl(option: int, value: int) -> None:
    """Ask the kernel for something about this process; nothing happens where it knows no such thing.

    Raises
    ------
    OSError
        If Linux refuses.
    """
    import ctypes

    call = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)
    if call is not None and call(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


def usable_cpus() -> int:
    """Return how many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def extended_attribute(path: Path | int, name: str) -> bytes:
    """Return an attribute of a file.

    Raises
    ------
    OSError
        If it has none, or cannot have any.
    """
    if hasattr(os, "getxattr"):
        return os.getxattr(path, name)
    raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), str(path))


def size_of_pipe(descriptor: int, wanted: int) -> int:
    """Make a pipe as large as is wanted, if the system allows; return its size in bytes."""
    if not hasattr(fcntl, "F_SETPIPE_SZ"):
        return USUAL_PIPE_BYTES
    with contextlib.suppress(OSError):  # users may be limited to less
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, wanted)
    return fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ)
