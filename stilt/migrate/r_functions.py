"""The functions of R that settings are written with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stilt.migrate.r_values import (
    MOST,
    NA,
    Frame,
    UnreadableError,
    Vector,
    as_list,
    data_frame,
    expand_grid,
    parse_time,
    sequence,
    text_of,
    vector,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

Arguments = "Sequence[tuple[str | None, Any]]"

_OPTIONS = {"KEEP.OUT.ATTRS", "stringsAsFactors", "check.names", "row.names"}


def call(
    name: str, arguments: Sequence[tuple[str | None, Any]], named: dict[str, Any], folder: Path
) -> Any:
    """Evaluate a call.

    Raises
    ------
    UnreadableError
        If the function is not one of these, or cannot take these arguments.
    """
    if name in {"readRDS", "read_rds", "read.csv", "read_csv"}:
        return _read(name, arguments, folder)
    function = _FUNCTIONS.get(name)
    if function is None:
        raise UnreadableError(f"{name}(...) is not evaluated")
    try:
        return function(arguments, named)
    except (IndexError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableError(f"{name}(...): {error}") from None


def _plain(arguments: Sequence[tuple[str | None, Any]]) -> list[Any]:
    return [value for label, value in arguments if label is None]


def _first(arguments: Sequence[tuple[str | None, Any]], named: dict[str, Any], label: str) -> Any:
    plain = _plain(arguments)
    return named[label] if label in named else plain[0]


def _combine(arguments: Sequence[tuple[str | None, Any]], _: dict[str, Any]) -> Any:
    values: list[Any] = []
    names: list[str | None] = []
    for label, value in arguments:
        inner = as_list(value)
        values += inner
        inner_names = value.names if isinstance(value, Vector) else [None] * len(inner)
        names += [label] if label and len(inner) == 1 else inner_names
    return vector(values, names)


def _list(arguments: Sequence[tuple[str | None, Any]], _: dict[str, Any]) -> Vector:
    return Vector([value for _, value in arguments], [label for label, _ in arguments])


def _repeat(arguments: Sequence[tuple[str | None, Any]], named: dict[str, Any]) -> Any:
    plain = _plain(arguments)
    values = as_list(named.get("x", plain[0] if plain else None))
    times = named.get("times", plain[1] if len(plain) > 1 else 1)
    each = int(named.get("each", 1))
    if len(values) * times * each > MOST:
        raise UnreadableError("rep of too many")
    repeated = [value for value in values for _ in range(each)] * int(times)
    kept = int(named["length.out"]) if "length.out" in named else None
    if kept is not None:
        repeated = (repeated * (kept // max(len(repeated), 1) + 1))[:kept]
    return Vector(repeated, [None] * len(repeated)) if len(repeated) != 1 else vector(repeated)


def _seq(arguments: Sequence[tuple[str | None, Any]], named: dict[str, Any]) -> Any:
    plain = _plain(arguments)
    for label in ("from", "to", "by"):
        if label not in named and plain:
            named = {**named, label: plain.pop(0)}
    if "length.out" in named:
        raise UnreadableError("seq with length.out")
    default = 1 if named["to"] >= named["from"] else -1
    return sequence(named["from"], named["to"], named.get("by", default))


def _paste(separator: str) -> Callable[..., Any]:
    def paste(arguments: Sequence[tuple[str | None, Any]], named: dict[str, Any]) -> Any:
        parts = [as_list(value) for value in _plain(arguments)]
        between = str(named.get("sep", separator))
        count = max((len(part) for part in parts), default=0)
        rows = [between.join(text_of(part[i % len(part)]) for part in parts) for i in range(count)]
        return str(named["collapse"]).join(rows) if "collapse" in named else vector(rows)

    return paste


def _times(arguments: Sequence[tuple[str | None, Any]], named: dict[str, Any]) -> Any:
    zone = named.get("tz", "UTC")
    if zone not in {"UTC", "GMT", ""}:
        raise UnreadableError(f"a time in the zone {zone!r}: only UTC is read")
    values = as_list(_first(arguments, named, "x"))
    return vector([parse_time(value, named.get("format")) for value in values])


def _expand(arguments: Sequence[tuple[str | None, Any]], _: dict[str, Any]) -> Frame:
    return expand_grid(_columns(arguments))


def _frame(arguments: Sequence[tuple[str | None, Any]], _: dict[str, Any]) -> Frame:
    return data_frame(_columns(arguments))


def _columns(arguments: Sequence[tuple[str | None, Any]]) -> dict[str, list[Any]]:
    if any(label is None for label, _ in arguments):
        raise UnreadableError("a column without a name")
    return {str(label): as_list(value) for label, value in arguments if label not in _OPTIONS}


def _length(arguments: Sequence[tuple[str | None, Any]], named: dict[str, Any]) -> int:
    value = _first(arguments, named, "x")
    return len(value) if isinstance(value, Frame) else len(as_list(value))


def _flat(arguments: Sequence[tuple[str | None, Any]], named: dict[str, Any]) -> Any:
    flat: list[Any] = []
    for value in as_list(_first(arguments, named, "x")):
        flat += as_list(value)
    return vector(flat)


def _numbers(arguments: Sequence[tuple[str | None, Any]], named: dict[str, Any]) -> Any:
    values = as_list(_first(arguments, named, "x"))
    return vector([value if value is NA else float(value) for value in values])


def _same(arguments: Sequence[tuple[str | None, Any]], named: dict[str, Any]) -> Any:
    return _first(arguments, named, "x")


def _is_missing(arguments: Sequence[tuple[str | None, Any]], named: dict[str, Any]) -> Any:
    return vector([value is NA for value in as_list(_first(arguments, named, "x"))])


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "c": _combine,
    "list": _list,
    "rep": _repeat,
    "seq": _seq,
    "paste0": _paste(""),
    "paste": _paste(" "),
    "file.path": _paste("/"),
    "as.POSIXct": _times,
    "as.POSIXlt": _times,
    "expand.grid": _expand,
    "data.frame": _frame,
    "tibble": _frame,
    "nrow": _length,
    "length": _length,
    "unlist": _flat,
    "as.numeric": _numbers,
    "as.integer": _numbers,
    "path.expand": _same,
    "normalizePath": _same,
    "is.na": _is_missing,
}


def _read(name: str, arguments: Sequence[tuple[str | None, Any]], folder: Path) -> Frame:
    """Read a table from a file of the project."""
    from stilt.migrate.r_tables import read_csv, read_rds

    if not arguments or not isinstance(arguments[0][1], str):
        raise UnreadableError(f"{name} of a computed name")
    path = folder / arguments[0][1]
    if not path.is_file() and path.is_absolute():
        path = folder / path.name  # the project came here from another machine
    if not path.is_file():
        raise UnreadableError(f"{name}: there is no file {folder / arguments[0][1]}")
    return read_rds(path) if "rds" in name.lower() else read_csv(path)
