"""Which simulations cannot succeed, as ``stilt run`` finds out before it hands anything over."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stilt.config.variants import settings_of
from stilt.foundations.errors import StiltError
from stilt.foundations.failures import Reason, Refused, told
from stilt.foundations.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from stilt.config.schema import Config, Met
    from stilt.receptors.sequence import Receptors
    from stilt.transport.protocol import Engine

_OF_SINGLE_RUNS = frozenset({Reason.MET_MISSING, Reason.BAD_RECEPTOR})
"""What is no fault of a meteorology or setting as a whole, though it may hit every receptor."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What is known to fail.

    Attributes
    ----------
    refused
        The simulations, by index.
    asked
        How many were asked about.
    is_whole
        Whether a meteorology or a setting is refused that all of these have in common.
    notes
        What a person should know of the meteorology that the others read.
    """

    refused: Sequence[Refused] = ()
    asked: int = 0
    is_whole: bool = False
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many cannot succeed."""
        return sum(len(each.runs) for each in self.refused)

    @property
    def words(self) -> str:
        """How many, and why."""
        asked = counted(self.asked, "simulation")
        return f"{self.count:,} of {asked} cannot succeed: {told(self.refused)}"


def foresee(
    engine: Engine,
    simulations: Receptors,
    chosen: Sequence[int],
    config: Config,
    *,
    elsewhere: bool = False,
) -> Foreseen:
    """Return which of the ``chosen`` simulations, by index, an engine refuses; none if it cannot tell.

    ``elsewhere`` is whether they run on other machines: these may have a folder of meteorology that this one has not.
    """
    if not hasattr(engine, "refusals") or not len(chosen):
        return Foreseen()
    import numpy as np

    from stilt.transport.refusals import Starts, refusals

    places = np.sort(np.asarray(chosen, np.int64))
    met_of, run_of, _ = simulations.apart(places)
    found: list[Refused] = []
    notes: list[str] = []
    has_files = False
    for number, kind in enumerate(simulations.mets):
        own = settings_of(config, kind)
        met = own.mets[kind]
        keep = np.zeros(simulations.n_receptors, bool)
        keep[run_of[met_of == number]] = True
        has_files |= bool(keep.any()) and _has_files(met)
        if not keep.any() or (elsewhere and _is_elsewhere(met)):
            continue
        # an engine that is not ready says so when it is to run
        with contextlib.suppress(StiltError):
            asked = refusals(engine, Starts.of_all(simulations.only(keep)), kind, own)
            if asked:
                mine = met_of == number
                runs = np.searchsorted(np.flatnonzero(keep), run_of[mine])
                found += [by_simulation(each, places[mine], runs) for each in asked.refused]
                notes += [f"met {kind}: {asked.needed.overlaps}"] if asked.needed.overlaps else []
    reasons = {each.reason for each in found}
    is_common = not reasons & _OF_SINGLE_RUNS or (reasons == {Reason.MET_MISSING} and not has_files)
    foreseen = Foreseen(found, len(places), notes=tuple(notes))
    return replace(foreseen, is_whole=is_common and 0 < foreseen.count == foreseen.asked)


def by_simulation(refused: Refused, indices: NDArray[np.int64], runs: NDArray[np.int64]) -> Refused:
    """Return what is said of runs as said of simulations: those with these indices, ascending, have these runs."""
    import numpy as np

    def says(index: int) -> str:
        return refused.message_of(int(runs[np.searchsorted(indices, index)]))

    is_shared = isinstance(refused.says, str)
    mine = indices[np.isin(runs, refused.runs)]
    return Refused(refused.reason, refused.says if is_shared else says, mine)


def _is_elsewhere(met: Met) -> bool:
    """Tell whether another machine may have files that this one has not."""
    return met.source is None and not os.path.isdir(met.directory)  # noqa: PTH112


def _has_files(met: Met) -> bool:
    with contextlib.suppress(OSError), os.scandir(met.directory) as entries:
        return next(entries, None) is not None
    return False
