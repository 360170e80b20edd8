"""Met files by their names, and how far their analyses go."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stilt.met.arl import ArlError, ArlFile, is_arl
from stilt.met.dataset.magic import kind_of
from stilt.met.dataset.naming import table_of_met
from stilt.met.header import read_header
from stilt.met.listing import listing
from stilt.met.minutes import minute_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from stilt.config.schema import Met
    from stilt.foundations.simulation import Receptor
    from stilt.met.dataset.naming import Table

NAMED = 5
"""How many missing files a message names."""

_IN_A_ROW, _AT_AN_END = 3, 2
"""Equal spacings next to each other that are a step of their own, and not files that are missing."""


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
    path, table = Path(direct), table_of_met(met)
    if is_arl(direct) or (kind_of(path) and read_headers((path,), table)):
        return (path,)
    known = listing(met.directory)
    known.refresh()
    paths = known.search(name)
    if not paths and has_month_names(met):
        paths = known.search(f"(?i){name}")
    found = map(Path, paths)
    return tuple(
        path for path in found if path.is_file()
    )  # the folder may be newer than its listing


def read_headers(files: Sequence[Path], table: Table) -> list[ArlFile] | None:
    """Return the headers of all files, or None where one of them does not read: then nothing is concluded."""
    try:
        return [read_header(path, table) for path in files]
    except (ArlError, OSError):
        return None


def gaps(headers: Sequence[ArlFile], longest: int | None = None) -> list[Span]:
    """Return the stretches between first and last analysis that are longer than the files' own longest step.

    Files of a single time have no step: what is unusual between them tells, and ``longest`` (as of ``holes``).
    """
    times = sorted({time for header in headers for time in header.times})
    step = max((header.step for header in headers if header.step), default=None)
    if step is None:
        return holes(np.array([minute_of(time) for time in times], np.int64), longest)
    return [Span(earlier, later) for earlier, later in pairwise(times) if later - earlier > step]


def usual_step(minutes: NDArray[np.int64]) -> int | None:
    """Return the most frequent spacing of ascending times, of equally frequent ones the least; None of one time."""
    spacings, counts = np.unique(np.diff(minutes), return_counts=True)
    return int(spacings[np.argmax(counts)]) if len(spacings) else None


def holes(minutes: NDArray[np.int64], longest: int | None = None) -> list[Span]:
    """Return the stretches between times, those of files of a single time, that are longer than usual.

    ``minutes`` ascend. A step may change: several longer spacings in a row that are alike are no holes, unless they
    are longer than ``longest``, where that is known.
    """
    spacings = np.diff(minutes)
    first = np.flatnonzero(np.diff(spacings, prepend=-1))
    lengths = np.diff(first, append=len(spacings))
    needed = np.full(len(first), _IN_A_ROW)
    needed[:1] = needed[-1:] = _AT_AN_END
    is_hole = (spacings > (usual_step(minutes) or 0)) & np.repeat(lengths < needed, lengths)
    if longest is not None:
        is_hole |= spacings > longest
    return [
        Span(time_of(minutes[place]), time_of(minutes[place + 1]))
        for place in np.flatnonzero(is_hole)
    ]


def unique(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Drop repetitions of one physical file, whatever its name."""
    seen: dict[tuple[int, int], Path] = {}
    for path in paths:
        status = path.stat()
        seen.setdefault((status.st_dev, status.st_ino), path)
    return tuple(seen.values())
