"""Data frames of R: made, joined, and sorted."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from stilt.migrate.r_functions import Level, ordered
from stilt.migrate.r_index import pick_rows
from stilt.migrate.r_values import (
    MOST,
    NA,
    Frame,
    UnreadableError,
    Vector,
    as_frame,
    combined,
    items,
    known,
    scalars,
    text_of,
    truth,
)

if TYPE_CHECKING:
    from stilt.migrate.r_arguments import Given
    from stilt.migrate.r_functions import Table

_OPTIONS = frozenset(
    {
        "KEEP.OUT.ATTRS",
        "stringsAsFactors",
        "check.names",
        "row.names",
        "make.row.names",
        ".name_repair",
    }
)


def columns_of(parts: Given) -> dict[str, list[Any]]:
    """Return arguments as columns: ``a = 1:3``, or a frame with all of its own."""
    found: dict[str, list[Any]] = {}
    for label, value in parts:
        if label in _OPTIONS or value is None:
            continue
        if isinstance(value, Frame):
            found |= value.columns
        elif label is None and isinstance(value, Vector) and value.is_list and value.names:
            found |= {
                name: items(column) for name, column in zip(value.names, value.values, strict=True)
            }
        elif label is None:
            raise UnreadableError("a column without a name")
        else:
            found[label] = _column(value)
    return found


def _column(value: Any) -> list[Any]:
    """Return a value as a column; in a column of lists each row holds a vector."""
    return list(items(value))


def expand_grid(given: dict[str, Any]) -> Frame:
    """``expand.grid``: all combinations, the first column varying fastest."""
    columns = columns_of(given["..."])
    count = 1
    for values in columns.values():
        count *= max(len(values), 1)
    if count > MOST:
        raise UnreadableError(f"expand.grid of {count:,} rows")
    factors = not any(
        label == "stringsAsFactors" and not truth(value) for label, value in given["..."]
    )
    table = list(zip(*product(*reversed(columns.values())), strict=True)) or [() for _ in columns]
    found = dict(zip(columns, map(list, reversed(table)), strict=True))
    if factors:
        found = {
            name: [Level(x) if isinstance(x, str) else x for x in values]
            for name, values in found.items()
        }
    return Frame(found)


def data_frame(given: dict[str, Any]) -> Frame:
    """``data.frame``, ``tibble``, ``cbind``: columns side by side."""
    return as_frame(columns_of(given["..."]))


def bind_rows(given: dict[str, Any]) -> Any:
    """``rbind``: frames one below the other, by the names of their columns."""
    frames = [
        _as_rows(value)
        for label, value in given["..."]
        if label not in _OPTIONS and value is not None
    ]
    frames = [frame for frame in frames if frame.columns]
    if not frames:
        return None
    names = list(frames[0].columns)
    for frame in frames:
        if set(frame.columns) != set(names):
            raise UnreadableError("rbind of frames with other columns")
    return Frame(
        {name: combined([x for frame in frames for x in frame.columns[name]]) for name in names}
    )


def _as_rows(value: Any) -> Frame:
    if isinstance(value, Frame):
        return value
    if isinstance(value, Vector) and value.is_list and value.names:
        return as_frame(dict(zip(value.names, map(items, value.values), strict=True)))
    raise UnreadableError("rbind of something else than data frames")


def merge(given: dict[str, Any]) -> Frame:
    """``merge``: rows that agree in the common columns, sorted by them; without one, all combinations."""
    left, right = _frame(given["x"]), _frame(given["y"])
    if not len(left) or not len(right):
        raise UnreadableError("a data frame without rows")
    keys = _keys(given, left, right)
    if not keys:
        return _crossed(left, right)
    joined = _joined(
        left, right, keys, outer=False, all_left="all.x" in given and truth(given["all.x"])
    )
    order = ordered({"...": [(None, Vector(joined.columns[key])) for key in keys]})
    in_order = pick_rows(joined, order)
    rest = [name for name in in_order.columns if name not in keys]
    return Frame({name: in_order.columns[name] for name in [*keys, *rest]})


def _crossed(left: Frame, right: Frame) -> Frame:
    if len(left) * len(right) > MOST:
        raise UnreadableError("a merge of too many rows")
    found = {name: values * len(right) for name, values in left.columns.items()}
    return Frame(
        found
        | {
            name: [x for x in values for _ in range(len(left))]
            for name, values in right.columns.items()
        }
    )


def _frame(value: Any) -> Frame:
    if not isinstance(value, Frame):
        raise UnreadableError("no data frame stands where one is expected")
    return value


def _keys(given: dict[str, Any], left: Frame, right: Frame) -> list[str]:
    by = given.get("by")
    if isinstance(by, Vector) and by.names:
        raise UnreadableError("a join by columns of different names")
    keys = (
        [text_of(key) for key in scalars(by)]
        if by is not None
        else [name for name in left.columns if name in right.columns]
    )
    if by is None and "by" in given:
        return []
    if any(key not in left.columns or key not in right.columns for key in keys):
        raise UnreadableError("a join by a column that is not in both")
    return keys


def _joined(left: Frame, right: Frame, keys: list[str], *, outer: bool, all_left: bool) -> Frame:
    """Return the rows of both that agree in the keys, in the order of the left one."""
    own = [name for name in right.columns if name not in keys]
    if set(own) & set(left.columns):
        raise UnreadableError("a join of frames that share other columns")
    places: dict[tuple[Any, ...], list[int]] = {}
    for i, key in enumerate(zip(*(known(right.columns[name]) for name in keys), strict=True)):
        places.setdefault(key, []).append(i)
    pairs: list[tuple[int, int | None]] = []
    for i, key in enumerate(zip(*(known(left.columns[name]) for name in keys), strict=True)):
        there: list[int | None] = [*places.get(key, [])]
        pairs += [(i, j) for j in there or ([None] if outer or all_left else [])]
    if len(pairs) > MOST:
        raise UnreadableError("a join of too many rows")
    found = {name: [values[i] for i, _ in pairs] for name, values in left.columns.items()}
    for name in own:
        values = right.columns[name]
        found[name] = [NA if j is None else values[j] for _, j in pairs]
    return Frame(found)


def as_data_frame(given: dict[str, Any]) -> Frame:
    """``as.data.frame``: of a frame, or of a list of columns."""
    value = given["x"]
    return value if isinstance(value, Frame) else as_frame(columns_of([(None, value)]))


def without_missing(given: dict[str, Any]) -> Frame:
    """``na.omit``: rows without ``NA``."""
    frame = _frame(given["x"])
    kept = [
        i + 1
        for i in range(len(frame))
        if all(known([column[i]])[0] is not NA for column in frame.columns.values())
    ]
    return pick_rows(frame, Vector(kept))


_ANY = ("...",)
FUNCTIONS: Table = {
    "expand.grid": (_ANY, expand_grid),
    "data.frame": (_ANY, data_frame),
    "cbind": (_ANY, data_frame),
    "rbind": (_ANY, bind_rows),
    "bind_rows": (_ANY, bind_rows),
    "merge": (("x", "y", "by", "all.x"), merge),
    "as.data.frame": (("x", "stringsAsFactors"), as_data_frame),
    "as_tibble": (("x",), as_data_frame),
    "na.omit": (("x",), without_missing),
}
