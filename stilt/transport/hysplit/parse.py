"""Decimal text to doubles, at about the speed of reading it, and correctly rounded.

HYSPLIT prints fixed-point numbers of a dozen digits. Such a number is an integer below 2**53 over a power of ten up
to 10**22; both are exact doubles, so that one division gives the nearest double (W. D. Clinger, "How to read
floating point numbers accurately", PLDI 1990). Eight digits become an integer in three multiplications, each adding
neighbours in all lanes of a 64-bit word (D. Lemire, "Number parsing at a gigabyte per second", Software: Practice
and Experience 51 (2021) 1700-1727).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stilt.compiled import compiled
from stilt.transport.hysplit.layout import EXACT, WORD, Layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

_U = np.uint64
_ONES, _TWOS = _U(0x0101010101010101), _U(0x0202020202020202)
_NIBBLES = _U(0x0F0F0F0F0F0F0F0F)  # of a digit: its value
_BLANKS = _U(0x2020202020202020)
_PAIRS, _PAIRS_OF_PAIRS, _HALVES = _U(2561), _U(6553601), _U(42949672960001)
_PAIR_LANES, _HALF_LANES = _U(0x00FF00FF00FF00FF), _U(0x0000FFFF0000FFFF)
_S3, _S4, _S8, _S16, _S32, _S56 = _U(3), _U(4), _U(8), _U(16), _U(32), _U(56)
_ZERO, _ONE, _FIFTEEN = _U(0), _U(1), _U(15)
_GOES_ON = _U(0x12)  # set in digits and in the point, clear in blank and minus
_NEWLINE = _U(ord("\n"))

DONE, HARD, FULL = 0, 1, 2
"""What ended a call: no whole row is left; a row that needs Python; no room for another row."""


def _load_intrinsic(_context: Any, data: Any, offset: Any) -> Any:
    """Load eight bytes at any address as one number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        return builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(data, offset), generate


_load: Any = intrinsic(_load_intrinsic)


@numba.njit(inline="always")
def _eight_digits(digits: Any) -> Any:
    """Return the integer of eight lanes of 0 to 9, the first the most significant."""
    pairs = (digits * _PAIRS >> _S8) & _PAIR_LANES
    fours = (pairs * _PAIRS_OF_PAIRS >> _S16) & _HALF_LANES
    return np.int64(fours * _HALVES >> _S32)


_POSITION = types.int64
_PER_WORD = types.uint64[::1]
_LAYOUT = types.NamedTuple(  # type: ignore[no-untyped-call]
    [_POSITION, types.int64[::1], types.float64[::1], types.int64[::1]]
    + 6 * [_PER_WORD]
    + [types.int64[::1]],
    Layout,
)


@compiled(
    types.UniTuple(_POSITION, 3)(  # type: ignore[no-untyped-call]
        types.uint8[::1], _POSITION, _POSITION, _LAYOUT, types.float64[:, ::1], _POSITION
    )
)
def parse_rows(  # noqa: PLR0917 - compiled functions take no keywords
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    layout: Layout,
    out: NDArray[np.float64],
    row: int,
) -> tuple[int, int, int]:
    """Parse whole rows of a table with a fixed layout.

    Parameters
    ----------
    data, start, stop
        Text, and the part of it that counts.
    layout
        Where the numbers stand.
    out, row
        (columns, rows), and the row to fill first.

    Returns
    -------
    tuple
        The next row, the start of the first line that was not parsed, and DONE, HARD or FULL.
    """
    columns = _U(layout.power.size)  # unsigned indices are not tested for being negative
    while start + layout.width <= stop:
        if row >= out.shape[1]:
            return row, start, FULL
        odd = _load(data, start + layout.width - WORD) >> _S56 ^ _NEWLINE
        for column in range(columns):
            index = _U(layout.first_word[column])
            after_last = _U(layout.first_word[column + _ONE])
            mantissa = np.int64(0)
            minus = _ZERO
            while True:
                printed = _load(data, start + layout.offset[index]) << layout.shift[index]
                word = (printed & layout.before[index]) << _S8 | (printed & layout.after[index])
                digits = word & _NIBBLES
                sign = word & ~(word >> _S4) & _ONES  # odd and no digit: a minus, not a blank
                if sign != _ZERO:
                    minus = sign
                    digits &= ~(sign * _FIFTEEN)
                mantissa += _eight_digits(digits) * layout.scale[index]
                odd |= (printed & layout.has_point[index]) ^ layout.point[index]
                odd |= (printed ^ _BLANKS) & layout.not_numeric[index]
                odd |= word & ~(word >> _S3) & _TWOS  # a plus or a star
                index += _ONE
                if printed & _GOES_ON == _ZERO or index >= after_last:
                    break
            if mantissa >= EXACT:
                return row, start, HARD
            value = mantissa / layout.power[column]
            out[column, _U(row)] = value if minus == _ZERO else -value
        if odd != _ZERO:
            return row, start, HARD
        row += 1
        start += layout.width
    return row, start, DONE
