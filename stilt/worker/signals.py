"""Stop signals as something to look at, not something that interrupts."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP)

_FROM_TERMINAL = (signal.SIGINT, signal.SIGHUP)


class StopSignals:
    """Within the block, the first stop signal sets ``name`` and makes ``wakeup`` readable.

    Only the main thread of a program can take signals: in another one nothing ever comes.

    Attributes
    ----------
    name
        The signal that came, such as ``SIGTERM``; empty until one has.
    count
        How many have come.
    wakeup
        A descriptor to select on.
    """

    def __init__(self) -> None:
        self.name = ""
        self.count = 0
        self.wakeup, self._write = os.pipe()
        for end in (self.wakeup, self._write):
            os.set_blocking(end, False)
        self._before: dict[int, object] = {}
        self._before_fd = -1

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before_fd = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
            for number in STOP_SIGNALS:
                if number in _FROM_TERMINAL and signal.getsignal(number) is signal.SIG_IGN:
                    continue  # nohup, or a shell's background job: it was asked to live on
                self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() itself returned
        if self._before:
            signal.set_wakeup_fd(self._before_fd)
        for end in (self.wakeup, self._write):
            os.close(end)

    def drain(self) -> None:
        """Make ``wakeup`` unreadable until the next signal."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.wakeup, 4096)

    def _take(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.count += 1
        self.name = self.name or signal.Signals(number).name
