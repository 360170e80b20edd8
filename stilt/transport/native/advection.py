"""Mean advection: a first guess, and the mean of both winds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.kernels.compiled import fast
from stilt.transport.native.interpolation import (
    HALF_CELLS,
    NOT_STAGGERED,
    at_level,
    east_of,
    level_index,
    north_of,
)

if TYPE_CHECKING:
    from stilt.transport.native.interpolation import Air, Corners


@fast.inline
def wind_at(air: Air, at: Corners, sigma: float, near_ground: float) -> tuple[float, float, float]:
    """Wind (cells/min, twice) and sigma motion (1/min), linear in the level index (T32, T35, T36).

    Below the first level the wind is that of the first level times ``near_ground``, the share of that
    level's height that the particle had at the start of its step.

    Of WRF files hycs_std takes the vertical motion half a level higher and, where they are staggered, the wind half a
    cell further east and north (found by trial with winds that are linear along one axis each).
    """
    frame = air.frame
    index = level_index(frame, sigma)
    u, v, w = _flow_at(air, at, index, near_ground)
    if frame.staggering != NOT_STAGGERED:
        higher = min(index + 0.5, float(frame.sigma.shape[0]))
        _, _, w = _flow_at(air, at, higher, near_ground)
    if frame.staggering == HALF_CELLS:
        u, _, _ = _flow_at(air, east_of(frame, at), index, near_ground)
        _, v, _ = _flow_at(air, north_of(frame, at), index, near_ground)
    return u, v, w


@fast.inline
def _flow_at(air: Air, at: Corners, index: float, near_ground: float) -> tuple[float, float, float]:
    levels = air.frame.sigma.shape[0]
    first, second = air.first.flow, air.second.flow
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
