"""What happened to receptors on the way, counted over all results (``stilt.transport.facts`` has the names)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from stilt.status.summary import Happened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stilt.log.fold import State

FEW = 3
"""What touches more results than these is said in a line, and so is what touches a good part of them."""

_PART = 0.1

_NOTABLE = {
    "lifted_m": (0.0, math.inf, "lifted to the ground, by up to {:,.0f} m"),
    "particles_left": (0.0, math.inf, "with particles that left the meteorology's domain"),
    "hours_without_particles": (0.0, 0.0, "with hours without a particle, up to {:,.0f}"),
    "share_outside_grid": (
        *(0.5, 0.5),
        "with more than half of the footprint outside of its grid, up to {:.0%}",
    ),
    "particles_not_kept": (
        *(0.0, math.inf),
        "with the ends of particles alone: other footprints of them need transport",
    ),
    "weight_above_column": (0.0, 0.5, "with pressure weights above the release, up to {:.0%}"),
}
"""Above which value a result is counted, above which a single one is said, and in which words, with the greatest."""


def happened(state: State) -> dict[str, Happened]:
    """Return how many results that hold something notable happened to, and its greatest value."""
    counts: dict[str, int] = {}
    greatest: dict[str, float] = {}
    for name, value in state.facts(_NOTABLE):
        if value > _NOTABLE[name][0]:
            counts[name] = counts.get(name, 0) + 1
            greatest[name] = max(value, greatest.get(name, value))
    return {
        name: Happened(simulations=counts[name], greatest=greatest[name])
        for name in _NOTABLE
        if name in counts
    }


def words(found: Mapping[str, Happened], results: int) -> str:
    """Say what happened to more than a few of the results, to a good part of them, or badly to any; else nothing."""
    return "; ".join(
        f"{each.simulations:,} {_NOTABLE[name][2].format(each.greatest)}"
        for name, each in found.items()
        if each.simulations > min(FEW, _PART * results) or each.greatest > _NOTABLE[name][1]
    )
