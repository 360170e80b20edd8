"""For how long a writer has been silent, by the file server's own clock.

Who writes touches the segment once a minute, whether there is something to say or not. So whoever has been silent
for much longer has ended, is cut off, or is stopped: its work is handed over again, and should it go on after all,
the newer batch's claim keeps it from replacing anything.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.foundations.writers import Writer

TOUCH_S = 60.0
"""A writer touches its segment this often."""

SILENCE_S = 600.0
"""After so long without a touch, a writer that nobody can look at has gone."""

_CLOCK = ".clock"


class Silence:
    """Tells how long segments have not been touched. Nobody's clock but the file server's counts.

    Parameters
    ----------
    log_dir
        The ``log`` folder. In the folder above a file is made, and removed, to learn the server's time, once.
    """

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._now: float | None = None
        self._is_exact = False

    def lives(self, writer: Writer | None, segment: str) -> bool | None:
        """Tell whether a writer that can't be seen from here lives, by the touches of its segment.

        None where that can't be known: of an older version, which did not touch it, or as ``is_over`` says.
        """
        is_over = self.is_over(segment) if writer and writer.space else None
        return None if is_over is None else not is_over

    def is_over(self, segment: str) -> bool | None:
        """Tell whether a segment, by its path in the log, has not been touched for ``SILENCE_S``.

        None where it can't be known: for somebody who may not write there.
        """
        touched = _touched(self._log_dir / segment)
        if touched is None:
            return None
        if self._now is None:
            self._now, self._is_exact = self._look()
        if self._now - touched >= SILENCE_S:
            return True
        return False if self._is_exact else None

    def _look(self) -> tuple[float, bool]:
        """Return the server's time; else the latest that any file here shows, which may be long ago."""
        now = self.ask_clock()
        if now is not None:
            return now, True
        return max(filter(None, map(_touched, self._log_dir.glob("*/*"))), default=0.0), False

    def server_time(self) -> float:
        """Return the moment by the server's clock; by one's own for somebody who may not write there."""
        if not self._is_exact and (now := self.ask_clock()) is not None:
            self._now, self._is_exact = now, True
        return self._now if self._now is not None and self._is_exact else time.time()

    def ask_clock(self) -> float | None:
        """Return the server's time, to whom it lets write: that of a file that is gone at once."""
        path = self._log_dir.parent / f"{_CLOCK}-{os.getpid()}-{os.urandom(4).hex()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            descriptor = os.open(path, flags, 0o600)
        except OSError:
            return None
        try:
            return os.fstat(descriptor).st_mtime
        finally:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                path.unlink()


def _touched(path: Path) -> float | None:
    try:
        return path.stat(follow_symlinks=False).st_mtime
    except OSError:
        return None
