"""The name of a segment says who writes it, so that a listing tells the attempts of a task.

``<role>-t<task>-a<attempt>-s<seq>-<host>-<pid>-<random>.log``, in the folder of its batch. The task is
empty for a writer that has none.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilt.foundations.writers import host_in_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stilt.foundations.writers import Writer

SUFFIX = ".log"

_NAME = re.compile(
    r"(?P<role>[a-z]+)-t(?P<task>\d*)-a(?P<attempt>\d+)-s(?P<seq>\d+)-(?P<host>.*)-(?P<pid>\d+)-[0-9a-f]+\.log"
)


@dataclass(frozen=True, slots=True)
class SegmentName:
    """What the name of a segment says: enough to place its events when its header is damaged."""

    role: str
    task: int | None
    attempt: int
    seq: int
    host: str
    pid: int


def new_name(writer: Writer, seq: int) -> str:
    """Return a name for a segment of this writer that nobody else will choose."""
    task = "" if writer.task is None else f"{writer.task:05d}"
    host = host_in_name(writer.node or writer.host)
    return (
        f"{writer.role}-t{task}-a{writer.attempt:02d}-s{seq:05d}-{host}-{writer.pid}"
        f"-{os.urandom(4).hex()}{SUFFIX}"
    )


def parse_name(name: str) -> SegmentName | None:
    """Read a segment's name; ``None`` if it is not one of ours."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    return SegmentName(
        role=match["role"],
        task=int(match["task"]) if match["task"] else None,
        attempt=int(match["attempt"]),
        seq=int(match["seq"]),
        host=match["host"],
        pid=int(match["pid"]),
    )


def next_attempt(names: Iterable[str], task: int) -> int:
    """Return 1 + the highest attempt that the segments of a batch show for ``task``."""
    parsed = [name for name in map(parse_name, names) if name and name.task == task]
    return 1 + max((name.attempt for name in parsed), default=0)
