"""Going through a GRIB file: which fields it has, and where the message of each lies."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from stilt.met.analysis import PRESSURE, SIGMA
from stilt.met.arl import ArlFile, Level
from stilt.met.dataset.axes import Axes
from stilt.met.dataset.codes import library
from stilt.met.dataset.ecmwf_levels import borders_of
from stilt.met.dataset.grib import (
    GROUND,
    MODEL_LEVELS,
    PRESSURES,
    Message,
    Messages,
    judged,
    level_of,
    mark_of,
    meaning_of,
    minute_of,
    opened,
    what_of,
)
from stilt.met.dataset.grib_grid import Keys, grid_of, is_in_rows
from stilt.met.dataset.grib_packed import packed_at, without_values
from stilt.met.dataset.levels import (
    LOWEST_SHARE,
    NO_LEVELS,
    DatasetError,
    Levels,
    hybrid_levels,
    of_borders,
)
from stilt.met.dataset.members import picked, to_be_picked
from stilt.met.minutes import time_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stilt.met.dataset.quantities import Found
    from stilt.met.dataset.units import Conversion
    from stilt.met.grid import Grid

    Key = tuple[str, int, int]

_ALOFT = (PRESSURES, MODEL_LEVELS)
_SAID = {PRESSURES: "pressure", MODEL_LEVELS: "the model"}
_NAMED = 5


@dataclass(slots=True)
class _Scan:
    """What was found so far in a file."""

    grids: dict[Grid, tuple[bool, bool]] = field(default_factory=dict)
    found: dict[str, Found] = field(default_factory=dict)
    unused: dict[tuple[str, str], Found] = field(default_factory=dict)
    met: dict[tuple[int, str], tuple[str, Found | None]] = field(default_factory=dict)
    places: dict[str, tuple[Grid, tuple[bool, bool]]] = field(default_factory=dict)
    messages: dict[tuple[str, str, int, float], list[Message]] = field(default_factory=dict)
    coefficients: tuple[float, ...] = ()
    centres: set[str] = field(default_factory=set)


def scan(
    path: Path, member: int | None = None
) -> tuple[ArlFile, Axes, dict[str, Found], tuple[Found, ...], Messages]:
    """Find the fields of a file, or those of a member; its times are those at which the most of them are there.

    Raises
    ------
    DatasetError
        If it holds nothing that is known.
    """
    seen = _Scan()
    with library() as eccodes:
        for handle, place, descriptor in _handles(eccodes, path):
            _note(Keys(eccodes, handle), seen, place, descriptor)
    _leave_one_member(seen, member)
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
    what = what_of(keys)
    if what not in seen.met:
        seen.met[what] = meaning_of(keys, *what)
    kind, one = seen.met[what]
    if one is None:
        return
    one = one if one.why_not else judged(keys, one)
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
    level = level_of(keys) if one.quantity.is_aloft else 0.0
    member = int(keys("number", 0) or 0)
    step = float(keys("endStep", 0))
    minute = minute_of(keys)
    mark, is_coded = _mark(keys, seen, (descriptor, *place), (name, minute, level, one.convert))
    message = Message(*place, one.convert, step, member, level, mark, is_coded)
    seen.messages.setdefault((kind, name, minute, level), []).append(message)


def _mark(
    keys: Keys,
    seen: _Scan,
    place: tuple[int, int, int],
    means: tuple[str, int, float, Conversion],
) -> tuple[str, bool]:
    """Return the mark of a message whose rows lie alone, nothing of others, and whether its values are coded."""
    descriptor, offset, part = place
    packed = None if part or not is_in_rows(keys) else packed_at(descriptor, offset)
    if packed is None:
        return "", False
    grid, turned = seen.places[str(keys("md5GridSection"))]
    mark = mark_of(without_values(descriptor, offset, packed), means, grid, turned)
    return mark, packed.coding is not None


def _note_place(keys: Keys, seen: _Scan) -> None:
    digest = str(keys("md5GridSection"))
    if digest not in seen.places:
        grid, turned = grid_of(keys)
        seen.places[digest] = grid, turned
        seen.grids[grid] = turned


def _content(
    path: Path, seen: _Scan
) -> tuple[ArlFile, Axes, dict[str, Found], tuple[Found, ...], Messages]:
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


def _leave_one_member(seen: _Scan, asked: int | None) -> None:
    """Of an ensemble leave all members but one."""
    numbers = sorted({one.member for some in seen.messages.values() for one in some})
    if len(numbers) < 2:  # noqa: PLR2004 - no ensemble
        return
    place = picked(numbers, asked)
    if place is None:
        raise DatasetError(f"it {to_be_picked(numbers)}")
    for key, some in list(seen.messages.items()):
        seen.messages[key] = [one for one in some if one.member == numbers[place]]
        if not seen.messages[key]:
            del seen.messages[key]
    known = {key[1] for key in seen.messages}
    seen.found = {name: one for name, one in seen.found.items() if name in known}


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
                with opened(eccodes, file, message) as handle:
                    means[kind, number] = float(eccodes.codes_get(handle, "average"))
    if lacking := [number for number in numbers if (MODEL_LEVELS, number) not in means]:
        raise DatasetError(f"its levels of the model have no pressure at {lacking[0]:g}")
    highest = max(means.values())
    ground = means.get((GROUND, 0.0), highest / LOWEST_SHARE)
    shares = {number: round(means[MODEL_LEVELS, number] / ground, 6) for number in numbers}
    ordered = sorted(numbers, key=shares.__getitem__, reverse=True)
    return ordered, Levels(SIGMA, tuple(shares[number] for number in ordered))
