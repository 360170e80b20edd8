"""Where the fields of a GRIB file lie, kept with the indexes of met folders: found once, and used by all tasks.

It is a cache: it counts only while size and time of change of its file are the same, and what is damaged, not as
stilt writes it, or of somebody who is not trusted, is none. What a message is, it says itself again when it is decoded.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from stilt.met.arl import ArlFile, Level
from stilt.met.dataset.axes import Axes
from stilt.met.dataset.grib import Message, Messages
from stilt.met.dataset.grib_scan import scan
from stilt.met.dataset.levels import Levels  # noqa: TC001 - decoded to
from stilt.met.dataset.quantities import QUANTITIES, Found
from stilt.met.dataset.units import Conversion  # noqa: TC001 - decoded to
from stilt.met.grid import Grid
from stilt.met.kept import keep, kept
from stilt.met.minutes import MOST_MINUTES, time_of

if TYPE_CHECKING:
    from pathlib import Path

    Scanned = tuple[ArlFile, Axes, dict[str, Found], tuple[Found, ...], Messages]

_FORMAT = 6


class _Field(msgspec.Struct, array_like=True):
    """A ``Found``: place of its quantity among all, and the rest."""

    quantity: int
    variable: str
    rank: int
    convert: Conversion
    why_not: str
    words: str
    is_turned: bool

    @classmethod
    def of(cls, found: Found) -> _Field:
        place = QUANTITIES.index(found.quantity)
        words = found.why_not, found.words
        return cls(place, found.variable, found.rank, found.convert, *words, found.is_turned)

    @property
    def found(self) -> Found:
        quantity = QUANTITIES[self.quantity]
        words = self.why_not, self.words
        facts = quantity, self.variable, self.rank, self.convert, *words
        return Found(*facts, is_turned=self.is_turned)


class _Index(msgspec.Struct, array_like=True):
    """What was found in a file of this size and time of change."""

    format: int
    size: int
    changed: int
    grid: tuple[float, ...]
    turned: tuple[bool, bool]
    minutes: list[int]
    levels: Levels
    variables: list[tuple[str, ...]]
    fields: list[_Field]
    unused: list[_Field]
    messages: list[tuple[str, int, int, Message]]


def scanned(path: Path, size: int, changed: int, member: int | None) -> Scanned:
    """Return what ``scan`` finds in a file, from what was kept if it is of this size and time of change.

    Raises
    ------
    DatasetError
        As ``scan``.
    """
    name = f"{path} GRIB" if member is None else f"{path} GRIB {member}"
    with contextlib.suppress(msgspec.MsgspecError, RecursionError):
        index = msgspec.json.decode(kept(name, by_trusted=True), type=_Index)
        facts = index.format, index.size, index.changed
        if facts == (_FORMAT, size, changed) and _fits(index):
            return _content(path, index)
    found = scan(path, member)
    keep(name, msgspec.json.encode(_index(size, changed, found)))
    return found


def _index(size: int, changed: int, found: Scanned) -> _Index:
    header, axes, fields, unused, messages = found
    return _Index(
        _FORMAT,
        size,
        changed,
        axes.grid.values,
        (axes.is_from_north, axes.is_from_east),
        axes.minutes.tolist(),
        axes.levels,
        [level.variables for level in header.levels],
        [_Field.of(each) for each in fields.values()],
        [_Field.of(each) for each in unused],
        [(*key, message) for key, message in messages.by_place.items()],
    )


def _fits(index: _Index) -> bool:
    """Tell whether an index has values as stilt writes them: others may be able to write it, too."""
    levels, fields = index.levels, [*index.fields, *index.unused]
    count = len(levels.heights)
    if not all(0 <= each.quantity < len(QUANTITIES) for each in fields) or not index.minutes:
        return False
    grid = Grid.of(index.grid)
    names = {each.found.quantity.name: each.found.quantity.is_aloft for each in index.fields}
    listed = {name for some in index.variables for name in some}
    return (
        grid is not None
        and min(grid.nx, grid.ny) > 1
        and all(abs(minute) < MOST_MINUTES for minute in index.minutes)
        and len(index.variables) == count + 1
        and sorted(levels.order) in ([], list(range(count)))
        and all(len(values) in {0, count} for values in levels.hybrid)
        and listed <= names.keys()
        and all(
            name in names
            and 0 <= position < len(index.minutes)
            and 0 <= level < (count if names[name] else 1)
            and 0 <= message.offset < index.size
            and 0 <= message.part < index.size
            for name, position, level, message in index.messages
        )
    )


def _content(path: Path, index: _Index) -> Scanned:
    levels, grid = index.levels, Grid.of(index.grid)
    assert grid is not None  # noqa: S101 - it was looked at
    heights = (0.0, *levels.heights)
    header = ArlFile(
        path=path,
        model="",
        grid=grid,
        times=tuple(map(time_of, index.minutes)),
        levels=tuple(map(Level, heights, index.variables)),
        level_type=levels.kind,
        format="GRIB",
    )
    axes = Axes({}, np.array(index.minutes), grid, *index.turned, levels, ())
    found = [each.found for each in index.fields]
    fields = {each.quantity.name: each for each in found}
    by_place = {(name, time, level): message for name, time, level, message in index.messages}
    return header, axes, fields, tuple(each.found for each in index.unused), Messages(by_place)
