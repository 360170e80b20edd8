"""What meteorology there is in a folder: files, hours, gaps, grid, levels, and which receptors it covers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.met.arl import ArlError, ArlFile
from stilt.met.dataset.analyses import analyses_of
from stilt.met.files import Span, gaps
from stilt.met.header import read_header
from stilt.met.listing import listing
from stilt.met.minutes import minute_of, time_of
from stilt.met.names import name_pattern

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    import numpy as np
    from numpy.typing import NDArray

    from stilt.config.schema import Met
    from stilt.met.arl import Level
    from stilt.met.dataset.analyses import DatasetAnalysis
    from stilt.met.grid import Grid

LEVEL_TYPES = {1: "sigma", 2: "pressure", 3: "terrain-following height", 4: "hybrid"}


@dataclass(frozen=True, slots=True)
class Collection:
    """Files of one source on one grid.

    Of NetCDF files several may have the fields of one time between them; times are those that have levels.

    Attributes
    ----------
    files
        With what does not change in time last.
    """

    files: tuple[ArlFile, ...]

    @property
    def analyses(self) -> tuple[DatasetAnalysis, ...]:
        """The times of NetCDF files together; nothing of ARL files.

        Raises
        ------
        TransportError
            If their levels don't fit.
        """
        if self.files[0].format == "ARL":
            return ()
        return next(iter(analyses_of(self.files)), ())

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels of the first time, the surface first."""
        analyses = self.analyses
        return analyses[0].levels if analyses else self.files[0].levels

    @property
    def grid(self) -> Grid:
        """The grid that all of them have."""
        return self.files[0].grid

    @property
    def times(self) -> list[datetime]:
        """All analysis times, ascending and each once."""
        if self.analyses:
            return [time_of(analysis.minutes) for analysis in self.analyses]
        return sorted({time for file in self.files for time in file.times})

    @property
    def span(self) -> Span:
        """From the first analysis to the last."""
        times = self.times
        return Span(times[0], times[-1])

    @property
    def step(self) -> timedelta | None:
        """The longest of the files' own steps: more than that between two analyses is a gap."""
        return max((file.step for file in self.files if file.step), default=None)

    @property
    def gaps(self) -> list[Span]:
        """Stretches without meteorology between the first analysis and the last."""
        return gaps([file for file in self.files if not file.is_constant])

    @property
    def size_bytes(self) -> int:
        """What the files take on disk."""
        return sum(file.path.stat().st_size for file in self.files)


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a folder holds for one meteorology.

    Attributes
    ----------
    collections
        The files that read as meteorology, the largest collection first.
    unread
        For every other file whose name fits, why it does not read.
    """

    collections: tuple[Collection, ...]
    unread: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Covered:
    """How many receptors a collection covers, and why it does not cover the others.

    Attributes
    ----------
    receptors, covered
        All, and those whose whole run it covers.
    hours, domain
        Masks over the receptors: some hour is missing; some release point is outside of the grid.
    """

    receptors: int
    covered: int
    hours: NDArray[np.bool_]
    domain: NDArray[np.bool_]


def take_inventory(met: Met) -> Inventory:
    """Read the headers of every file whose name fits the met's ``file_format``."""
    fits = name_pattern(met.file_format or "").search
    known = listing(met.directory)
    known.refresh(older_than_s=0)
    groups: dict[tuple[str, str, Grid], list[ArlFile]] = {}
    unread: list[str] = []
    for path in filter(fits, known.paths):
        try:
            file = read_header(Path(path))
        except (ArlError, OSError) as error:
            unread.append(str(error))
        else:
            groups.setdefault((file.format, file.model, file.grid), []).append(file)
    ordered = sorted(groups.values(), key=len, reverse=True)
    for files in ordered:
        files.sort(key=lambda file: (file.is_constant, len(file.levels) == 1))
    return Inventory(tuple(Collection(tuple(files)) for files in ordered), tuple(unread))


def coverage(
    collection: Collection,
    n_hours: int,
    minutes: NDArray[np.int64],
    points: Sequence[Sequence[tuple[float, float]]],
) -> Covered:
    """Hold receptors against a collection.

    Parameters
    ----------
    collection
        The files.
    n_hours
        Length of a run.
    minutes
        Time of each receptor, minutes since 1970 UTC.
    points
        Longitudes and latitudes of the release points of each receptor.
    """
    import numpy as np

    starts, ends = (
        np.minimum(minutes, minutes + 60 * n_hours),
        np.maximum(minutes, minutes + 60 * n_hours),
    )
    span = collection.span
    hours = (starts < minute_of(span.start)) | (ends > minute_of(span.end))
    for gap in collection.gaps:
        hours |= (starts < minute_of(gap.end)) & (ends > minute_of(gap.start))
    inside = {point: collection.grid.contains(*point) for point in {p for ps in points for p in ps}}
    domain = np.array([not all(inside[point] for point in own) for own in points], dtype=bool)
    return Covered(len(minutes), int(np.sum(~(hours | domain))), hours, domain)
