"""The kernel of one receptor: what a retrieval makes of each level of a column."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

PRESSURE_COLUMN = "pres"
"""The particle column that a kernel on pressures needs."""

Coordinate = Literal["height_m", "pressure_hpa"]


class Kernel(Struct, frozen=True, array_like=True):
    """A retrieval's levels, ascending by height, and what they count.

    Attributes
    ----------
    on
        What ``levels`` are: heights (m, above what the receptor's are) or pressures (hPa).
    levels
        At least one, no two alike.
    averaging
        The averaging kernel at each, negative or above 1 as retrievals have them; empty: 1.
    weights
        The share of the column that each level's layer has; empty: as particles are released.
    """

    on: Coordinate
    levels: tuple[float, ...]
    averaging: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()
