"""Met files by their names, and how far their analyses go."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.met.arl import ArlError, ArlFile, is_arl
from stilt.met.dataset.magic import kind_of
from stilt.met.header import read_header
from stilt.met.listing import listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from stilt.config.schema import Met
    from stilt.foundations.simulation import Receptor

NAMED = 5
"""How many missing files a message names."""


@dataclass(frozen=True, slots=True)
class Span:
    """The time that a run needs meteorology for."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, receptor: Receptor, n_hours: int) -> Span:
        """Return the span of a run, earlier time first."""
        released = receptor.when
        other = released + timedelta(hours=n_hours)
        return cls(min(released, other), max(released, other))

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


def expected_name(met: Met, time: datetime) -> str:
    """Return ``file_format`` for one file time."""
    return time.strftime(met.file_format or "")


def has_month_names(met: Met) -> bool:
    """Tell whether file names have names of months, whose case differs from archive to archive."""
    return any(code in (met.file_format or "") for code in ("%b", "%B"))


def match(met: Met, time: datetime) -> tuple[Path, ...]:
    """Return the files whose path the expanded ``file_format`` matches, as text or as a regular expression."""
    name = expected_name(met, time)
    direct = os.path.join(met.directory, name)  # noqa: PTH118 - most names are whole: no folder need be listed
    if is_arl(direct) or (kind_of(Path(direct)) and read_headers((Path(direct),))):
        return (Path(direct),)
    known = listing(met.directory)
    known.refresh()
    paths = known.search(name)
    if not paths and has_month_names(met):
        paths = known.search(f"(?i){name}")
    found = map(Path, paths)
    return tuple(
        path for path in found if path.is_file()
    )  # the folder may be newer than its listing


def read_headers(files: Sequence[Path]) -> list[ArlFile] | None:
    """Return the headers of all files, or None where one of them does not read: then nothing is concluded."""
    try:
        return [read_header(path) for path in files]
    except (ArlError, OSError):
        return None


def gaps(headers: Sequence[ArlFile]) -> list[Span]:
    """Return the stretches between first and last analysis that are longer than the files' own longest step."""
    times = sorted({time for header in headers for time in header.times})
    step = max((header.step for header in headers if header.step), default=None)
    if step is None:
        return []
    return [Span(earlier, later) for earlier, later in pairwise(times) if later - earlier > step]


def unique(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Drop repetitions of one physical file, whatever its name."""
    seen: dict[tuple[int, int], Path] = {}
    for path in paths:
        status = path.stat()
        seen.setdefault((status.st_dev, status.st_ino), path)
    return tuple(seen.values())
