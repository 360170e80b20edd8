"""A bar on a terminal for work that tells how far it is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

from stilt.foundations.progress import Progress
from stilt.foundations.screens import is_terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    Tell = Callable[[int, int], None]

Made = TypeVar("Made")


def with_bar(label: str, work: Callable[[Tell | None], Made]) -> Made:
    """Return what work makes; it is given what to tell how much is done, of how much, where somebody looks."""
    if not is_terminal(sys.stderr):
        return work(None)
    with Progress(0, sys.stderr, label) as bar:
        return work(bar.reach)
