"""Times of R: read, written, and one after the other."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from stilt.migrate.r_values import (
    DAY_S,
    EPOCH,
    MOST,
    NA,
    Day,
    Span,
    Time,
    UnreadableError,
    Vector,
    scalar,
    scalars,
    text,
    zone_named,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_USUAL = (
    "%Y-%m-%d %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M",
    "%Y-%m-%d",
    "%Y/%m/%d",
)
"""What ``as.POSIXct`` tries, in its order."""
_CODES = {
    "%F": "%Y-%m-%d",
    "%T": "%H:%M:%S",
    "%R": "%H:%M",
    "%D": "%m/%d/%y",
    "%OS": "%S",
    "%e": "%d",
    "%h": "%b",
}
_KNOWN_CODES = re.compile(r"%[YmdHMSyjbBIpz%]")
_UNITS_S = {"sec": 1, "min": 60, "hour": 3600, "day": DAY_S, "week": 7 * DAY_S}
_STEP = re.compile(r"(-?\d*)\s*(sec|min|hour|day|week)s?")


def python_format(text: str) -> str:
    """Return a format of R's as one of Python's."""
    for theirs, ours in _CODES.items():
        text = text.replace(theirs, ours)
    if "%" in _KNOWN_CODES.sub("", text):
        raise UnreadableError(f"the format {text!r} of a time")
    return text


def at_zone(when: datetime, zone: str) -> Time:
    """Return what a clock of that zone shows as a time."""
    if when.tzinfo is None:
        when = when.replace(tzinfo=zone_named(zone))
        if when.utcoffset() != when.replace(fold=1).utcoffset():
            raise UnreadableError(f"{when:%Y-%m-%d %H:%M} in {zone} lies where clocks are changed")
    return Time((when - EPOCH).total_seconds(), zone)


def read_time(value: str, zone: str, format_: str | None = None) -> Time:
    """Read one text as ``as.POSIXct`` does."""
    (found,) = read_times([value], zone, [format_] if format_ else None)
    return found if isinstance(found, Time) else Time(0, zone)


def read_times(values: list[Any], zone: str, formats: list[str] | None = None) -> list[Any]:
    """Read texts in the first format that fits all of them."""
    texts = [value for value in values if value is not NA]
    for form in [python_format(given) for given in formats or _USUAL]:
        try:
            read = {value: datetime.strptime(str(value).strip(), form) for value in texts}  # noqa: DTZ007 - the zone is another argument
        except ValueError:
            continue
        times = {value: at_zone(when, zone) for value, when in read.items()}
        return [NA if value is NA else times[value] for value in values]
    if any(re.search(r"\dT\d", str(value)) for value in texts) and formats is None:
        raise UnreadableError(f"versions of R differ in {texts[0]!r}: write a blank in place of T")
    raise UnreadableError(
        f"{texts[0]!r}{' and others' * (len(texts) > 1)}: not a time in one of the forms that R reads"
    )


def as_posixct(given: dict[str, Any]) -> Vector:
    """``as.POSIXct``, ``strptime``: a vector as times."""
    values = scalars(given.get("x"))
    zone = text(given["tz"]) if given.get("tz") is not None else ""
    formats = given.get("format", given.get("tryFormats"))
    if "origin" in given:
        _check_origin(given["origin"])
    if all(isinstance(value, str) or value is NA for value in values):
        return Vector(
            read_times(values, zone, [str(item) for item in scalars(formats)] if formats else None)
        )
    return Vector([_as_time(value, zone) for value in values])


def _check_origin(value: Any) -> None:
    origin = scalar(value)
    if not (str(origin).startswith("1970-01-01") or origin in {Day(0), Time(0)}):
        raise UnreadableError(f"an origin other than 1970-01-01: {origin}")


def _as_time(value: Any, zone: str) -> Any:
    if value is NA or isinstance(value, Time):
        return value
    if isinstance(value, Day):
        return Time(value.days * DAY_S, "UTC")
    if isinstance(value, int | float):
        return Time(float(value), zone)
    raise UnreadableError("times and other values in one vector")


def as_date(given: dict[str, Any]) -> Vector:
    """``as.Date``."""
    formats = [str(item) for item in scalars(given["format"])] if given.get("format") else None
    return Vector([_as_day(value, formats, given) for value in scalars(given.get("x"))])


def _as_day(value: Any, formats: list[str] | None, given: dict[str, Any]) -> Any:
    if value is NA or isinstance(value, Day):
        return value
    if isinstance(value, Time):
        zone = text(given["tz"]) if given.get("tz") is not None else value.zone
        return day_of(Time(value.seconds, zone).local().date())
    if isinstance(value, int | float) and float(value).is_integer():
        return Day(int(value))
    for form in formats or ("%Y-%m-%d", "%Y/%m/%d"):
        try:
            return day_of(
                datetime.strptime(str(value), python_format(form)).replace(tzinfo=UTC).date()
            )
        except ValueError:
            continue
    raise UnreadableError(f"{value!r} is not a date")


def day_of(when: date) -> Day:
    """Return a date of Python as R's."""
    return Day((when - EPOCH.date()).days)


def written(given: dict[str, Any]) -> Vector:
    """``format`` and ``strftime`` of times and dates."""
    values = scalars(given.get("x"))
    form = python_format(text(given["format"])) if given.get("format") is not None else None
    zone = text(given["tz"]) if given.get("tz") is not None else ""
    moments = [
        value.date() if isinstance(value, Day) else Time(value.seconds, zone or value.zone).local()
        for value in values
        if value is not NA
    ]
    if form is None:
        form = _usual_form(moments)
    texts = iter([moment.strftime(form) for moment in moments])
    return Vector([NA if value is NA else next(texts) for value in values])


def _usual_form(moments: list[Any]) -> str:
    if all(
        not isinstance(m, datetime) or (m.hour, m.minute, m.second) == (0, 0, 0) for m in moments
    ):
        return "%Y-%m-%d"
    return "%Y-%m-%d %H:%M:%S"


def time_steps(start: Any, end: Any, by: Any, count: int | None) -> Vector:
    """``seq`` of times or dates, from ``start`` to ``end`` or ``count`` of them."""
    days = isinstance(start, Day)
    step = _STEP.fullmatch(by.strip()) if isinstance(by, str) else None
    if isinstance(by, str) and step is None:
        raise UnreadableError(f"seq by {by!r}")
    if step:
        width = (int(f"{step[1]}1") if step[1] in {"", "-"} else int(step[1])) * float(
            _UNITS_S[step[2]]
        )
    else:
        width = by.seconds if isinstance(by, Span) else float(by) * (DAY_S if days else 1)
    first = start.days * DAY_S if days else start.seconds
    if count is None:
        last = end.days * DAY_S if days else end.seconds
        count = steps(last - first, width)
    found = [first + index * width for index in range(count)]
    if days:
        return Vector([Day(int(seconds // DAY_S)) for seconds in found])
    return Vector([Time(seconds, start.zone) for seconds in found])


def steps(span: float, width: float) -> int:
    """Return how many values a ``seq`` has."""
    if width == 0 and span == 0:
        return 1
    if width == 0 or span / width < 0 or span / width > MOST:
        raise UnreadableError("a seq without end")
    return int(span / width + 1e-10) + 1


def iso_time(given: dict[str, Any]) -> Vector:
    """``ISOdatetime`` and ``ISOdate``."""
    zone = text(given["tz"]) if given.get("tz") is not None else given.get("zone", "")
    names = ("year", "month", "day", "hour", "min", "sec")
    usual = {"min": [0], "sec": [0], "hour": [given.get("noon", 0)]}
    parts = [scalars(given[name]) if name in given else usual[name] for name in names]
    count = max(map(len, parts))
    rows = [[int(part[i % len(part)]) for part in parts] for i in range(count)]
    try:
        return Vector([at_zone(datetime(*row), zone) for row in rows])  # type: ignore[arg-type]  # noqa: DTZ001 - at_zone gives it
    except ValueError as error:
        raise UnreadableError(str(error)) from None


FUNCTIONS: dict[str, tuple[tuple[str, ...], Callable[[dict[str, Any]], Any]]] = {
    "as.POSIXct": (("x", "tz", "format", "origin", "tryFormats"), as_posixct),
    "as.POSIXlt": (("x", "tz", "format", "origin", "tryFormats"), as_posixct),
    "strptime": (("x", "format", "tz"), as_posixct),
    "as.Date": (("x", "format", "tz"), as_date),
    "strftime": (("x", "format", "tz"), written),
    "ISOdatetime": (("year", "month", "day", "hour", "min", "sec", "tz"), iso_time),
    "ISOdate": (
        ("year", "month", "day", "hour", "min", "sec", "tz"),
        lambda given: iso_time({"zone": "UTC", "noon": 12, **given}),
    ),
}
