"""From plain data to Structs, with every problem noted and none hiding another."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stilt.config.document import Document, Where

T = TypeVar("T", bound=msgspec.Struct)

MISSING = object()

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
}
_EXPONENT = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")
_SHOWN = 60
MOST_STRANGERS = 100
"""So many unknown keys of a section are told one by one."""

MOST_OF_A_NUMBER = 1e15
"""No setting is a number greater than this, or less than its negative: the next sum could overflow."""


def convert(kind: type[T], data: Mapping[str, Any], where: Where, document: Document) -> T | None:
    """Build a Struct from a mapping; note what is wrong with each key and return None if anything is.

    Keys whose value is None (``key:`` with nothing behind it) count as left out.
    """
    values, sound = convert_fields(kind, data, where, document)
    return kind(**values) if sound else None


def convert_fields(
    kind: type[T],
    data: Mapping[str, Any],
    where: Where,
    document: Document,
    *,
    ready: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], bool]:
    """Return the values of a Struct's fields, and whether all of them are sound.

    ``ready`` holds fields that the caller has converted itself: None where that failed.
    """
    ready = ready or {}
    values = {name: value for name, value in ready.items() if value is not None}
    sound = len(values) == len(ready)
    guessed = set()
    strangers = [key for key in data if key not in kind.__struct_fields__]
    for key in strangers[:MOST_STRANGERS]:
        near = nearest(key, kind.__struct_fields__)
        guessed.add(near)
        document.add((*where, key), unknown_key(near))
    if len(strangers) > MOST_STRANGERS:
        document.add(where, f"{len(strangers) - MOST_STRANGERS:,} more unknown keys")
    sound &= not strangers
    for info in fields_of(kind):
        if info.name in ready:
            continue
        given = data.get(info.name)
        if given is not None:
            value = convert_value(types(kind)[info.name], given, (*where, info.name), document)
            sound &= value is not MISSING
            values[info.name] = value
        elif info.required:
            sound = False
            if info.name not in guessed:
                document.add((*where, info.name), "missing, but needed")
    return {name: value for name, value in values.items() if value is not MISSING}, sound


@cache
def fields_of(kind: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """Return a Struct's fields; to find them out evaluates all their annotations."""
    return msgspec.structs.fields(kind)


@cache
def types(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the annotations of a Struct's fields, evaluated."""
    return get_type_hints(kind, include_extras=True)


def convert_value(hint: Any, given: Any, where: Where, document: Document) -> Any:
    """Convert one value, or note why it is refused and return ``MISSING``."""
    if isinstance(given, str) and _accepts_float(hint) and _EXPONENT.fullmatch(given):
        given = float(given)  # YAML 1.1 reads 1e-4 as text: it wants a point
    choices = _choices(hint)
    if choices and given not in choices:
        document.add(where, not_one_of(given, choices))
        return MISSING
    try:
        value = msgspec.convert(given, hint)
    except msgspec.ValidationError as error:
        document.add(where, _in_words(str(error), given))
        return MISSING
    if not _is_finite(value):
        document.add(where, f"expected a finite number, got {brief(given)}")
        return MISSING
    if not _is_in_range(value):
        document.add(
            where, f"expected a number of at most {MOST_OF_A_NUMBER:g}, got {brief(given)}"
        )
        return MISSING
    return value


def nearest(key: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known key that is most like this one, if one is."""
    from difflib import get_close_matches

    near = get_close_matches(key.lower().replace("-", "_"), list(known), n=1, cutoff=cutoff)
    return near[0] if near else None


def unknown_key(near: str | None) -> str:
    """Say that a key is unknown, and which one may be meant."""
    return "unknown key" + (f", did you mean {near}?" if near else "")


def not_one_of(given: Any, choices: Iterable[Any]) -> str:
    """Say which values there are, and which one is the nearest."""
    choices = [str(choice) for choice in choices]
    near = nearest(str(given), choices)
    text = f"expected {' or '.join(choices)}, got {brief(given)}"
    return text + (f": did you mean {near}?" if near else "")


def brief(given: Any) -> str:
    """Show a value as it would stand in the file, shortened."""
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, dict | list):
        return _KINDS["object" if isinstance(given, dict) else "array"]
    text = f'"{given}"' if isinstance(given, str) else str(given)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + '..."'


def _accepts_float(hint: Any) -> bool:
    return hint is float or any(_accepts_float(part) for part in get_args(hint))


def _choices(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) is Literal:
        return get_args(hint)
    for part in get_args(hint):
        if get_origin(part) is Literal:
            return get_args(part)
    return ()


def _is_finite(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _is_in_range(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_in_range, value))
    return not isinstance(value, int | float) or abs(value) <= MOST_OF_A_NUMBER


def _in_words(message: str, given: Any) -> str:
    """Turn msgspec's words for types into those of somebody who writes YAML."""
    message, _, place = message.partition(" - at `$")
    match = re.fullmatch(r"Expected `([a-z |]+)`(?:, got `\w+`)?(.*)", message)
    if match is None:
        return f"{message}, got {brief(given)}"
    kinds = [_KINDS[name] for name in match[1].split(" | ") if name in _KINDS]
    limit = re.sub(r"of length >= 1$", "that is not empty", match[2]).removesuffix(".0")
    element = re.fullmatch(r"\[(\d+)\]`", place)
    if element and isinstance(given, list):
        given = given[int(element[1])]
        kinds.append(f"in element {int(element[1]) + 1}")
        expected = " ".join(kinds)
    else:
        expected = " or ".join(kinds)
    text = f"expected {expected}{limit}, got {brief(given)}"
    if expected == "a list" and isinstance(given, str):
        text += ": a list is written [one, two]"
    quotable = "str" in match[1] and not isinstance(given, dict | list | str)
    return text + (": put it in quotes" if quotable else "")
