"""Mean advection: a first guess, and the mean of both winds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.kernels.compiled import fast
from stilt.transport.native.interpolation import at_level, level_index

if TYPE_CHECKING:
    from stilt.transport.native.interpolation import Corners, Frame, Moment


@fast.inline
def wind_at(
    frame: Frame, moment: Moment, at: Corners, sigma: float, near_ground: float
) -> tuple[float, float, float]:
    """Wind (cells/min, twice) and sigma motion (1/min), linear in the level index.

    Below the first level the wind is that of the first level times ``near_ground``, the share of that
    level's height that the particle had at the start of its step.
    """
    levels = frame.sigma.shape[0]
    index = level_index(frame, sigma)
    first, second = moment.first.flow, moment.second.flow
    if index < 1.0:
        factor = min(1.0, near_ground)
        u, v, w, _ = at_level(first, second, at, levels, 0)
        return factor * u, factor * v, factor * w
    low = min(int(index), levels - 1) - 1
    f = index - (low + 1)
    g = 1.0 - f
    u0, v0, w0, _ = at_level(first, second, at, levels, low)
    u1, v1, w1, _ = at_level(first, second, at, levels, low + 1)
    return g * u0 + f * u1, g * v0 + f * v1, g * w0 + f * w1
