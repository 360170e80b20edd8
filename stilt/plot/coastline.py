"""Coastlines, borders and large lakes of the world, from a file of the package: no network, no other package's data.

Natural Earth (public domain; naturalearthdata.com) and the US Census Bureau (public domain) drew them;
``tools/coastlines.py`` makes the file.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stilt.footprint.grid import FULL_CIRCLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Line = NDArray[np.float64]

FILE = Path(__file__).parent / "natural_earth.npz"
PER_DEGREE = 200


class Kind(IntEnum):
    """What a line divides."""

    COAST = 0
    BORDER = 1
    STATE = 2
    LAKE = 3


class Box(NamedTuple):
    """Degrees; east is greater than west, whatever the turn."""

    west: float
    east: float
    south: float
    north: float


class _World(NamedTuple):
    """All lines, points in degrees, shape (points, 2); a row of ``bounds`` is west, east, south, north of a line."""

    lines: list[Line]
    kinds: NDArray[np.uint8]
    bounds: NDArray[np.float64]


@lru_cache(maxsize=1)
def _world() -> _World:
    with np.load(FILE) as file:
        points = np.cumsum(file["steps"], axis=1).T / PER_DEGREE
        starts = np.cumsum(file["lengths"])[:-1]
        kinds = file["kinds"]
    first = np.r_[0, starts]
    low, high = np.minimum.reduceat(points, first), np.maximum.reduceat(points, first)
    bounds = np.column_stack([low[:, 0], high[:, 0], low[:, 1], high[:, 1]])
    return _World(np.split(points, starts), kinds, bounds)


def coastlines(box: Box, kinds: Sequence[Kind] = tuple(Kind)) -> list[Line]:
    """Return the lines that touch a box, in its turn: longitudes run on beyond 180 where the box does."""
    world = _world()
    found: list[Line] = []
    for turn in (-FULL_CIRCLE, 0.0, FULL_CIRCLE):
        west, east, south, north = world.bounds.T
        touches = (
            (west + turn <= box.east)
            & (east + turn >= box.west)
            & (south <= box.north)
            & (north >= box.south)
            & np.isin(world.kinds, kinds)
        )
        found += [world.lines[number] + (turn, 0.0) for number in np.flatnonzero(touches)]
    return found
