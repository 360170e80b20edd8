"""What costs to find out, and is good enough for a moment."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

RECENT_S = 0.5

Found = TypeVar("Found")


class Recent(Generic[Found]):
    """Calls a function again only when its answer is older than ``RECENT_S``, and than the time that it took.

    So a loop over a million simulations does not ask a million times, and half of its time goes there at most.
    """

    def __init__(self, find: Callable[[], Found]) -> None:
        self._find = find
        self._found: list[Found] = []
        self._until = 0.0

    def __call__(self) -> Found:
        """Return the answer."""
        began = time.monotonic()
        if not self._found or began >= self._until:
            self._found = [self._find()]
            ended = time.monotonic()
            self._until = ended + max(RECENT_S, ended - began)
        return self._found[0]

    def forget(self) -> None:
        """Ask anew the next time."""
        self._found.clear()
