"""Mean advection: a first guess, and the mean of both winds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.transport.native.compiled import inline
from stilt.transport.native.interpolation import at_level, level_index

if TYPE_CHECKING:
    from stilt.transport.native.interpolation import Corners, Frame, Moment


@inline
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
        return (
            factor * at_level(first, second, at, 0, 0),
            factor * at_level(first, second, at, 0, 1),
            factor * at_level(first, second, at, 0, 2),
        )
    low = min(int(index), levels - 1) - 1
    f = index - (low + 1)
    g = 1.0 - f
    return (
        g * at_level(first, second, at, low, 0) + f * at_level(first, second, at, low + 1, 0),
        g * at_level(first, second, at, low, 1) + f * at_level(first, second, at, low + 1, 1),
        g * at_level(first, second, at, low, 2) + f * at_level(first, second, at, low + 1, 2),
    )
