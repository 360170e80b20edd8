"""Fetching what runs need into the folder that tasks read; each file has its name when it is whole."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from stilt.foundations.errors import EnvironmentFailure, InputError
from stilt.foundations.room import no_room
from stilt.met.dataset.magic import heart_of
from stilt.met.distant.awaited import await_files
from stilt.met.folder import look_again
from stilt.met.needed import needed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from stilt.met.distant.place import Distant, Place
    from stilt.met.distant.survey import Survey

_GB = 1e9


def fetch(found: Survey, minutes: NDArray[np.int64], n_hours: int) -> Iterator[Path]:
    """Fetch what a survey found lacking, then those next to it that headers ask for; yield each.

    Raises
    ------
    StiltError
        If it is too much, or does not come. Files that came stay.
    """
    found.refuse_too_much()
    beside = dict(found.beside or {})
    left = _Left(found)
    found.here.sweep()
    yield from _fetched(found, found.lacking, left)
    while True:
        await_files(found.met)
        look_again(found.met.directory)
        if not beside:
            return
        missing = needed(found.met, minutes, n_hours).missing
        more = [file for name in missing for file in beside.pop(name, ())]
        if not more:
            return
        yield from _fetched(found, found.here.lacking(more), left)


def _fetched(found: Survey, files: Iterable[Distant], left: _Left) -> Iterator[Path]:
    place = found.place
    if place is None:
        return
    for file in sorted(files, key=_is_heart):
        yield _one(found, place, file, left)


def _one(found: Survey, place: Place, file: Distant, left: _Left) -> Path:
    try:
        return found.here.put(file, partial(_write, place, file, left))
    except OSError as error:
        what, remedy = no_room(error, found.here.folder) or (
            error.strerror or error,
            "mend the folder",
        )
        raise EnvironmentFailure(
            f"{found.here.folder / file.name} can't be written: {what}",
            f"{remedy}, and fetch again: what came stays",
            code="MET_FOLDER_UNWRITABLE",
        ) from error


def _write(place: Place, file: Distant, left: _Left, to: Path) -> None:
    place.fetch(file, to, left.take)


def _is_heart(file: Distant) -> bool:
    """Tell whether a store counts as one from when this file is there: it comes last."""
    return bool(heart_of([file.name.rpartition("/")[2]]))


class _Left:
    """How much may still come: a server may tell no size, or a wrong one."""

    def __init__(self, found: Survey) -> None:
        self._found = found
        self._bytes = found.met.fetch_limit_gb * _GB - found.others

    def take(self, count: int) -> None:
        """Note bytes that came.

        Raises
        ------
        InputError
            If they are too many.
        """
        self._bytes -= count
        if self._bytes < 0:
            name, limit = self._found.name, self._found.met.fetch_limit_gb
            raise InputError(
                f"met {name}: more came than mets.{name}.fetch_limit_gb, which is {limit:g}",
                "raise it, or ask for fewer hours",
                code="MET_FETCH_LIMIT",
            )
