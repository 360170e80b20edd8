"""Hands projects over and dies at the n-th system call that changes a disk; run as a program.

Each line on stdin is ``<n> <project>``: a process is forked for it that hands the project over and SIGKILLs
itself before call n (counted from 1; with 0 it lives). The answer is a line ``<exit status> <calls made>``.
Workers are never started: only the handing over is looked at.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from stilt.backends.local import LocalBackend
from stilt.commands.run import Request, run
from stilt.footprint.calc import warm
from stilt.kernels.compiled import compile_ahead
from stilt.particles import rounding

CALLS = ("mkdir", "open", "write", "fsync", "rename", "replace", "unlink", "rmdir", "ftruncate")

PRELOADED = (
    "numpy",
    "pyarrow.csv",
    "pyarrow.compute",
    "stilt.receptors.read",
    "stilt.transport.engines",
)
"""Imported once, and not in every process."""


class Fate:
    """Counts calls, and strikes at one."""

    def __init__(self, fatal: int) -> None:
        self.fatal = fatal
        self.count = 0

    def watch(self, name: str) -> None:
        real = getattr(os, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            if name != "open" or args[1] & (os.O_WRONLY | os.O_RDWR):
                self.count += 1
                if self.count == self.fatal:
                    os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        setattr(os, name, watched)


def hand_over(project: Path, fatal: int, answer: int) -> None:
    fate = Fate(fatal)

    def wait(_: LocalBackend, handed: Any) -> int:
        handed.log.close()
        return 0

    LocalBackend.wait = wait  # type: ignore[method-assign]
    for name in CALLS:
        fate.watch(name)
    run(Request(project, n_workers=3), lambda _: None)
    fate.fatal = 0
    os.write(answer, f"{fate.count}".encode())


def serve(fatal: int, project: Path) -> str:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            hand_over(project, fatal, writing)
            status = 0
        except BaseException:  # noqa: BLE001 - the parent's loop is not this process's
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(reading) as answer:
        return f"{os.waitstatus_to_exitcode(status)} {answer.read() or 0}"


def main() -> None:
    for name in PRELOADED:
        importlib.import_module(name)
    compile_ahead(rounding)  # once, so that every hand-over makes the same calls
    warm()
    for line in sys.stdin:
        fatal, _, project = line.rstrip("\n").partition(" ")
        sys.stdout.write(f"{serve(int(fatal), Path(project))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
