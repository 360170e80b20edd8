"""GRIB files of both editions through ecCodes: where each field's message lies, and decoding one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from stilt.met.analysis import HYBRID, PRESSURE
from stilt.met.dataset.aec import library as aec
from stilt.met.dataset.codes import library
from stilt.met.dataset.grib_grid import MISSING, Keys, grid_of
from stilt.met.dataset.grib_packed import packed_at, values_of, without_values
from stilt.met.dataset.grib_starts import starts_of
from stilt.met.dataset.levels import DatasetError, of_borders
from stilt.met.dataset.quantities import HOUR_S, TURNED, WINDS, Found, recognise
from stilt.met.dataset.units import Conversion

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from stilt.met.dataset.axes import Axes
    from stilt.met.grid import Grid

    Key = tuple[str, int, int]
    Span = tuple[int, int]

PRESSURES, MODEL_LEVELS, GROUND = "pressure", "model", "ground"
_LEVEL_TYPES = {
    "isobaricInhPa": PRESSURES,
    "isobaricInPa": PRESSURES,
    "hybrid": MODEL_LEVELS,
    "surface": GROUND,
    "heightAboveGround": GROUND,
}
_SAME_HPA = 1e-6

_OF_MODEL_GROUND = {129, 152}
"""Geopotential and pressure of the surface, which the ECMWF keeps on the first level of the model."""

_UPWARD = {"kwbc": 1.0, "ecmf": -1.0}
"""By centre: what makes a heat flux positive upward. NOAA's are, the ECMWF's are positive downward."""

_LOCAL = {(0, 3, 196): 260083}
_OF_LOCAL = {260083: ("hpbl", "m")}
"""NCEP's own table 4.2-0-3: height of the planetary boundary layer."""


@dataclass(frozen=True, slots=True)
class Message:
    """A field of a file.

    Attributes
    ----------
    offset, part
        Where its message begins, bytes, and which field of the message it is.
    convert
        To the canonical unit and sign.
    step
        End of its forecast, hours.
    member
        Of an ensemble.
    level
        Its number, or hPa; 0 at the ground.
    mark
        Of what it says and what that means; empty where rows of it can't be read alone.
    is_coded
        Whether its values are entropy-coded.
    """

    offset: int
    part: int
    convert: Conversion
    step: float
    member: int
    level: float
    mark: str
    is_coded: bool = False


def meaning_of(keys: Keys, number: int, level_type: str) -> tuple[str, Found | None]:
    """Return the kind of levels, and which field the parameter is thereon: to find that out takes most of the time."""
    variable, unit = str(keys("shortName")), keys("units", "")
    if number in _LOCAL.values():
        variable, unit = _OF_LOCAL[number]
    kind = _LEVEL_TYPES.get(level_type, "")
    if kind == MODEL_LEVELS and number in _OF_MODEL_GROUND:
        kind = GROUND
    is_aloft = kind in {PRESSURES, MODEL_LEVELS}
    attributes = {"GRIB_paramId": number, "units": unit}
    known = recognise(variable, attributes, is_aloft=is_aloft) if kind else None
    if known is None:
        return f"{variable} at {level_type}", None
    quantity, rank, convert = known
    why_not = "" if convert else f"has the unit {unit!r}"
    return kind, Found(quantity, variable, rank, convert or Conversion(1.0), why_not)


def what_of(keys: Keys) -> tuple[int, str]:
    """Return the number of a field's parameter, and its type of level."""
    return int(keys("paramId", 0)) or _of_ncep(keys), str(keys("typeOfLevel"))


def level_of(keys: Keys) -> float:
    """Return hPa, or the number of a level of the model."""
    return float(keys("level", 0)) * (0.01 if keys("typeOfLevel") == "isobaricInPa" else 1.0)


def _of_ncep(keys: Keys) -> int:
    """Return the number of a field that NCEP numbers for itself and ecCodes does not name; 0 of others."""
    what = [int(keys(name, 0)) for name in ("discipline", "parameterCategory", "parameterNumber")]
    is_local = keys("centre") == "kwbc" and int(keys("localTablesVersion", 0)) > 0
    return _LOCAL.get((what[0], what[1], what[2]), 0) if is_local else 0


def mark_of(
    head: bytes,
    means: tuple[str, int, float, Conversion],
    grid: Grid,
    turned: tuple[bool, bool],
) -> str:
    """Return the mark of a message without its values: of what it says, and of what that was found to mean.

    It means the field of a name at a minute and a level, by a conversion, on a grid that the file may have turned.
    """
    name, minute, level, convert = means
    scale = convert.factor, convert.offset, convert.is_sum, convert.is_log
    facts = name, minute, float(level), *map(float, scale), *map(float, (*grid.values, *turned))
    return blake2b(head + repr(facts).encode(), digest_size=8).hexdigest()


def judged(keys: Keys, found: Found) -> Found:
    """Say why a field is not used, or complete what turns it into the canonical one."""
    quantity, convert, words = found.quantity, found.convert, []
    is_straight = str(keys("gridType")).startswith("regular")
    if quantity.name in WINDS and not is_straight and not keys("uvRelativeToGrid"):
        found = replace(found, is_turned=True)
        words.append(TURNED)
    if convert.is_sum:
        hours = _summed_over_h(keys)
        if hours <= 0:
            return replace(found, why_not="is a sum over no time")
        convert = replace(convert, factor=convert.factor / (HOUR_S * hours))
        words.append(f"the mean of the {hours:g} h before")
    if quantity.is_flux:
        turn = _UPWARD.get(str(keys("centre")))
        if turn is None:
            why = f"is of the centre {keys('centre')}, which has said nothing of its sign"
            return replace(found, why_not=why)
        convert = replace(convert, factor=convert.factor * turn)
        words += ["turned upward: ECMWF's are positive downward"] if turn < 0 else []
    return replace(found, convert=convert, words=", ".join(words))


def _summed_over_h(keys: Keys) -> float:
    """Return over how many hours a field is summed: of ERA5 one, of its members three; else as the message says."""
    if keys("marsClass") == "ea":
        return 3.0 if keys("stream") == "enda" else 1.0
    return float(keys("endStep", 0)) - float(keys("startStep", 0))


def minute_of(keys: Keys) -> int:
    """Return the time for which a field is valid, minutes since 1970."""
    day, clock = int(keys("validityDate")), int(keys("validityTime"))
    text = f"{day:08d}{clock:04d}"
    when = np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:]}", "m")
    return int(when.astype(np.int64))


@dataclass(frozen=True, slots=True)
class Messages:
    """Where the fields of a file lie.

    Attributes
    ----------
    by_place
        By name, position of the time and number of the level from 0.
    """

    by_place: dict[Key, Message]

    def are_in_rows(self, place: tuple[str, int, int]) -> bool:
        """Tell whether rows of a field at a time can be read alone; of coded ones where there is what decodes them."""
        some = [message for _, message in self._messages(place)]
        return all(one.mark for one in some) and (not self.are_coded(place) or aec() is not None)

    def are_coded(self, place: tuple[str, int, int]) -> bool:
        """Tell whether values of a field at a time are entropy-coded: all columns of a row are decoded together."""
        return any(message.is_coded for _, message in self._messages(place))

    def part(
        self, path: Path, place: tuple[str, int, int], axes: Axes, area: tuple[Span, Span]
    ) -> NDArray[np.float32]:
        """Return what ``decode`` does, of a field whose rows lie alone: of rows and columns from south and west."""
        (south, north), (west, east) = area
        nx, ny = axes.grid.nx, axes.grid.ny
        rows = (ny - north, ny - south) if axes.is_from_north else (south, north)
        columns = (nx - east, nx - west) if axes.is_from_east else (west, east)
        out = np.zeros((place[2], north - south, east - west), np.float32)
        minute = int(axes.minutes[place[1]])
        check = _Check(place[0], minute, axes)
        with path.open("rb") as file, starts_of(path, minute, self.are_coded(place)) as known:
            for level, message in self._messages(place):
                packed = packed_at(file.fileno(), message.offset)
                if packed is None or packed.count != ny * nx:
                    raise DatasetError(f"has other values than it had at byte {message.offset:,}")
                head = without_values(file.fileno(), message.offset, packed)
                check.by_mark(head, message, level)
                values = values_of(file.fileno(), packed, nx, (rows, columns), known)
                out[level] = message.convert.of(_turned(values, axes))
        return out

    def decode(
        self, path: Path, place: tuple[str, int, int], axes: Axes, span: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Return rows ``[start, stop)`` from the south of a field at a time, shape (levels, rows, columns).

        ``place`` is its name, the position of the time and the number of levels; zeros on levels that do not have it.

        Raises
        ------
        DatasetError
            If a message is not what it was when the file was gone through: what was kept of it is another file's.
        """
        out = np.zeros((place[2], span[1] - span[0], axes.grid.nx), np.float32)
        check = _Check(place[0], int(axes.minutes[place[1]]), axes)
        with library() as eccodes, path.open("rb") as file:
            for level, message in self._messages(place):
                with opened(eccodes, file, message) as handle:
                    keys = Keys(eccodes, handle)
                    check(keys, message, level)
                    values = _decoded(keys, axes)[slice(*span)]
                out[level] = message.convert.of(np.where(values == MISSING, np.nan, values))
        return out

    def _messages(self, place: tuple[str, int, int]) -> Iterator[tuple[int, Message]]:
        """Yield the levels that have a field at a time, with their messages."""
        name, position, count = place
        for level in range(count):
            message = self.by_place.get((name, position, level))
            if message is not None:
                yield level, message


class _Check:
    """Holds messages of one field at one time against what is known of them: the file has the last word."""

    def __init__(self, name: str, minute: int, axes: Axes) -> None:
        self._name, self._minute, self._axes = name, minute, axes
        self._known: tuple[tuple[int, str], Conversion] | None = None

    def __call__(self, keys: Keys, message: Message, place: int) -> None:
        if self._known is None:
            self._known = what_of(keys), self._meaning(keys, message)
        what, convert = self._known
        level = level_of(keys) if message.level else 0.0
        facts = what_of(keys), minute_of(keys), level, message.convert
        is_same = facts == (what, self._minute, message.level, convert)
        levels = self._axes.levels
        if is_same and levels.kind == PRESSURE and message.level:
            is_same = abs(levels.heights[place] - level) <= _SAME_HPA
        if not is_same:
            self._refuse()

    def by_mark(self, head: bytes, message: Message, place: int) -> None:
        """Do the same with a message without its values, by its mark: on levels of the model, as these are numbered."""
        axes = self._axes
        turned = axes.is_from_north, axes.is_from_east
        if message.level and axes.levels.kind != PRESSURE:
            with (
                library() as eccodes,
                _released(eccodes, eccodes.codes_new_from_message(head)) as handle,
            ):
                self(Keys(eccodes, handle), message, place)
            return
        is_same = message.mark == mark_of(
            head, (self._name, self._minute, message.level, message.convert), axes.grid, turned
        )
        if message.level and abs(axes.levels.heights[place] - message.level) > _SAME_HPA:
            is_same = False
        if not is_same:
            self._refuse()

    def _meaning(self, keys: Keys, message: Message) -> Conversion:
        """Return what turns a message into the field, the grid and the levels of the model being as they were."""
        found = meaning_of(keys, *what_of(keys))[1]
        field = None if found is None else judged(keys, found)
        axes = self._axes
        is_same = field is not None and field.quantity.name == self._name and not field.why_not
        if not is_same or grid_of(keys) != (axes.grid, (axes.is_from_north, axes.is_from_east)):
            self._refuse()
        if axes.levels.kind == HYBRID and message.level:
            self._check_level(np.array(keys.array("pv"), np.float64), int(message.level) - 1)
        assert field is not None  # noqa: S101 - or it was refused
        return field.convert

    def _check_level(self, pv: NDArray[np.float64], number: int) -> None:
        half, known = len(pv) // 2, np.array(self._axes.levels.hybrid)
        if half:
            found = of_borders(pv[:half], pv[half:])[:, number]
            if not (known == found[:, None]).all(axis=0).any():
                self._refuse()

    def _refuse(self) -> NoReturn:
        raise DatasetError(
            f"what was kept of its messages ({self._name}) is not what it holds: remove inputs/met of the output root"
        )


@contextmanager
def opened(eccodes: Any, file: Any, message: Message) -> Iterator[Any]:
    """Give the handle of a field."""
    eccodes.codes_grib_multi_support_reset_file(file)  # or the next field of the last message comes
    file.seek(message.offset)
    handle = eccodes.codes_grib_new_from_file(file)
    for _ in range(message.part):
        eccodes.codes_release(handle)
        handle = eccodes.codes_grib_new_from_file(file)
    with _released(eccodes, handle):
        yield handle


@contextmanager
def _released(eccodes: Any, handle: Any) -> Iterator[Any]:
    try:
        yield handle
    finally:
        eccodes.codes_release(handle)


def _decoded(keys: Keys, axes: Axes) -> NDArray[np.float64]:
    """Return the values of a field, rows from the south, columns from the west; NaN where there is none."""
    values = keys.values()
    shape = (axes.grid.ny, axes.grid.nx)
    by_columns = bool(keys("jPointsAreConsecutive"))
    values = values.reshape(shape[::-1] if by_columns else shape)
    if keys("alternativeRowScanning"):
        values[1::2] = values[1::2, ::-1].copy()
    return _turned(values.T if by_columns else values, axes)


def _turned(values: NDArray[np.float64], axes: Axes) -> NDArray[np.float64]:
    """Return rows from the south, columns from the west."""
    return values[:: -1 if axes.is_from_north else 1, :: -1 if axes.is_from_east else 1]
