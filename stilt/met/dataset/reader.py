"""Fields of one time of NetCDF files, as any analysis gives them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from stilt.foundations.failures import Reason, TransportError
from stilt.met.analysis import PRESSURE, FieldReader
from stilt.met.arl import ArlError
from stilt.met.dataset.content import content_of
from stilt.met.dataset.quantities import PARTNERS
from stilt.met.dataset.tiles import TILES
from stilt.met.dataset.underground import filled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from stilt.met.arl import ArlFile, Level
    from stilt.met.dataset.content import Content

    Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Part:
    """A time of one file.

    Attributes
    ----------
    header
        Of the file.
    position
        Of the time in it.
    """

    header: ArlFile
    position: int

    @property
    def path(self) -> Path:
        """The file."""
        return self.header.path

    @property
    def content(self) -> Content:
        """What the file holds, by the table that its header was read with."""
        return content_of(self.path, self.header.table)

    @property
    def levels(self) -> tuple[Level, ...]:
        """What the file has: the surface first, then upward."""
        return self.header.levels


class DatasetReader(FieldReader):
    """Reads rectangles of the fields of one time."""

    def __init__(self, parts: Sequence[Part], levels: tuple[Level, ...]) -> None:
        self._parts: dict[tuple[str, bool], Part] = {}
        for part in parts:
            for number, level in enumerate(part.levels):
                for name in level.variables:
                    self._parts.setdefault((name, number > 0), part)
        self._levels = levels

    def has(self, name: str, level: int = 0) -> bool:
        """Tell whether there is a variable at a level."""
        return name in self._levels[level].variables if level < len(self._levels) else False

    def last_of(self, *names: str, level: int = 0) -> str | None:
        """Return the first of these variables of a level: in these files no order means anything."""
        return next((name for name in names if self.has(name, level)), None)

    def is_before(self, name: str, other: str, level: int) -> bool:
        """Tell whether a level has both variables; of what is added to another there is none here."""
        return self.has(name, level) and self.has(other, level)

    def origin(self, name: str) -> str:
        """Tell people which variable of a file it is, and what is done with it."""
        part = self._parts.get((name, False))
        if part is None:
            return ""
        found = part.content.fields[name]
        return f"{found.variable} ({found.words})" if found.words else found.variable

    def stack(
        self,
        wanted: Sequence[tuple[str, int] | None],
        rows: tuple[int, int],
        columns: tuple[int, int],
    ) -> NDArray[np.float32]:
        """Return several fields, given by name and level, shape (fields, rows, columns); zeros for None.

        Raises
        ------
        TransportError
            ``MET_MISSING`` if a file has gone or changed, or has no values there.
        """
        out = np.zeros((len(wanted), rows[1] - rows[0], columns[1] - columns[0]), np.float32)
        volumes: dict[tuple[str, bool], NDArray[np.float32]] = {}
        for place, each in enumerate(wanted):
            if each is None:
                continue
            name, level = each
            key = name, level > 0
            if key not in volumes:
                volumes[key] = self._volume(*key, rows, columns)
            out[place] = volumes[key][max(0, level - 1)]
        return out

    def _volume(
        self, name: str, is_aloft: bool, rows: tuple[int, int], columns: tuple[int, int]
    ) -> NDArray[np.float32]:
        part = self._parts[name, is_aloft]
        if not part.content.fields[name].is_turned:
            return self._as_it_is(part, name, rows, columns)
        other = PARTNERS[name]
        beside = self._as_it_is(self._parts[other, is_aloft], other, rows, columns)
        along = self._as_it_is(part, name, rows, columns)
        angle = part.content.axes.grid.tilt(rows, columns)
        sine = np.sin(angle) * (-1.0 if name[0] == "U" else 1.0)
        return np.asarray(np.cos(angle) * along + sine * beside, np.float32)

    def _as_it_is(
        self, part: Part, name: str, rows: tuple[int, int], columns: tuple[int, int]
    ) -> NDArray[np.float32]:
        try:
            values = TILES.read(part.content, name, part.position, rows, columns)
        except (ArlError, OSError, RuntimeError, KeyError, IndexError) as error:
            raise TransportError(
                Reason.MET_MISSING, f"{part.path}: {name} can't be read: {error}"
            ) from error
        if np.isnan(values).any():
            values = self._with_underground(part, name, values, (rows, columns))
        if np.isnan(values).any():
            raise TransportError(
                Reason.MET_MISSING,
                f"{part.path}: {name} is missing at some points of rows {rows[0]} to {rows[1]} from the south, "
                f"columns {columns[0]} to {columns[1]} from the west",
            )
        return values

    def _with_underground(
        self, part: Part, name: str, values: NDArray[np.float32], area: tuple[Span, Span]
    ) -> NDArray[np.float32]:
        ground, warm = self._parts.get(("PRSS", False)), self._parts.get(("TEMP", True))
        is_aloft = part.content.fields[name].quantity.is_aloft
        if part.header.level_type != PRESSURE or not is_aloft or ground is None or warm is None:
            return values
        levels = np.array([level.height for level in part.levels[1:]])
        (surface,) = self._as_it_is(ground, "PRSS", *area)
        temperature = partial(self._as_it_is, warm, "TEMP", *area) if name == "HGTS" else None
        return filled(values, levels, surface, temperature)
