"""What a backend is: how a batch that was handed over comes to run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from stilt.foundations.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.batch.manifest import Manifest
    from stilt.config.schema import Config
    from stilt.foundations.paths import Layout
    from stilt.log.fold import State
    from stilt.log.writer import SegmentWriter


TASK_AIM_S = 20 * 60
MOST_TASKS = 1000


@dataclass(frozen=True, slots=True)
class Sizes:
    """How work is divided.

    Attributes
    ----------
    n_workers
        Most chunks; None where nobody gave a number, and the work itself shall say.
    cpus
        Simulations at the same time in each.
    """

    n_workers: int | None
    cpus: int

    def chunks(self, simulations: int, likely_wall_s: float) -> int:
        """Return into how many chunks to deal: as many as were asked for, else tasks of twenty minutes.

        Raises
        ------
        InputError
            If neither a number nor the cost of a simulation is known.
        """
        if self.n_workers is not None:
            return self.n_workers
        if not likely_wall_s:
            raise InputError(
                "backend slurm: execution.n_workers is missing, and no simulation has told yet what it costs",
                "say into how many array tasks to deal the simulations, or use --n-workers",
                code="N_WORKERS_NEEDED",
            )
        wanted = math.ceil(simulations * likely_wall_s / (TASK_AIM_S * self.cpus))
        return min(max(wanted, 1), MOST_TASKS)


def _nothing() -> None:
    """Confirm what was registered just now."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """A batch in place: chunks, settings and manifest are durable, and so are the ``pending`` events.

    Attributes
    ----------
    log
        The run's own segment, for ``submitting`` and ``submitted``.
    already_done
        Simulations of the project that were done before.
    confirm
        To be called before anybody is asked to run the batch, where that took a while; raises ``NotFinishedError``
        if another run has gone on meanwhile.
    waits
        Whether the command stays until the end, and may hand over the rest later.
    refused
        Simulations that were written as failed, and are in no chunk.
    """

    layout: Layout
    config: Config
    manifest: Manifest
    log: SegmentWriter
    already_done: int = 0
    confirm: Callable[[], None] = _nothing
    waits: bool = False
    refused: int = 0

    @property
    def total(self) -> int:
        """How many simulations of the batch the log is to tell the end of."""
        return self.manifest.total + self.refused


class Backend(Protocol):
    """Where workers run. One object serves one ``stilt run``.

    Attributes
    ----------
    was_left
        Whether the person at the terminal, or whoever sends signals, has ended the waiting.
    """

    name: str
    was_left: bool

    def sizes(self, config: Config, n_workers: int | None, cpus: int | None) -> Sizes:
        """Return how to divide the work; the arguments are those of the command line.

        Raises
        ------
        StiltError
            If something needed is not given, or this machine has not what the backend needs. Nothing
            has been written then.
        """

    def settle(self, layout: Layout, state: State) -> bool:
        """Find out about submissions of which the log has the intent and not the outcome.

        Called under ``run.lock`` before planning. Returns whether it appended anything, so that the log
        is to be folded again.
        """

    def start(self, handed: HandOver) -> None:
        """Have the batch run: append ``submitting`` and ``submitted`` around it. Under ``run.lock``."""

    def wait(self, handed: HandOver) -> int:
        """Wait for its end with progress and return the exit code."""

    def rejoin(self, layout: Layout, state: State) -> int:
        """Wait, with progress, for what earlier runs have queued and return the exit code."""

    def preview(self, handed: HandOver) -> str:
        """Return what ``--dry-run`` shows besides the plan; ``handed`` is not on disk."""
