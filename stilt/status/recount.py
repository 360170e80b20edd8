"""What there is to do where receptors or meteorologies are not those that the last batch was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.batch.plan import plan
from stilt.batch.queued import queued
from stilt.foundations.errors import StiltError
from stilt.status.edited import receptors_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.foundations.paths import Layout
    from stilt.log.fold import State
    from stilt.status.outdated import Outdated


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
    layout: Layout, state: State, outdated: Outdated, keeps: Callable[[str, int], bool]
) -> int | None:
    """Return how many simulations ``run`` would hand over, if their outputs are all there; every receptor is read.

    None where the settings are not known, or receptors.csv does not hold or is not there.
    """
    today = outdated.today
    if today is None:
        return None
    try:
        receptors = receptors_of(layout, today.config)
    except (OSError, StiltError):
        return None
    waiting = queued(layout, state, keeps)
    # the planner sees edited receptors itself, and takes the others of these for reweighed
    found = plan(receptors, state, today, AllThere(), queued=waiting, reweighed=outdated.edited)
    return found.work
