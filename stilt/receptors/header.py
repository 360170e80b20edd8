"""Which line of ``receptors.csv`` names the columns, and what each column is."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilt.foundations.errors import ProblemsError
from stilt.foundations.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ALIASES = {
    "time": "time run_time run_times r_run_time datetime date_time timestamp time_utc utc utc_time datetime_utc",
    "longitude": "longitude long lon lng r_long",
    "latitude": "latitude lati lat r_lati",
    "agl": "altitude alt zagl z height agl r_zagl altitude_agl height_agl altitude_m height_m",
    "asl": "zasl zmsl asl msl altitude_asl altitude_msl height_asl height_msl",
    "reference": "altitude_ref altitude_reference height_ref height_reference reference z_is_agl",
    "group": "r_idx",
    "id": "id sim_id simulation_id",
    "date": "date",
    "year": "year yr yyyy",
    "month": "month mon",
    "day": "day dd",
    "hour": "hour hr hours hrs hh hour_utc utc_hour",
    "minute": "minute minutes min mins",
}
"""Column to the names it may have, in any case, with blanks or dashes for underscores."""

MOST_COLUMNS = 10_000
HINT = "one line names the columns: time,longitude,latitude,altitude"

_BY_NAME = {name: column for column, names in ALIASES.items() for name in names.split()}
_OPTIONAL = ("reference", "group", "id")
_PARTS = ("date", "year", "month", "day", "hour", "minute")
_NEVER_LABELS = {"r_index": "r_idx", "rindex": "r_idx", "r_id": "r_idx"}
_MINUTE = frozenset(["minute", "minutes", "min", "mins", "mm"])
_HOUR = frozenset(["hour", "hours", "hr", "hrs", "hh", "hhmm", "time", "clock", "tod", "utc"])
_OF_A_CLOCK = {"hour": _HOUR | _MINUTE, "minute": _MINUTE}
"""Words in the names of columns that say what is left of a time of which an hour, or a minute, is not there."""

_UNIT = re.compile(r"[\[(]([a-z_]*)[\])]$")
_HEIGHT = re.compile(r"(alt|altitude|height|hgt|z|zagl|agl|zasl|asl|msl)(_|[\[(]|$)")
_OTHER_UNIT = re.compile(r"(km|ft|feet|hpa|mb)[\])]?$")
_OUR_UNITS = frozenset(["m", "deg", "degrees", "degree", "utc", "east", "north", "e", "n", ""])
_REFERENCES = frozenset(["agl", "asl", "msl"])
_DELIMITERS = ",;\t"
_SHORTEST = 4
_SURE = 3
_LOOKED_AT = 100


@dataclass(frozen=True, slots=True)
class Header:
    """The line that names the columns.

    Attributes
    ----------
    line
        Its number, from 0.
    names
        All names, as they stand there.
    columns
        Position of each column of ours. The time may be in parts: ``date``, ``year``, ``month``, ``day``, ``hour``,
        ``minute``.
    labels
        Position of each other column that has a name.
    notes
        What a person should know of how the columns are taken.
    """

    line: int
    delimiter: str
    names: list[str]
    columns: dict[str, int]
    labels: dict[str, int]
    notes: tuple[str, ...]


def find_header(lines: Sequence[str], source: str) -> Header | None:
    """Find the line that names the columns, below lines of description if there are any; None in an empty file.

    Raises
    ------
    ProblemsError
        If a column is missing, is there twice, or has a name that is nearly one of ours.
    """
    filled = [number for number, line in enumerate(lines) if holds_data(line)]
    if not filled:
        return None
    names = {number: _cells(lines[number]) for number in filled if number < _LOOKED_AT}
    sure = [number for number, (cells, _) in names.items() if _known(cells) >= _SURE]
    line = sure[0] if sure else filled[0]
    cells, delimiter = names[line] if line in names else _cells(lines[line])
    above = [number for number in filled if number < line]
    are = "is" if len(above) == 1 else "are"
    words = f"{counted(len(above), 'line')} above the names of the columns {are} left aside"
    notes = (words,) if above else ()
    return _taken(line, delimiter, cells, source, notes)


def holds_data(line: str) -> bool:
    """Tell whether a line is neither blank nor a comment."""
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _cells(line: str) -> tuple[list[str], str]:
    delimiter = next((mark for mark in _DELIMITERS if mark in line), ",")
    return next(csv.reader([line.strip(" \r\ufeff")], delimiter=delimiter), []), delimiter


def _known(cells: Iterable[str]) -> int:
    return len({_BY_NAME.get(_plain(cell)) for cell in cells} - {None})


def _taken(
    line: int, delimiter: str, names: list[str], source: str, notes: tuple[str, ...]
) -> Header:
    if len(names) > MOST_COLUMNS:
        found = f"header: {len(names):,} columns, more than {MOST_COLUMNS:,}"
        raise ProblemsError(source, (found,), HINT, code="RECEPTORS_HEADER")
    columns, problems = _placed(names)
    if "agl" in columns and "asl" in columns:
        agl, asl = (names[columns[column]].strip() for column in ("agl", "asl"))
        notes += (
            f"heights are taken from {agl!r}, above ground; {asl!r}, above sea level, is left aside",
        )
        del columns["asl"]
        columns.pop("reference", None)
    columns = _with_time(columns)
    problems += _missing_ones(columns, names)
    problems += _rest_of_time(columns, names)
    problems += [
        f"header: there is no column {name.strip()!r}: did you mean {meant}?"
        for name in names
        if (meant := _nearly(_plain(name), columns))
    ]
    if problems:
        raise ProblemsError(source, tuple(problems), HINT, code="RECEPTORS_HEADER")
    labels = _labels(names, set(columns.values()))
    return Header(line, delimiter, names, columns, labels, notes)


def _placed(names: list[str]) -> tuple[dict[str, int], list[str]]:
    """Return the position of each column that is known, and which are there twice."""
    columns: dict[str, int] = {}
    problems: list[str] = []
    for place, name in enumerate(names):
        column = _BY_NAME.get(_plain(name))
        if column is None:
            continue
        if column in columns and column not in _PARTS:
            first = names[columns[column]].strip()
            problems.append(f"header: the columns {first!r} and {name.strip()!r} both are {column}")
        columns.setdefault(column, place)
    return columns, problems


def _with_time(columns: dict[str, int]) -> dict[str, int]:
    """Leave out the parts of a time that are not needed for one: they are labels then."""
    kept = {column: place for column, place in columns.items() if column not in _PARTS}
    if "time" in columns:
        used = ["date", "hour", "minute"]  # where the time is one of day, or a date alone
    elif "date" in columns:
        used = ["date", "hour", "minute"]
    elif {"year", "month", "day"} <= columns.keys():
        used = ["year", "month", "day", "hour", "minute"]
    else:
        used = []
    if "hour" not in columns:
        used = [part for part in used if part != "minute"]
    return kept | {part: columns[part] for part in used if part in columns}


def _rest_of_time(columns: dict[str, int], names: list[str]) -> list[str]:
    """Name columns that would be labels, and say what a time in parts lacks: midnight would be taken."""
    if "time" in columns or not {"date", "year"} & columns.keys():
        return []
    part = "minute" if "hour" in columns else "hour"
    if part in columns:
        return []
    return [
        f"header: the time has no column {part}, is it {name.strip()!r}? name it {part}, or what it is else"
        for place, name in enumerate(names)
        if place not in columns.values() and _OF_A_CLOCK[part] & set(_plain(name).split("_"))
    ]


def _missing_ones(columns: dict[str, int], names: list[str]) -> list[str]:
    needed = ["longitude", "latitude"]
    if not {"time", "date", "year"} & columns.keys():
        needed.insert(0, "time")
    if "agl" not in columns and "asl" not in columns:
        needed.append("altitude")
    return [_missing(column, names) for column in needed if column not in columns]


def _missing(column: str, names: list[str]) -> str:
    from difflib import get_close_matches

    found = [name.strip() for name in names]
    plain = {_plain(name): name for name in found if _plain(name) not in _BY_NAME}
    near = get_close_matches(column, plain, n=1)
    if column == "altitude":
        near += [name for name in plain if _HEIGHT.match(name)]
    guess = f", is it {plain[near[0]]!r}?" if near else ""
    metres = near and _HEIGHT.match(near[0]) and _OTHER_UNIT.search(near[0])
    advice = " Heights are in metres: convert them, and name the column altitude" if metres else ""
    return f"header: no column {column} among {', '.join(found) or 'nothing'}{guess}{advice}"


def _nearly(name: str, columns: dict[str, int]) -> str | None:
    """Return the name of an optional column that is not there and that this one nearly is."""
    if name in _BY_NAME:
        return None
    for column in _OPTIONAL:
        if column in columns:
            continue
        for known in ALIASES[column].split():
            if _NEVER_LABELS.get(name) == known or _is_slip(name, known):
                return known
    return None


def _is_slip(name: str, known: str) -> bool:
    """Tell whether two names differ in no more than underscores, or in one letter."""
    one, other = name.replace("_", ""), known.replace("_", "")
    if min(len(one), len(other)) < _SHORTEST:
        return one == other
    if len(one) > len(other):
        one, other = other, one
    same = next((i for i, letter in enumerate(one) if letter != other[i]), len(one))
    one, other = one[same:], other[same:]
    swapped = one[:2] == other[:2][::-1] and one[2:] == other[2:]
    return one == other[1:] or one[1:] == other[1:] or swapped


def _labels(names: list[str], taken: set[int]) -> dict[str, int]:
    """Return the other columns that have a name; of those of one name, all but the first get a number."""
    labels: dict[str, int] = {}
    seen: Counter[str] = Counter()
    for place, name in enumerate(names):
        label = name.strip()
        if place in taken or not label:
            continue
        labels[f"{label}.{seen[label]}" if seen[label] else label] = place
        seen[label] += 1
    return labels


def _plain(name: str) -> str:
    """Return a name as it is looked up, without units of ours in brackets: ``Altitude [m]`` is ``altitude``."""
    plain = name.strip().lower().replace(" ", "_").replace("-", "_")
    unit = _UNIT.search(plain)
    words = unit[1].split("_") if unit else []
    if unit is None or not set(words) <= _OUR_UNITS | _REFERENCES:
        return plain
    return "_".join([plain[: unit.start()].rstrip("_"), *(_REFERENCES & set(words))])
