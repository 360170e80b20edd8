"""Values of GRIB fields that are entropy-coded (CCSDS 121.0-B, as ERA5's newer files are), read in part.

Such values are one stream of bits: a value is found only by going through all before it, but for those with which an
interval begins, every few thousand values. Where these lie is found once; from then on a band of rows costs its own
intervals. WMO Manual on Codes, I.2, data representation template 5.42. What decodes is libaec, which ecCodes' wheels
bring and which since 1.1 tells of the intervals; where there is none such, ecCodes decodes messages as a whole.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from stilt.met.dataset.levels import DatasetError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

_THREE_BYTES, _BIG_ENDIAN = 2, 4
_OK, _TO_THE_END = 0, 1
_NEEDED = ("aec_decode_enable_offsets", "aec_decode_get_offsets", "aec_buffer_seek")


@dataclass(frozen=True, slots=True)
class Coding:
    """How values are coded.

    Attributes
    ----------
    bits
        Of each.
    flags, block, interval
        libaec's; values of a block, blocks of an interval.
    size, count
        Of all coded values together, bytes; and how many there are.
    """

    bits: int
    flags: int
    block: int
    interval: int
    size: int
    count: int

    @property
    def values(self) -> int:
        """How many values an interval has."""
        return self.block * self.interval


class _Stream(ctypes.Structure):
    """``struct aec_stream`` of libaec.h."""

    _fields_ = (
        ("next_in", ctypes.c_char_p),
        ("avail_in", ctypes.c_size_t),
        ("total_in", ctypes.c_size_t),
        ("next_out", ctypes.c_void_p),
        ("avail_out", ctypes.c_size_t),
        ("total_out", ctypes.c_size_t),
        ("bits_per_sample", ctypes.c_uint),
        ("block_size", ctypes.c_uint),
        ("rsi", ctypes.c_uint),
        ("flags", ctypes.c_uint),
        ("state", ctypes.c_void_p),
    )


@cache
def library() -> Any:
    """Return libaec; None where there is none that tells of intervals."""
    try:
        import findlibs

        found = ctypes.CDLL(findlibs.find("aec", "eccodeslib"))
    except (ImportError, OSError, TypeError):
        return None
    return found if all(hasattr(found, name) for name in _NEEDED) else None


def decoded(
    read: Callable[[int, int], bytes],
    coding: Coding,
    starts: NDArray[np.int64],
    span: tuple[int, int],
) -> tuple[NDArray[np.unsignedinteger[Any]], NDArray[np.int64]]:
    """Return values ``[first, last)``, and the bits at which intervals begin, as far as these are known now.

    ``read`` gives bytes of the coded values, from and to; ``starts`` is what is known of the intervals, at least that
    the first one begins at 0.

    Raises
    ------
    DatasetError
        If they are not coded so, or another stream's intervals are known of them.
    """
    first = min(span[0] // coding.values, len(starts) - 1)
    # of the last one that is known nothing tells but the end of the one before it
    first -= 0 < first == len(starts) - 1
    last = -(-span[1] // coding.values)
    start = int(starts[first])
    stop = int(starts[last]) // 8 + 1 if last < len(starts) else coding.size
    data = read(start // 8, min(stop, coding.size))
    # to the end of an interval: only so it is known where the next one begins
    values, found = _run(
        data, coding, start % 8, min(last * coding.values, coding.count) - first * coding.values
    )
    known = np.concatenate([starts[: first + 1], found + start // 8 * 8])
    if first + 1 < len(starts) and not np.array_equal(
        starts[first + 1 : len(known)], known[first + 1 : len(starts)]
    ):
        raise DatasetError("has other values than it had: remove inputs/met of the output root")
    more = known if len(known) > len(starts) else starts
    return values[span[0] - first * coding.values : span[1] - first * coding.values], more


def _run(
    data: bytes, coding: Coding, bit: int, count: int
) -> tuple[NDArray[np.unsignedinteger[Any]], NDArray[np.int64]]:
    """Decode from a bit of the first byte on, where an interval begins; return values, and where further ones begin."""
    aec = library()
    kind = "<u1" if coding.bits <= 8 else "<u2" if coding.bits <= 16 else "<u4"  # noqa: PLR2004
    out = np.empty(count, kind)
    flags = coding.flags & ~(_THREE_BYTES | _BIG_ENDIAN)
    stream = _Stream(data, len(data), 0, out.ctypes.data, out.nbytes, 0)
    stream.bits_per_sample, stream.block_size = coding.bits, coding.block
    stream.rsi, stream.flags = coding.interval, flags
    at = ctypes.byref(stream)
    if aec.aec_decode_init(at) != _OK:
        raise DatasetError("is coded in a way that libaec does not know")
    try:
        aec.aec_decode_enable_offsets(at)
        aec.aec_buffer_seek(at, ctypes.c_size_t(bit))
        if aec.aec_decode(at, _TO_THE_END) != _OK or stream.avail_out:
            raise DatasetError("has values that do not decode")
        found = _intervals(aec, at)
    finally:
        aec.aec_decode_end(at)
    return out, found[1:] + 8 * (bit > 0)


def _intervals(aec: Any, at: Any) -> NDArray[np.int64]:
    count = ctypes.c_size_t()
    aec.aec_decode_count_offsets(at, ctypes.byref(count))
    offsets = np.zeros(count.value, np.uintp)
    aec.aec_decode_get_offsets(at, ctypes.c_void_p(offsets.ctypes.data), count)
    return offsets.astype(np.int64)
