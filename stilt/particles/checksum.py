"""A checksum of what a particle file says, which its library has none for.

Pages of a Parquet file carry checksums; the headers of pages and the footer do not. A flipped bit there can move or
scale numbers without an error, and a footprint made from them would be called complete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    import pyarrow as pa

_OF_THE_LIBRARY = b"PARQUET:"


def checksum(stored: pa.Table, order: str) -> str:
    """Return the CRC-32 of a table: the order of its rows, names, types, notes and numbers of its columns."""
    total = crc32(order.encode())
    for field, column in zip(stored.schema, stored.columns, strict=True):
        notes = sorted(
            note
            for note in (field.metadata or {}).items()
            if not note[0].startswith(_OF_THE_LIBRARY)
        )
        total = crc32(repr((field.name, str(field.type), notes)).encode(), total)
        values = column.combine_chunks()
        if values.null_count:
            total = crc32(values.is_null().to_numpy(zero_copy_only=False), total)
            values = values.fill_null(0)
        total = crc32(values.to_numpy(), total)
    return f"{total:08x}"
