"""The model's own terrain-following levels.

Level k lies at ``a k^2 + b k + c`` metres over sea-level terrain; sigma is one at the ground and zero at the
model top, and levels over terrain are compressed towards the top.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stilt.met.analysis import HEIGHT, HYBRID, PRESSURE, SIGMA

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.met.analysis import Analysis

LOWEST_TOP_M = 25000.0
SURFACE_LAYER_M = 75.0
_SEA_LEVEL_HPA = 1013.0

MOST_INPUT_LEVELS = 74
"""hycs_std refuses files of more levels above the surface."""

_COEFFICIENTS = (
    *((30.0, -25.0, 5.0), (20.0, -15.0, 5.0), (15.0, -5.0, 0.0)),
    *((10.0, -10.0, 10.0), (5.0, 5.0, 0.0), (2.5, 2.5, 0.0)),
)

# Thickness of one hPa in metres, by hundreds of hPa and, above 100 hPa, by tens.
_M_PER_HPA = (17.98, 14.73, 13.09, 11.98, 11.15, 10.52, 10.04, 9.75, 9.88)
_M_PER_HPA_HIGH = (31.37, 27.02, 24.59, 22.92, 21.65, 20.66, 19.83, 19.13, 18.51)


@dataclass(frozen=True, slots=True)
class VerticalGrid:
    """The internal levels of a run (T6).

    Attributes
    ----------
    a, b, c
        Coefficients of the level heights.
    top_m
        Height where sigma is zero.
    count
        Number of levels.
    highest_release_m
        Highest start that the input reaches, by the estimate that HYSPLIT makes of its top: two levels above
        the one below that (found by trial with hycs_std on one data set).
    """

    a: float
    b: float
    c: float
    top_m: float
    count: int
    highest_release_m: float

    @property
    def heights_m(self) -> NDArray[np.float64]:
        """Heights over sea-level terrain, shape (count,)."""
        k = np.arange(1, self.count + 1, dtype=np.float64)
        return self.a * k * k + self.b * k + self.c

    @property
    def sigma(self) -> NDArray[np.float64]:
        """Sigma of the levels, shape (count,), falling."""
        return 1.0 - self.heights_m / self.top_m

    @property
    def surface_layer(self) -> int:
        """Number, from 1, of the level that closes the surface layer (75 m)."""
        return int(_index_of(self.a, self.b, self.c, SURFACE_LAYER_M) + 1e-6)


def _index_of(a: float, b: float, c: float, height: float) -> float:
    return (-b + math.sqrt(b * b - 4.0 * a * (c - height))) / (2.0 * a)


def vertical_grid(files: Analysis | Sequence[Analysis], top_m: float) -> VerticalGrid:
    """Choose the first set of levels that has more of them below the top than the input; of files, all of them (T7).

    Source: 657 trials with hycs_std (the levels in its MESSAGE file) over sigma, pressure and hybrid files of 6 to
    74 levels and tops from 2 to 30 km, all of which this rule gives.
    """
    indices = [files] if not isinstance(files, Sequence) else files
    needed = max(_input_levels_below(index, top_m) for index in indices)
    top_of_data = max(_height_of_level(index, len(index.levels) - 1) for index in indices)
    scale_height = max(abs(top_m), LOWEST_TOP_M)
    chosen = None
    for a, b, c in _COEFFICIENTS:
        count = int(_index_of(a, b, c, top_m)) + 1
        last = int(_index_of(a, b, c, top_of_data)) + 2
        limit = a * last * last + b * last + c
        chosen = VerticalGrid(a, b, c, scale_height, count, limit)
        if count > needed:
            return chosen
    assert chosen is not None  # noqa: S101 - the table is not empty
    return chosen


def _input_levels_below(index: Analysis, top_m: float) -> int:
    """Count levels, the surface among them, to the one after the first that is estimated to lie above the top."""
    for number in range(1, len(index.levels)):
        if _height_as_counted(index, number) > top_m:
            return min(number + 2, len(index.levels))
    return len(index.levels)


def _height_as_counted(index: Analysis, number: int) -> float:
    """Estimate the height of a level for the count.

    Of sigma files that give the surface the coordinate 0 (most write 1) hycs_std adds the bare value to the offset.
    Without an offset even the lowest level seems to lie above any top then, and the coarsest set is taken however
    many levels there are.
    """
    grid = index.grid
    if grid.level_type == SIGMA and index.levels[0].height == 0.0:
        return _estimated_height(grid.pressure_offset + index.levels[number].height)
    return _height_of_level(index, number)


def _height_of_level(index: Analysis, number: int) -> float:
    """Estimate the height of a data level, m, from its pressure over sea-level terrain."""
    grid = index.grid
    if grid.level_type == HEIGHT:
        return index.levels[number].height
    return _estimated_height(_pressure_over_sea(index, number))


def _estimated_height(pressure: float) -> float:
    return (_SEA_LEVEL_HPA - pressure) * _metres_per_hpa(pressure)


def _pressure_over_sea(index: Analysis, number: int) -> float:
    height, offset = index.levels[number].height, index.grid.pressure_offset
    if index.grid.level_type == PRESSURE:
        return height
    if index.grid.level_type == HYBRID:
        hpa, share = index.hybrid
        return float(_SEA_LEVEL_HPA * share[number - 1] + hpa[number - 1])
    return offset + (_SEA_LEVEL_HPA - offset) * height


def _metres_per_hpa(pressure: float) -> float:
    if pressure >= 100.0:  # noqa: PLR2004 - where the coarse table ends
        return _M_PER_HPA[min(int(pressure / 100.0), 9) - 1]
    return _M_PER_HPA_HIGH[min(max(int(pressure / 10.0), 1), 9) - 1]
