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
        if self.known is None:
            began = time.monotonic()
            self._found = [self._find()]
            ended = time.monotonic()
            self._until = ended + max(RECENT_S, ended - began)
        return self._found[0]

    @property
    def known(self) -> Found | None:
        """The answer, if there is one that is recent: nobody is asked."""
        return self._found[0] if self._found and time.monotonic() < self._until else None

    def forget(self) -> None:
        """Ask anew the next time."""
        self._found.clear()
