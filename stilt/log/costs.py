"""What simulations have cost together: sums and greatest values, by outcome."""

from __future__ import annotations

from functools import cached_property
from itertools import compress
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

from stilt.log.bounds import is_within

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from stilt.log.states import SimState

ColumnName: TypeAlias = Literal["at", "wall_s", "peak_rss_bytes"]


class Columns:
    """What some simulations cost: lists of the same length and order, each made when it is asked for."""

    def __init__(self, column: Callable[[ColumnName], list[float]]) -> None:
        self._column = column

    @cached_property
    def at(self) -> list[float]:
        """Moments, in seconds since 1970."""
        return self._column("at")

    @cached_property
    def wall_s(self) -> list[float]:
        """Wall time in seconds; 0 where it is not known."""
        return self._column("wall_s")

    @cached_property
    def peak_rss_bytes(self) -> list[float]:
        """Peak memory in bytes; 0 where it is not known."""
        return self._column("peak_rss_bytes")


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


def costs_of(states: Iterable[SimState]) -> dict[str, Cost]:
    """Return what simulations have cost, by outcome."""
    groups: dict[str, list[SimState]] = {}
    for state in states:
        groups.setdefault(state.outcome, []).append(state)
    return {
        outcome: Cost(
            len(group),
            sum(state.wall_s for state in group),
            max(state.wall_s for state in group),
            max(state.peak_rss_bytes for state in group),
            max(state.at for state in group),
        )
        for outcome, group in groups.items()
    }


def cost_where(
    mask: bytes, at: Iterable[float], wall_s: Iterable[float], peak_rss_bytes: Iterable[float]
) -> Cost:
    """Return what rows have cost of which ``mask`` has a 1 each, and has at least one."""
    return Cost(
        mask.count(1),
        sum(compress(wall_s, mask)),
        max(compress(wall_s, mask)),
        int(max(compress(peak_rss_bytes, mask))),
        max(compress(at, mask)),
    )


def together(*costs: Cost) -> Cost:
    """Return the cost of several groups of simulations."""
    return Cost(
        sum(cost.number for cost in costs),
        sum(cost.wall_s for cost in costs),
        max((cost.longest_s for cost in costs), default=0.0),
        max((cost.most_bytes for cost in costs), default=0),
        max((cost.latest for cost in costs), default=float("-inf")),
    )


def merged(one: Mapping[str, Cost], other: Mapping[str, Cost]) -> dict[str, Cost]:
    """Return the cost of two groups of simulations, by outcome."""
    both = {
        outcome: together(one[outcome], other[outcome]) for outcome in one.keys() & other.keys()
    }
    return {**one, **other, **both}


def with_outcomes(costs: Mapping[str, Cost], outcomes: Collection[str]) -> Cost:
    """Return the cost of simulations with one of these outcomes."""
    return together(*(costs[outcome] for outcome in outcomes if outcome in costs))


def cost_fits(cost: Cost) -> bool:
    """Return whether a cost that a checkpoint has can be one of simulations."""
    return (
        is_within("total", cost.number)
        and is_within("wall_s", cost.longest_s)
        and is_within("wall_s", cost.wall_s / max(1, cost.number))
        and is_within("peak_rss_bytes", cost.most_bytes)
        and (cost.latest == Cost().latest or is_within("at", cost.latest))
    )
