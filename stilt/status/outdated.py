"""Which results are not what would be made today."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from stilt.batch.manifest import newest_of
from stilt.foundations.errors import DamagedError
from stilt.foundations.identity import EngineIdentity
from stilt.status.edited import edited

if TYPE_CHECKING:
    from stilt.batch.manifest import Manifests
    from stilt.batch.today import Today
    from stilt.foundations.paths import Layout
    from stilt.log.fold import Life, SimState, State
    from stilt.status.opened import Opened


class Outdated(Struct, frozen=True):
    """Which results are not what would be made today.

    Attributes
    ----------
    today
        Settings and engine; None where they are not known, and nothing is shown as stale.
    edited
        Simulations whose receptor, or its kernel, is another one than the result is of.
    """

    today: Today | None = None
    edited: frozenset[str] = frozenset()

    def of_life(self, life: Life) -> bool | None:
        """Tell whether what a life made is out of date; None where that depends on the meteorology."""
        if self.today is None:
            return False
        verdicts = {self._differs(life, met) for met in life.transport or ("",)}
        return verdicts.pop() if len(verdicts) == 1 else None

    def of_sim(self, state: SimState) -> bool:
        """Tell whether a simulation's result is out of date."""
        return state.sim in self.edited or self._differs(state.life, state.met_name)

    def of_part(self, state: SimState, product: str | None) -> bool:
        """Tell it of one footprint product of a simulation, or of its particles alone (None)."""
        if state.sim in self.edited or self.today is None:
            return state.sim in self.edited
        return not self.today.is_as_today(state.life, state.met_name, product)

    def _differs(self, life: Life, met: str) -> bool:
        if self.today is None:
            return False
        match = self.today.match(life, met)
        return not (match.transport and match.footprints)


def find_outdated(
    project: Opened, state: State, manifests: Manifests, notes: list[str]
) -> Outdated:
    """Return what would not be made today as it was: by config.yaml, with the engine that ran last.

    No engine is loaded for it, and what is installed here does not matter: another version of the engine makes
    no result stale.
    """
    from stilt.batch.today import Today, todays_engine

    config = project.config
    newest = newest_of(manifests.values())
    if config is None or newest is None:
        return Outdated()
    notes += [
        f"{name} of the newest batch is not installed here ({path}); no result is stale for that"
        for name, path in newest.programs.items()
        if not os.path.exists(path)  # noqa: PTH110 - a text from a file, which may be no path at all
    ]
    made_by = _made_by(project.layout, config.model, manifests) or newest.made_by
    config, engine = todays_engine(config, made_by)
    today = Today(project.layout, config, engine)
    return Outdated(today, edited(project.layout, today, state, manifests, notes))


def _made_by(layout: Layout, model: str, manifests: Manifests) -> EngineIdentity | None:
    """Return what an engine with an import path was when it was handed over last; None of one by name."""
    if ":" not in model:
        return None
    from stilt.batch.snapshot import read_settings

    for manifest in sorted(manifests.values(), key=lambda manifest: manifest.seq, reverse=True):
        with suppress(DamagedError):
            if read_settings(layout, manifest).model == model:
                return manifest.made_by
    return EngineIdentity(model, "")
