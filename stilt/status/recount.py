"""What there is to do where receptors or meteorologies are not those of the last batch, or there is no batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.batch.plan import plan
from stilt.batch.queued import queued
from stilt.batch.today import Today
from stilt.foundations.errors import StiltError
from stilt.foundations.identity import EngineIdentity
from stilt.log.fold import SUCCESSES
from stilt.status.edited import receptors_of

if TYPE_CHECKING:
    from stilt.batch.plan import Plan
    from stilt.status.standing import Standing


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

    def imprint_of(self, product: str, date: str, plain: str) -> str:
        """No name is looked at."""
        del product, date, plain
        return ""

    def is_exposed(self, product: str, date: str, file: str, plain: str) -> bool:
        """Plain names are not looked at."""
        del product, date, file, plain
        return True


def recount(standing: Standing, refusals: list[str]) -> Plan | None:
    """Return what ``run`` would hand over, if outputs are all there; every receptor is read.

    None where the settings are not known, or receptors.csv is not there or does not hold, which ``refusals`` then tell.
    """
    layout, state = standing.project.layout, standing.state
    today = standing.outdated.today or _of_no_result(standing)
    if today is None:
        return None
    try:
        receptors = receptors_of(layout, today.config)
    except OSError:
        return None
    except StiltError as error:
        refusals.append(error.message)
        return None
    waiting = queued(layout, state, standing.keeps)
    # the planner sees edited receptors itself, and takes the others of these for reweighed
    edited = standing.outdated.edited
    return plan(receptors, state, today, AllThere(), queued=waiting, reweighed=edited)


def _of_no_result(standing: Standing) -> Today | None:
    """Return what results are held against where there is none yet, so that the engine does not matter."""
    config = standing.project.config
    if config is None or any(outcome in SUCCESSES for _, outcome, _ in standing.tally):
        return None
    return Today(standing.project.layout, config, EngineIdentity(config.model, ""))
