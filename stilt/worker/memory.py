"""What the kernel knows about memory: how much a simulation took, and whether its killer ran."""

from __future__ import annotations

import contextlib
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_KIB = 1024


class OwnPeak:
    """The most memory of its own that this process has had since this was made.

    Its own is what the kernel cannot get back by writing to a file or by reading it again: all resident memory but
    the pages of mapped files, such as meteorology and libraries. The kernel keeps the peak of both together; what of
    it were files is known when one looks, so look whenever a part of the work is done. More files are mapped between
    the peak and the next look at times, and then the answer is too small by these.
    """

    def __init__(self) -> None:
        with contextlib.suppress(OSError):  # the kernel forgets the peak of before, where it can
            Path("/proc/self/clear_refs").write_text("5")
        self.bytes = own_bytes()

    def look(self) -> int:
        """Look at what the kernel knows; return the peak so far in bytes, 0 where it is not known."""
        self.bytes = max(self.bytes, _status("VmHWM") - _status("RssFile"), own_bytes())
        return self.bytes


def own_bytes() -> int:
    """Return the memory of its own that this process has now (see ``OwnPeak``); 0 where it is not known."""
    return _status("VmRSS") - _status("RssFile")


def out_of_memory_kills() -> int:
    """Return how many processes the kernel has killed for memory in this process's control group.

    A number that grew between two calls is evidence; on a machine that does not count it stays 0.
    """
    try:
        groups = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return 0
    kills = 0
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            kills += _counter(_CGROUPS / path.lstrip("/") / "memory.events", "oom_kill ")
        elif "memory" in controllers.split(","):
            kills += _counter(
                _CGROUPS / "memory" / path.lstrip("/") / "memory.oom_control", "oom_kill "
            )
    return kills


def _status(key: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) * _KIB
    return 0


def _counter(path: Path, key: str) -> int:
    with contextlib.suppress(OSError):
        for line in path.read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1])
    return 0
