"""What meteorology there is in a folder: files, hours, gaps, grid, levels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from stilt.met.dataset.analyses import analyses_of
from stilt.met.dataset.magic import size_of
from stilt.met.files import Span, gaps, usual_step
from stilt.met.folder import folder_index
from stilt.met.minutes import minute_of, time_of
from stilt.met.overlaps import Overlap, overlaps

if TYPE_CHECKING:
    from datetime import datetime

    from stilt.config.schema import Met
    from stilt.met.arl import ArlFile, Level
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
    due_min
        Minutes from file to file where the config says so.
    """

    files: tuple[ArlFile, ...]
    due_min: int | None = None

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
        """The longest of the files' own steps: more than that between two analyses is a gap.

        Of files of a single time the usual one.
        """
        longest = max((file.step for file in self.files if file.step), default=None)
        if longest is not None:
            return longest
        usual = usual_step(np.array([minute_of(time) for time in self.times], np.int64))
        return None if usual is None else timedelta(minutes=usual)

    @property
    def gaps(self) -> list[Span]:
        """Stretches without meteorology between the first analysis and the last."""
        return gaps([file for file in self.files if not file.is_constant], self.due_min)

    @property
    def overlaps(self) -> list[Overlap]:
        """Where two of the files hold the same hours with other values."""
        return overlaps(self.files)

    @property
    def size_bytes(self) -> int:
        """What the files take on disk."""
        return sum(size_of(file.path) for file in self.files)


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a folder holds for one meteorology.

    Attributes
    ----------
    collections
        The files that read as meteorology, the largest collection first.
    unread
        For every other file whose name fits, why it is left out.
    """

    collections: tuple[Collection, ...]
    unread: tuple[str, ...]


def take_inventory(met: Met) -> Inventory:
    """Return what the folder's index has of files whose name fits the met's ``file_format``."""
    index = folder_index(met)
    groups: dict[object, list[ArlFile]] = {}
    for product in index.products:
        groups.setdefault(product.family, []).extend(product.headers())
    ordered = sorted(groups.values(), key=len, reverse=True)
    for files in ordered:
        files.sort(key=lambda file: (file.is_constant, len(file.levels) == 1))
    due = met.step_s // 60 if met.file_format and met.file_tres else None
    return Inventory(
        tuple(Collection(tuple(files), due) for files in ordered), tuple(index.why.values())
    )
