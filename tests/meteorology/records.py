"""Packing of fields and the layout of ARL records: differences of neighbours in one byte each, or in two."""

# ruff: noqa: PLR0917 - compiled functions take no keyword-only arguments

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stilt.kernels.compiled import exact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import BinaryIO

    from numpy.typing import NDArray

    Field = NDArray[np.float64]

LETTERS = 64
ONE_BYTE, TWO_BYTES = 8, 16


@dataclass(frozen=True)
class Packed:
    """A field as a record holds it; ``restored`` is what a reader makes of it."""

    exponent: int
    precision: float
    first: float
    content: bytes
    restored: Field

    @property
    def checksum(self) -> int:
        return sum(self.content) % 256

    def repeated(self, times: int) -> bytes:
        """Return the bytes, one each, of a field whose every point is a square of so many rows and columns."""
        rows, columns = self.restored.shape
        codes = np.frombuffer(self.content, np.uint8).reshape(rows, columns)
        large = np.full((rows * times, columns * times), 127, np.uint8)
        large[:, times::times] = np.repeat(codes[:, 1:], times, axis=0)
        large[::times, 0] = codes[:, 0]
        return large.tobytes()


def pack(field: Field, bits: int = ONE_BYTE) -> Packed:
    """Pack rows of differences, each from what a reader has so far: errors do not add up."""
    field = np.ascontiguousarray(field, np.float64)
    exponent = _exponent(field)
    first = float(f"{field[0, 0]:.7E}")
    codes, restored = np.empty(field.shape, np.int64), np.empty(field.shape)
    _differences(field, first, 2.0 ** (bits - 1 - exponent), 2 ** (bits - 1) - 1, codes, restored)
    content = codes.astype("u1" if bits == ONE_BYTE else "<u2").tobytes()
    return Packed(exponent, 2.0**exponent / (2**bits - 2), first, content, restored)


def _exponent(field: Field) -> int:
    largest = max(
        float(np.abs(np.diff(field, axis=1)).max(initial=0.0)),
        float(np.abs(np.diff(field[:, 0])).max(initial=0.0)),
    )
    if largest == 0.0:
        return 0
    power = math.log2(largest)
    return int(power) + (power >= 0.0 or power % 1.0 == 0.0)


@exact.kernel()
def _differences(
    field: Field,
    first: float,
    per_unit: float,
    middle: int,
    codes: NDArray[np.int64],
    restored: Field,
) -> None:
    """Fill the codes of the differences, and the field as a reader adds it up."""
    start = first
    for row in range(field.shape[0]):
        value = start
        for column in range(field.shape[1]):
            code = int((field[row, column] - value) * per_unit + middle + 0.5)
            code = min(2 * middle + 1, max(0, code))
            value += (code - middle) / per_unit
            codes[row, column], restored[row, column] = code, value
            if column == 0:
                start = value


@dataclass(frozen=True)
class LevelRecords:
    """A level: its coordinate, and its fields by name in the order of the file."""

    coordinate: float
    fields: Sequence[tuple[str, Field]]


@dataclass(frozen=True)
class Heading:
    """What the index record says besides levels."""

    model: str
    place: tuple[float, ...]
    nx: int
    ny: int
    level_type: int


def write_time(
    file: BinaryIO,
    heading: Heading,
    when: datetime,
    levels: Sequence[LevelRecords],
    *,
    bits: int = ONE_BYTE,
    absent: frozenset[tuple[str, int]] = frozenset(),
    times: int = 1,
) -> None:
    """Write the index record and the fields of one time.

    ``absent`` are names and level numbers of records that are marked as missing (forecast hour -1). ``times``: each
    point of the fields is a square of so many points of the grid (one byte each).
    """
    stamp = f"{when:%y}{when.month:2d}{when.day:2d}{when.hour:2d}"
    grid = _grid_letters(heading.nx, heading.ny)
    text, body = "", []
    for number, level in enumerate(levels):
        text += _six(level.coordinate) + f"{len(level.fields):2d}"
        for name, field in level.fields:
            packed = pack(field, bits)
            forecast = -1 if (name, number) in absent else 0
            label = f"{stamp}{forecast:2d}{number:2d}{grid}{name:4s}{packed.exponent:4d}"
            label += _fourteen(packed.precision) + _fourteen(packed.first)
            content = packed.content if times == 1 else packed.repeated(times)
            body.append(label.encode() + content)
            text += f"{name:4s}{packed.checksum:3d} "
    _write_index(file, heading, when, f"{stamp} 0 0{grid}", text, len(levels), bits)
    file.writelines(body)


def _write_index(
    file: BinaryIO, heading: Heading, when: datetime, stamp: str, text: str, levels: int, bits: int
) -> None:
    size = heading.nx * heading.ny * bits // 8
    length = 108 + len(text)
    head = f"{heading.model:4s}{0:3d}{when.minute:2d}" + "".join(map(_seven, heading.place))
    head += f"{heading.nx % 1000:3d}{heading.ny % 1000:3d}{levels:3d}{heading.level_type:2d}"
    head += f"{length:4d}"
    records = 1 if length <= size else length // size + 1
    whole = (head + text).ljust(records * size)
    label = f"{stamp}INDX{0:4d}" + _fourteen(0.0) + _fourteen(0.0)
    parts = (whole[number * size : (number + 1) * size] for number in range(records))
    file.writelines((label + part).encode("latin-1") for part in parts)


def _grid_letters(nx: int, ny: int) -> str:
    if max(nx, ny) < 1000:
        return "99"
    return chr(LETTERS + nx // 1000) + chr(LETTERS + ny // 1000)


def _six(value: float) -> str:
    """Write a level's coordinate with as many digits as six characters hold."""
    if 0.0 < value < 1.0:
        return f"{value:.5f}".removeprefix("0").rjust(6)
    text = f"{value:.5f}"[:6]
    return text if "." in text else f"{value:5.0f}."


def _seven(value: float) -> str:
    text = f"{value:7.2f}"
    return text if len(text) == 7 else f"{value:7.1f}"


def _fourteen(value: float) -> str:
    """Write a number as Fortran does, its digits after the point: 0.1234567E+01."""
    if value == 0.0:
        return " 0.0000000E+00"
    power = math.floor(math.log10(abs(value))) + 1
    digits = f"{value / 10.0**power:.7f}"
    if digits.lstrip("-").startswith("1."):
        power += 1
        digits = f"{value / 10.0**power:.7f}"
    return f"{digits}E{power:+03d}".rjust(14)
