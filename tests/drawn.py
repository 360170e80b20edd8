"""What is too much for every run of the tests is drawn by the date: each part has its day."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from random import Random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

Case = TypeVar("Case")

DAY, EVERYTHING = "STILT_TEST_DAY", "STILT_TEST_EVERYTHING"


def settle_day() -> None:
    """Have all processes of a run agree on the day, also around midnight."""
    os.environ.setdefault(DAY, datetime.now(UTC).date().isoformat())


def drawn(cases: Sequence[Case], number: int) -> list[Case]:
    """Return so many of the cases, by the day; all of them where STILT_TEST_EVERYTHING is set."""
    if os.environ.get(EVERYTHING):
        return list(cases)
    settle_day()
    day = date.fromisoformat(os.environ[DAY])
    picked = Random(day.toordinal()).sample(range(len(cases)), number)
    return [cases[place] for place in sorted(picked)]
