"""GRIB files of both editions through ecCodes: where each field's message lies, and decoding one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from stilt.met.analysis import HYBRID, PRESSURE, SIGMA
from stilt.met.arl import ArlFile, Level
from stilt.met.dataset.axes import Axes
from stilt.met.dataset.codes import library
from stilt.met.dataset.ecmwf_levels import borders_of
from stilt.met.dataset.grib_grid import MISSING, Keys, grid_of, is_in_rows
from stilt.met.dataset.grib_packed import packed_at, values_of
from stilt.met.dataset.levels import NO_LEVELS, DatasetError, Levels, hybrid_levels, of_borders
from stilt.met.dataset.quantities import HOUR_S, TURNED, WINDS, Found, recognise
from stilt.met.dataset.units import Conversion
from stilt.met.minutes import time_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from stilt.met.grid import Grid

    Key = tuple[str, int, int]

PRESSURES, MODEL_LEVELS, GROUND = "pressure", "model", "ground"
_LEVEL_TYPES = {
    "isobaricInhPa": PRESSURES,
    "isobaricInPa": PRESSURES,
    "hybrid": MODEL_LEVELS,
    "surface": GROUND,
    "heightAboveGround": GROUND,
}
_ALOFT = (PRESSURES, MODEL_LEVELS)
_SAID = {PRESSURES: "pressure", MODEL_LEVELS: "the model"}
_SAME_HPA = 1e-6
_LOWEST_SHARE = 0.998
"""Of the surface pressure, about, that of a model's lowest level: where a file has no other."""

_OF_MODEL_GROUND = {129, 152}
"""Geopotential and pressure of the surface, which the ECMWF keeps on the first level of the model."""

_UPWARD = {"kwbc": 1.0, "ecmf": -1.0}
"""By centre: what makes a heat flux positive upward. NOAA's are, the ECMWF's are positive downward."""

_LOCAL = {(0, 3, 196): 260083}
_OF_LOCAL = {260083: ("hpbl", "m")}
"""NCEP's own table 4.2-0-3: height of the planetary boundary layer."""

_NAMED = 5


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
    is_simple
        Whether rows of it can be read alone.
    """

    offset: int
    part: int
    convert: Conversion
    step: float
    member: int
    level: float
    is_simple: bool


@dataclass(slots=True)
class _Scan:
    """What was found so far in a file."""

    grids: dict[Grid, tuple[bool, bool]] = field(default_factory=dict)
    found: dict[str, Found] = field(default_factory=dict)
    unused: dict[tuple[str, str], Found] = field(default_factory=dict)
    met: dict[tuple[int, str], tuple[str, Found | None]] = field(default_factory=dict)
    places: set[str] = field(default_factory=set)
    messages: dict[tuple[str, str, int, float], list[Message]] = field(default_factory=dict)
    coefficients: tuple[float, ...] = ()
    centres: set[str] = field(default_factory=set)


def scan(path: Path) -> tuple[ArlFile, Axes, dict[str, Found], tuple[Found, ...], Messages]:
    """Find the fields of a file; its times are those at which the most of them are there.

    Raises
    ------
    DatasetError
        If it holds nothing that is known.
    """
    seen = _Scan()
    with library() as eccodes:
        for handle, place, descriptor in _handles(eccodes, path):
            _note(Keys(eccodes, handle), seen, place, descriptor)
    return _content(path, seen)


def _handles(eccodes: Any, path: Path) -> Iterator[tuple[Any, tuple[int, int], int]]:
    """Yield each field with the place of its message and its number therein, and the descriptor of the file."""
    last, part = -1, 0
    with path.open("rb") as file:
        while (handle := eccodes.codes_grib_new_from_file(file, headers_only=True)) is not None:
            try:
                offset = int(eccodes.codes_get(handle, "offset"))
                part = part + 1 if offset == last else 0
                last = offset
                yield handle, (offset, part), file.fileno()
            finally:
                eccodes.codes_release(handle)


def _note(keys: Keys, seen: _Scan, place: tuple[int, int], descriptor: int) -> None:
    """Note one field, if it is one that is known."""
    what = _what(keys)
    if what not in seen.met:
        seen.met[what] = _met(keys, *what)
    kind, one = seen.met[what]
    if one is None:
        return
    one = one if one.why_not else _judged(keys, one)
    if one.why_not:
        seen.unused[one.variable, one.why_not] = one
        return
    name = one.quantity.name
    best = seen.found.get(name)
    if best is not None and best.rank < one.rank:
        return
    if best is not None and best.rank > one.rank:
        for key in [key for key in seen.messages if key[1] == name]:
            del seen.messages[key]
    seen.found[name] = one
    _note_place(keys, seen)
    if kind == MODEL_LEVELS and not seen.coefficients:
        seen.coefficients = keys.array("pv")
        seen.centres.add(str(keys("centre")))
    level = _level(keys) if one.quantity.is_aloft else 0.0
    member = int(keys("number", 0) or 0)
    step = float(keys("endStep", 0))
    is_simple = place[1] == 0 and is_in_rows(keys) and packed_at(descriptor, place[0]) is not None
    message = Message(*place, one.convert, step, member, level, is_simple)
    seen.messages.setdefault((kind, name, _minutes(keys), level), []).append(message)


def _met(keys: Keys, number: int, level_type: str) -> tuple[str, Found | None]:
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


def _what(keys: Keys) -> tuple[int, str]:
    """Return the number of a field's parameter, and its type of level."""
    return int(keys("paramId", 0)) or _of_ncep(keys), str(keys("typeOfLevel"))


def _level(keys: Keys) -> float:
    """Return hPa, or the number of a level of the model."""
    return float(keys("level", 0)) * (0.01 if keys("typeOfLevel") == "isobaricInPa" else 1.0)


def _of_ncep(keys: Keys) -> int:
    """Return the number of a field that NCEP numbers for itself and ecCodes does not name; 0 of others."""
    what = [int(keys(name, 0)) for name in ("discipline", "parameterCategory", "parameterNumber")]
    is_local = keys("centre") == "kwbc" and int(keys("localTablesVersion", 0)) > 0
    return _LOCAL.get((what[0], what[1], what[2]), 0) if is_local else 0


def _note_place(keys: Keys, seen: _Scan) -> None:
    digest = str(keys("md5GridSection"))
    if digest not in seen.places:
        grid, turned = grid_of(keys)
        seen.places.add(digest)
        seen.grids[grid] = turned


def _judged(keys: Keys, found: Found) -> Found:
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


def _minutes(keys: Keys) -> int:
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

    def are_simple(self, name: str, position: int, count: int) -> bool:
        """Tell whether rows of a field at a time can be read alone."""
        some = (self.by_place.get((name, position, level)) for level in range(count))
        return all(message.is_simple for message in some if message is not None)

    def rows(
        self, path: Path, place: tuple[str, int, int], axes: Axes, span: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Return rows ``[start, stop)`` from the south of such a field, as ``decode``; its name, time and levels."""
        south, north = span
        first = axes.grid.ny - north if axes.is_from_north else south
        wide, tall = axes.grid.nx, north - south
        out = np.zeros((place[2], tall, wide), np.float32)
        with path.open("rb") as beside:
            for level, message, _ in self._checked(path, place, axes, headers_only=True):
                packed = packed_at(beside.fileno(), message.offset)
                if packed is None or packed.count != axes.grid.ny * wide:
                    raise DatasetError(f"has other values than it had at byte {message.offset:,}")
                values = values_of(beside.fileno(), packed, first * wide, tall * wide)
                out[level] = message.convert.of(_turned(values.reshape(tall, wide), axes))
        return out

    def decode(
        self, path: Path, name: str, position: int, axes: Axes, count: int
    ) -> NDArray[np.float32]:
        """Return a field at a time, shape (levels, rows, columns); zeros on levels that do not have it.

        Raises
        ------
        DatasetError
            If a message is not what it was when the file was gone through: what was kept of it is another file's.
        """
        out = np.zeros((count, axes.grid.ny, axes.grid.nx), np.float32)
        for level, message, keys in self._checked(path, (name, position, count), axes):
            out[level] = message.convert.of(_turned(_decoded(keys, axes), axes))
        return out

    def _checked(
        self, path: Path, place: tuple[str, int, int], axes: Axes, *, headers_only: bool = False
    ) -> Iterator[tuple[int, Message, Keys]]:
        """Yield levels with their messages, once these say themselves what they are."""
        name, position, count = place
        check = _Check(name, int(axes.minutes[position]), axes)
        with library() as eccodes, path.open("rb") as file:
            for level in range(count):
                message = self.by_place.get((name, position, level))
                if message is not None:
                    with _opened(eccodes, file, message, headers_only=headers_only) as handle:
                        keys = Keys(eccodes, handle)
                        check(keys, message, level)
                        yield level, message, keys


class _Check:
    """Holds messages of one field at one time against what is known of them: the file has the last word."""

    def __init__(self, name: str, minute: int, axes: Axes) -> None:
        self._name, self._minute, self._axes = name, minute, axes
        self._known: tuple[tuple[int, str], Conversion] | None = None

    def __call__(self, keys: Keys, message: Message, place: int) -> None:
        if self._known is None:
            self._known = _what(keys), self._meaning(keys, message)
        what, convert = self._known
        level = _level(keys) if message.level else 0.0
        facts = _what(keys), _minutes(keys), level, message.convert
        is_same = facts == (what, self._minute, message.level, convert)
        levels = self._axes.levels
        if is_same and levels.kind == PRESSURE and message.level:
            is_same = abs(levels.heights[place] - level) <= _SAME_HPA
        if not is_same:
            self._refuse()

    def _meaning(self, keys: Keys, message: Message) -> Conversion:
        """Return what turns a message into the field, the grid and the levels of the model being as they were."""
        found = _met(keys, *_what(keys))[1]
        judged = None if found is None else _judged(keys, found)
        axes = self._axes
        is_same = judged is not None and judged.quantity.name == self._name and not judged.why_not
        if not is_same or grid_of(keys) != (axes.grid, (axes.is_from_north, axes.is_from_east)):
            self._refuse()
        if axes.levels.kind == HYBRID and message.level:
            self._check_level(np.array(keys.array("pv"), np.float64), int(message.level) - 1)
        assert judged is not None  # noqa: S101 - or it was refused
        return judged.convert

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
def _opened(
    eccodes: Any, file: Any, message: Message, *, headers_only: bool = False
) -> Iterator[Any]:
    """Give the handle of a field; with headers only it is not read, and all but its values is known."""
    eccodes.codes_grib_multi_support_reset_file(file)  # or the next field of the last message comes
    file.seek(message.offset)
    handle = eccodes.codes_grib_new_from_file(file, headers_only=headers_only)
    for _ in range(message.part):
        eccodes.codes_release(handle)
        handle = eccodes.codes_grib_new_from_file(file)
    try:
        yield handle
    finally:
        eccodes.codes_release(handle)


def _decoded(keys: Keys, axes: Axes) -> NDArray[np.float64]:
    """Return the values of a field, rows and columns as the file has them."""
    values = keys.values()
    shape = (axes.grid.ny, axes.grid.nx)
    by_columns = bool(keys("jPointsAreConsecutive"))
    values = values.reshape(shape[::-1] if by_columns else shape)
    if keys("alternativeRowScanning"):
        values[1::2] = values[1::2, ::-1].copy()
    values = values.T if by_columns else values
    return np.where(values == MISSING, np.nan, values)


def _turned(values: NDArray[np.float64], axes: Axes) -> NDArray[np.float64]:
    """Return rows from the south, columns from the west."""
    return values[:: -1 if axes.is_from_north else 1, :: -1 if axes.is_from_east else 1]


def _content(
    path: Path, seen: _Scan
) -> tuple[ArlFile, Axes, dict[str, Found], tuple[Found, ...], Messages]:
    members = {one.member for some in seen.messages.values() for one in some}
    if len(members) > 1:
        raise DatasetError(f"it has {len(members)} members, of which one is to be picked")
    if not seen.messages:
        others = [what for what, one in seen.met.values() if one is None]
        why = [f"{one.variable} {one.why_not}" for one in seen.unused.values()] or others[:_NAMED]
        raise DatasetError(f"it has no field that is known{': ' if why else ''}{'; '.join(why)}")
    if len(seen.grids) > 1:
        raise DatasetError(f"it has fields on {len(seen.grids)} grids")
    _leave_fewer_levels(seen)
    [(grid, turned)] = seen.grids.items()
    minutes = _fullest(seen)
    heights, levels = _levels(path, seen, minutes[0])
    place_of = {height: number for number, height in enumerate(heights)}
    by_place: dict[Key, Message] = {}
    names: list[dict[str, None]] = [{} for _ in range(len(heights) + 1)]
    for (_, name, minute, height), some in seen.messages.items():
        if minute not in minutes:
            continue
        is_aloft = seen.found[name].quantity.is_aloft
        level = place_of[height] if is_aloft else 0
        names[level + is_aloft][name] = None
        by_place[name, minutes.index(minute), level] = min(some, key=lambda one: one.step)
    axes = Axes({}, np.array(minutes), grid, *turned, levels, ())
    header = ArlFile(
        path=path,
        model="",
        grid=grid,
        times=tuple(map(time_of, minutes)),
        levels=(
            Level(0.0, tuple(names[0])),
            *(Level(h, tuple(n)) for h, n in zip(levels.heights, names[1:], strict=True)),
        ),
        level_type=levels.kind,
        format="GRIB",
    )
    return header, axes, seen.found, tuple(seen.unused.values()), Messages(by_place)


def _leave_fewer_levels(seen: _Scan) -> None:
    """Of levels of pressure and of the model leave those with fewer fields: often a few of them lie beside."""
    counts = {kind: sum(key[0] == kind for key in seen.messages) for kind in _ALOFT}
    more, fewer = sorted(_ALOFT, key=counts.__getitem__, reverse=True)
    if not counts[fewer]:
        return
    if counts[fewer] == counts[more]:
        raise DatasetError("it has levels of pressure and of the model: put them into two folders")
    for key in [key for key in seen.messages if key[0] == fewer]:
        del seen.messages[key]
        one = seen.found[key[1]]
        why = f"is on levels of {_SAID[fewer]}, too, of which there are fewer"
        seen.unused[one.variable, why] = replace(one, why_not=why)
    known = {key[1] for key in seen.messages}
    seen.found = {name: one for name, one in seen.found.items() if name in known}


def _fullest(seen: _Scan) -> list[int]:
    """Return the times that have most fields, rising."""
    counts: dict[int, int] = {}
    for _, _, minute, _ in seen.messages:
        counts[minute] = counts.get(minute, 0) + 1
    return sorted(minute for minute, count in counts.items() if count == max(counts.values()))


def _levels(path: Path, seen: _Scan, minute: int) -> tuple[list[float], Levels]:
    """Return the levels from below: their pressures, or numbers of those of the model; and what these are."""
    found = {height for kind, _, _, height in seen.messages if kind in _ALOFT}
    heights = sorted(found, reverse=True)
    if not any(kind == MODEL_LEVELS for kind, *_ in seen.messages):
        return heights, Levels(PRESSURE if heights else NO_LEVELS, tuple(heights))
    pv = np.array(seen.coefficients)
    half = len(pv) // 2
    borders = pv[:half], pv[half:]
    if half < 2:  # noqa: PLR2004 - two borders of a layer
        if "PRES" in seen.found:
            return _by_their_pressure(path, seen, minute, heights)
        standard = borders_of(np.array(heights)) if seen.centres == {"ecmf"} else None
        if standard is None:
            raise DatasetError("its levels of the model come without their coefficients")
        borders = standard
    numbers = [int(height) - 1 for height in heights]
    levels = hybrid_levels(*of_borders(*borders)[:, numbers])
    return [heights[place] for place in levels.order], levels


def _by_their_pressure(
    path: Path, seen: _Scan, minute: int, numbers: list[float]
) -> tuple[list[float], Levels]:
    """Return levels whose pressure is a field (HRRR, RAP): their numbers from below, and its mean over the ground's.

    It is the field that is used; the mean says which is above which, and about how high.
    """
    with library() as eccodes, path.open("rb") as file:
        means = {}
        for place in (("PRSS", GROUND, 0.0), *(("PRES", MODEL_LEVELS, each) for each in numbers)):
            name, kind, number = place
            for message in seen.messages.get((kind, name, minute, number), ())[:1]:
                with _opened(eccodes, file, message) as handle:
                    means[kind, number] = float(eccodes.codes_get(handle, "average"))
    if lacking := [number for number in numbers if (MODEL_LEVELS, number) not in means]:
        raise DatasetError(f"its levels of the model have no pressure at {lacking[0]:g}")
    highest = max(means.values())
    ground = means.get((GROUND, 0.0), highest / _LOWEST_SHARE)
    shares = {number: round(means[MODEL_LEVELS, number] / ground, 6) for number in numbers}
    ordered = sorted(numbers, key=shares.__getitem__, reverse=True)
    return ordered, Levels(SIGMA, tuple(shares[number] for number in ordered))
