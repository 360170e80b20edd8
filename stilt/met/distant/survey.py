"""Which files of a meteorology at a distance runs need, and which of these are not here yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stilt.foundations.errors import EnvironmentFailure, InputError
from stilt.foundations.quantities import counted, size
from stilt.foundations.room import room_in
from stilt.met.distant.awaited import ALL, await_files
from stilt.met.distant.kept import Kept
from stilt.met.distant.place import Place
from stilt.met.files import expected_name
from stilt.met.minutes import time_of
from stilt.met.names import name_pattern
from stilt.met.needed import needed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from stilt.config.schema import Met
    from stilt.met.distant.place import Distant

_GB = 1e9


@dataclass(frozen=True, slots=True)
class Survey:
    """What runs need of a meteorology at a distance.

    Attributes
    ----------
    name, met
        Of the meteorology.
    place
        Its source; None where it could not be asked.
    here
        Where files are kept.
    lacking
        Those that are not here, or not as they are there.
    beside
        By the name that ``file_format`` gives, those next to the hours of runs, which these may need too: that the
        headers of the others tell.
    others
        What is kept here besides, bytes.
    silent
        Why the source could not be asked, where all that is needed is here.
    """

    name: str
    met: Met
    here: Kept
    place: Place | None
    lacking: tuple[Distant, ...] = ()
    beside: dict[str, tuple[Distant, ...]] | None = None
    others: int = 0
    silent: str = ""

    @property
    def words(self) -> str:
        """How much is to be fetched, for people; empty if nothing is."""
        if not self.lacking:
            return ""
        more = _several(self.beside)
        might = f" (and {counted(len(more), 'file')}, {_size(more)}, if hours ask for them)"
        return (
            f"{counted(len(self.lacking), 'file')}, {_size(self.lacking)}{might if more else ''} "
            f"of {self.met.source}"
        )

    def refuse_too_much(self) -> None:
        """Refuse what is over the limit, or finds no room.

        Raises
        ------
        InputError
            If it is more than ``fetch_limit_gb``.
        EnvironmentFailure
            If the filesystem has less left.
        """
        more = sum(each.size or 0 for each in (*self.lacking, *_several(self.beside)))
        limit = self.met.fetch_limit_gb * _GB
        if self.lacking and more + self.others > limit:
            kept = f", with {size(self.others)} that are here," if self.others else ""
            by_name = (
                ""
                if self.beside is not None
                else " (with file_format and file_tres only what hours need)"
            )
            raise InputError(
                f"met {self.name}: {self.words} would be fetched{kept} and mets.{self.name}.fetch_limit_gb is "
                f"{self.met.fetch_limit_gb:g}",
                f"raise it, or ask for fewer hours{by_name}",
                code="MET_FETCH_LIMIT",
            )
        free = room_in(self.here.nearest_folder).free_bytes
        if more > free:
            raise EnvironmentFailure(
                f"met {self.name}: {self.words} would be fetched, and {self.here.folder} has room for {size(free)}",
                "make room, or set directory beside source to a folder that has it",
                code="DISK_SHORT",
            )


def survey(name: str, met: Met, minutes: NDArray[np.int64], n_hours: int) -> Survey:
    """Ask the source of a meteorology for what runs need that are released at these minutes since 1970 UTC.

    From then on, what is found missing here and is there is no refusal.

    Raises
    ------
    EnvironmentFailure
        If it can't be asked, and something is not here.
    """
    assert met.source is not None  # noqa: S101 - the caller has looked
    here = Kept(Path(met.directory), met.source)
    try:
        place = Place(met.source)
        found = _by_name(met, place, minutes, n_hours) if _is_named(met) else None
        wanted = found[0] if found else {ALL: _that_fit(met, place)}
    except EnvironmentFailure as error:
        await_files(met)
        if here.is_begun and not needed(met, minutes, n_hours).refused:
            return Survey(name, met, here, None, silent=error.message)
        raise
    lacking = {key: here.lacking(files) for key, files in wanted.items()}
    beside = None if found is None else {k: here.lacking(files) for k, files in found[1].items()}
    awaited = [key for key, files in (lacking | (beside or {})).items() if files]
    several = _several(lacking)
    await_files(met, awaited, [here.folder / each.name for each in several])
    others = here.size_bytes - sum(here.size_of(each) for each in several)
    return Survey(name, met, here, place, several, beside, others)


def _is_named(met: Met) -> bool:
    return met.file_format is not None and met.file_tres is not None


def _by_name(
    met: Met, place: Place, minutes: NDArray[np.int64], n_hours: int
) -> tuple[dict[str, tuple[Distant, ...]], dict[str, tuple[Distant, ...]]]:
    """Return the files of the times in which runs are, and those of the times beside, by name."""
    step = max(1, met.step_s // 60)
    first = np.minimum(minutes, minutes + 60 * n_hours) // step
    last = np.maximum(minutes, minutes + 60 * n_hours) // step
    spans = np.unique(np.stack([first, last]), axis=1).T.tolist()
    within = {time for low, high in spans for time in range(low, high + 1)}
    around = {time for low, high in spans for time in (low - 1, high + 1)} - within

    def files_of(times: Iterable[int]) -> dict[str, tuple[Distant, ...]]:
        names = dict.fromkeys(expected_name(met, time_of(time * step)) for time in sorted(times))
        return {name: _files(place, name) for name in names}

    return files_of(within), files_of(around)


def _files(place: Place, name: str) -> tuple[Distant, ...]:
    """Return the files of a name: most names are whole, and no folder need be listed."""
    direct = place.look(name)
    return (direct,) if direct is not None else tuple(place.search(name))


def _that_fit(met: Met, place: Place) -> tuple[Distant, ...]:
    pattern = None if met.file_format is None else name_pattern(met.file_format)
    return tuple(
        each for each in place.everything() if pattern is None or pattern.search(each.name)
    )


def _several(files: dict[str, tuple[Distant, ...]] | None) -> tuple[Distant, ...]:
    """Return each file once."""
    found = {each.name: each for some in (files or {}).values() for each in some}
    return tuple(found.values())


def _size(files: Iterable[Distant]) -> str:
    known = [each.size for each in files]
    at_least = "at least " if None in known else ""
    return f"{at_least}{size(sum(each or 0 for each in known))}"
