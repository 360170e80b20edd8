"""The terminal that stdout is, if it is one."""

from __future__ import annotations

import os
import sys

NO_TERMINAL = 80


def terminal_width(piped: int | None = None) -> int:
    """Return the columns of the terminal; in a pipe what is given for one, else what COLUMNS says, or 80."""
    return piped if piped is not None and not sys.stdout.isatty() else _columns()


def _columns() -> int:
    """Return what ``shutil.get_terminal_size`` does; its imports are a fiftieth of what ``status`` costs."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        size = os.get_terminal_size(sys.__stdout__.fileno()) if sys.__stdout__ else None
    except (ValueError, OSError):
        size = None
    return size.columns if size and size.columns else NO_TERMINAL


def wants_colour() -> bool:
    """Return whether stdout is a terminal that may be coloured."""
    return (
        sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )
