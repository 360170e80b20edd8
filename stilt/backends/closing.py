"""The lines with which ``stilt run`` ends, wherever its workers were."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilt.foundations.quantities import counted, wholly_empty

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stilt.batch.follow import BatchFollower


@dataclass(frozen=True, slots=True)
class Ends:
    """How simulations ended.

    Attributes
    ----------
    outcomes
        By simulation.
    failures
        The reason of each that failed.
    running
        How many were begun and did not end.
    """

    outcomes: Mapping[str, str]
    failures: Mapping[str, str]
    running: int = 0

    @classmethod
    def of(cls, follower: BatchFollower) -> Ends:
        """Return what the log tells of a batch."""
        return cls(follower.outcomes, follower.failures, len(follower.running))


def say_end(ends: Ends, total: int, why: str = "") -> None:
    """Print how ``total`` simulations ended, why it stopped before the end, if it did, and what to type next."""
    for line in closing(ends, total, why):
        sys.stdout.write(f"{line}\n")


def closing(ends: Ends, total: int, why: str = "") -> list[str]:
    """Return these lines."""
    found = Counter(ends.outcomes.values())
    counts = {what: found[what] for what in ("complete", "empty", "failed", "interrupted")}
    left = total - sum(counts.values())
    lost = min(ends.running, left)
    facts = [f"{count:,} {what}" for what, count in counts.items() if count]
    facts += [f"{lost:,} begun and not ended"] if lost else []
    facts += [f"{left - lost:,} not begun"] if left > lost else []
    lines = [f"{counted(total, 'simulation')}: {', '.join(facts)}"]
    if counts["empty"] == total > 0:
        lines.append(wholly_empty(total))
    if counts["failed"]:
        reasons = Counter(ends.failures.values())
        named = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
        lines.append(f"failed: {named}; `stilt status --failed` lists them")
    if left or counts["interrupted"]:
        because = f" ({why})" if why else ""
        lines.append(f"stopped before the end{because}: `stilt run` goes on where it was")
    return lines
