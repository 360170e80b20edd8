"""GRIB files of both editions through ecCodes: where each field's message lies, and decoding one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from stilt.met.analysis import PRESSURE
from stilt.met.arl import ArlFile, Level
from stilt.met.dataset.axes import Axes, lattice
from stilt.met.dataset.codes import library
from stilt.met.dataset.levels import NO_LEVELS, DatasetError, Levels, hybrid_levels, of_borders
from stilt.met.dataset.maps import lambert, mercator, on_map, polar, unfollowed
from stilt.met.dataset.quantities import HOUR_S, WINDS, Found, recognise
from stilt.met.dataset.units import Conversion
from stilt.met.grid import EARTH_RADIUS_KM
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
_OF_MODEL_GROUND = {129, 152}
"""Geopotential and pressure of the surface, which the ECMWF keeps on the first level of the model."""

_UPWARD = {"kwbc": 1.0, "ecmf": -1.0}
"""By centre: what makes a heat flux positive upward. NOAA's are, the ECMWF's are positive downward."""

_MISSING = 1e36
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
    """

    offset: int
    part: int
    convert: Conversion
    step: float
    member: int


@dataclass(slots=True)
class _Scan:
    """What was found so far in a file."""

    grids: dict[Grid, tuple[bool, bool]] = field(default_factory=dict)
    found: dict[str, Found] = field(default_factory=dict)
    unused: dict[tuple[str, str], Found] = field(default_factory=dict)
    met: dict[tuple[int, str], tuple[str, Found | None]] = field(default_factory=dict)
    places: set[str] = field(default_factory=set)
    messages: dict[tuple[str, int, float], list[Message]] = field(default_factory=dict)
    kinds: dict[str, set[str]] = field(default_factory=dict)
    coefficients: tuple[float, ...] = ()


def scan(path: Path) -> tuple[ArlFile, Axes, dict[str, Found], tuple[Found, ...], Messages]:
    """Find the fields of a file; its times are those at which the most of them are there.

    Raises
    ------
    DatasetError
        If it holds nothing that is known.
    """
    seen = _Scan()
    with library() as eccodes:
        for handle, offset, part in _handles(eccodes, path):
            _note(_Keys(eccodes, handle), seen, offset, part)
    return _content(path, seen)


def _handles(eccodes: Any, path: Path) -> Iterator[tuple[Any, int, int]]:
    """Yield each field with the place of its message and its number therein."""
    last, part = -1, 0
    with path.open("rb") as file:
        while (handle := eccodes.codes_grib_new_from_file(file, headers_only=True)) is not None:
            try:
                offset = int(eccodes.codes_get(handle, "offset"))
                part = part + 1 if offset == last else 0
                last = offset
                yield handle, offset, part
            finally:
                eccodes.codes_release(handle)


class _Keys:
    """The keys of a message."""

    def __init__(self, eccodes: Any, handle: Any) -> None:
        self._eccodes, self._handle = eccodes, handle

    def __call__(self, name: str, otherwise: Any = None) -> Any:
        if not self._eccodes.codes_is_defined(self._handle, name):
            return otherwise
        return self._eccodes.codes_get(self._handle, name)

    def array(self, name: str) -> tuple[float, ...]:
        return tuple(self._eccodes.codes_get_array(self._handle, name).tolist())


def _note(keys: _Keys, seen: _Scan, offset: int, part: int) -> None:
    """Note one field, if it is one that is known."""
    what = int(keys("paramId", 0)), str(keys("typeOfLevel"))
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
        for key in [key for key in seen.messages if key[0] == name]:
            del seen.messages[key]
    seen.found[name] = one
    seen.kinds.setdefault(kind, set()).add(name)
    _note_place(keys, seen)
    if kind == MODEL_LEVELS and not seen.coefficients:
        seen.coefficients = keys.array("pv")
    level = float(keys("level", 0)) if one.quantity.is_aloft else 0.0
    level *= 0.01 if what[1] == "isobaricInPa" else 1.0
    member = int(keys("number", 0) or 0)
    message = Message(offset, part, one.convert, float(keys("endStep", 0)), member)
    seen.messages.setdefault((name, _minutes(keys), level), []).append(message)


def _met(keys: _Keys, number: int, level_type: str) -> tuple[str, Found | None]:
    """Return the kind of levels, and which field the parameter is thereon: to find that out takes most of the time."""
    variable, unit = str(keys("shortName")), keys("units", "")
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


def _note_place(keys: _Keys, seen: _Scan) -> None:
    digest = str(keys("md5GridSection"))
    if digest not in seen.places:
        grid, turned = _grid(keys)
        seen.places.add(digest)
        seen.grids[grid] = turned


def _judged(keys: _Keys, found: Found) -> Found:
    """Say why a field is not used, or complete what turns it into the canonical one."""
    quantity, convert, words = found.quantity, found.convert, []
    is_wind = quantity.name in WINDS
    if is_wind and keys("gridType") != "regular_ll" and not keys("uvRelativeToGrid"):
        return replace(found, why_not="is eastward or northward on a map, and not turned yet")
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


def _summed_over_h(keys: _Keys) -> float:
    """Return over how many hours a field is summed: of ERA5 one, of its members three; else as the message says."""
    if keys("marsClass") == "ea":
        return 3.0 if keys("stream") == "enda" else 1.0
    return float(keys("endStep", 0)) - float(keys("startStep", 0))


def _minutes(keys: _Keys) -> int:
    day, clock = int(keys("validityDate")), int(keys("validityTime"))
    text = f"{day:08d}{clock:04d}"
    when = np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:]}", "m")
    return int(when.astype(np.int64))


def _grid(keys: _Keys) -> tuple[Grid, tuple[bool, bool]]:
    """Return where the points lie, and whether rows run from the north and columns from the east."""
    kind = str(keys("gridType"))
    nx, ny = int(keys("Nx", 0) or 0), int(keys("Ny", 0) or 0)
    turned = not keys("jScansPositively"), bool(keys("iScansNegatively"))
    lat = float(keys("latitudeOfFirstGridPointInDegrees", 0.0))
    lon = float(keys("longitudeOfFirstGridPointInDegrees", 0.0))
    if kind == "regular_ll":
        last_lat = float(keys("latitudeOfLastGridPointInDegrees"))
        last_lon = float(keys("longitudeOfLastGridPointInDegrees"))
        west, east = (last_lon, lon) if turned[1] else (lon, last_lon)
        east = west + (east - west) % 360.0
        south, north = min(lat, last_lat), max(lat, last_lat)
        return lattice(np.linspace(west, east, nx), np.linspace(south, north, ny)), turned
    cone = _cone(keys, kind)
    if cone is None:
        raise DatasetError(f"its grid is {unfollowed(kind)}")
    cell = (
        float(keys("DxInMetres", 0) or keys("DiInMetres")),
        float(keys("DyInMetres", 0) or keys("DjInMetres")),
    )
    meridian = float(keys("LoVInDegrees", keys("orientationOfTheGridInDegrees", lon)))
    radius = float(keys("radius", 1000.0 * EARTH_RADIUS_KM))
    first = float(nx) if turned[1] else 1.0, float(ny) if turned[0] else 1.0, lon, lat
    return on_map(cone, meridian, cell, (nx, ny), point=first, radius_m=radius), turned


def _cone(keys: _Keys, kind: str) -> tuple[float, float] | None:
    """Return the latitude whose sine is the cone's constant, and one at which distances are true."""
    if kind == "mercator":
        return mercator(float(keys("LaDInDegrees")))
    if kind == "polar_stereographic":
        pole = -90.0 if int(keys("projectionCentreFlag", 0)) & 128 else 90.0
        return polar(pole, float(keys("LaDInDegrees", 60.0)))
    if kind == "lambert":
        return lambert(float(keys("Latin1InDegrees")), float(keys("Latin2InDegrees")))
    return None


@dataclass(frozen=True, slots=True)
class Messages:
    """Where the fields of a file lie.

    Attributes
    ----------
    by_place
        By name, position of the time and number of the level from 0.
    """

    by_place: dict[Key, Message]

    def decode(
        self, path: Path, name: str, position: int, axes: Axes, count: int
    ) -> NDArray[np.float32]:
        """Return a field at a time, shape (levels, rows, columns); zeros on levels that do not have it."""
        out = np.zeros((count, axes.grid.ny, axes.grid.nx), np.float32)
        with library() as eccodes, path.open("rb") as file:
            for level in range(count):
                message = self.by_place.get((name, position, level))
                if message is not None:
                    out[level] = _decoded(eccodes, file, message, axes)
        return out


def _decoded(eccodes: Any, file: Any, message: Message, axes: Axes) -> NDArray[np.float64]:
    eccodes.codes_grib_multi_support_reset_file(file)  # or the next field of the last message comes
    file.seek(message.offset)
    handle = eccodes.codes_grib_new_from_file(file)
    for _ in range(message.part):
        eccodes.codes_release(handle)
        handle = eccodes.codes_grib_new_from_file(file)
    try:
        keys = _Keys(eccodes, handle)
        eccodes.codes_set(handle, "missingValue", _MISSING)
        values = np.asarray(eccodes.codes_get_values(handle), np.float64)
        shape = (axes.grid.ny, axes.grid.nx)
        by_columns = bool(keys("jPointsAreConsecutive"))
        values = values.reshape(shape[::-1] if by_columns else shape)
        if keys("alternativeRowScanning"):
            values[1::2] = values[1::2, ::-1].copy()
        values = values.T if by_columns else values
    finally:
        eccodes.codes_release(handle)
    values = np.where(values == _MISSING, np.nan, values)
    turned = values[:: -1 if axes.is_from_north else 1, :: -1 if axes.is_from_east else 1]
    return message.convert.of(turned)


def _content(
    path: Path, seen: _Scan
) -> tuple[ArlFile, Axes, dict[str, Found], tuple[Found, ...], Messages]:
    unused = tuple(seen.unused.values())
    members = {one.member for some in seen.messages.values() for one in some}
    if len(members) > 1:
        raise DatasetError(f"it has {len(members)} members, of which one is to be picked")
    if not seen.messages:
        others = [what for what, one in seen.met.values() if one is None]
        why = [f"{one.variable} {one.why_not}" for one in unused] or others[:_NAMED]
        raise DatasetError(f"it has no field that is known{': ' if why else ''}{'; '.join(why)}")
    if len(seen.grids) > 1:
        raise DatasetError(f"it has fields on {len(seen.grids)} grids")
    if {PRESSURES, MODEL_LEVELS} <= set(seen.kinds):
        raise DatasetError("it has levels of pressure and of the model: put them into two folders")
    [(grid, turned)] = seen.grids.items()
    minutes = _fullest(seen)
    heights, levels = _levels(seen)
    place_of = {height: number for number, height in enumerate(heights)}
    by_place: dict[Key, Message] = {}
    names: list[dict[str, None]] = [{} for _ in range(len(heights) + 1)]
    for (name, minute, height), some in seen.messages.items():
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
    return header, axes, seen.found, unused, Messages(by_place)


def _fullest(seen: _Scan) -> list[int]:
    """Return the times that have most fields, rising."""
    counts: dict[int, int] = {}
    for _, minute, _ in seen.messages:
        counts[minute] = counts.get(minute, 0) + 1
    return sorted(minute for minute, count in counts.items() if count == max(counts.values()))


def _levels(seen: _Scan) -> tuple[list[float], Levels]:
    """Return the levels from below: their pressures, or numbers of those of the model; and what these are."""
    found = {height for name, _, height in seen.messages if seen.found[name].quantity.is_aloft}
    heights = sorted(found, reverse=True)
    if MODEL_LEVELS not in seen.kinds:
        return heights, Levels(PRESSURE if heights else NO_LEVELS, tuple(heights))
    pv = np.array(seen.coefficients)
    half = len(pv) // 2
    if half < 2:  # noqa: PLR2004 - two borders of a layer
        raise DatasetError("its levels of the model come without their coefficients")
    numbers = [int(height) - 1 for height in heights]
    return heights, hybrid_levels(*of_borders(pv[:half], pv[half:])[:, numbers])
