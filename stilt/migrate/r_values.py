"""Values of R: vectors, lists, data frames, times."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stilt.receptors.numbers import r_number

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 2_000_000
DAY_S = 86400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


MACHINE_ZONE: ContextVar[str] = ContextVar("MACHINE_ZONE", default="")
"""The zone that a script gives its own machine: ``Sys.setenv(TZ = 'UTC')``."""


NO_ZONE = "it names no time zone"


class UnreadableError(Exception):
    """An expression that is more than is followed here; ``cause`` is the unknown value that it needs, if it is one."""

    code = "SCRIPT_NOT_FOLLOWED"

    def __init__(self, why: str, cause: Unknown | None = None) -> None:
        super().__init__(why)
        self.cause = cause


class NotAvailable:
    """R's ``NA``."""

    def __repr__(self) -> str:
        return "NA"


NA = NotAvailable()


@dataclass(frozen=True, slots=True)
class Unknown:
    """What stands for a value that could not be followed: anything that needs it cannot be followed either.

    ``statements`` are those that made it so, the first cause first.
    """

    why: str
    line: int
    statements: tuple[Any, ...] = ()
    file: str = ""

    @property
    def where(self) -> str:
        """The line, with the file where that is not the script itself."""
        return f"{self.file} line {self.line}" if self.file else f"line {self.line}"


@dataclass(frozen=True, slots=True, order=True)
class Time:
    """R's ``POSIXct``: seconds since 1970, and the zone that it is shown in (empty: the machine's)."""

    seconds: float
    zone: str = field(default="UTC", compare=False)

    def local(self) -> datetime:
        """Return it as the clock of its zone shows it."""
        return (EPOCH + timedelta(seconds=self.seconds)).astimezone(zone_named(self.zone))


@dataclass(frozen=True, slots=True, order=True)
class Day:
    """R's ``Date``: days since 1970."""

    days: int

    def date(self) -> date:
        """Return it as a date of Python."""
        return (EPOCH + timedelta(days=self.days)).date()


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """R's ``difftime``; ``unit_s`` is the unit that it counts in."""

    seconds: float
    unit_s: float = field(default=1, compare=False)


@dataclass
class Vector:
    """A vector, or a list where ``is_list``; a single value is a vector of length one."""

    values: list[Any] = field(default_factory=list)
    names: list[str] | None = None
    is_list: bool = False

    def __len__(self) -> int:
        return len(self.values)


@dataclass
class Frame:
    """A data frame: columns of one length."""

    columns: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))


def zone_named(name: str) -> ZoneInfo:
    """Return a time zone; the machine's, which a script means by naming none, only where it sets ``TZ`` itself."""
    if not name:
        name = MACHINE_ZONE.get()
    if not name:
        raise UnreadableError(
            f"{NO_ZONE}, and R takes the one of the machine it runs on: write tz = 'UTC', or what it is"
        )
    try:
        return ZoneInfo("UTC" if name == "GMT" else name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnreadableError(f"the time zone {name!r} is not known here") from None


def single(value: Any) -> Vector:
    """Return a value of Python as a vector of length one."""
    return Vector([value])


def known(values: Iterable[Any]) -> list[Any]:
    """Return values of which each is known."""
    result = list(values)
    for value in result:
        if isinstance(value, Unknown):
            raise UnreadableError(f"{value.why}, {value.where}", value)
    return result


def items(value: Any) -> list[Any]:
    """Return the elements of a value, some of which may be unknown: the columns of a frame, the values of a vector."""
    if value is None:
        return []
    if isinstance(value, Vector):
        return value.values
    if isinstance(value, Frame):
        return [Vector(list(column)) for column in value.columns.values()]
    if isinstance(value, Unknown):
        raise UnreadableError(value.why, value)
    raise UnreadableError("a function stands where a value is expected")


def scalars(value: Any) -> list[Any]:
    """Return the elements of a vector, each one known and a single value (a list of single values will do)."""
    if isinstance(value, Vector) and value.is_list:
        if any(not isinstance(item, Vector) or len(item) != 1 for item in value.values):
            raise UnreadableError("a list stands where a vector is expected")
        return known(item.values[0] for item in value.values)
    if isinstance(value, Frame):
        raise UnreadableError("a data frame stands where a vector is expected")
    return known(items(value))


def scalar(value: Any) -> Any:
    """Return the one element of a vector."""
    found = scalars(value)
    if len(found) != 1:
        raise UnreadableError(f"{len(found)} values stand where one is expected")
    return found[0]


def elements(value: Any) -> list[Any]:
    """Return what a loop or ``lapply`` goes through, each as a value of its own."""
    if isinstance(value, Vector) and not value.is_list:
        return [single(item) for item in value.values]
    return items(value)


def number(value: Any) -> float:
    """Return a single number."""
    found = scalar(value)
    if not isinstance(found, int | float):
        raise UnreadableError(f"{text_of(found)!r} stands where a number is expected")
    return found


def whole(value: Any) -> int:
    """Return a single whole number, cut as R cuts them."""
    return int(number(value))


def text(value: Any) -> str:
    """Return a single text."""
    return text_of(scalar(value))


def truth(value: Any) -> bool:
    """Return a single ``TRUE`` or ``FALSE``."""
    found = scalar(value)
    if not isinstance(found, int | float):
        raise UnreadableError(f"{text_of(found)} stands where TRUE or FALSE is expected")
    return bool(found)


def text_of(value: Any) -> str:
    """Write a value as ``paste`` does."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return r_number(value) if abs(value) < float("inf") else repr(value).title()
    if isinstance(value, Time):
        raise UnreadableError(
            "a time is written as text in a way that versions of R differ in: use format()"
        )
    if isinstance(value, Day):
        return value.date().isoformat()
    if isinstance(value, Vector | Frame | Span):
        raise UnreadableError("more than a single value is written as text")
    return str(value)


def combined(values: list[Any]) -> list[Any]:
    """Return values in one type, as R holds them: beside a text everything becomes text."""
    kinds = {type(value) for value in values} - {NotAvailable, Unknown}
    if kinds & {Time, Day, Span} and len(kinds) > 1:
        raise UnreadableError("times and other values in one vector")
    if Time in kinds and len({value.zone for value in values if isinstance(value, Time)}) > 1:
        return [Time(value.seconds, "") if isinstance(value, Time) else value for value in values]
    if any(issubclass(kind, str) for kind in kinds) and len(kinds) > 1:
        return [value if value is NA else text_of(value) for value in values]
    if bool in kinds and kinds & {int, float}:
        return [int(value) if isinstance(value, bool) else value for value in values]
    return values


def as_frame(columns: dict[str, list[Any]]) -> Frame:
    """Return columns side by side; shorter ones are repeated."""
    size = max((len(values) for values in columns.values()), default=0)
    if any(not values or size % len(values) for values in columns.values() if size):
        raise UnreadableError("columns of different length")
    return Frame(
        {name: values * (size // len(values)) for name, values in columns.items()}
        if size
        else columns
    )
