"""Operators of R: element by element, on numbers, texts and times."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

from stilt.migrate.r_times import read_time
from stilt.migrate.r_values import (
    DAY_S,
    EPOCH,
    NA,
    Day,
    Span,
    Time,
    UnreadableError,
    Vector,
    scalars,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def arithmetic(operator: str, left: Any, right: Any) -> Vector:
    """Apply an operator element by element; the shorter side is repeated, ``NA`` gives ``NA``."""
    lefts, rights = scalars(left), scalars(right)
    if not lefts or not rights:
        return Vector([])
    count = max(len(lefts), len(rights))
    if len(lefts) != count:
        lefts = (lefts * (count // len(lefts) + 1))[:count]
    if len(rights) != count:
        rights = (rights * (count // len(rights) + 1))[:count]
    apply = _OPERATORS[operator]
    if operator in _OF_NUMBERS and any(isinstance(value, str) for value in [*lefts, *rights]):
        raise UnreadableError(f"{operator} of a text")
    try:
        found = [apply(a, b) for a, b in zip(lefts, rights, strict=True)]
    except (TypeError, ZeroDivisionError, OverflowError, ValueError) as error:
        raise UnreadableError(f"{operator}: {error}") from None
    if isinstance(lefts[0], Time) and isinstance(rights[0], Time):
        found = _in_one_unit(found)
    given = left if isinstance(left, Vector) and len(left) == count else right
    return Vector(found, given.names)


def _with_na(apply: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda left, right: NA if left is NA or right is NA else apply(left, right)


def _sum(left: Any, right: Any, sign: int) -> Any:
    if isinstance(left, Time | Day) and isinstance(right, Time | Day) and sign < 0:
        return _between(left, right)
    if isinstance(right, Time | Day) and sign > 0:
        left, right = right, left
    if isinstance(left, Time):
        return Time(left.seconds + sign * _seconds(right), left.zone)
    if isinstance(left, Day):
        return Day(left.days + sign * _whole_days(right))
    if isinstance(left, Span) and isinstance(right, Span):
        return Span(left.seconds + sign * right.seconds, left.unit_s)
    return left + sign * right


def _between(left: Any, right: Any) -> Span:
    """Return a difference of times, or of dates, which is in days."""
    if isinstance(left, Day) and isinstance(right, Day):
        return Span((left.days - right.days) * DAY_S, DAY_S)
    if isinstance(left, Time) and isinstance(right, Time):
        return Span(left.seconds - right.seconds)
    raise UnreadableError("the difference of a time and a date")


def _in_one_unit(values: list[Any]) -> list[Any]:
    """Return differences of times in the unit that R chooses: by the smallest of them."""
    spans = [value for value in values if isinstance(value, Span)]
    least = min((abs(span.seconds) for span in spans), default=0)
    unit_s = next((unit for unit in (DAY_S, 3600, 60) if least >= unit), 1)
    return [Span(value.seconds, unit_s) if isinstance(value, Span) else value for value in values]


def _seconds(value: Any) -> float:
    return value.seconds if isinstance(value, Span) else float(value + 0)


def _whole_days(value: Any) -> int:
    days = value.seconds / DAY_S if isinstance(value, Span) else float(value)
    if not days.is_integer():
        raise UnreadableError("a part of a day is added to a date")
    return int(days)


def _product(left: Any, right: Any) -> Any:
    if isinstance(left, Span):
        return Span(left.seconds * right, left.unit_s)
    if isinstance(right, Span):
        return Span(right.seconds * left, right.unit_s)
    return left * (right + 0)  # a text is not repeated, as Python would


def _quotient(left: Any, right: Any) -> Any:
    if isinstance(left, Span) and not isinstance(right, Span):
        return Span(left.seconds / right, left.unit_s)
    return left / right


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    def apply(left: Any, right: Any) -> bool:
        if isinstance(left, str) != isinstance(right, str):
            left, right = _alike(left, right), _alike(right, left)
        kinds = {type(value) for value in (left, right)} & {Time, Day, Span}
        if kinds and type(left) is not type(right):
            raise UnreadableError("times are compared with something else")
        return compare(left, right)

    return _with_na(apply)


def _alike(value: Any, other: Any) -> Any:
    """Return one side of a comparison with a text: a time is compared as time, anything else as text."""
    if isinstance(value, str) and isinstance(other, Time):
        return read_time(value, other.zone)
    if isinstance(value, str) and isinstance(other, Day):
        return Day((date.fromisoformat(value) - EPOCH.date()).days)
    return value if isinstance(value, str | Time | Day) else text_of(value)


def _in_order(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    def apply(left: Any, right: Any) -> bool:
        if isinstance(left, str) and not re.fullmatch(r"[0-9 :.TZ/-]*", left + right):
            raise UnreadableError("which of two texts is first depends on the machine's language")
        return compare(left, right)

    return _compared(apply)


def _both(left: Any, right: Any) -> Any:
    if left is not NA and not left:
        return False
    if right is not NA and not right:
        return False
    return NA if NA in (left, right) else True


def _either(left: Any, right: Any) -> Any:
    if (left is not NA and left) or (right is not NA and right):
        return True
    return NA if NA in (left, right) else False


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": _with_na(lambda left, right: _sum(left, right, 1)),
    "-": _with_na(lambda left, right: _sum(left, right, -1)),
    "*": _with_na(_product),
    "/": _with_na(_quotient),
    "^": _with_na(lambda left, right: float(float(left) ** float(right))),
    "%%": _with_na(lambda left, right: left % right),
    "%/%": _with_na(lambda left, right: left // right),
    "==": _compared(lambda left, right: bool(left == right)),
    "!=": _compared(lambda left, right: bool(left != right)),
    "<": _in_order(lambda left, right: bool(left < right)),
    ">": _in_order(lambda left, right: bool(left > right)),
    "<=": _in_order(lambda left, right: bool(left <= right)),
    ">=": _in_order(lambda left, right: bool(left >= right)),
    "&": _both,
    "|": _either,
}
_OF_NUMBERS = frozenset({"+", "-", "*", "/", "^", "%%", "%/%", "&", "|"})
OPERATORS = frozenset(_OPERATORS)
