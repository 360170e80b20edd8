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
_ONES = _U(0x0101010101010101)
_DIGIT_BIT = _U(0x1010101010101010)  # set in 0x30-0x39, clear in blank, minus and point
_UPPER = _U(0xE0E0E0E0E0E0E0E0)
_UPPER_AS_IN_NUMBERS = _U(0x2020202020202020)
_PAST_NINE = _U(0x0606060606060606)  # carries 0x3A-0x3F into the next bit
_CARRY = _U(0x4040404040404040)
_PAIRS, _PAIRS_OF_PAIRS, _HALVES = _U(2561), _U(6553601), _U(42949672960001)
_PAIR_LANES, _HALF_LANES = _U(0x00FF00FF00FF00FF), _U(0x0000FFFF0000FFFF)
_S1, _S2, _S4, _S8, _S16, _S32 = _U(1), _U(2), _U(4), _U(8), _U(16), _U(32)
_ZERO = _U(0)
_FIRST, _BLANK, _MINUS = _U(0xFF), _U(ord(" ")), _U(ord("-"))
_NEWLINE, _LAST = _U(ord("\n")), _U(56)

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
def _oddities(word: Any) -> Any:
    """Return ones where a character is not a digit, a blank, a minus or a point."""
    strange = (word & _UPPER) ^ _UPPER_AS_IN_NUMBERS
    beyond_nine = (word + _PAST_NINE) & _CARRY
    other_signs = ((word << _S1) ^ (word << _S2)) & ~word & _DIGIT_BIT
    return strange | beyond_nine | other_signs


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
    + 5 * [_PER_WORD]
    + 2 * [types.int64[::1]],
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
    while start + layout.width <= stop:
        if row >= out.shape[1]:
            return row, start, FULL
        odd = _load(data, start + layout.width - WORD) >> _LAST ^ _NEWLINE
        for column in range(layout.power.size):
            mantissa = np.int64(0)
            signs = _ZERO
            words = layout.first_word[column], layout.first_word[column + 1]
            for index in range(
                _U(words[0]), _U(words[1])
            ):  # unsigned: no test for negative indices
                printed = _load(data, start + layout.offset[index]) << layout.shift[index]
                before, after = layout.before[index], layout.after[index]
                odd |= _oddities(printed) & (before | after)
                odd |= (printed & layout.has_point[index]) ^ layout.point[index]
                word = (printed & before) << _S8 | (printed & after)
                digit = word & _DIGIT_BIT
                number = _eight_digits(word & (digit - (digit >> _S4)))
                if number > layout.most[index]:
                    return row, start, HARD
                mantissa += number * layout.scale[index]
                signs |= word & ~(digit >> _S4)
                first = printed & _FIRST
                if first == _BLANK or first == _MINUS:  # noqa: PLR1714, SIM109 - a tuple here is twice as slow
                    break
            if mantissa >= EXACT:
                return row, start, HARD
            value = mantissa / layout.power[column]
            out[column, row] = (
                value if signs & _ONES == _ZERO else -value
            )  # of the signs minus alone is odd
        if odd != _ZERO:
            return row, start, HARD
        row += 1
        start += layout.width
    return row, start, DONE
