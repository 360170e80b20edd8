"""Whether the program starts on this machine at all."""

from __future__ import annotations

import subprocess
import tempfile
from typing import TYPE_CHECKING

from stilt.errors import EnvironmentFailure

if TYPE_CHECKING:
    from pathlib import Path

_GREETING = b"HYSPLIT"
_PATIENCE_S = 60


def check_starts(exe: Path) -> None:
    """Start the program without input: it says what it is and ends at once.

    Raises
    ------
    EnvironmentFailure
        If it does not start (built for another machine, a filesystem mounted ``noexec``) or is something else.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                [exe],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_PATIENCE_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise cannot_start(exe, error) from error
    if _GREETING not in done.stdout:
        words = done.stdout.decode("utf-8", "replace").strip().splitlines()
        said = f"it says {words[-1][:100]!r}" if words else f"it ends with status {done.returncode}"
        raise EnvironmentFailure(f"{exe} is no HYSPLIT that runs here: {said}", _HINT)


def cannot_start(exe: Path, error: Exception) -> EnvironmentFailure:
    """Return what to tell the user of a program that does not start."""
    why = error.strerror if isinstance(error, OSError) else "it does not end"
    return EnvironmentFailure(f"{exe} can't be started: {why}", _HINT)


_HINT = (
    "see that it was built for this machine and lies on no filesystem that forbids programs "
    "(noexec); hysplit.exe_dir in config.yaml names another"
)
