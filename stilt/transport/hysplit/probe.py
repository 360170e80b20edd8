"""Whether the program can start on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

from stilt.foundations.errors import EnvironmentFailure

_ELF = b"\x7fELF"
_SCRIPT = b"#!"
_CLASS, _MACHINE = slice(4, 6), slice(18, 20)


def check_can_start(exe: Path) -> None:
    """Read the head of the file: a script, or a program for the machine that runs Python.

    It is not started for this: a worker that is killed meanwhile would leave its files.

    Raises
    ------
    EnvironmentFailure
        If it is neither.
    """
    head, own = _head(exe), _head(Path(sys.executable))
    if head.startswith(_SCRIPT):
        return
    if not head.startswith(_ELF):
        raise EnvironmentFailure(f"{exe} is not a program", HINT, code="HYSPLIT_NOT_STARTED")
    if (head[_CLASS], head[_MACHINE]) != (own[_CLASS], own[_MACHINE]):
        raise EnvironmentFailure(
            f"{exe} is a program for another kind of machine", HINT, code="HYSPLIT_NOT_STARTED"
        )


def cannot_start(exe: Path, error: OSError) -> EnvironmentFailure:
    """Return what to tell the user of a program that the system refuses to start."""
    return EnvironmentFailure(
        f"{exe} can't be started: {error.strerror}", HINT, code="HYSPLIT_NOT_STARTED"
    )


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(20)
    except OSError as error:
        raise cannot_start(path, error) from error


HINT = (
    "see that it was built for this machine and lies on no filesystem that forbids programs "
    "(noexec); hysplit.exe_dir in config.yaml names another"
)
