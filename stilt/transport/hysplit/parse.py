"""Decimal text to doubles, at about the speed of reading it, and correctly rounded.

HYSPLIT prints fixed-point numbers of a dozen digits. Such a number is an integer below 2**53 over a power of ten up
to 10**22; both are exact doubles, so that one division gives the nearest double (W. D. Clinger, "How to read
floating point numbers accurately", PLDI 1990). Eight digits become an integer in three multiplications, each adding
neighbours in all lanes of a 64-bit word (D. Lemire, "Number parsing at a gigabyte per second", Software: Practice
and Experience 51 (2021) 1700-1727).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from stilt.kernels.compiled import exact
from stilt.transport.hysplit.layout import EXACT, WORD, Layout, learn_layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

_U = np.uint64
_ONES, _TWOS = _U(0x0101010101010101), _U(0x0202020202020202)
_NIBBLES = _U(0x0F0F0F0F0F0F0F0F)  # of a digit: its value
_BLANKS = _U(0x2020202020202020)
_PAIRS, _PAIRS_OF_PAIRS, _HALVES = _U(2561), _U(6553601), _U(42949672960001)
_PAIR_LANES, _HALF_LANES = _U(0x00FF00FF00FF00FF), _U(0x0000FFFF0000FFFF)
_S3, _S4, _S8, _S16, _S24, _S32, _S56 = _U(3), _U(4), _U(8), _U(16), _U(24), _U(32), _U(56)
_ZERO, _ONE, _FIFTEEN = _U(0), _U(1), _U(15)
_GOES_ON = _U(0x12)  # set in digits and in the point, clear in blank and minus
_NEWLINE = _U(ord("\n"))

DONE, HARD, FULL = 0, 1, 2
"""What ended a call: no whole row is left; a row that needs Python; no room for another row."""


@exact.inline
def _load(data: NDArray[np.uint8], place: int) -> np.uint64:
    """Return eight bytes from any place as one number; the compiler makes a single load of it."""
    at = _U(place)
    low = _U(data[at]) | _U(data[at + _U(1)]) << _S8
    low |= _U(data[at + _U(2)]) << _S16 | _U(data[at + _U(3)]) << _S24
    high = _U(data[at + _U(4)]) | _U(data[at + _U(5)]) << _S8
    high |= _U(data[at + _U(6)]) << _S16 | _U(data[at + _U(7)]) << _S24
    return low | high << _S32


@exact.inline
def _eight_digits(digits: np.uint64) -> np.int64:
    """Return the integer of eight lanes of 0 to 9, the first the most significant."""
    pairs = (digits * _PAIRS >> _S8) & _PAIR_LANES
    fours = (pairs * _PAIRS_OF_PAIRS >> _S16) & _HALF_LANES
    return np.int64(fours * _HALVES >> _S32)


@exact.inline
def _number(
    data: NDArray[np.uint8], start: int, layout: Layout, column: np.uint64
) -> tuple[float, np.uint64]:
    """Return the number of a column in the row at ``start``, and zero if it is one of the fixed layout."""
    index = _U(layout.first_word[column])
    after_last = _U(layout.first_word[column + _ONE])
    mantissa = np.int64(0)
    minus, odd = _ZERO, _ZERO
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
        odd |= _ONE
    value = mantissa / layout.power[column]
    return (value if minus == _ZERO else -value), odd


@exact.kernel()
def parse_rows(  # noqa: PLR0917 - compiled functions take no keywords
    data: NDArray[np.uint8],
    start: int,
    stop: int,
    layout: Layout,
    out: NDArray[np.float64],
    row: int,
    reached: NDArray[np.int64],
) -> int:
    """Parse whole rows of a table with a fixed layout.

    Parameters
    ----------
    data, start, stop
        Text, and the part of it that counts.
    layout
        Where the numbers stand.
    out, row
        (columns, rows), and the row to fill first.
    reached
        Gets the next row, and the start of the first line that was not parsed.

    Returns
    -------
    int
        DONE, HARD or FULL.
    """
    columns = _U(layout.power.size)  # unsigned indices are not tested for being negative
    why = DONE
    while why == DONE and start + layout.width <= stop:
        if row >= out.shape[1]:
            why = FULL
            break
        odd = _load(data, start + layout.width - WORD) >> _S56 ^ _NEWLINE
        for column in range(columns):
            value, is_odd = _number(data, start, layout, _U(column))
            out[column, _U(row)] = value
            odd |= is_odd
        if odd != _ZERO:
            why = HARD
        else:
            row += 1
            start += layout.width
    reached[0], reached[1] = row, start
    return why


def warm() -> None:
    """Compile the parser, unless it is kept already: what counts are the types of its arguments."""
    line = b" 1.0 2.0\n"
    layout = cast("Layout", learn_layout(line, 2))
    text = np.frombuffer(line, np.uint8).copy()
    parse_rows(text, 0, 0, layout, np.empty((2, 1)), 0, np.empty(2, np.int64))
