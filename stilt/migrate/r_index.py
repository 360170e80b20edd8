"""What ``[``, ``[[`` and ``$`` take out of a value of R, and what they put into it."""

from __future__ import annotations

from typing import Any

from stilt.migrate.r_values import (
    MOST,
    NA,
    Frame,
    UnreadableError,
    Vector,
    combined,
    elements,
    items,
    scalars,
    single,
    text_of,
)

ALL = object()
"""The index that is not there, as in ``x[1, ]``."""


def places(index: Any, size: int, names: list[str] | None, *, grow: bool = False) -> list[int]:
    """Return an index as places, counted from 0: positions, positions to leave out, names, or TRUE and FALSE."""
    if index is ALL:
        return list(range(size))
    values = scalars(index)
    if NA in values:
        raise UnreadableError("NA as an index")
    if all(isinstance(value, bool) for value in values):
        if len(values) > size or (values and size % len(values)):
            raise UnreadableError("an index of TRUE and FALSE of another length")
        return [i for i in range(size) if values[i % len(values)]] if values else []
    if all(isinstance(value, str) for value in values):
        return [_place_of(value, names or []) for value in values]
    if not all(isinstance(value, int | float) for value in values):
        raise UnreadableError("an index that is no position")
    numbers = [int(value) for value in values if int(value) != 0]
    if numbers and max(numbers) < 0:
        left_out = {-value - 1 for value in numbers}
        return [i for i in range(size) if i not in left_out]
    if numbers and (min(numbers) < 0 or max(numbers) > (MOST if grow else size)):
        raise UnreadableError("an index beyond the end")
    return [value - 1 for value in numbers]


def _place_of(name: str, names: list[str]) -> int:
    if name not in names:
        raise UnreadableError(f"there is no {name!r} in it")
    return names.index(name)


def pick_rows(frame: Frame, index: Any) -> Frame:
    """Return rows of a frame."""
    kept = places(index, len(frame), None)
    return Frame({name: [column[i] for i in kept] for name, column in frame.columns.items()})


def pick_columns(frame: Frame, index: Any) -> Frame:
    """Return columns of a frame."""
    names = list(frame.columns)
    return Frame({names[i]: frame.columns[names[i]] for i in places(index, len(names), names)})


def member(value: Any, name: str) -> Any:
    """Return ``value$name``."""
    if isinstance(value, Frame):
        if name in value.columns:
            return column_vector(value.columns[name])
        near = [column for column in value.columns if column.startswith(name)]
        return column_vector(value.columns[near[0]]) if len(near) == 1 else None
    if isinstance(value, Vector) and value.is_list:
        return (
            value.values[value.names.index(name)] if value.names and name in value.names else None
        )
    raise UnreadableError(f"${name} of a single value")


def column_vector(values: list[Any]) -> Vector:
    """Return a column as a vector; one of several values a row as a list."""
    return Vector(values, None, is_list=any(isinstance(value, Vector) for value in values))


def element(value: Any, index: list[Any]) -> Any:
    """Return ``value[[index]]``."""
    if len(index) == 2 and isinstance(value, Frame):  # noqa: PLR2004 - row and column
        return subset(value, index)
    (only,) = index
    names = list(value.columns) if isinstance(value, Frame) else getattr(value, "names", None)
    found = places(
        only, len(names) if isinstance(value, Frame) and names else len(items(value)), names
    )
    if len(found) != 1:
        raise UnreadableError("[[ ]] of another number than one")
    if isinstance(value, Frame):
        return column_vector(list(value.columns.values())[found[0]])
    item = items(value)[found[0]]
    return item if value.is_list else single(item)


def subset(value: Any, index: list[Any], *, drop: bool = True) -> Any:
    """Return ``value[index]``, or ``value[rows, columns]`` of a frame."""
    if isinstance(value, Frame):
        if len(index) == 1:
            return pick_columns(value, index[0])
        rows, columns = index
        found = pick_rows(pick_columns(value, columns), rows)
        only = next(iter(found.columns.values())) if len(found.columns) == 1 else None
        return column_vector(only) if only is not None and columns is not ALL and drop else found
    if value is None:
        return None
    if len(index) != 1 or not isinstance(value, Vector):
        raise UnreadableError("a table that is no data frame")
    kept = places(index[0], len(value), value.names)
    names = [value.names[i] for i in kept] if value.names else None
    return Vector([value.values[i] for i in kept], names, value.is_list)


def replace_member(value: Any, name: str, new: Any) -> Any:
    """Return a value after ``value$name <- new``; NULL takes the member out."""
    if value is None:
        value = Vector([], [], is_list=True)
    if isinstance(value, Frame):
        columns = {
            key: column for key, column in value.columns.items() if key != name or new is not None
        }
        if new is not None:
            columns[name] = _filled(items(new), len(value) if value.columns else len(items(new)))
        return Frame(columns)
    if not isinstance(value, Vector) or not value.is_list:
        raise UnreadableError(f"${name} <- in a single value")
    names, values = list(value.names or [""] * len(value)), list(value.values)
    at = names.index(name) if name in names else len(names)
    names[at : at + 1], values[at : at + 1] = ([name], [new]) if new is not None else ([], [])
    return Vector(values, names, is_list=True)


def _filled(values: list[Any], size: int) -> list[Any]:
    if not values or size % len(values):
        raise UnreadableError(f"{len(values)} values for {size}")
    return list(values) * (size // len(values))


def replace_element(value: Any, index: list[Any], new: Any) -> Any:
    """Return a value after ``value[[index]] <- new``."""
    if len(index) == 2:  # noqa: PLR2004 - row and column
        return replace_subset(value, index, new)
    only = scalars(index[0])[0]
    if isinstance(value, Frame):
        name = (
            only
            if isinstance(only, str)
            else list(value.columns)[places(index[0], len(value.columns), None)[0]]
        )
        return replace_member(value, name, new)
    if isinstance(only, str):
        return replace_member(value, only, new)
    if value is None or (isinstance(value, Vector) and value.is_list):
        base = value or Vector([], None, is_list=True)
        return replace_subset(base, index, Vector([new], None, is_list=True))
    return replace_subset(value, index, new)


def replace_subset(value: Any, index: list[Any], new: Any) -> Any:
    """Return a value after ``value[index] <- new``, or ``value[rows, columns] <- new`` of a frame."""
    if isinstance(value, Frame):
        rows, columns = (ALL, index[0]) if len(index) == 1 else index
        return _replace_cells(value, rows, columns, new)
    if len(index) != 1:
        raise UnreadableError("a table that is no data frame")
    value = value or Vector([])
    if (
        index[0] is not ALL
        and len(value) == 0
        and any(isinstance(x, str) for x in scalars(index[0]))
    ):
        value = Vector([], [], value.is_list)
    names = list(value.names) if value.names is not None else None
    wanted = scalars(index[0]) if index[0] is not ALL else []
    if names is not None and wanted and all(isinstance(x, str) for x in wanted):
        names += [x for x in wanted if x not in names]
    found = [*value.values, *[NA] * (len(names or []) - len(value))]
    kept = places(index[0], len(found), names, grow=True)
    is_list = value.is_list or (isinstance(new, Vector) and new.is_list)
    values = elements(new) if is_list else items(new)
    if is_list and not value.is_list:
        found = [single(item) for item in found]
    if not values and kept:
        raise UnreadableError("nothing is put into it")
    found += [None if is_list else NA] * (max([*kept, -1]) + 1 - len(found))
    for at, place in enumerate(kept):
        found[place] = values[at % len(values)]
    if names is not None:
        names += [""] * (len(found) - len(names))
    return Vector(found if is_list else combined(found), names, is_list)


def _replace_cells(frame: Frame, rows: Any, columns: Any, new: Any) -> Frame:
    names = list(frame.columns)
    if columns is not ALL and all(isinstance(x, str) for x in scalars(columns)):
        chosen = [text_of(x) for x in scalars(columns)]
    else:
        chosen = [names[i] for i in places(columns, len(names), names)]
    kept = places(rows, len(frame), None, grow=True)
    size = max([len(frame), *(place + 1 for place in kept)])
    parts = _parts(new, len(chosen), len(kept))
    found = {
        name: [*frame.columns.get(name, [NA] * len(frame))]
        for name in [*names, *(c for c in chosen if c not in names)]
    }
    for column in found.values():
        column.extend([NA] * (size - len(column)))
    for name, part in zip(chosen, parts, strict=True):
        for place, value in zip(kept, part, strict=True):
            found[name][place] = value
        found[name] = combined(found[name])
    return Frame(found)


def _parts(new: Any, columns: int, rows: int) -> list[list[Any]]:
    """Divide what is put into a part of a frame: a list or a frame by columns, a vector down the columns."""
    if isinstance(new, Frame) or (isinstance(new, Vector) and new.is_list):
        parts = [items(part) if isinstance(part, Vector) else [part] for part in items(new)]
        parts = parts * (columns // max(len(parts), 1))
        if len(parts) != columns:
            raise UnreadableError("other columns are put into it")
        return [_filled(part, rows) for part in parts]
    values = _filled(items(new), rows * columns) if rows * columns else []
    return [values[i * rows : (i + 1) * rows] for i in range(columns)]
