"""Which met files a simulation needs: by folder, name format and the time from file to file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.foundations.failures import Reason, TransportError
from stilt.met.arl import ArlError, ArlFile, read_arl
from stilt.met.listing import STALE_S, listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stilt.config.schema import Met
    from stilt.foundations.simulation import Receptor

NAMED = 5
"""How many missing files a message names."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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


def find_met_files(met: Met, receptor: Receptor, n_hours: int) -> tuple[Path, ...]:
    """Return the files that a run needs, in the order of time.

    Those of every file time from the one that begins before the run to the one in which it ends. The last hours of a
    run can lie between the last analysis of their file and the first of the next, so the neighbouring file is taken
    too where it is needed, or where the headers do not tell: one file more never changes a result.

    Raises
    ------
    TransportError
        MET_MISSING, naming the files, unless what is there covers the run without them; MET_COVERAGE if the files
        are there and their headers say that they end too early.
    """
    span = Span.of(receptor, n_hours)
    times = list(_file_times(span, met.step_s))
    found = {time: match(met, time) for time in times}
    missing = [time for time in times if not found[time]]
    if missing and listing(met.directory).refresh(older_than_s=STALE_S):
        found = {time: match(met, time) for time in times}
        missing = [time for time in times if not found[time]]
    files = _unique(path for time in times for path in found[time])
    files, lacking = _with_neighbours(files, met, times, span)
    headers = read_headers(files)
    gap = _uncovered(headers, span) if headers else None
    missing += lacking
    if len(files) < met.n_met_min or (missing and (headers is None or gap)):
        raise _missing_files(met, missing or times, span)
    if gap:
        raise TransportError(Reason.MET_COVERAGE, f"the run needs {span}, and {gap}")
    return files


def expected_name(met: Met, time: datetime) -> str:
    """Return ``file_format`` for one file time."""
    return time.strftime(met.file_format)


def match(met: Met, time: datetime) -> tuple[Path, ...]:
    """Return the files whose path the expanded ``file_format`` matches, as text or as a regular expression."""
    name = expected_name(met, time)
    direct = os.path.join(met.directory, name)  # noqa: PTH118 - most names are whole: no folder need be listed
    if os.path.isfile(direct):  # noqa: PTH113
        return (Path(direct),)
    known = listing(met.directory)
    known.refresh()
    found = map(Path, known.search(name))
    return tuple(
        path for path in found if path.is_file()
    )  # the folder may be newer than its listing


def read_headers(files: Sequence[Path]) -> list[ArlFile] | None:
    """Return the headers of all files, or None where one of them does not read: then nothing is concluded."""
    try:
        return [read_arl(path) for path in files]
    except (ArlError, OSError):
        return None


def gaps(headers: Sequence[ArlFile]) -> list[Span]:
    """Return the stretches between first and last analysis that are longer than the files' own longest step."""
    times = sorted({time for header in headers for time in header.times})
    step = max((header.step for header in headers if header.step), default=None)
    if step is None:
        return []
    return [Span(earlier, later) for earlier, later in pairwise(times) if later - earlier > step]


def _file_times(span: Span, step_s: int) -> Iterator[datetime]:
    time = _floor(span.start, step_s)
    while time <= span.end:
        yield time
        time += timedelta(seconds=step_s)


def _floor(time: datetime, step_s: int) -> datetime:
    return _EPOCH + timedelta(seconds=(time - _EPOCH) // timedelta(seconds=step_s) * step_s)


def _with_neighbours(
    files: tuple[Path, ...], met: Met, times: Sequence[datetime], span: Span
) -> tuple[tuple[Path, ...], list[datetime]]:
    """Add the file before and the file after where the run needs, or may need, an analysis of theirs.

    Returns
    -------
    tuple
        The files, and the times of those that are needed and not there.
    """
    step = timedelta(seconds=met.step_s)
    before, after = times[0] - step, times[-1] + step
    headers = read_headers(files)
    if not headers:
        return _unique((*files, *match(met, after))), []
    lacking = []
    if max(header.times[-1] for header in headers) < span.end:
        found = match(met, after)
        files = _unique((*files, *found))
        lacking += [] if found else [after]
    if min(header.times[0] for header in headers) > span.start:
        found = match(met, before)
        files = _unique((*found, *files))
        lacking += [] if found else [before]
    return files, lacking


def _uncovered(headers: Sequence[ArlFile], span: Span) -> str | None:
    """Say which part of a run the analyses do not enclose; None where they do."""
    times = sorted({time for header in headers for time in header.times})
    covered = Span(times[0], times[-1])
    if covered.start > span.start or covered.end < span.end:
        return f"the meteorology covers {covered}"
    for gap in gaps(headers):
        if gap.end > span.start and gap.start < span.end:
            return f"the meteorology has nothing between {gap}"
    return None


def _missing_files(met: Met, missing: Sequence[datetime], span: Span) -> TransportError:
    names = list(dict.fromkeys(expected_name(met, time) for time in missing))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return TransportError(
        Reason.MET_MISSING,
        f"{met.directory} has no {', '.join(names[:NAMED])}{more} "
        f"(one is due every {met.file_tres}; the run needs {span})",
    )


def _unique(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Drop repetitions of one physical file, whatever its name."""
    seen: dict[tuple[int, int], Path] = {}
    for path in paths:
        status = path.stat()
        seen.setdefault((status.st_dev, status.st_ino), path)
    return tuple(seen.values())
