"""Times as whole minutes since 1970 UTC: what runs and analyses are compared by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import SupportsInt

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MOST_MINUTES = 130 * 366 * 1440
"""Before or after 1970; receptors end with 2099."""


def minute_of(time: datetime) -> int:
    """Return a time as minutes since 1970 UTC."""
    return int((time - _EPOCH).total_seconds()) // 60


def time_of(minute: SupportsInt) -> datetime:
    """Return the time that is so many minutes after 1970 began, UTC."""
    return _EPOCH + timedelta(minutes=int(minute))
