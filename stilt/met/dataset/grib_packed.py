"""Rows of simply packed GRIB fields, read without the rest of the message: what ERA5 is delivered in.

WMO Manual on Codes, I.2: FM 92 GRIB, data representation template 5.0 and section 7; of the first edition the binary
data section. A value is (R + X 2^E) 10^-D, X an unsigned number of a fixed count of bits, one after the other.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stilt.met.dataset.levels import DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EDITION, _OF_SECOND, _OF_FIRST = 7, 16, 8
_REPRESENTATION, _BITMAP, _DATA = 5, 6, 7
_HAS_GRID, _HAS_BITMAP, _NO_BITMAP = 128, 64, 255
_NOT_SIMPLE = 0xF0
_MOST_BITS = 32
_SHORT = 16


@dataclass(frozen=True, slots=True)
class Packed:
    """How the values of a field are packed.

    Attributes
    ----------
    start
        Where they begin in the file, bytes.
    bits, count
        Of each; and how many there are.
    reference, binary, decimal
        R, 2^E and 10^-D.
    """

    start: int
    bits: int
    count: int
    reference: float
    binary: float
    decimal: float


def packed_at(descriptor: int, offset: int) -> Packed | None:
    """Return how the first field of the message at a place of a file is packed; None if not simply, with all values."""
    try:
        head = os.pread(descriptor, _OF_SECOND, offset)
        found = _second(descriptor, offset) if head[_EDITION] > 1 else _first(descriptor, offset)
    except (struct.error, IndexError):
        return None
    return found if found is not None and 0 < found.bits <= _MOST_BITS else None


def _second(descriptor: int, offset: int) -> Packed | None:
    place = offset + _OF_SECOND
    facts: tuple[int, int, float, int, int, int] | None = None
    while True:
        head = os.pread(descriptor, 21, place)
        length, section = struct.unpack_from(">IB", head)
        if section == _REPRESENTATION:
            facts = struct.unpack_from(">IHfHHB", head, 5)
        is_cut = section == _BITMAP and head[5] != _NO_BITMAP
        if is_cut or length < 5 or section > _DATA or (section == _DATA and facts is None):  # noqa: PLR2004
            return None
        if section == _DATA and facts is not None:
            count, template, reference, binary, decimal, bits = facts
            if template or 8 * (length - 5) < count * bits:
                return None
            return _made((place + 5, bits, count), reference, _signed(binary), _signed(decimal))
        place += length


def _first(descriptor: int, offset: int) -> Packed | None:
    place = offset + _OF_FIRST
    product = os.pread(descriptor, 28, place)
    flags, decimal = product[7], struct.unpack_from(">H", product, 26)[0]
    place += _three(product)
    if flags & _HAS_GRID:
        place += _three(os.pread(descriptor, 3, place))
    head = os.pread(descriptor, 11, place)
    binary, power = struct.unpack_from(">HB", head, 4)
    bits = head[10]
    if flags & _HAS_BITMAP or head[3] & _NOT_SIMPLE or not bits:
        return None
    count = (8 * (_three(head) - 11) - (head[3] & 15)) // bits
    sign = -1.0 if power & 128 else 1.0
    reference = sign * int.from_bytes(head[7:10]) * 2.0**-24 * 16.0 ** ((power & 127) - 64)
    return _made((place + 11, bits, count), reference, _signed(binary), _signed(decimal))


def _made(where: tuple[int, int, int], reference: float, binary: int, decimal: int) -> Packed:
    return Packed(*where, reference, 2.0**binary, 10.0**-decimal)


def _three(head: bytes) -> int:
    if len(head) < 3:  # noqa: PLR2004 - the length of a section
        raise IndexError
    return int.from_bytes(head[:3])


def _signed(value: int) -> int:
    """Return a number whose first bit is its sign."""
    return -(value & 0x7FFF) if value & 0x8000 else value


def values_of(descriptor: int, packed: Packed, first: int, count: int) -> NDArray[np.float64]:
    """Return some of the values of a field, counted in the order of the file.

    Raises
    ------
    DatasetError
        If the file ends before.
    """
    bit = first * packed.bits
    start, stop = packed.start + bit // 8, packed.start + -(-(bit + count * packed.bits) // 8)
    data = os.pread(descriptor, stop - start, start)
    if len(data) != stop - start:
        raise DatasetError(f"ends at byte {start + len(data):,}, within a message")
    codes = _codes(data, packed.bits, bit % 8, count)
    return (codes * packed.binary + packed.reference) * packed.decimal


def _codes(data: bytes, bits: int, skipped: int, count: int) -> NDArray[np.float64]:
    if bits == _SHORT:
        return np.frombuffer(data, ">u2", count).astype(np.float64)
    places = skipped + bits * np.arange(count, dtype=np.int64)
    octets = np.frombuffer(data + bytes(5), np.uint8).astype(np.int64)
    whole = np.zeros(count, np.int64)
    for number in range(5):  # 32 bits that begin anywhere lie within five
        whole |= octets[(places >> 3) + number] << (32 - 8 * number)
    return ((whole >> (40 - bits - (places & 7))) & ((1 << bits) - 1)).astype(np.float64)
