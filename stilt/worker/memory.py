"""What the kernel knows about memory: how much a simulation took, and whether its killer ran."""

from __future__ import annotations

import contextlib
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_KIB = 1024


def reset_peak() -> None:
    """Have the kernel forget this process's peak resident memory, where it can (Linux >= 4.0)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int:
    """Return the peak resident memory of this process since ``reset_peak``; 0 where it is not known."""
    return _status("VmHWM")


def resident_bytes() -> int:
    """Return the resident memory of this process now; 0 where it is not known."""
    return _status("VmRSS")


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
