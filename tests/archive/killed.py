"""``python -m tests.archive.killed PROJECT N``: archive, and be killed before the N-th effect on the disk."""

import itertools
import os
import signal
import sys
from pathlib import Path

from stilt.cli.program import main

EFFECTS = ("write", "fsync", "replace", "link", "unlink", "rmdir")


def kill_before(number):
    """Have SIGKILL come before one call, of all that change something that lasts."""
    calls = itertools.count()

    def watched(function):
        def call(*arguments, **options):
            if next(calls) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return call

    for name in EFFECTS:
        setattr(os, name, watched(getattr(os, name)))


if __name__ == "__main__":
    kill_before(int(sys.argv[2]))
    main(["archive", str(Path(sys.argv[1]))])
