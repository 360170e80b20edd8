"""The terminal that stdout is, if it is one."""

from __future__ import annotations

import os
import sys


def terminal_width(piped: int | None = None) -> int:
    """Return the columns of the terminal; in a pipe what is given for one, else what COLUMNS says, or 80."""
    from shutil import get_terminal_size

    return get_terminal_size().columns if piped is None or sys.stdout.isatty() else piped


def wants_colour() -> bool:
    """Return whether stdout is a terminal that may be coloured."""
    return (
        sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )
