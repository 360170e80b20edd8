"""How much memory there is for this process: of the machine, of its control groups, and by its own limits."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")

_V2 = ("memory.max", "memory.current")
_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes")
_UNLIMITED = 1 << 60  # version 1 writes a number near 2**63 for no limit


def machine_bytes() -> int:
    """Return the machine's memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def limit_bytes() -> int:
    """Return the least that the machine and the control groups allow, used or not."""
    return min([machine_bytes(), *(limit for limit, _ in _groups())])


def available_bytes() -> int:
    """Return how much more this process can take before it, or another, is refused or killed."""
    rooms = [limit - used for limit, used in _groups()]
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        rooms.append(next(1024 * int(line.split()[1]) for line in lines if "MemAvailable" in line))
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        with contextlib.suppress(OSError):
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
            rooms.append(limit - pages * os.sysconf("SC_PAGE_SIZE"))
    return max(min(rooms, default=machine_bytes()), 0)


def _groups() -> Iterator[tuple[int, int]]:
    """Yield limit and use of each control group that this process is in, where it has a limit."""
    with contextlib.suppress(OSError):
        for line in OWN_CGROUPS.read_text(encoding="utf-8").splitlines():
            _, kinds, path = line.split(":", 2)
            if kinds and "memory" not in kinds.split(","):
                continue
            root = CGROUPS / "memory" if kinds else CGROUPS
            own = root / path.strip("/")
            for folder in (own, *own.parents):
                if folder.is_relative_to(root):
                    yield from _group(folder, *(_V1 if kinds else _V2))


def _group(folder: Path, limit: str, use: str) -> Iterator[tuple[int, int]]:
    with contextlib.suppress(OSError, ValueError):
        allowed = int((folder / limit).read_text(encoding="ascii"))  # "max" is no number
        used = int((folder / use).read_text(encoding="ascii")) - _reclaimable(folder)
        if allowed < _UNLIMITED:
            yield allowed, used


def _reclaimable(folder: Path) -> int:
    """Return the file cache that counts as use and is given up when memory is short."""
    lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
    facts = dict(line.split() for line in lines)
    return int(facts.get("inactive_file", 0))
