"""Small ARL files, cut out of the sample meteorology by time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.shared_data import shared

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

RECORD = 50 + 33 * 28


@dataclass(frozen=True)
class Analyses:
    """The records of each analysis time of the sample file."""

    by_time: dict[datetime, bytes]

    def between(self, start: str, end: str) -> bytes:
        """The analyses from ``start`` up to, not including, ``end`` (``YYYYMMDDHH``)."""
        return b"".join(
            records
            for time, records in sorted(self.by_time.items())
            if start <= f"{time:%Y%m%d%H}" < end
        )

    def write(self, folder: Path, names: str, hours: Iterable[str]) -> None:
        """Write files named by strftime, from each of these hours to the next."""
        for start, end in pairwise(sorted(hours)):
            when = datetime.strptime(start, "%Y%m%d%H").replace(tzinfo=UTC)
            path = folder / when.strftime(names)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.between(start, end))


@pytest.fixture(scope="session")
def analyses() -> Analyses:
    """The sample file, by analysis time."""
    content = shared("data", "oct1618.BIN").read_bytes()
    by_time: dict[datetime, bytes] = {}
    for start in range(0, len(content), RECORD):
        record = content[start : start + RECORD]
        label = record[:8].decode().replace(" ", "0")
        time = datetime.strptime(f"19{label}", "%Y%m%d%H").replace(tzinfo=UTC)
        by_time[time] = by_time.get(time, b"") + record
    return Analyses(by_time)
