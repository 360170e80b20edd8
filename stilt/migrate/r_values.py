"""Values of R and the few functions that settings are written with."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

from stilt.receptors.numbers import r_number

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 2_000_000
_UNITS_S = {"sec": 1, "min": 60, "hour": 3600, "day": 86400, "week": 604800}


class UnreadableError(Exception):
    """An expression that is more than settings are usually written with."""


class NotAvailable:
    """R's ``NA``."""

    def __repr__(self) -> str:
        return "NA"


NA = NotAvailable()


@dataclass
class Vector:
    """What ``c(...)`` and ``list(...)`` make: values, with names where they were given."""

    values: list[Any] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)

    def get(self, name: str) -> Any:
        """Return the value of that name."""
        if name not in self.names:
            raise UnreadableError(f"there is no {name!r} in it")
        return self.values[self.names.index(name)]

    def as_dict(self) -> dict[str, Any]:
        """Return the named values."""
        return {name: value for name, value in zip(self.names, self.values, strict=True) if name}


@dataclass
class Frame:
    """A data frame: columns of one length."""

    columns: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))


def as_list(value: Any) -> list[Any]:
    """Return a value as the list of its elements; a single one is a vector of length one."""
    if isinstance(value, Vector):
        return value.values
    return [] if value is None else [value]


def vector(values: list[Any], names: list[str | None] | None = None) -> Any:
    """Return values as R would: one alone, without a name, is just that value."""
    if len(values) == 1 and not (names and names[0]):
        return values[0]
    return Vector(values, names or [None] * len(values))


def parse_time(value: Any, format_: Any = None) -> datetime:
    """Read a time as ``as.POSIXct(..., tz = 'UTC')`` does."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC)
    text = str(value).strip().replace("/", "-")
    try:
        if isinstance(format_, str):
            return datetime.strptime(str(value), format_).replace(tzinfo=UTC)
        when = datetime.fromisoformat(text)
    except ValueError:
        raise UnreadableError(f"{value!r} is not a time") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def step_of(by: Any) -> timedelta:
    """Read the ``by`` of ``seq``: ``hour``, ``3 hours``, ``-1 day``, seconds."""
    if isinstance(by, int | float):
        return timedelta(seconds=by)
    match = re.fullmatch(r"(-?\d*)\s*(sec|min|hour|day|week)s?", str(by).strip())
    if match is None:
        raise UnreadableError(f"seq by {by!r}")
    count = int(match[1]) if match[1] not in {"", "-"} else 1
    return timedelta(seconds=count * _UNITS_S[match[2]])


def sequence(start: Any, end: Any, by: Any = 1) -> Any:
    """Return ``seq(start, end, by)`` of numbers or times."""
    if isinstance(start, datetime) or isinstance(end, datetime):
        start, end, step = parse_time(start), parse_time(end), step_of(by)
        span, width = (end - start).total_seconds(), step.total_seconds()
    else:
        step = by
        span, width = end - start, by
    if width == 0 or span / width < 0 or span / width > MOST:
        raise UnreadableError("a seq without end")
    return vector([start + index * step for index in range(int(span / width + 1e-10) + 1)])


def expand_grid(columns: dict[str, list[Any]]) -> Frame:
    """Return all combinations, the first column varying fastest."""
    sizes = 1
    for values in columns.values():
        sizes *= max(len(values), 1)
    if sizes > MOST:
        raise UnreadableError(f"expand.grid of {sizes:,} rows")
    rows = product(*reversed(columns.values()))
    table = list(zip(*rows, strict=True)) or [() for _ in columns]
    return Frame(dict(zip(columns, map(list, reversed(table)), strict=True)))


def data_frame(columns: dict[str, list[Any]]) -> Frame:
    """Return columns side by side; shorter ones are repeated."""
    longest = max((len(values) for values in columns.values()), default=0)
    if any(not values or longest % len(values) for values in columns.values()):
        raise UnreadableError("columns of different length")
    return Frame({name: values * (longest // len(values)) for name, values in columns.items()})


def text_of(value: Any) -> str:
    """Write a value as ``paste`` does."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return r_number(float(value))
    return str(value)


def arithmetic(operator: str, left: Any, right: Any) -> Any:
    """Apply an operator to numbers, element by element, or to a time and seconds."""
    apply = _OPERATORS.get(operator)
    if apply is None:
        raise UnreadableError(f"the operator {operator}")
    lefts, rights = as_list(left), as_list(right)
    if not lefts or not rights:
        raise UnreadableError(f"{operator} of nothing")
    count = max(len(lefts), len(rights))
    try:
        return vector([apply(lefts[i % len(lefts)], rights[i % len(rights)]) for i in range(count)])
    except (TypeError, ZeroDivisionError, OverflowError) as error:
        raise UnreadableError(f"{operator}: {error}") from None


def _add(left: Any, right: Any, sign: int) -> Any:
    if isinstance(left, datetime) and isinstance(right, int | float):
        return left + timedelta(seconds=sign * right)
    return left + sign * right


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda left, right: _add(left, right, 1),
    "-": lambda left, right: _add(left, right, -1),
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
    "^": lambda left, right: left**right,
    "%%": lambda left, right: left % right,
    "%/%": lambda left, right: left // right,
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    ">": lambda left, right: left > right,
    "<=": lambda left, right: left <= right,
    ">=": lambda left, right: left >= right,
    "&&": lambda left, right: bool(left and right),
    "||": lambda left, right: bool(left or right),
    "&": lambda left, right: bool(left and right),
    "|": lambda left, right: bool(left or right),
}
