"""A PNG of a field on a logarithmic colour scale, without a plotting library."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Light to dark, so that white paper is "nothing".
COLOURS = np.array(
    [
        (254, 240, 217),
        (253, 204, 138),
        (252, 141, 89),
        (215, 48, 31),
        (127, 0, 60),
        (45, 0, 60),
    ],
    dtype=np.float64,
)


def encode_field(values: NDArray[np.float64], most: float, decades: float) -> bytes:
    """Return a PNG of a field (y ascending), coloured by its logarithm; transparent below the scale and where negative.

    Parameters
    ----------
    values
        The field, (y, x).
    most
        The value at the dark end.
    decades
        How many powers of ten the scale has.
    """
    with np.errstate(divide="ignore"):
        position = 1 + np.log10(np.maximum(values, 0.0) / most) / decades
    pixels = np.zeros((*values.shape, 4), np.uint8)
    pixels[..., :3] = _colours(np.clip(position, 0, 1))
    pixels[..., 3] = np.where(position > 0, 255, 0)
    return _png(pixels[::-1])


def scale_colours(number: int) -> list[str]:
    """Return colours from the light to the dark end, as CSS writes them."""
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in _colours(np.linspace(0, 1, number))]


def _colours(position: NDArray[np.float64]) -> NDArray[np.uint8]:
    at = np.linspace(0, 1, len(COLOURS))
    parts = [np.interp(position, at, COLOURS[:, channel]) for channel in range(3)]
    return np.stack(parts, axis=-1).round().astype(np.uint8)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Return RGBA pixels (top row first) as a PNG file (ISO/IEC 15948): each row begins with its filter, 0."""
    height, width = pixels.shape[:2]
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
