"""How single simulations stand today, in the words in which ``status`` counts them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from stilt.backends.observe import fold_and_observe
from stilt.log.index import OutputIndex
from stilt.status.counting import count_waiting, shown_as
from stilt.status.fates import Fates
from stilt.status.gather import Project, find_outdated, read_manifests
from stilt.status.listed import Listed
from stilt.status.summarize import total_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from stilt.log.fold import State
    from stilt.log.states import SimState


class Standing:
    """The state of each simulation of a project, looked up once.

    Parameters
    ----------
    project
        From ``stilt.status.gather.open_project``.
    state
        The folded log of a moment in the past, of which nobody knows who was alive; now, unless given.
    """

    def __init__(self, project: Project, state: State | None = None) -> None:
        if state is None:
            self.state, liveness = fold_and_observe(OutputIndex(project.layout.log_dir))
        else:
            self.state, liveness = state, None
        self._fates = Fates(self.state, liveness)
        self._project = project
        self._manifests = read_manifests(project.layout, self.state, [])
        self.outdated = find_outdated(project, self.state, self._manifests, [])

    @cached_property
    def _taken_up(self) -> Collection[str]:
        """The simulations that did not end well and were handed over anew: chunks are read to know them."""
        return count_waiting(
            self.state,
            self.state.tally(),
            self._fates,
            total_of(self._manifests),
            Listed(self._project.layout, self.state, []),
        ).again

    def failed(self) -> list[SimState]:
        """Return the simulations that failed and were not handed over again since."""
        return [sim for sim in self.state.having("failed") if self.of(sim) == "failed"]

    def of(self, sim: SimState | None) -> str:
        """Return the state of a simulation; ``pending`` for one that was never begun."""
        if sim is None:
            return "pending"
        if sim.is_done and self.outdated.of_sim(sim):
            return "stale"
        if not sim.is_done and sim.sim in self._taken_up:
            return "pending"
        return shown_as(sim.outcome, sim.life, self._fates)
