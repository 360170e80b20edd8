"""Rows of GRIB fields, read without the rest of the message, where they are packed simply or entropy-coded: as ERA5's.

WMO Manual on Codes, I.2: FM 92 GRIB, data representation templates 5.0 and 5.42 and section 7; of the first edition
the binary data section. A value is (R + X 2^E) 10^-D, X an unsigned number: of a fixed count of bits, one after the
other, or coded (see ``aec``).
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from stilt.met.dataset.aec import Coding, decoded
from stilt.met.dataset.levels import DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Starts = dict[int, NDArray[np.int64]]

_FIRST = np.zeros(1, np.int64)
_EDITION, _OF_SECOND, _OF_FIRST = 7, 16, 8
_REPRESENTATION, _BITMAP, _DATA = 5, 6, 7
_HAS_GRID, _HAS_BITMAP, _NO_BITMAP = 128, 64, 255
_NOT_SIMPLE = 0xF0
_MOST_BITS = 32
_END = b"7777"
_SIMPLE, _CODED = 0, 42
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
    coding
        Of entropy-coded values.
    """

    start: int
    bits: int
    count: int
    reference: float
    binary: float
    decimal: float
    coding: Coding | None = None


def packed_at(descriptor: int, offset: int) -> Packed | None:
    """Return how the first field of the message at a place of a file is packed; None if otherwise, or with gaps."""
    try:
        head = os.pread(descriptor, _OF_SECOND, offset)
        found = _second(descriptor, offset) if head[_EDITION] > 1 else _first(descriptor, offset)
    except (struct.error, IndexError):
        return None
    return found if found is not None and 0 < found.bits <= _MOST_BITS else None


def _second(descriptor: int, offset: int) -> Packed | None:
    place = offset + _OF_SECOND
    facts: tuple[int, int, float, int, int, int] | None = None
    coded: tuple[int, int, int] | None = None
    while True:
        head = os.pread(descriptor, 25, place)
        length, section = struct.unpack_from(">IB", head)
        if section == _REPRESENTATION:
            facts = struct.unpack_from(">IHfHHB", head, 5)
            coded = struct.unpack_from(">BBH", head, 21) if facts[1] == _CODED else None
        is_cut = section == _BITMAP and head[5] != _NO_BITMAP
        if is_cut or length < 5 or section > _DATA or (section == _DATA and facts is None):  # noqa: PLR2004
            return None
        if section == _DATA and facts is not None:
            count, template, reference, binary, decimal, bits = facts
            coding = Coding(bits, *coded, length - 5, count) if coded else None
            is_simple = template == _SIMPLE and 8 * (length - 5) >= count * bits
            if not is_simple and (coding is None or not coding.values):
                return None
            where = place + 5, bits, count
            return _made(where, reference, _signed(binary), _signed(decimal), coding)
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


def without_values(descriptor: int, offset: int, packed: Packed) -> bytes:
    """Return a message that says all that the one at a place of a file does, and has no values: the library takes it.

    Asked for headers only, ecCodes reads messages to their end all the same.

    Raises
    ------
    DatasetError
        If the file ends before.
    """
    head = bytearray(os.pread(descriptor, packed.start - offset, offset))
    if len(head) != packed.start - offset:
        raise DatasetError(f"ends at byte {offset + len(head):,}, within a message")
    if head[_EDITION] > 1:
        head[-5:] = struct.pack(">IB", 5, _DATA)
        head += _END
        head[8:16] = struct.pack(">Q", len(head))
    else:
        head[-11:-8] = (12).to_bytes(3)
        head += b"\0" + _END
        head[4:7] = len(head).to_bytes(3)
    return bytes(head)


def _made(
    where: tuple[int, int, int],
    reference: float,
    binary: int,
    decimal: int,
    coding: Coding | None = None,
) -> Packed:
    return Packed(*where, reference, 2.0**binary, 10.0**-decimal, coding)


def _three(head: bytes) -> int:
    if len(head) < 3:  # noqa: PLR2004 - the length of a section
        raise IndexError
    return int.from_bytes(head[:3])


def _signed(value: int) -> int:
    """Return a number whose first bit is its sign."""
    return -(value & 0x7FFF) if value & 0x8000 else value


def values_of(
    descriptor: int,
    packed: Packed,
    wide: int,
    area: tuple[tuple[int, int], tuple[int, int]],
    known: Starts,
) -> NDArray[np.float64]:
    """Return a rectangle of the values of a field: some rows and columns, counted in the order of the file.

    ``wide`` is the number of values of a row; ``known`` says where coded ones begin, and is told more. Shape (rows,
    columns).

    Raises
    ------
    DatasetError
        If the file ends before.
    """
    (first, last), (left, right) = area
    if packed.coding is not None:
        starts = known.get(packed.start, _FIRST)
        read = partial(_read, descriptor, packed.start)
        span = first * wide, last * wide
        whole, known[packed.start] = decoded(read, packed.coding, starts, span)
        codes = whole.reshape(-1, wide)[:, left:right].astype(np.float64)
        return (codes * packed.binary + packed.reference) * packed.decimal
    bit, stop_bit = (packed.bits * (row * wide) for row in (first, last))
    data = _read(descriptor, packed.start, bit // 8, -(-stop_bit // 8))
    if packed.bits == _SHORT:
        codes = np.frombuffer(data, ">u2").reshape(-1, wide)[:, left:right].astype(np.float64)
    else:
        rows = np.arange(last - first, dtype=np.int64)[:, None] * wide
        places = bit % 8 + packed.bits * (rows + np.arange(left, right, dtype=np.int64))
        codes = _codes(data, packed.bits, places)
    return (codes * packed.binary + packed.reference) * packed.decimal


def _read(descriptor: int, place: int, start: int, stop: int) -> bytes:
    """Return bytes of the values that begin at a place of a file."""
    data = os.pread(descriptor, stop - start, place + start)
    if len(data) != stop - start:
        raise DatasetError(f"ends at byte {place + start + len(data):,}, within a message")
    return data


def _codes(data: bytes, bits: int, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return unsigned numbers of so many bits, which begin at these bits."""
    octets = np.frombuffer(data + bytes(5), np.uint8).astype(np.int64)
    whole = np.zeros(places.shape, np.int64)
    for number in range(5):  # 32 bits that begin anywhere lie within five
        whole |= octets[(places >> 3) + number] << (32 - 8 * number)
    return ((whole >> (40 - bits - (places & 7))) & ((1 << bits) - 1)).astype(np.float64)
