"""Columns of the particle table that only some runs ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stilt.kernels.compiled import fast
from stilt.transport.native.columns import SHTF, SURFACE_FIELDS
from stilt.transport.native.interpolation import at_level, level_below, on_surface, terrain_at

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stilt.transport.native.interpolation import Air, Corners

    Float64 = NDArray[np.float64]

EXTRA_COLUMNS = ("pres", "temp", "temz", "rhfr", "sphu", "wout", "zsfc", *SURFACE_FIELDS[SHTF:])
(PRES, LOW_TEMP, TEMZ, RHFR, SPHU, WOUT, ZSFC) = range(7)
FIRST_SURFACE_COLUMN = 7


class Stay(NamedTuple):
    """Where a particle is at the end of a minute, and how it got there.

    Above level ``low`` (from 0) by ``share`` of the way to the next; ``motion`` of the mean wind, m/s upward.
    """

    sigma: float
    low: int
    share: float
    motion: float
    is_turbulent: int


@fast.inline
def write_extra(air: Air, at: Corners, stay: Stay, row: Float64) -> None:
    """Write the diagnostic columns of one row, shape (columns,)."""
    levels, low, f = air.frame.sigma.shape[0], stay.low, stay.share
    first, second = air.first.state, air.second.state
    p0, t0, h0, _ = at_level(first, second, at, levels, low)
    p1, t1, h1, _ = at_level(first, second, at, levels, low + 1)
    row[PRES] = p0 + f * (p1 - p0)
    row[TEMZ] = t0 + f * (t1 - t0)
    row[RHFR] = h0 + f * (h1 - h0)
    _, temperature, _, _ = at_level(first, second, at, levels, 0)
    row[LOW_TEMP] = temperature
    row[SPHU] = 0.0
    if stay.is_turbulent:
        below = level_below(air.frame, stay.sigma)
        _, dry, _, thin = at_level(air.first.mass, air.second.mass, at, levels, below)
        row[SPHU] = 1.0 - thin / dry
    row[WOUT] = stay.motion
    row[ZSFC] = terrain_at(air, at)
    for source in range(SHTF, len(SURFACE_FIELDS)):
        row[FIRST_SURFACE_COLUMN + source - SHTF] = on_surface(air, at, source)
