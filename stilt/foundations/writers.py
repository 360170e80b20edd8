"""Who this process is, and whether another one still lives."""

from __future__ import annotations

import os
import pwd
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from stilt.foundations.durable import TEMPORARY_PREFIX
from stilt.foundations.linux import SINCE_BOOT

if TYPE_CHECKING:
    from collections.abc import Mapping

Role = Literal["run", "worker", "verify", "archive", "cancel"]

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.]+")
_HOST_CHARACTERS = 40
_A_DAY_S = 86_400.0

_SHARED_HOST_NAMES = frozenset({"", "localhost", "localhost.localdomain"})


class Writer(Struct, frozen=True, omit_defaults=True):
    """Which process wrote a segment.

    ``pid_start`` (clock ticks since boot) and ``boot`` tell a process from a later one with its pid, ``space`` is
    where that pid means something: the namespace of pids. Whoever has it touches the segment once a minute.
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
    space: str = ""


def host_name() -> str:
    """Return what this machine is called; whoever only looks on may never need it."""
    import socket

    return socket.gethostname()


def this_writer(role: Role, task: int | None = None, attempt: int = 0) -> Writer:
    """Describe this process for the header of its segment."""
    environment = os.environ
    return Writer(
        role=role,
        host=host_name(),
        pid=os.getpid(),
        user=user_name(),
        node=environment.get("SLURMD_NODENAME", ""),
        boot=_boot_id(),
        pid_start=_life(os.getpid())[0],
        task=task,
        attempt=attempt,
        job=_slurm_job(environment),
        restarts=_whole_number(environment.get("SLURM_RESTART_COUNT", "")),
        space=_pid_space(),
    )


def is_alive(writer: Writer) -> bool | None:
    """Tell whether the process lives: ``None`` when that can't be seen from here.

    It may be on another host, in another namespace of pids, or somebody else's where ``/proc`` is hidden.
    """
    host = host_name()
    if writer.host != host:
        return None
    if writer.boot and _boot_id() and writer.boot != _boot_id():
        # The same host since rebooted; but a name that many machines share says nothing.
        return None if host in _SHARED_HOST_NAMES else False
    if writer.space and writer.space != _pid_space():
        return None
    started, state = _life(writer.pid)
    if not started:
        is_there = _signal_reaches(writer.pid)
        return None if is_there and _boot_id() else is_there
    return state not in {"Z", "X"} and writer.pid_start in {0, started}


def new_imprint(seq: int, writer: Writer) -> str:
    """Return what the names of all outputs of a worker carry: batch and attempt for people, and randomness.

    See ``stilt.foundations.paths.imprinted``.
    """
    return f"{seq:04d}-{writer.attempt:02d}-{os.urandom(4).hex()}"


def owned_name() -> str:
    """Return a name for something temporary that says whose it is."""
    this = this_writer("run")
    return (
        f"{TEMPORARY_PREFIX}{host_in_name(this.host)}-{_place(this)}-{this.pid}-{this.pid_start}"
        f"-{os.urandom(4).hex()}"
    )


def is_surely_gone(name: str, path: Path) -> bool:
    """Tell whether the owner of a name from ``owned_name`` has ended.

    By pid and start time where they mean the same: on this machine, since it was booted, in this namespace. Of
    any other owner, and of a name that names nobody as older versions gave it, nobody knows: then by a day of
    silence.
    """
    try:
        silent_s = time.time() - path.stat().st_mtime
        host, place, pid, start, _ = name.removeprefix(TEMPORARY_PREFIX).rsplit("-", 4)
        owner = (int(pid), int(start))
    except OSError:
        return False
    except ValueError:
        return silent_s > _A_DAY_S
    here = this_writer("run")
    if (host, place) != (host_in_name(here.host), _place(here)):
        return silent_s > _A_DAY_S
    writer = Writer("run", here.host, owner[0], boot=here.boot, pid_start=owner[1])
    return is_alive(writer) is False


def host_in_name(host: str) -> str:
    """Return a host or node as names of files have it."""
    return _NOT_IN_A_NAME.sub("_", host)[:_HOST_CHARACTERS]


def _place(writer: Writer) -> str:
    """Return where a pid means something: since which boot, and in which namespace."""
    return f"{writer.boot.replace('-', '')[:8]}.{_pid_space()}"


def _pid_space() -> str:
    """Return what tells the namespace of this process's pids from others on this host."""
    try:
        return f"{Path('/proc/self/ns/pid').stat().st_ino:x}"
    except OSError:
        return "0"


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


def age_of_process(pid: int) -> float | None:
    """Return for how long a process has lived, in seconds, whatever the wall clock did; None if it can't be seen."""
    started = _life(pid)[0]
    if not started:
        return None
    return time.clock_gettime(SINCE_BOOT) - started / os.sysconf("SC_CLK_TCK")


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
