"""What ``stilt run`` says, before it hands anything over, of simulations that cannot succeed."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilt.foundations.errors import StiltError
from stilt.foundations.failures import Reason
from stilt.foundations.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stilt.config.schema import Config
    from stilt.foundations.failures import Refused
    from stilt.receptors.sequence import Receptors
    from stilt.transport.protocol import Engine

_OF_SINGLE_RUNS = frozenset({Reason.MET_MISSING, Reason.BAD_RECEPTOR})
"""What is no fault of a meteorology or setting as a whole, though it may hit every receptor."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What is known to fail.

    Attributes
    ----------
    words
        How many simulations, and why the first of them.
    is_whole
        Whether a meteorology or a setting is refused that all simulations to do have in common.
    """

    words: str
    is_whole: bool


def foresee(
    engine: Engine, simulations: Receptors, chosen: Sequence[int], config: Config
) -> Foreseen | None:
    """Return which of the ``chosen`` simulations, by index, an engine refuses; None if none, or if it cannot tell."""
    if not hasattr(engine, "refusals") or not len(chosen):
        return None
    import numpy as np

    from stilt.transport.refusals import Starts, refusals

    places = np.asarray(chosen, np.int64)
    met_of, run_of = np.divmod(places, simulations.n_receptors)
    found: list[Refused] = []
    for number, met in enumerate(simulations.mets):
        keep = np.zeros(simulations.n_receptors, bool)
        keep[run_of[met_of == number]] = True
        if keep.any():
            with contextlib.suppress(
                StiltError
            ):  # an engine that is not ready says so when it is to run
                asked = refusals(engine, Starts.of_all(simulations.only(keep)), met, config)
                found += asked.refused if asked else []
    count = sum(len(each.runs) for each in found)
    if not count:
        return None
    reasons = {each.reason for each in found}
    words = f"{count:,} of {counted(len(places), 'simulation')} cannot succeed: {found[0].reason}: {found[0].message}"
    return Foreseen(words, count == len(places) and not reasons & _OF_SINGLE_RUNS)
