"""The account of a script: its statements one by one, and what was found in them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stilt.migrate.r_values import Unknown

DONE, HARMLESS, SKIPPED, NAMED = "done", "harmless", "not reached", "not followed"
_WORST = (SKIPPED, DONE, HARMLESS, NAMED)


class Reach(Enum):
    """How far a statement that was not followed may reach."""

    NOTHING = "it calls a function that is not known, and nothing is made of what it returns"
    NAMES = "it sets variables by name"
    ANYTHING = "it may set any variable, also one that the script does not name"


@dataclass(eq=False)
class Statement:
    """A statement of a script and what became of it.

    Attributes
    ----------
    where
        Its line, with the file where that is another one.
    outcome
        ``done``, ``harmless``, ``not reached``, ``not followed``.
    why
        Why it was not followed.
    reach
        What of the script it may have changed, where it was not followed.
    """

    where: str
    text: str
    outcome: str = SKIPPED
    why: str = ""
    reach: Reach = Reach.NAMES

    def becomes(self, outcome: str, why: str = "") -> None:
        """Note what became of it; in a loop the worst counts."""
        if _WORST.index(outcome) > _WORST.index(self.outcome):
            self.outcome = outcome
            self.why = why


@dataclass
class Script:
    """What a script sets.

    Attributes
    ----------
    values
        Name to value, at its end.
    unread
        Name to why its value is not known.
    statements
        Each of the script and of the files that it sources.
    calls
        The arguments of each call of ``stilt_apply``, evaluated; unknown ones are :class:`Unknown`.
    applied
        The functions that ``stilt_apply`` is told to run, with their lines.
    remarks
        What a person should know though it was followed: a file that was read in place of another.
    """

    values: dict[str, Any] = field(default_factory=dict)
    unread: dict[str, Unknown] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    applied: list[tuple[str, str]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def settle(self, unknown: Sequence[Unknown]) -> None:
        """Say of statements that were not followed which of them matter, given what is missing in the end."""
        matter = {id(where) for value in unknown for where in value.statements}
        for statement in self.statements:
            by_name = statement.outcome == NAMED and statement.reach is Reach.NAMES
            if by_name and id(statement) not in matter:
                statement.outcome = HARMLESS

    def account(self) -> str:
        """Say in a line what became of the statements."""
        counts = Counter(statement.outcome for statement in self.statements)
        parts = [
            f"{counts[outcome]:,} {outcome}"
            for outcome in (DONE, HARMLESS, SKIPPED, NAMED)
            if counts[outcome]
        ]
        return f"{len(self.statements):,} statements: {', '.join(parts)}"
