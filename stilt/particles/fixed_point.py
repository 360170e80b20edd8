"""Decimal numbers as binary fixed point: smaller files, and the printed digits come back exactly.

hycs_std prints a few decimals. The double nearest to such a number has 30 more bits that say nothing but that the
number is decimal, and they do not compress. Rounded to a multiple of 2**-k that is finer than the last printed digit,
those bits are zero; rounding the result to the decimals restores the printed number. Whoever reads the file without
knowing this sees values that are off by less than half of the last digit.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def encode(values: Values, decimals: int) -> Values | None:
    """Round to binary fixed point where that can be undone, and keep other values as they are.

    Returns
    -------
    ndarray or None
        None if ``decode`` would not return each value: then they are to be stored as they are.
    """
    from stilt.particles.rounding import round_to_step

    encoded = np.empty_like(values)
    can_be_undone = round_to_step(values, 10.0**decimals, 2.0 ** _bits(decimals), encoded)
    return encoded if can_be_undone else None


@np.errstate(over="ignore", invalid="ignore")
def decode(values: Values, decimals: int) -> Values:
    """Return the decimal numbers that ``encode`` was given."""
    step = 2.0 ** _bits(decimals)
    power = 10.0**decimals
    scaled = values * step
    return np.where(scaled == np.rint(scaled), np.rint(values * power) / power, values)


def _bits(decimals: int) -> int:
    return math.ceil(decimals * math.log2(10))
