"""Why a simulation fails: the categories that ``status`` counts, and the exception that carries one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray


class Reason(StrEnum):
    """Why a simulation failed."""

    MET_MISSING = "MET_MISSING"
    MET_COVERAGE = "MET_COVERAGE"
    MET_INTERVAL = "MET_INTERVAL"
    NO_PARTICLES = "NO_PARTICLES"
    TRUNCATED = "TRUNCATED"
    TIMEOUT = "TIMEOUT"
    KILLED = "KILLED"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    MODEL_ERROR = "MODEL_ERROR"
    DISK_FULL = "DISK_FULL"
    BAD_RECEPTOR = "BAD_RECEPTOR"
    INTERNAL = "INTERNAL"


class TransportError(Exception):
    """A simulation failed, for one of the known reasons.

    Parameters
    ----------
    reason
        The category that ``status`` counts.
    message
        One line: what happened, with the model's own words where there are any.
    log
        What the model printed, kept for the person who looks into it.
    """

    def __init__(self, reason: Reason, message: str, log: str = "") -> None:
        super().__init__(reason, message, log)
        self.reason = reason
        self.message = message
        self.log = log

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


@dataclass(frozen=True, slots=True)
class Refused:
    """Runs that cannot succeed, as headers, settings and receptors tell.

    Attributes
    ----------
    reason
        What a run of them would fail with.
    says
        The message: one for all, or made for the run at a place.
    runs
        Their places among those that were asked about, ascending.
    """

    reason: Reason
    says: str | Callable[[int], str]
    runs: NDArray[np.int64]

    @property
    def message(self) -> str:
        """The message of the first."""
        return self.message_of(int(self.runs[0]))

    def message_of(self, run: int) -> str:
        """Return the message of the run at a place."""
        return self.says if isinstance(self.says, str) else self.says(run)

    def error(self) -> TransportError:
        """Return what a worker raises for one of them."""
        return TransportError(self.reason, self.message)
