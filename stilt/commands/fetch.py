"""Meteorology at a distance: what of it the simulations need, said and fetched for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilt.config.variants import longest_hours

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from stilt.config.schema import Config
    from stilt.met.distant.survey import Survey
    from stilt.receptors.sequence import Receptors


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What some receptors need of one meteorology at a distance, in the longest of their variants."""

    survey: Survey
    minutes: NDArray[np.int64]
    n_hours: int


def has_distant(config: Config) -> bool:
    """Tell whether a meteorology is at a distance."""
    return any(met.source for met in config.mets.values())


def surveys(
    config: Config, simulations: Receptors, chosen: Sequence[int] | None = None
) -> list[Surveyed]:
    """Ask the sources for what the ``chosen`` simulations need, by index, or all of them.

    Raises
    ------
    StiltError
        If one can't be asked, or its files are too many: before anything is written.
    """
    if not has_distant(config):
        return []
    import numpy as np

    from stilt.met.distant.survey import survey

    every = np.arange(len(simulations)) if chosen is None else np.asarray(chosen, np.int64)
    met_of, run_of, _ = simulations.apart(every)
    found = []
    names = np.array(simulations.met_names)[met_of]
    for name in dict.fromkeys(simulations.met_names):
        runs = run_of[names == name]
        if config.mets[name].source and len(runs):
            minutes, hours = np.unique(simulations.minutes[runs]), longest_hours(config, name)
            asked = survey(name, config.mets[name], minutes, hours)
            found.append(Surveyed(asked, minutes, hours))
    for each in found:
        each.survey.refuse_too_much()
    return found


def told_of(found: Sequence[Surveyed], what: str) -> Iterator[str]:
    """Say what is, or would be, fetched, and where to."""
    for each in found:
        survey = each.survey
        if survey.silent:
            yield f"met {survey.name}: {survey.silent}; all that is needed is here"
        if survey.words:
            yield f"met {survey.name}: {what} {survey.words} into {survey.here.folder}"


def fetched(found: Sequence[Surveyed]) -> Iterator[Path]:
    """Fetch all of it, and yield each file.

    Raises
    ------
    StiltError
        If something does not come; what came stays.
    """
    from stilt.met.distant.fetch import fetch

    for each in found:
        yield from fetch(each.survey, each.minutes, each.n_hours)
