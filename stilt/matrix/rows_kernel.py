"""The loop that makes rows of a matrix out of footprints without their zeros, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.kernels.compiled import F8, I4, I8, INT, OUT_F8, OUT_I4, OUT_I8, exact

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Int32s = NDArray[np.int32]
    Int64s = NDArray[np.int64]

TOGETHER = 32
"""Elements that are looked at together to find those that got something."""


@exact.kernel(INT, I8, I8, F8, I8, I4, F8, I8, I4, F8, OUT_F8, OUT_I4, OUT_I8, OUT_I8, OUT_F8)
def multiply(
    bins: int,
    time_begin: Int64s,
    time_hour: Int64s,
    time_share: Floats,
    foot_begin: Int64s,
    foot_cell: Int32s,
    foot: Floats,
    cell_begin: Int64s,
    cell_element: Int32s,
    cell_share: Floats,
    sums: Floats,
    touched: Int32s,
    row_begin: Int64s,
    column: Int64s,
    value: Floats,
) -> int:
    """Return how many entries the rows have, after putting them into ``column`` and ``value``.

    Three matrices of compressed sparse rows are multiplied: time (receptor x bin, receptor x hour), foot (receptor x
    hour, cell), and cell (cell, element); without a ``cell_begin`` cells are the elements. ``sums`` has a zero for
    each element, ``touched`` one for each ``TOGETHER`` of them.
    """
    elements = len(sums)
    count = 0
    for row in range(len(row_begin) - 1):
        for which in range(bins):
            for part in range(time_begin[row * bins + which], time_begin[row * bins + which + 1]):
                hour, share = time_hour[part], time_share[part]
                for entry in range(foot_begin[hour], foot_begin[hour + 1]):
                    cell = foot_cell[entry]
                    if len(cell_begin) == 0:
                        sums[cell] += share * foot[entry]
                        touched[cell // TOGETHER] = 1
                        continue
                    for place in range(cell_begin[cell], cell_begin[cell + 1]):
                        element = cell_element[place]
                        sums[element] += share * foot[entry] * cell_share[place]
                        touched[element // TOGETHER] = 1
            for group in range(len(touched)):
                if touched[group]:
                    touched[group] = 0
                    first = group * TOGETHER
                    for element in range(first, min(first + TOGETHER, elements)):
                        if sums[element] != 0.0:
                            column[count] = which * elements + element
                            value[count] = sums[element]
                            sums[element] = 0.0
                            count += 1
        row_begin[row + 1] = count
    return count
