"""What Linux offers so that no process outlives the one that answers for it."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from stilt.foundations.linux import prctl

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP)


def die_with_parent(parent: int, sig: int = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when its parent ends, however it ends.

    To be called in the child, right after the fork (``preexec_fn`` of a subprocess will do; it holds
    through exec). ``parent`` is the pid of the parent as it knew itself: if that is gone already the
    signal would never come, so the process ends here.
    """
    prctl(_PR_SET_PDEATHSIG, sig)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of whatever a killed child leaves running, in place of init.

    So a transport model whose pool process was killed can still be found and ended.
    """
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def ignore_stop_signals() -> None:
    """Leave it to the parent when to stop: a scheduler signals every process of a job at once."""
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def children(pid: int | None = None) -> list[int]:
    """Return the pids of a process's children, zombies included; this process's by default."""
    pid = os.getpid() if pid is None else pid
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def kill_tree(pid: int, *, reap: bool = True) -> None:
    """SIGKILL a child, its process group and every process below it, and reap the child.

    Stopping each before looking at its children keeps it from starting another meanwhile.
    """
    _stop_and_kill(pid)
    if not reap:
        return
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _stop_and_kill(pid: int) -> None:
    _send(pid, signal.SIGSTOP)
    for child in children(pid):
        _stop_and_kill(child)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
    _send(pid, signal.SIGKILL)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def reap_orphans(keep: frozenset[int]) -> None:
    """End and reap the processes that ``adopt_orphans`` brought here; ``keep`` are children of one's own."""
    for pid in set(children()) - keep:
        kill_tree(pid)
