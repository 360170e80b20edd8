"""What there is to do where receptors or meteorologies are not those that the last batch was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.batch.plan import plan
from stilt.batch.queued import queued
from stilt.foundations.errors import StiltError
from stilt.status.edited import receptors_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.batch.today import Today
    from stilt.foundations.paths import Layout
    from stilt.log.fold import State


class AllThere:
    """Outputs as the log has them: ``status`` does not look at each, ``run`` does."""

    def has(self, product: str, date: str, file: str) -> bool:
        """All that the log has is there."""
        del product, date, file
        return True

    def has_own(self, product: str, date: str, file: str) -> bool:
        """No plain name is looked at."""
        del product, date, file
        return False

    def is_exposed(self, product: str, date: str, file: str, plain: str) -> bool:
        """Plain names are not looked at."""
        del product, date, file, plain
        return True


def recount(
    layout: Layout, state: State, today: Today, keeps: Callable[[str, int], bool]
) -> int | None:
    """Return how many simulations ``run`` would hand over, if their outputs are all there; every receptor is read.

    None where receptors.csv does not hold, or is not there.
    """
    try:
        receptors = receptors_of(layout, today.config)
    except (OSError, StiltError):
        return None
    return plan(receptors, state, today, AllThere(), queued=queued(layout, state, keeps)).work
