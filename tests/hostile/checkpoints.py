"""Checkpoints with any content at all: all checksums hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_TRAILER_BYTES = 20


def rewrite(
    path: Path,
    footer_to: Callable[[dict[str, Any]], Any] = lambda footer: footer,
    columns: dict[str, Callable[[bytes], bytes]] | None = None,
    encode: Callable[[Any], str] = json.dumps,
) -> None:
    """Change columns and footer of a checkpoint; a column keeps its length."""
    data = bytearray(path.read_bytes())
    start = int(data[-_TRAILER_BYTES:])
    footer = json.loads(data[start + 8 : -_TRAILER_BYTES])
    for name, change in (columns or {}).items():
        offset, size, _ = footer["sections"][name]
        changed = change(bytes(data[offset : offset + size]))
        assert len(changed) == size
        data[offset : offset + size] = changed
        footer["sections"][name][2] = crc32(changed)
    payload = encode(footer_to(footer)).encode(errors="surrogatepass")
    path.write_bytes(data[:start] + b"%08x%b%020d" % (crc32(payload), payload, start))
