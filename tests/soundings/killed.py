"""Run ``stilt`` with the arguments after the first, which is a number: SIGKILL comes before that change of the disk."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from stilt.cli.program import main

CALLS = ("mkdir", "open", "write", "fsync", "rename", "replace", "link", "unlink")


def watch(name: str, left: list[int]) -> None:
    real = getattr(os, name)

    def watched(*args: Any, **kwargs: Any) -> Any:
        if name != "open" or args[1] & (os.O_WRONLY | os.O_RDWR):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)

    setattr(os, name, watched)


if __name__ == "__main__":
    left = [int(sys.argv.pop(1))]
    for name in CALLS:
        watch(name, left)
    main()
