"""Levels of pressure that lie below the ground: of some centres (NASA's GMAO) files have no values there.

No particle goes there, and no column is made of them; what they get keeps heights in order, as other centres do it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Volume = NDArray[np.float32]

_SCALE = 287.04 / 9.80665
"""Gas constant of dry air over gravity, m/K."""


def filled(
    values: Volume,
    levels: NDArray[np.float64],
    ground: Volume,
    temperature: Callable[[], Volume] | None = None,
) -> Volume:
    """Return a field with values below the ground: those of the next level above.

    Parameters
    ----------
    values
        Shape (levels, rows, columns), from below; NaN where it is missing.
    levels
        Their pressures, hPa.
    ground
        Pressure of the surface, hPa, shape (rows, columns).
    temperature
        Of heights: the temperature, K, without gaps, with which they go on downward by the thickness of layers.
    """
    missing = np.isnan(values)
    if not missing.any() or (missing & (levels[:, None, None] < ground)).any():
        return values
    values = values.copy()
    warm = temperature() if temperature and missing.any() else None
    for k in range(len(levels) - 2, -1, -1):
        above = values[k + 1]
        if warm is not None:
            above = above - _SCALE * warm[k + 1] * np.log(levels[k] / levels[k + 1])
        values[k] = np.where(missing[k], above, values[k])
    return values
