"""How a project and its simulations stand: one look at the log, at who lives and at what is out of date."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING

from stilt.backends.in_hand import WorkInHand
from stilt.backends.observe import fold_and_observe, observe
from stilt.batch.manifest import read_manifest, total_of
from stilt.batch.whole import Wholeness
from stilt.foundations.errors import StiltError
from stilt.log.fold import SUCCESSES
from stilt.log.index import OutputIndex
from stilt.status.counting import count_waiting, shown_as
from stilt.status.fates import Fates
from stilt.status.hands import count_in_hand, find_open
from stilt.status.listed import Listed
from stilt.status.outdated import find_outdated

if TYPE_CHECKING:
    from stilt.backends.liveness import Liveness
    from stilt.batch.manifest import Manifests
    from stilt.foundations.paths import Layout
    from stilt.log.fold import State
    from stilt.log.states import SimState
    from stilt.status.counting import Tally, Waiting
    from stilt.status.hands import InHand
    from stilt.status.opened import Opened


class Standing:
    """How a project stands at one moment: everything that is said of it then comes from here.

    Parameters
    ----------
    project
        From ``stilt.status.opened.open_project``.
    ask_slurm
        Whether to ask the scheduler about batches that it has; otherwise a recent answer has to do.
    fresh
        Ask it even if a recent answer is at hand.
    until
        A moment in the past, in seconds since 1970; processes and scheduler are not looked at then.
    use_checkpoint
        Whether the cache of the fold may be used.
    folded
        What the log said a moment ago, if it was folded then.

    Attributes
    ----------
    state, fates, manifests, outdated
        The folded log, what became of its workers, the manifests that still matter, and which results are stale.
    now
        The moment that ages and rates are counted to, in seconds since 1970 by the file server's clock.
    notes
        What could not be found out, for the screen.
    """

    def __init__(
        self,
        project: Opened,
        *,
        ask_slurm: bool = True,
        fresh: bool = False,
        until: float | None = None,
        use_checkpoint: bool = True,
        folded: State | None = None,
    ) -> None:
        self.project = project
        self.notes = list(project.notes)
        self.is_past = until is not None
        self.now = time.time() if until is None else until
        index = OutputIndex(project.layout.log_dir)
        liveness: Liveness | None = None
        if until is not None or not use_checkpoint:
            self.state = index.fold(until, use_checkpoint=use_checkpoint)
            liveness = None if self.is_past else observe(index, self.state, ask_slurm=ask_slurm)
        else:
            self.state, liveness = fold_and_observe(
                index, fresh=fresh, ask_slurm=ask_slurm, folded=folded
            )
        if liveness is not None:
            self.now = liveness.server_time or self.now
            if liveness.problem:
                self.notes.append(
                    f"{liveness.problem}: tasks on Slurm are shown as they last reported"
                )
        self.fates = Fates(self.state, liveness)
        self._tasks = liveness.tasks if liveness else {}
        self._hands = WorkInHand(index, self.state, liveness) if liveness else None
        self.keeps = self._hands.keeps if self._hands else self.fates.keeps
        self.read_chunk = Listed(project.layout, self.state, self.notes)
        self.manifests = read_manifests(project.layout, self.state, self.notes)
        self.outdated = find_outdated(project, self.state, self.manifests, self.notes)

    @cached_property
    def tally(self) -> Tally:
        """How many simulations each life left in which state."""
        return self.state.tally()

    @cached_property
    def waiting(self) -> Waiting:
        """What is registered and not begun: chunks are read to know those that did not end well before."""
        total = total_of(self.manifests)
        return count_waiting(self.state, self.tally, self.fates, total, self.read_chunk)

    @cached_property
    def in_hand(self) -> InHand:
        """What tasks have not ended yet; of the past nobody knows which chunks were whole."""
        is_whole = Wholeness(self.project.layout, self.notes.append)
        open_chunks = find_open(
            self.state, self.tally, self.keeps, _as_it_was if self.is_past else is_whole
        )
        return count_in_hand(self.state, self.tally, open_chunks, self._holds, self.read_chunk)

    def tasks_live(self) -> int:
        """Return how many tasks are known to live, in the queue or at work; of the past nobody knows."""
        hands = self._hands
        return sum(hands.lives(batch, task) for batch, task in self._tasks) if hands else 0

    def _holds(self, sim: SimState) -> bool:
        return not self.outdated.of_sim(sim)

    def failed(self) -> list[SimState]:
        """Return the simulations that failed and were not handed over again since."""
        return [sim for sim in self.state.having("failed") if self.of(sim) == "failed"]

    def of(self, sim: SimState | None) -> str:
        """Return the state of a simulation; ``pending`` for one that was never begun."""
        if sim is None:
            return "pending"
        if sim.is_done and self.outdated.of_sim(sim):
            return "stale"
        if not sim.is_done and sim.sim in self.waiting.again:
            return "pending"
        return shown_as(sim.outcome, sim.life, self.fates)


def _as_it_was(batch: str, chunk: str) -> bool:
    """Take a chunk for whole."""
    del batch, chunk
    return True


def read_manifests(layout: Layout, state: State, notes: list[str]) -> Manifests:
    """Read the manifests of the newest batch, of those whose results hold, and of those never submitted.

    Of others the log says all that is told of them. A manifest that does not hold is noted.
    """
    manifests: Manifests = {}
    registered = [
        batch
        for name, batch in state.batches.items()
        if batch.chunks or layout.manifest(name).is_file()
    ]
    wanted = {life.batch for life, outcome, _ in state.tally() if outcome in SUCCESSES}
    wanted |= {batch.id for batch in registered if not batch.submissions}
    wanted |= {max(registered, key=lambda batch: batch.seq).id} if registered else set()
    for name in (batch.id for batch in registered):
        if name in wanted:
            try:
                manifests[name] = read_manifest(layout.manifest(name))
            except StiltError as error:
                notes.append(error.message)
    return manifests
