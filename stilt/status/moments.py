"""Moments in time, as people type and read them: always UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from stilt.foundations.errors import InputError


def parse_moment(text: str) -> float:
    """Return seconds since 1970 of an ISO time; without an offset it is UTC.

    Raises
    ------
    InputError
        If it is no time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{text!r} is no time",
            "write it like 2026-11-20T18:00 or 2026-11-20T18:00:30+01:00",
            code="OPTION_VALUE",
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def iso(moment: float) -> str:
    """Return a moment to the second: ``2026-11-20T18:00:00Z``."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock(moment: float) -> str:
    """Return a moment for a column of a table: ``2026-11-20 18:00:00``."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")
