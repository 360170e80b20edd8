"""What a folder of meteorology holds, by the headers of its files: indexed once, and again where files change.

The index is kept beside the outputs (``stilt.met.kept``), so that workers need not read every header again. It is a
cache: an entry counts only while path, size and time of change of its file are the same.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from stilt.met.arl import ArlError, ArlFile, Level
from stilt.met.dataset.levels import INSTALL
from stilt.met.dataset.magic import heart_of
from stilt.met.dataset.naming import Table, table_of_met
from stilt.met.grid import Grid
from stilt.met.header import read_header
from stilt.met.kept import keep, kept
from stilt.met.listing import STALE_S, listing
from stilt.met.minutes import MOST_MINUTES, minute_of, time_of
from stilt.met.names import is_met_name, name_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from stilt.config.schema import Met

    Minutes = NDArray[np.int64]

_FORMAT = 5

_recent: dict[tuple[str, str | None, Table], tuple[float, FolderIndex | None]] = {}


class _Kind(msgspec.Struct, frozen=True, array_like=True):
    """What files of one product have in common."""

    model: str
    grid: tuple[float, ...]
    levels: tuple[tuple[float, tuple[str, ...]], ...]
    level_type: int
    pressure_offset: float
    format: str = "ARL"
    table: Table = ()


class _Entry(msgspec.Struct, array_like=True):
    """One file: when it was looked at, and what it said. ``kind`` is negative for what is no met file."""

    path: str
    size: int
    changed: int
    kind: int = -1
    minutes: list[int] = []
    changes: int | None = None
    varies: int | None = None
    cut: str = ""
    contents: list[int] = []

    def times(self) -> Iterator[int]:
        """Return all moments that it names, minutes since 1970 UTC."""
        more = (self.changes, self.varies)
        yield from (*self.minutes, *(minute for minute in more if minute is not None))


class _Stored(msgspec.Struct):
    """An index as it is kept."""

    format: int
    kinds: list[_Kind]
    entries: list[_Entry]


@dataclass(eq=False)
class Product:
    """Files of one model on one grid, in the order of their first time; of NetCDF, those with the same fields.

    Attributes
    ----------
    name
        The model and the grid, for people.
    family
        The same for products that have the fields of one meteorology between them.
    is_constant
        Whether they hold only what does not change in time.
    starts, ends
        First and last analysis of each file, minutes since 1970 UTC, shape (files,).
    """

    name: str
    family: object
    is_constant: bool
    starts: Minutes
    ends: Minutes
    _entries: list[_Entry]
    _kinds: list[_Kind]
    _headers: dict[int, ArlFile] = field(default_factory=dict)

    @cached_property
    def minutes(self) -> Minutes:
        """All analysis times, minutes since 1970 UTC, ascending and each once."""
        return np.unique([minute for entry in self._entries for minute in entry.minutes])

    def header(self, place: int) -> ArlFile:
        """Return what a file says of itself."""
        if place not in self._headers:
            entry = self._entries[place]
            self._headers[place] = _header(entry, self._kinds[entry.kind])
        return self._headers[place]

    def headers(self) -> Iterator[ArlFile]:
        """Return what all files say of themselves."""
        return map(self.header, range(len(self._entries)))

    def span_of(self, begin: Minutes, end: Minutes) -> tuple[Minutes, Minutes, Minutes, Minutes]:
        """Return which files runs need: from and up to, then the same with the neighbours that they need too.

        A file next to those in a run's hours is needed where these begin after the run, or end before it.
        """
        reached = np.maximum.accumulate(self.ends)
        low = np.searchsorted(reached, begin, "left")
        high = np.searchsorted(self.starts, end, "right")
        low = np.minimum(low, high)
        last = len(self.starts) - 1
        early = (low == high) | (self.starts[np.minimum(low, last)] > begin)
        late = (low == high) | (reached[np.maximum(high - 1, 0)] < end)
        return low, high, np.maximum(low - early, 0), np.minimum(high + late, last + 1)


@dataclass
class FolderIndex:
    """What a folder holds.

    Attributes
    ----------
    products
        The files that read as meteorology.
    left_out
        Those that do not, and copies that are cut off where a whole file for the same hours is.
    why
        For each of them, what is wrong with it.
    """

    products: list[Product]
    left_out: list[str]
    why: dict[str, str]


def folder_index(met: Met) -> FolderIndex:
    """Return what a meteorology's folder holds, of files whose name fits ``file_format`` if there is one.

    The folder is looked at again once what is known is older than a minute: a task asks for each simulation.
    """
    table = table_of_met(met)
    key = (met.directory, met.file_format, table)
    now = time.monotonic()
    at, index = _recent.get(key, (0.0, None))
    if index is None or now - at > STALE_S:
        found = [
            facts
            for facts in _files(met.directory)
            if met.file_format is None or name_pattern(met.file_format).search(facts[0])
        ]
        index = _indexed(f"{met.directory}{table or ''}", tuple(found), table)
        _recent[key] = now, index
    return index


def look_again(directory: str) -> None:
    """Let the folder be looked at again when it is next asked about."""
    listing(directory).refresh(older_than_s=-1.0)
    for key in [key for key in _recent if key[0] == directory]:
        del _recent[key]


@lru_cache(maxsize=16)
def _indexed(name: str, found: tuple[tuple[str, int, int], ...], table: Table) -> FolderIndex:
    stored = _load(name, table)
    known = {(entry.path, entry.size, entry.changed): entry for entry in stored.entries}
    numbers = {kind: number for number, kind in enumerate(stored.kinds)}
    entries, is_new = [], False
    why: dict[str, str] = {}
    for facts in found:
        entry = known.get(facts)
        if entry is None:
            entry, is_new = _look(*facts, numbers, table), True
        entries.append(entry)
    kinds = list(numbers)
    if is_new:
        asked = set(found)
        others = [entry for key, entry in known.items() if key not in asked]
        lasting = [entry for entry in entries if INSTALL not in entry.cut]
        stored = _Stored(_FORMAT, kinds, lasting + _still(others))
        keep(name, msgspec.json.encode(stored))
    why |= {entry.path: entry.cut for entry in entries if entry.kind < 0}
    products, doubles = _products([entry for entry in entries if entry.kind >= 0], kinds)
    why |= {entry.path: entry.cut for entry in doubles}
    return FolderIndex(products, list(why), why)


def _still(entries: list[_Entry]) -> list[_Entry]:
    """Return entries of files that are there and were not asked for now: other settings may ask for them."""
    return [entry for entry in entries if Path(entry.path).is_file()]


def _files(directory: str) -> list[tuple[str, int, int]]:
    """List a folder and its subfolders: path, size, time of change; each physical file once."""
    found, seen, folders = [], set(), [directory]
    for folder in folders:
        with contextlib.suppress(OSError), os.scandir(folder) as scanned:
            entries = sorted(scanned, key=lambda each: each.name)
            heart = heart_of([entry.name for entry in entries])
            for entry in entries:
                if heart and entry.name != heart:  # all else in a store is its chunks
                    continue
                with contextlib.suppress(OSError):
                    facts = entry.stat()
                    key = (facts.st_dev, facts.st_ino)
                    if key in seen or not is_met_name(entry.name):
                        continue
                    seen.add(key)
                    if entry.is_dir():
                        folders.append(entry.path)
                    elif entry.is_file():
                        found.append((entry.path, facts.st_size, facts.st_mtime_ns))
    return found


def _look(path: str, size: int, changed: int, numbers: dict[_Kind, int], table: Table) -> _Entry:
    try:
        header = read_header(Path(path), table)
    except (ArlError, OSError) as error:
        return _Entry(path, size, changed, cut=str(error))
    grid = header.grid.values
    levels = tuple((level.height, level.variables) for level in header.levels)
    offset = header.pressure_offset
    kind = _Kind(header.model, grid, levels, header.level_type, offset, header.format, header.table)
    return _Entry(
        path,
        size,
        changed,
        numbers.setdefault(kind, len(numbers)),
        [minute_of(time) for time in header.times],
        None if header.changes is None else minute_of(header.changes),
        None if header.varies is None else minute_of(header.varies),
        header.cut,
        list(header.contents),
    )


def _products(entries: list[_Entry], kinds: list[_Kind]) -> tuple[list[Product], list[_Entry]]:
    """Sort files by model and grid; leave out cut ones whose hours begin as those of a whole one do."""
    by_grid: dict[tuple[str, str, tuple[float, ...], int], list[_Entry]] = {}
    for entry in entries:
        kind = kinds[entry.kind]
        part = 0 if kind.format == "ARL" else 1 + entry.kind
        by_grid.setdefault((kind.format, kind.model, kind.grid, part), []).append(entry)
    products, doubles = [], []
    for (form, model, values, _), some in sorted(by_grid.items()):
        whole = {entry.minutes[0] for entry in some if not entry.cut}
        doubles += [entry for entry in some if entry.cut and entry.minutes[0] in whole]
        kept = [entry for entry in some if not entry.cut or entry.minutes[0] not in whole]
        kept.sort(key=lambda entry: (entry.minutes[0], entry.minutes[-1], entry.path))
        grid = _grid(values)
        name = f"{model or form} ({grid.nx} x {grid.ny} points of {grid.spacing})"
        is_constant = _header(kept[0], kinds[kept[0].kind]).is_constant
        family = form, model, values
        starts = np.array([entry.minutes[0] for entry in kept], np.int64)
        ends = np.array([entry.minutes[-1] for entry in kept], np.int64)
        products.append(Product(name, family, is_constant, starts, ends, kept, kinds))
    return products, doubles


@lru_cache(maxsize=256)
def _grid(values: tuple[float, ...]) -> Grid:
    grid = Grid.of(values)
    assert grid is not None  # noqa: S101 - what is kept was looked at
    return grid


def _header(entry: _Entry, kind: _Kind) -> ArlFile:
    return ArlFile(
        Path(entry.path),
        kind.model,
        _grid(kind.grid),
        tuple(time_of(minute) for minute in entry.minutes),
        _levels(kind.levels),
        kind.level_type,
        kind.pressure_offset,
        None if entry.changes is None else time_of(entry.changes),
        None if entry.varies is None else time_of(entry.varies),
        entry.cut,
        kind.format,
        tuple(entry.contents),
        kind.table,
    )


@lru_cache(maxsize=256)
def _levels(levels: tuple[tuple[float, tuple[str, ...]], ...]) -> tuple[Level, ...]:
    return tuple(Level(height, names) for height, names in levels)


def _load(directory: str, table: Table) -> _Stored:
    with contextlib.suppress(msgspec.MsgspecError, RecursionError):
        stored = msgspec.json.decode(kept(directory), type=_Stored)
        if stored.format == _FORMAT and _fits(stored, table):
            return stored
    return _Stored(_FORMAT, [], [])


def _fits(stored: _Stored, table: Table) -> bool:
    """Return whether an index has values as stilt writes them: others may be able to write it, too."""
    places = range(-1, len(stored.kinds))
    return all(
        kind.table in ((), table) and Grid.of(kind.grid) is not None for kind in stored.kinds
    ) and all(
        entry.kind in places
        and bool(entry.minutes) == (entry.kind >= 0)
        and len(entry.contents) in (0, len(entry.minutes))
        and all(abs(minute) < MOST_MINUTES for minute in entry.times())
        for entry in stored.entries
    )
