r"""The framing of a segment: one line is one append, and holds as a whole or not at all.

A line is ``<CRC-32 of the JSON, 8 lower-case hex digits> <JSON array>\n``. The first element of the
array is the line's number in its segment, counted from 0 (the header's line), the others are events.
The number is inside what the CRC covers, so that a lost or repeated line shows. JSON has no raw
newline, so a newline is always the end of a line and the place where reading resumes after damage.
"""

from __future__ import annotations

import sys
from array import array
from binascii import unhexlify
from operator import itemgetter
from typing import TYPE_CHECKING
from zlib import crc32

from msgspec import json, to_builtins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stilt.log.events import Event

PREFIX_BYTES = 9

_encoder = json.Encoder()

# Slices taken in C: a log has a line for each event, so millions.
_PREFIX = itemgetter(slice(0, PREFIX_BYTES))
_PAYLOAD = itemgetter(slice(PREFIX_BYTES, None))


def encode_line(number: int, events: Sequence[Event]) -> bytes:
    """Return the line that carries ``events`` as number ``number`` of its segment."""
    try:
        payload = _encoder.encode([number, *events])
    except UnicodeEncodeError:
        # A message can quote a file name that is not UTF-8; the event counts for more than that.
        from json import dumps

        text = dumps(to_builtins([number, *events]), ensure_ascii=False)
        payload = text.encode("utf-8", "replace")
    return b"%08x %b\n" % (crc32(payload), payload)


def payload_of(line: bytes) -> bytes | None:
    """Return the JSON of a line (given without its newline), or ``None`` if the line does not hold."""
    payload = line[PREFIX_BYTES:]
    return payload if line[:PREFIX_BYTES] == b"%08x " % crc32(payload) else None


def payloads_if_whole(data: bytes) -> list[bytes] | None:
    """Return the JSON of every line, or ``None`` if any byte of ``data`` is not part of a line that holds.

    This is the way taken by all but the last lines of a log that is being written, so it does its work
    in C wherever Python allows.
    """
    lines = data.split(b"\n")
    if lines.pop():
        return None
    payloads = list(map(_PAYLOAD, lines))
    prefixes = b"".join(map(_PREFIX, lines))
    return payloads if _stated(prefixes, len(lines)) == array("I", map(crc32, payloads)) else None


def _stated(prefixes: bytes, count: int) -> array[int] | None:
    """Return the checksums that prefixes state, read all at once; ``None`` if one is not as it should be."""
    digits = prefixes.replace(b" ", b"")
    if len(prefixes) != PREFIX_BYTES * count or len(digits) != (PREFIX_BYTES - 1) * count:
        return None
    if prefixes[PREFIX_BYTES - 1 :: PREFIX_BYTES] != b" " * count or digits != digits.lower():
        return None
    try:
        checksums = array("I", unhexlify(digits))
    except ValueError:
        return None
    if sys.byteorder == "little":
        checksums.byteswap()
    return checksums
