"""What is known of a segment as a file: how far it was read, and what is wrong in it."""

from __future__ import annotations

from msgspec import Struct


class SegmentFacts(Struct):
    """What is known of one segment as a file.

    Attributes
    ----------
    size
        How many bytes of it were read.
    line, mark
        Where the last line that holds begins, and its checksum as it is written there.
    offset, number
        Where that line ends, and the number that the next one has.
    events
        How many events were read from it, the header included.
    damage
        Byte offset and what is wrong there.
    ended
        Whether it has a ``closed`` event.
    """

    name: str
    size: int
    line: int
    mark: str
    offset: int
    number: int
    has_header: bool
    events: int = 0
    unknown: int = 0
    damage: list[tuple[int, str]] = []
    ended: bool = False
