"""Functions of R on vectors and texts."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from stilt.migrate.r_values import (
    MOST,
    NA,
    Day,
    Frame,
    Span,
    Time,
    UnreadableError,
    Vector,
    combined,
    elements,
    items,
    known,
    scalar,
    scalars,
    single,
    text_of,
    truth,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.migrate.r_arguments import Given

Table = dict[str, tuple[tuple[str, ...], "Callable[[dict[str, Any]], Any]"]]


_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")


class Level(str):
    """A text that R holds as a factor: as a number it would be the number of its level."""

    __slots__ = ()


def combine(given: dict[str, Any]) -> Any:
    """``c(...)``."""
    values: list[Any] = []
    names: list[str] = []
    parts: Given = given["..."]
    is_list = any(isinstance(value, Vector) and value.is_list for _, value in parts)
    for label, value in parts:
        if isinstance(value, Frame):
            raise UnreadableError("c() of a data frame")
        inner = elements(value) if is_list else items(value)
        values += inner
        own = value.names if isinstance(value, Vector) and value.names else [""] * len(inner)
        names += [label] if label and len(inner) == 1 else own
    if not parts or all(value is None for _, value in parts):
        return None
    return Vector(values if is_list else combined(values), names if any(names) else None, is_list)


def make_list(given: dict[str, Any]) -> Vector:
    """``list(...)``."""
    names = [label or "" for label, _ in given["..."]]
    return Vector([value for _, value in given["..."]], names if any(names) else None, is_list=True)


def repeat(given: dict[str, Any]) -> Vector:
    """``rep``."""
    base = given.get("x")
    values, names = items(base), base.names if isinstance(base, Vector) else None
    each = whole(given["each"]) if "each" in given else 1
    times = [int(n) for n in scalars(given["times"])] if given.get("times") is not None else [1]
    kept = whole(given["length.out"]) if given.get("length.out") is not None else None
    if len(values) * max(each, 0) * max(sum(times), 0) > MOST or (kept or 0) > MOST:
        raise UnreadableError("rep of too many")
    order = [i for i in range(len(values)) for _ in range(each)]
    if len(times) == len(order) and len(times) > 1:
        order = [i for i, n in zip(order, times, strict=True) for _ in range(n)]
    elif len(times) == 1:
        order *= times[0]
    else:
        raise UnreadableError("rep with times of another length")
    if kept is not None:
        order = (order * (kept // max(len(order), 1) + 1))[:kept]
    is_list = isinstance(base, Vector) and base.is_list
    return Vector([values[i] for i in order], [names[i] for i in order] if names else None, is_list)


def sequence(given: dict[str, Any]) -> Vector:
    """``seq``."""
    if "along.with" in given:
        return Vector(list(range(1, len(items(given["along.with"])) + 1)))
    count = whole(given["length.out"]) if given.get("length.out") is not None else None
    if (count or 0) > MOST:
        raise UnreadableError("a seq of too many")
    start, end = (scalar(given[key]) if key in given else None for key in ("from", "to"))
    by = scalar(given["by"]) if "by" in given else None
    if isinstance(start, Time | Day):
        return _times_between(start, end, by, count)
    if start is not None and end is None and by is None and count is None:
        return Vector(list(range(1, int(start) + 1)))
    return Vector(_numbers_between(start, end, by, count))


def _times_between(start: Any, end: Any, by: Any, count: int | None) -> Vector:
    from stilt.migrate.r_times import time_steps

    if by is not None and (end is None) != (count is None):
        if end is not None and type(end) is not type(start):
            raise UnreadableError("seq from a time to something else")
        return time_steps(start, end, by, count)
    if by is None and count and isinstance(start, Time) and isinstance(end, Time):
        width = (end.seconds - start.seconds) / max(count - 1, 1)
        return time_steps(start, None, width, count)
    raise UnreadableError("seq of times without by")


def _numbers_between(start: Any, end: Any, by: Any, count: int | None) -> list[Any]:
    from stilt.migrate.r_times import steps

    if any(isinstance(value, str | Day | Time | Span) for value in (start, end, by)):
        raise UnreadableError("seq of something else than numbers")
    if count is not None:
        if start is not None and end is not None and by is None:
            by = (end - start) / max(count - 1, 1)
        by = 1 if by is None else by
        start = (1 if end is None else end - by * (count - 1)) if start is None else start
        return [start + index * by for index in range(count)]
    start, end = 1 if start is None else start, 1 if end is None else end
    by = by if by is not None else (1 if end >= start else -1)
    if by in {1, -1} and float(start).is_integer():
        start, by = int(start), int(by)
    found = [start + index * by for index in range(steps(end - start, by))]
    return [min(value, end) if by > 0 else max(value, end) for value in found]


def numbers(given: dict[str, Any]) -> Vector:
    """``as.numeric``."""
    return Vector([_number(value) for value in scalars(given["x"])])


def _number(value: Any) -> Any:
    if isinstance(value, Level):
        raise UnreadableError("a factor as a number")
    if isinstance(value, Time):
        return value.seconds
    if isinstance(value, Day):
        return value.days
    if isinstance(value, Span):
        return value.seconds / value.unit_s
    if isinstance(value, bool):
        return int(value)
    if value is NA or isinstance(value, int | float):
        return value
    if not _NUMBER.fullmatch(value):
        raise UnreadableError(f"{value!r} as a number")
    return float(value)


def whole_numbers(given: dict[str, Any]) -> Vector:
    """``as.integer``."""
    return Vector([value if value is NA else int(value) for value in numbers(given).values])


def written(given: dict[str, Any]) -> Vector:
    """``format``: of times and dates, and of whole numbers."""
    values = scalars(given.get("x"))
    if all(isinstance(value, Time | Day) or value is NA for value in values):
        from stilt.migrate import r_times

        return r_times.written(given)
    if set(given) == {"x"} and all(isinstance(value, str) for value in values):
        return Vector(list(values))
    raise UnreadableError("format of numbers")


def flat(given: dict[str, Any]) -> Any:
    """``unlist``."""
    values = _flat(given.get("x"))
    return Vector(combined(values)) if values else None


def _flat(value: Any) -> list[Any]:
    if isinstance(value, Vector) and not value.is_list:
        return value.values
    return [inner for item in items(value) for inner in _flat(item)]


def extreme(choose: Callable[[list[Any]], Any]) -> Callable[[dict[str, Any]], Vector]:
    """Return ``min`` or ``max``, of numbers and times."""

    def run(given: dict[str, Any]) -> Vector:
        values = _without_na(given, [item for _, value in given["..."] for item in scalars(value)])
        if not values or any(isinstance(value, str) for value in values):
            raise UnreadableError("min or max of nothing, or of texts")
        values = [int(value) if isinstance(value, bool) else value for value in values]
        return single(NA if NA in values else choose(values))

    return run


def _without_na(given: dict[str, Any], values: list[Any]) -> list[Any]:
    if "na.rm" in given and truth(given["na.rm"]):
        return [value for value in values if value is not NA]
    return values


def summary(calculate: Callable[[list[Any]], Any]) -> Callable[[dict[str, Any]], Vector]:
    """Return ``sum``, ``mean`` and the like: one number from many."""

    def run(given: dict[str, Any]) -> Vector:
        values = _without_na(given, scalars(given["x"]))
        if any(not isinstance(value, int | float) for value in values):
            raise UnreadableError("something else than numbers")
        return single(calculate(values))

    return run


def each(calculate: Callable[[Any], Any]) -> Callable[[dict[str, Any]], Vector]:
    """Return a function of single numbers."""

    def run(given: dict[str, Any]) -> Vector:
        base = given["x"]
        return Vector(
            [NA if x is NA else calculate(x) for x in scalars(base)], getattr(base, "names", None)
        )

    return run


def rounded(given: dict[str, Any]) -> Vector:
    """``round``."""
    digits = whole(given["digits"]) if "digits" in given else 0
    return Vector([NA if x is NA else float(round(x, digits)) for x in scalars(given["x"])])


def logical(calculate: Callable[[list[Any]], bool]) -> Callable[[dict[str, Any]], Vector]:
    """Return ``any`` or ``all``."""
    return lambda given: single(
        calculate([bool(item) for _, value in given["..."] for item in _no_na(scalars(value))])
    )


def _no_na(values: list[Any]) -> list[Any]:
    if NA in values:
        raise UnreadableError("NA stands where TRUE or FALSE is expected")
    return values


def ordered(given: dict[str, Any]) -> Vector:
    """``order``: by the first key, then by the next."""
    down = "decreasing" in given and truth(given["decreasing"])
    keys = [_sortable(scalars(value)) for _, value in given["..."]]
    places = list(range(len(keys[0])))
    for key in reversed(keys):
        places.sort(key=key.__getitem__, reverse=down)
    return Vector([place + 1 for place in places])


def _sortable(values: list[Any]) -> list[Any]:
    if NA in values or any(
        isinstance(value, str) and not re.fullmatch(r"[0-9 :./-]*", value) for value in values
    ):
        raise UnreadableError("an order that depends on the machine's language, or of NA")
    return values


def in_order(given: dict[str, Any]) -> Vector:
    """``sort``."""
    down = "decreasing" in given and truth(given["decreasing"])
    return Vector(sorted(_sortable(_with_no_na(scalars(given["x"]))), reverse=down))


def _with_no_na(values: list[Any]) -> list[Any]:
    return [value for value in values if value is not NA]


def unique(given: dict[str, Any]) -> Any:
    """Do ``unique`` and ``distinct``: keep the first of each."""
    value = given["x"]
    if isinstance(value, Frame):
        rows = list(zip(*[known(column) for column in value.columns.values()], strict=True))
        kept = [i for i, first in enumerate(_firsts(rows)) if first]
        return Frame({name: [column[i] for i in kept] for name, column in value.columns.items()})
    values = scalars(value)
    return Vector([item for item, first in zip(values, _firsts(values), strict=True) if first])


def repeated(given: dict[str, Any]) -> Vector:
    """``duplicated``."""
    value = given["x"]
    rows = (
        list(zip(*[known(c) for c in value.columns.values()], strict=True))
        if isinstance(value, Frame)
        else scalars(value)
    )
    return Vector([not first for first in _firsts(rows)])


def _firsts(values: list[Any]) -> list[bool]:
    seen: set[Any] = set()
    try:
        return [not (value in seen or seen.add(value)) for value in values]  # type: ignore[func-returns-value]
    except TypeError:
        raise UnreadableError("lists in the columns") from None


def size(given: dict[str, Any]) -> Vector:
    """``length``."""
    value = given["x"]
    return single(len(value.columns) if isinstance(value, Frame) else len(items(value)))


def rows(given: dict[str, Any]) -> Any:
    """``nrow``."""
    return single(len(given["x"])) if isinstance(given["x"], Frame) else None


def names_of(given: dict[str, Any]) -> Any:
    """``names``."""
    value = given["x"]
    if isinstance(value, Frame):
        return Vector(list(value.columns))
    return Vector(list(value.names)) if isinstance(value, Vector) and value.names else None


def missing(given: dict[str, Any]) -> Vector:
    """``is.na``."""
    value = given["x"]
    if isinstance(value, Vector) and value.is_list:
        return Vector(
            [
                isinstance(item, Vector) and len(item) == 1 and known(item.values)[0] is NA
                for item in value.values
            ]
        )
    return Vector(
        [item is NA or (isinstance(item, float) and math.isnan(item)) for item in scalars(value)]
    )


def chosen(given: dict[str, Any]) -> Vector:
    """``ifelse``: as in R, times come out as numbers."""
    tests = scalars(given["test"])
    yes, no = ([_stripped(x) for x in items(given[key])] for key in ("yes", "no"))
    if not yes or not no:
        raise UnreadableError("ifelse with nothing to choose")
    sides = [no if t is NA or not t else yes for t in tests]
    found = [
        NA if t is NA else side[i % len(side)]
        for i, (t, side) in enumerate(zip(tests, sides, strict=True))
    ]
    return Vector(combined(found))


def _stripped(value: Any) -> Any:
    return _number(value) if isinstance(value, Time | Day | Span) else value


def stripped(value: Any) -> Any:
    """Return what ``for`` sees of a vector: times are numbers there."""
    if isinstance(value, Vector) and not value.is_list:
        return Vector([_stripped(item) for item in value.values])
    return value


def within(given: dict[str, Any]) -> Vector:
    """``%in%``."""
    values, table = scalars(given["x"]), scalars(given["table"])
    if any(isinstance(value, str) for value in [*table, *values]):
        values, table = (
            [x if isinstance(x, str) else text_of(x) for x in side] for side in (values, table)
        )
    there = set(table)
    return Vector([x in there for x in values])


def which(given: dict[str, Any]) -> Vector:
    """``which``."""
    return Vector([i + 1 for i, x in enumerate(scalars(given["x"])) if x is not NA and x])


def ends(*, last: bool) -> Callable[[dict[str, Any]], Any]:
    """Return ``head`` or ``tail``."""

    def run(given: dict[str, Any]) -> Any:
        value, n = given["x"], whole(given["n"]) if "n" in given else 6
        count = len(value) if isinstance(value, Frame | Vector) else 0
        kept = min(n, count) if n >= 0 else max(count + n, 0)
        cut = slice(count - kept, count) if last else slice(0, kept)
        if isinstance(value, Frame):
            return Frame({name: column[cut] for name, column in value.columns.items()})
        names = value.names[cut] if isinstance(value, Vector) and value.names else None
        return Vector(items(value)[cut], names, isinstance(value, Vector) and value.is_list)

    return run


def named(given: dict[str, Any]) -> Any:
    """``setNames``."""
    return with_names(given["object"], given["nm"])


def with_names(value: Any, names: Any) -> Any:
    """Return a value with other names."""
    new = [text_of(name) for name in scalars(names)]
    if len(new) != len(items(value)):
        raise UnreadableError("names of another number")
    if isinstance(value, Frame):
        return Frame(dict(zip(new, value.columns.values(), strict=True)))
    return Vector(value.values, new, value.is_list)


_X, _DOTS = ("x",), ("...",)
FUNCTIONS: Table = {
    "c": (_DOTS, combine),
    "list": (_DOTS, make_list),
    "rep": (("x", "times", "each", "length.out"), repeat),
    "seq": (("from", "to", "by", "length.out", "along.with"), sequence),
    "seq_len": (("n",), lambda given: Vector(list(range(1, min(whole(given["n"]), MOST) + 1)))),
    "seq_along": (("along.with",), sequence),
    "rev": (_X, lambda given: Vector(items(given["x"])[::-1], None, given["x"].is_list)),
    "as.numeric": (_X, numbers),
    "as.integer": (_X, whole_numbers),
    "as.logical": (
        _X,
        lambda given: Vector([x if x is NA else bool(x + 0) for x in scalars(given["x"])]),
    ),
    "as.vector": (_X, lambda given: stripped(given["x"])),
    "as.list": (_X, lambda given: Vector(elements(given["x"]), None, is_list=True)),
    "format": (("x", "format", "tz"), written),
    "unlist": (("x", "use.names"), flat),
    "min": (("...", "na.rm"), extreme(min)),
    "max": (("...", "na.rm"), extreme(max)),
    "range": (
        _X,
        lambda given: Vector([min(_sortable(scalars(given["x"]))), max(scalars(given["x"]))]),
    ),
    "sum": (("x", "na.rm"), summary(sum)),
    "mean": (("x", "na.rm"), summary(lambda values: math.fsum(values) / len(values))),
    "round": (("x", "digits"), rounded),
    "floor": (_X, each(lambda x: float(math.floor(x)))),
    "ceiling": (_X, each(lambda x: float(math.ceil(x)))),
    "abs": (_X, each(abs)),
    "sqrt": (_X, each(math.sqrt)),
    "any": (_DOTS, logical(any)),
    "all": (_DOTS, logical(all)),
    "which": (_X, which),
    "order": (("...", "decreasing"), ordered),
    "sort": (("x", "decreasing"), in_order),
    "unique": (_X, unique),
    "duplicated": (_X, repeated),
    "length": (_X, size),
    "nrow": (_X, rows),
    "names": (_X, names_of),
    "colnames": (_X, names_of),
    "setNames": (("object", "nm"), named),
    "head": (("x", "n"), ends(last=False)),
    "tail": (("x", "n"), ends(last=True)),
    "is.na": (_X, missing),
    "is.null": (_X, lambda given: single(given["x"] is None)),
    "ifelse": (("test", "yes", "no"), chosen),
    "%in%": (("x", "table"), within),
    "numeric": (
        ("n",),
        lambda given: Vector([0] * min(whole(given["n"]), MOST) if "n" in given else []),
    ),
    "character": (
        ("n",),
        lambda given: Vector([""] * min(whole(given["n"]), MOST) if "n" in given else []),
    ),
    "interactive": ((), lambda _: single(value=False)),
}
