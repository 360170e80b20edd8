"""What the log says of archives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.log.events import Archived
from stilt.log.reader import read_segment

if TYPE_CHECKING:
    from stilt.log.index import OutputIndex

BATCH = "archive"


def recorded(index: OutputIndex) -> dict[str, set[tuple[int, str]]]:
    """Return the archives that the log knows, by path, each with the sizes and digests it was written with.

    Usually one of each: a lost archive leaves its name to another one.
    """
    found: dict[str, set[tuple[int, str]]] = {}
    for path in index.segments(BATCH):
        for event in read_segment(path).events:
            if isinstance(event, Archived):
                found.setdefault(event.path, set()).add((event.size, event.digest))
    return found
