"""What simulations have cost together: sums and greatest values, by outcome."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from stilt.log.states import SimState

_AT, _WALL_S, _RSS = attrgetter("at"), attrgetter("wall_s"), attrgetter("peak_rss_bytes")


class Cost(Struct, frozen=True, array_like=True):
    """What some simulations have cost.

    Attributes
    ----------
    number
        How many simulations there are.
    wall_s, longest_s
        Their wall time together and the greatest of any, in seconds.
    most_bytes
        The greatest peak memory of any.
    latest
        The latest moment of their states, in seconds since 1970; minus infinity where there is none.
    """

    number: int = 0
    wall_s: float = 0.0
    longest_s: float = 0.0
    most_bytes: int = 0
    latest: float = float("-inf")


def cost_of(at: Sequence[float], wall_s: Sequence[float], peak_rss_bytes: Sequence[float]) -> Cost:
    """Return the cost of simulations, of which there is at least one, from their quantities."""
    return Cost(len(at), sum(wall_s), max(wall_s), int(max(peak_rss_bytes)), max(at))


def costs_of(states: Iterable[SimState]) -> dict[str, Cost]:
    """Return what simulations have cost, by outcome."""
    groups: dict[str, list[SimState]] = {}
    for state in states:
        groups.setdefault(state.outcome, []).append(state)
    return {
        outcome: cost_of(*(list(map(quantity, group)) for quantity in (_AT, _WALL_S, _RSS)))
        for outcome, group in groups.items()
    }


def together(*costs: Cost) -> Cost:
    """Return the cost of several groups of simulations."""
    return Cost(
        sum(cost.number for cost in costs),
        sum(cost.wall_s for cost in costs),
        max((cost.longest_s for cost in costs), default=0.0),
        max((cost.most_bytes for cost in costs), default=0),
        max((cost.latest for cost in costs), default=float("-inf")),
    )


def with_outcomes(costs: Mapping[str, Cost], outcomes: Collection[str]) -> Cost:
    """Return the cost of simulations with one of these outcomes."""
    return together(*(costs[outcome] for outcome in outcomes if outcome in costs))
