"""Segments with any content at all: each line has a checksum that holds."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

BATCH = "0002-b"
CHUNK = "0" * 32
AT = 1.7e9
ESCAPES = "\x1b]0;title\x07\x1b[2J\x9b31m\x7f\u202e\n stilt: all is well\r"
"""What a terminal obeys, what turns text around, and what feigns a line of our own."""

Raw = dict[str, Any]


def header(node: str = "n1", *, batch: str = BATCH, seq: int = 2, **more: Any) -> Raw:
    writer = {"role": "worker", "host": "h", "pid": 1, "task": 0, "attempt": 1, "node": node}
    return {
        "event": "segment", "major": 1, "minor": 1, "batch": batch, "seq": seq, "at": AT,
        "writer": writer, **more,
    }  # fmt: skip


def pending(**more: Any) -> Raw:
    return {
        "event": "pending", "chunk": CHUNK, "count": 2, "batch": BATCH, "seq": 2, "at": AT, **more,
    }  # fmt: skip


def done(sim: str = "fake_x", outcome: str = "complete", **more: Any) -> Raw:
    return {"event": "done", "sim": sim, "outcome": outcome, "at": AT, **more}


def write_segment(log_dir: Path, *events: Raw, name: str = "", batch: str = BATCH) -> Path:
    """Write a segment whose lines hold, whatever the events are."""
    path = log_dir / batch / (name or "worker-t00000-a01-s00002-h-1-aa.log")
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps([number, event]).encode() for number, event in enumerate(events)]
    path.write_bytes(b"".join(b"%08x %b\n" % (zlib.crc32(line), line) for line in lines))
    return path
