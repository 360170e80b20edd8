"""The values of a footprint that are not zero as few bytes that are fast to read: a *frame*.

A frame is compressed by zstd. In it stand, of each value in the order of layers, rows and columns, how many cells it
lies behind the one before it (the first: behind the first cell of all) and itself: 32-bit integers and 32-bit floats,
little-endian, split into streams: the lowest byte of all steps, ..., the highest byte of all values.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stilt.kernels.compiled import I8, OUT_I4, OUT_I8, U1, exact

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    Places = NDArray[np.int64]
    Values = NDArray[np.float32]

ENTRY_BYTES = 8
COMPRESSION_LEVEL = 3


def encode(place: Places, values: Values) -> bytes:
    """Return a frame; ``place`` is where the values lie, ascending: layer x cells + cell."""
    both = np.stack([np.diff(place, prepend=0).astype("<i4"), values.astype("<f4").view("<i4")])
    streams = both.view(np.uint8).reshape(2, len(place), 4).transpose(0, 2, 1)
    packed: bytes = _codec().compress(np.ascontiguousarray(streams), asbytes=True)
    return packed


class Decoded(NamedTuple):
    """The values of frames, one frame after the other, each layer by layer.

    Attributes
    ----------
    per_layer
        How many values each layer of each frame has.
    cell
        Of each value, counted row by row from 0 in its layer.
    """

    per_layer: NDArray[np.int64]
    cell: NDArray[np.int32]
    values: Values


def decode(
    frames: Sequence[memoryview | bytes], counts: Places, layers: Places, cells: Places
) -> Decoded:
    """Return the values of frames; each has so many, on so many layers of so many cells.

    Raises
    ------
    LookupError
        If a value lies outside of its grid.
    ValueError
        If a frame is not one, or has another number of values.
    """
    raw = [
        np.frombuffer(inflate(frame, ENTRY_BYTES * count), np.uint8)
        for frame, count in zip(frames, counts.tolist(), strict=True)
    ]
    streams = np.concatenate(raw) if raw else np.empty(0, np.uint8)
    total = int(counts.sum())
    per_layer = np.zeros(int(layers.sum()), np.int64)
    cell, bits = np.empty(total, np.int32), np.empty(total, np.int32)
    counts, layers, cells = (_long(each) for each in (counts, layers, cells))
    if not _join(streams, counts, layers, cells, per_layer, cell, bits):
        raise LookupError("a value lies outside of the grid")
    return Decoded(per_layer, cell, bits.view(np.float32))


def _long(numbers: Places) -> Places:
    return np.ascontiguousarray(numbers, np.int64)


@exact.kernel(U1, I8, I8, I8, OUT_I8, OUT_I4, OUT_I4)
def _join(
    streams: NDArray[np.uint8],
    counts: Places,
    layers: Places,
    cells: Places,
    per_layer: Places,
    cell: NDArray[np.int32],
    bits: NDArray[np.int32],
) -> int:
    """Put streams of bytes together: steps are added up within each frame; return 0 if one leads out of the grid."""
    begin, first = 0, 0
    for frame in range(len(counts)):
        n = counts[frame]
        own = streams[8 * begin : 8 * (begin + n)]
        s0, s1, s2, s3 = own[:n], own[n : 2 * n], own[2 * n : 3 * n], own[3 * n : 4 * n]
        v0, v1, v2, v3 = own[4 * n : 5 * n], own[5 * n : 6 * n], own[6 * n : 7 * n], own[7 * n :]
        steps, value = cell[begin : begin + n], bits[begin : begin + n]
        # by themselves, so that the compiler takes many at once
        for i in range(n):
            steps[i] = int(s0[i]) | int(s1[i]) << 8 | int(s2[i]) << 16 | int(s3[i]) << 24
        for i in range(n):
            value[i] = int(v0[i]) | int(v1[i]) << 8 | int(v2[i]) << 16 | int(v3[i]) << 24
        at, layer, size = 0, 0, cells[frame]
        for i in range(n):
            at += int(steps[i]) & 0xFFFFFFFF
            while at >= size:
                at -= size
                layer += 1
            if layer >= layers[frame]:
                return 0
            per_layer[first + layer] += 1
            steps[i] = at
        begin += n
        first += layers[frame]
    return 1


@lru_cache(maxsize=1)
def _codec() -> pa.Codec:
    import pyarrow as pa

    return pa.Codec("zstd", compression_level=COMPRESSION_LEVEL)


def deflate(text: bytes) -> bytes:
    """Return a text, compressed by zstd."""
    packed: bytes = _codec().compress(text, asbytes=True)
    return packed


def inflate(packed: bytes | memoryview, size: int) -> memoryview:
    """Return what was compressed, so many bytes.

    Raises
    ------
    ValueError
        If it is none, or of another size.
    """
    try:
        found = memoryview(_codec().decompress(packed, size))
    except (OSError, MemoryError) as error:  # a size that lies may be any
        raise ValueError(str(error)) from error
    if len(found) != size:
        raise ValueError("it has another size than it says")
    return found
