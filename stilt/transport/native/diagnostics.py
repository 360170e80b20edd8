"""Columns of the particle table that only some runs ask for."""

# ruff: noqa: PLR0917 - compiled functions take no keyword-only arguments

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.kernels.compiled import fast
from stilt.transport.native.columns import SHTF, SURFACE_FIELDS
from stilt.transport.native.interpolation import at_level, level_below, on_surface

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stilt.transport.native.interpolation import Corners, Frame, Moment

    Float64 = NDArray[np.float64]

EXTRA_COLUMNS = ("pres", "temp", "temz", "rhfr", "sphu", "wout", "zsfc", *SURFACE_FIELDS[SHTF:])
(PRES, LOW_TEMP, TEMZ, RHFR, SPHU, WOUT, ZSFC) = range(7)
FIRST_SURFACE_COLUMN = 7


@fast.inline
def write_extra(
    frame: Frame,
    moment: Moment,
    after: Corners,
    step: int,
    p: int,
    low: int,
    f: float,
    terrain: float,
    motion: float,
    is_turbulent: int,
    sigma: float,
    extra: Float64,
) -> None:
    """Write the diagnostic columns of one row; ``low`` and ``f`` place the particle between levels."""
    levels = frame.sigma.shape[0]
    first, second = moment.first.state, moment.second.state
    p0, t0, h0, _ = at_level(first, second, after, levels, low)
    p1, t1, h1, _ = at_level(first, second, after, levels, low + 1)
    extra[PRES, step, p] = p0 + f * (p1 - p0)
    extra[TEMZ, step, p] = t0 + f * (t1 - t0)
    extra[RHFR, step, p] = h0 + f * (h1 - h0)
    _, temperature, _, _ = at_level(first, second, after, levels, 0)
    extra[LOW_TEMP, step, p] = temperature
    extra[SPHU, step, p] = 0.0
    if is_turbulent:
        below = level_below(frame, sigma)
        _, dry, _, thin = at_level(moment.first.mass, moment.second.mass, after, levels, below)
        extra[SPHU, step, p] = 1.0 - thin / dry
    extra[WOUT, step, p] = motion
    extra[ZSFC, step, p] = terrain
    for source in range(SHTF, len(SURFACE_FIELDS)):
        extra[FIRST_SURFACE_COLUMN + source - SHTF, step, p] = on_surface(moment, after, source)
