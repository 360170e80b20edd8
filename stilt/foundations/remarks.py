"""What whoever uses results should know though nothing is wrong: Python's warnings, of categories of our own.

The command line prints them as its notes.
"""

from __future__ import annotations

import warnings

PACKAGE = __name__.partition(".")[0]


class StiltWarning(UserWarning):
    """Base of every warning of stilt's own."""


class StaleResults(StiltWarning):
    """Results are used that would not be made today as they were: of other settings, or other kernels."""


def remark(text: str, category: type[StiltWarning] = StiltWarning) -> None:
    """Warn at the line outside of this package that led here, where filters of Python's then tell it once."""
    import inspect

    level, frame = 1, inspect.currentframe()
    while frame is not None and _is_ours(frame.f_globals):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, category, stacklevel=level)


def _is_ours(names: dict[str, object]) -> bool:
    return str(names.get("__name__", "")).partition(".")[0] == PACKAGE
