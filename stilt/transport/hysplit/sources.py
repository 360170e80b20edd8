"""The start locations with which hycs_std releases particles where a receptor means them.

hycs_std takes neighbours of its list that have the same place for the ends of a line, and of several such lines
keeps the last. At every other location it releases ``max(1, NUMPAR // locations)`` particles, sometimes one more,
in each step of the emission, in the order of the list and until MAXPAR is reached. So where points share the
particles the list is made so long that each location releases one particle in each step: the points in turn, again
and again. Then particle ``i`` is of point ``i % points``, and MAXPAR ends the release at ``numpar``.

A step is a minute. In an emission of many minutes each of them has all points, once at least, so that with many points
and few particles it ends before its time.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from stilt.foundations.emission import leaving_each_minute

if TYPE_CHECKING:
    from stilt.config.schema import Config
    from stilt.foundations.simulation import Point, Receptor

APART_DEGREES = 1e-4
"""Two neighbours at one place are put this far from each other, half to the north and half to the south: 11 m, the
last decimal of the particle table. hycs_std compares them by column and row of the meteorology in single precision,
so less is not enough on coarse grids."""

_PLACE_DECIMALS = 4


def start_locations(receptor: Receptor, config: Config) -> list[Point]:
    """Return longitude, latitude and height of each location of CONTROL, in its order.

    The ends of a line are as the receptor has them: hycs_std releases from the lower one on all the same.
    """
    points = receptor.release_points
    if len(points) == 1 or receptor.is_line:
        return list(zip(receptor.longitudes, receptor.latitudes, receptor.heights_m, strict=True))
    rounds = leaving_each_minute(config.numpar, config.emisshrs, len(points)) // len(points)
    there = Counter(map(_place, points))
    return [
        _apart(point, number) if there[_place(point)] > 1 else point
        for number, point in enumerate(points * rounds)
    ]


def particle_limits(receptor: Receptor, config: Config) -> tuple[int, int]:
    """Return NUMPAR and MAXPAR."""
    if len(receptor.heights_m) == 1 or receptor.is_line:
        return config.numpar, config.maxpar or config.numpar
    return min(config.numpar, len(start_locations(receptor, config))), config.numpar


def _place(point: Point) -> tuple[float, float]:
    return round(point[0], _PLACE_DECIMALS), round(point[1], _PLACE_DECIMALS)


def _apart(point: Point, number: int) -> Point:
    """Move a point by half the distance, every second one to the other side; not over a pole."""
    longitude, latitude, height = point
    south = max(-90.0, min(latitude - APART_DEGREES / 2, 90.0 - APART_DEGREES))
    return longitude, round(south + APART_DEGREES * (number % 2), 9), height
