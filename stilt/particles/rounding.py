"""Rounding in one pass, compiled: a worker does it for every column of every simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stilt.kernels.compiled import F8, FLOAT, OUT_F8, exact

if TYPE_CHECKING:
    from numpy.typing import NDArray


@exact.kernel(F8, FLOAT, FLOAT, OUT_F8)
def round_to_step(
    values: NDArray[np.float64], power: float, step: float, out: NDArray[np.float64]
) -> int:
    """Round decimal numbers to multiples of ``1 / step``, copy others; return 1 if that can be undone, else 0.

    Parameters
    ----------
    values
        Numbers, those of interest with at most as many decimals as ``power`` has zeros.
    power, step
        A power of ten, and a larger power of two.
    out
        Filled with as many numbers.
    """
    can_be_undone = True
    for index in range(values.size):
        value = values[index]
        if np.rint(value * power) / power == value:
            rounded = np.rint(value * step) / step
            can_be_undone &= np.rint(rounded * power) / power == value
            out[index] = rounded
        else:
            can_be_undone &= np.rint(value * step) != value * step
            out[index] = value
    return int(can_be_undone)


@exact.kernel(F8, FLOAT, OUT_F8)
def round_to_decimals(values: NDArray[np.float64], power: float, out: NDArray[np.float64]) -> None:
    """Fill ``out`` with the decimal numbers nearest to values; ``power`` has a zero for each decimal."""
    for index in range(values.size):
        out[index] = np.rint(values[index] * power) / power
