"""Who this process is, and whether another one still lives."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

Role = Literal["run", "worker", "verify", "cancel"]

_SHARED_HOST_NAMES = frozenset({"", "localhost", "localhost.localdomain"})


class Writer(Struct, frozen=True, omit_defaults=True):
    """Which process wrote a segment.

    ``pid_start`` (clock ticks since boot) and ``boot`` tell a process from a later one with its pid.
    """

    role: str
    host: str
    pid: int
    user: str = ""
    node: str = ""
    boot: str = ""
    pid_start: int = 0
    task: int | None = None
    attempt: int = 0
    job: str = ""
    restarts: int = 0


def this_writer(role: Role, task: int | None = None, attempt: int = 0) -> Writer:
    """Describe this process for the header of its segment."""
    environment = os.environ
    return Writer(
        role=role,
        host=socket.gethostname(),
        pid=os.getpid(),
        user=user_name(),
        node=environment.get("SLURMD_NODENAME", ""),
        boot=_boot_id(),
        pid_start=_life(os.getpid())[0],
        task=task,
        attempt=attempt,
        job=_slurm_job(environment),
        restarts=_whole_number(environment.get("SLURM_RESTART_COUNT", "")),
    )


def is_alive(writer: Writer) -> bool | None:
    """Tell whether the process lives: ``None`` when it is on another host, which can't be known from here."""
    host = socket.gethostname()
    if writer.host != host:
        return None
    if writer.boot and _boot_id() and writer.boot != _boot_id():
        # The same host since rebooted; but a name that many machines share says nothing.
        return None if host in _SHARED_HOST_NAMES else False
    started, state = _life(writer.pid)
    if not started:
        return _signal_reaches(writer.pid) if not _boot_id() else False
    return state not in {"Z", "X"} and writer.pid_start in {0, started}


def user_name() -> str:
    """Return who runs this process."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container without an entry for this user
        return str(os.getuid())


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _life(pid: int) -> tuple[int, str]:
    """Return when a process started, in clock ticks since boot, and its state; ``(0, "")`` if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0, ""
    # The command's name is in parentheses and may hold anything, so count from the last one.
    fields = text.rpartition(")")[2].split()
    return int(fields[19]), fields[0]


def _signal_reaches(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _slurm_job(environment: Mapping[str, str]) -> str:
    array, index = environment.get("SLURM_ARRAY_JOB_ID"), environment.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{index}" if array and index else environment.get("SLURM_JOB_ID", "")


def _whole_number(text: str) -> int:
    return int(text) if text.isdigit() else 0
