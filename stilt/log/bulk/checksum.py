"""The CRC-32 of a line, eight bytes at a time, in machine code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stilt.kernels.compiled import exact

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Int64s = NDArray[np.int64]

_ALL_ONES = 0xFFFFFFFF


def _made_tables() -> Int64s:
    """Return for each of eight places and each byte there what it does to a CRC-32, in one row."""
    tables = np.zeros((8, 256), np.int64)
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (0xEDB88320 * (value & 1))
        tables[0, byte] = value
    for place in range(1, 8):
        tables[place] = tables[0, tables[place - 1] & 255] ^ (tables[place - 1] >> 8)
    return tables.ravel()


TABLES = _made_tables()


@exact.inline
def crc32(data: Bytes, first: int, last: int, tables: Int64s) -> int:
    """Return the CRC-32 of bytes, eight at a time."""
    crc, place = _ALL_ONES, first
    while place + 8 <= last:
        low = crc ^ (
            data[place] | (data[place + 1] << 8) | (data[place + 2] << 16) | (data[place + 3] << 24)
        )
        crc = (
            tables[1792 + (low & 255)]
            ^ tables[1536 + ((low >> 8) & 255)]
            ^ tables[1280 + ((low >> 16) & 255)]
            ^ tables[1024 + ((low >> 24) & 255)]
            ^ tables[768 + data[place + 4]]
            ^ tables[512 + data[place + 5]]
            ^ tables[256 + data[place + 6]]
            ^ tables[data[place + 7]]
        )
        place += 8
    while place < last:
        crc = tables[(crc ^ data[place]) & 255] ^ (crc >> 8)
        place += 1
    return crc ^ _ALL_ONES
