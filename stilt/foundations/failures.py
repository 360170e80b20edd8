"""Why a simulation fails: the categories that ``status`` counts, and the exception that carries one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    from numpy.typing import NDArray


_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?")
_CAUSES_SHOWN = 3


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

    @property
    def code(self) -> str:
        """What ``stilt help`` explains it by: the reason."""
        return str(self.reason)

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

    @property
    def cause(self) -> tuple[Reason, str]:
        """What they have in common: the message, without its numbers where each has its own."""
        shared = isinstance(self.says, str)
        return self.reason, self.message if shared else _NUMBER.sub("#", self.message)

    def error(self) -> TransportError:
        """Return what a worker raises for one of them."""
        return TransportError(self.reason, self.message)


def told(refused: Iterable[Refused]) -> str:
    """Say why runs cannot succeed; of several causes how many each stops, and the first message of it."""
    causes: dict[tuple[Reason, str], list[Refused]] = {}
    for each in refused:
        causes.setdefault(each.cause, []).append(each)
    counts = {cause: sum(len(each.runs) for each in some) for cause, some in causes.items()}
    ordered = sorted(causes, key=lambda cause: -counts[cause])
    words = []
    for cause in ordered[:_CAUSES_SHOWN]:
        first = min(causes[cause], key=lambda each: int(each.runs[0]))
        is_one_of_many = counts[cause] > 1 and not isinstance(first.says, str)
        more = ", the first of these" if is_one_of_many else ""
        count = f"{counts[cause]:,} " if len(ordered) > 1 else ""
        words.append(f"{count}{first.reason}: {first.message}{more}")
    rest = sum(counts[cause] for cause in ordered[_CAUSES_SHOWN:])
    return "; ".join([*words, *([f"{rest:,} for other causes"] if rest else [])])
