"""Getting meteorology before a run: from NOAA's archives, or cropped from files that are there.

Both are done once, by hand, before anything is submitted: workers only read, so that a thousand of them cannot
disturb each other. Files appear under their name when they are whole.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from stilt.foundations.errors import EnvironmentFailure, InputError
from stilt.met.files import Span
from stilt.met.minutes import time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from stilt.met.arl import ArlFile

Mirror = Literal["s3", "http", "ftp"]

_NEAR = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Part:
    """What is kept of each file.

    Attributes
    ----------
    box
        West, south, east, north in degrees; None for the whole grid.
    levels
        How many levels above the surface; None for all.
    """

    box: tuple[float, float, float, float] | None = None
    levels: int | None = None

    @property
    def level_indices(self) -> list[int] | None:
        """The levels as ARL counts them: 0 is the surface."""
        return None if self.levels is None else list(range(self.levels + 1))


def needed_spans(minutes: NDArray[np.int64], n_hours: int) -> list[Span]:
    """Return the stretches of time that runs from these minutes need, those that touch joined."""
    import numpy as np

    starts = np.unique(np.minimum(minutes, minutes + 60 * n_hours))
    length = timedelta(hours=abs(n_hours))
    spans: list[Span] = []
    for minute in starts.tolist():
        start = time_of(minute)
        if spans and start <= spans[-1].end + _NEAR:
            spans[-1] = Span(spans[-1].start, start + length)
        else:
            spans.append(Span(start, start + length))
    return spans


def download(
    archive: str, spans: Sequence[Span], folder: Path, part: Part, mirror: Mirror
) -> Iterator[Path]:
    """Fetch the files of one of NOAA's archives that cover these spans and are not there; yield each.

    Raises
    ------
    InputError
        If arlmet knows no such archive, or it does not go back so far.
    EnvironmentFailure
        If the archive can't be reached.
    """
    from arlmet.archives import ARCHIVES, get_archive

    names = ", ".join(sorted(ARCHIVES))
    if archive not in ARCHIVES:
        raise InputError(
            f"there is no archive {archive!r}", f"there are {names}", code="MET_ARCHIVE_UNKNOWN"
        )
    source = get_archive(archive)
    for span in spans:
        try:
            yield from source.fetch(
                f"{span.start:%Y-%m-%d %H:%M}",
                f"{span.end + _NEAR:%Y-%m-%d %H:%M}",  # the analysis after the last hour
                dest_dir=folder,
                mirror=mirror,
                bbox=part.box,
                levels=part.level_indices,
            )
        except ValueError as error:
            raise InputError(
                f"{archive}: {error}", f"the archives are {names}", code="MET_ARCHIVE_UNKNOWN"
            ) from error
        except (OSError, ImportError) as error:
            raise EnvironmentFailure(
                f"{archive} can't be downloaded from {mirror}: {error}",
                "try another --mirror, or a machine with a network",
                code="MET_FETCH_FAILED",
            ) from error


def crop(files: Sequence[ArlFile], source: Path, target: Path, part: Part) -> Iterator[Path]:
    """Write the part of each file under its own name into another folder; yield those that were written.

    A file that is there, and not older than its source, is left alone.

    Raises
    ------
    InputError
        If the box is outside of the grid or too small for ARL's format, or the files don't have such levels.
    """
    from arlmet import extract_subset

    other = next((file for file in files if file.format != "ARL"), None)
    if other is not None:
        raise InputError(
            f"{other.path} is {other.format}, and only ARL files are cropped",
            "write ARL files of it with `stilt met --convert`, or download a smaller area",
            code="MET_NOT_CROPPED",
        )
    for file in files:
        goal = target / file.path.relative_to(source)
        if goal.exists() and goal.stat().st_mtime >= file.path.stat().st_mtime:
            continue
        goal.parent.mkdir(parents=True, exist_ok=True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore"
                )  # of oddities in the file, which HYSPLIT reads all the same
                extract_subset(file.path, goal, bbox=part.box, levels=part.level_indices)
        except ValueError as error:
            raise InputError(
                f"{file.path} can't be cropped: {error}",
                "give a larger --crop, or other --levels",
                code="MET_NOT_CROPPED",
            ) from error
        yield goal


def overlapping(files: Sequence[ArlFile], spans: Sequence[Span]) -> list[ArlFile]:
    """Return the files with an analysis within, or next to, one of these spans."""
    return [
        file
        for file in files
        if any(
            file.times[0] <= span.end + _NEAR and file.times[-1] >= span.start - _NEAR
            for span in spans
        )
    ]
