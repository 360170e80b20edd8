"""A data frame of receptors as ``receptors.csv``."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from stilt.foundations.text import printable
from stilt.migrate.r_times import read_time
from stilt.migrate.r_values import EPOCH, NA, Day, Time, UnreadableError, Vector, known, text_of

if TYPE_CHECKING:
    from stilt.migrate.r_values import Frame

_NAMES = {
    "time": ("run_time", "time", "run_times", "datetime"),
    "longitude": ("long", "longitude", "lon"),
    "latitude": ("lati", "latitude", "lat"),
    "altitude": ("zagl", "altitude", "height", "agl"),
    "group": ("group", "r_idx"),
}


def receptors_csv(
    frame: Frame, *, ids: list[Any] | None = None, above_sea_level: bool = False
) -> str:
    """Return the text of ``receptors.csv``.

    A row with several heights or places becomes several rows that share an ``r_idx``.

    Raises
    ------
    UnreadableError
        If a column is missing or a value is not one of its kind.
    """
    columns = {name: _find(frame, names) for name, names in _NAMES.items()}
    missing = [name for name in ("time", "longitude", "latitude", "altitude") if not columns[name]]
    if missing:
        raise UnreadableError(
            f"no column for {', '.join(missing)} among {', '.join(frame.columns)}"
        )
    rows = _rows(frame, {name: column for name, column in columns.items() if column})
    own = [str(item) for item in ids or []]
    own = own if len(own) == len(rows) else []
    groups = [row.pop("group", None) for row in rows]
    grouped = any(groups) or any(len(row["altitude"]) > 1 for row in rows)
    head = ["time", "longitude", "latitude", "zasl" if above_sea_level else "altitude"]
    lines = [_line([*head, *(["r_idx"] if grouped else []), *(["id"] if own else [])])]
    for index, row in enumerate(rows):
        tail = [groups[index] or str(index + 1)] if grouped else []
        tail += [str(own[index])] if own else []
        points = zip(row["longitude"], row["latitude"], row["altitude"], strict=True)
        lines += [_line([row["time"][0], *point, *tail]) for point in points]
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    """Return a line of a CSV file that has these cells, whatever is in them."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(map(printable, cells))
    return line.getvalue()


def _find(frame: Frame, names: tuple[str, ...]) -> str | None:
    known = {column.lower(): column for column in frame.columns}
    return next((known[name] for name in names if name in known), None)


def _rows(frame: Frame, columns: dict[str, str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for index in range(len(frame)):
        given = {name: frame.columns[column][index] for name, column in columns.items()}
        points = [_points(given[name]) for name in ("longitude", "latitude", "altitude")]
        count = max(map(len, points))
        if any(len(point) not in {1, count} for point in points):
            raise UnreadableError(f"row {index + 1} has lists of different length")
        row: dict[str, Any] = {"time": [_time(given["time"])]}
        for name, point in zip(("longitude", "latitude", "altitude"), points, strict=True):
            row[name] = point * (count // len(point))
        if "group" in given and known([given["group"]])[0] not in {NA, "", "NA"}:
            row["group"] = str(given["group"])
        rows.append(row)
    return rows


def _points(value: Any) -> list[str]:
    values = known(value.values if isinstance(value, Vector) else [value])
    try:
        return [text_of(float(item)) for item in values]
    except (TypeError, ValueError):
        raise UnreadableError(f"{value!r} is not a number") from None


def _time(value: Any) -> str:
    (value,) = known([value])
    if isinstance(value, str):
        value = read_time(value.removesuffix("Z").replace("T", " "), "UTC")
    if isinstance(value, Day):
        value = Time(value.days * 86400.0)
    seconds = value.seconds if isinstance(value, Time) else value
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise UnreadableError(f"{value!r} is not a time")
    when = EPOCH + timedelta(seconds=seconds)
    return f"{when:%Y-%m-%d %H:%M:%S}" if when.second else f"{when:%Y-%m-%d %H:%M}"
