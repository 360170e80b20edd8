"""Functions of R that make texts, and take them apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stilt.migrate.r_functions import each
from stilt.migrate.r_values import (
    MOST,
    NA,
    UnreadableError,
    Vector,
    scalars,
    single,
    text,
    text_of,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.migrate.r_functions import Table


def paste(separator: str) -> Callable[[dict[str, Any]], Any]:
    """Return ``paste`` with its usual separator."""

    def run(given: dict[str, Any]) -> Vector:
        parts = [[text_of(item) for item in scalars(value)] for _, value in given["..."]]
        if any(parts):
            parts = [part or [""] for part in parts]
        between = text(given["sep"]) if "sep" in given else separator
        count = max((len(part) for part in parts), default=0)
        rows = [between.join(part[i % len(part)] for part in parts) for i in range(count)]
        if given.get("collapse") is not None:
            return single(text(given["collapse"]).join(rows))
        return Vector(rows)

    return run


def formatted(given: dict[str, Any]) -> Vector:
    """``sprintf``."""
    forms = [str(form) for form in scalars(given["fmt"])]
    parts = [scalars(value) for _, value in given["..."]]
    count = max([len(forms), *map(len, parts)])
    if any(not part or count % len(part) for part in [forms, *parts]):
        raise UnreadableError("arguments of different length")
    rows = []
    for i in range(count):
        values = [part[i % len(part)] for part in parts]
        form = forms[i % len(forms)]
        kinds = re.findall(r"%[-+ 0#]*\d*(?:\.\d+)?([a-zA-Z%])", form)
        values = [
            int(value)
            if kind in "di" and isinstance(value, float) and value.is_integer()
            else text_of(value)
            if kind == "s"
            else value
            for kind, value in zip([k for k in kinds if k != "%"], values, strict=True)
        ]
        rows.append(form % tuple(values))
    return Vector(rows)


def padded(given: dict[str, Any]) -> Vector:
    """``formatC`` of whole numbers and texts, with a width and a flag."""
    width = whole(given["width"]) if "width" in given else 0
    flag = text(given["flag"]) if "flag" in given else ""
    if flag not in {"", "0", "-"} or ("format" in given and text(given["format"]) != "d"):
        raise UnreadableError("formatC with these arguments")
    found = []
    for value in scalars(given["x"]):
        written = text_of(value)
        if isinstance(value, float) and not value.is_integer():
            raise UnreadableError("formatC of a fraction")
        found.append(written.ljust(width) if flag == "-" else written.rjust(width, flag or " "))
    return Vector(found)


def texts(given: dict[str, Any]) -> Vector:
    """``as.character``."""
    return Vector([value if value is NA else str(text_of(value)) for value in scalars(given["x"])])


def each_text(calculate: Callable[[str], Any]) -> Callable[[dict[str, Any]], Vector]:
    """Return a function of single texts."""
    return each(lambda value: calculate(text_of(value)))


def substring(given: dict[str, Any]) -> Vector:
    """``substr`` and ``substring``."""
    start, stop = whole(given["start"]), whole(given["stop"]) if "stop" in given else MOST
    return Vector(
        [NA if x is NA else text_of(x)[max(start - 1, 0) : stop] for x in scalars(given["x"])]
    )


_X = ("x",)
FUNCTIONS: Table = {
    "paste0": (("...", "collapse"), paste("")),
    "paste": (("...", "sep", "collapse"), paste(" ")),
    "file.path": (("...",), paste("/")),
    "sprintf": (("fmt", "..."), formatted),
    "formatC": (("x", "width", "flag", "format"), padded),
    "substr": (("x", "start", "stop"), substring),
    "nchar": (_X, each_text(len)),
    "toupper": (_X, each_text(str.upper)),
    "tolower": (_X, each_text(str.lower)),
    "basename": (_X, each_text(lambda path: path.rstrip("/").rpartition("/")[2])),
    "dirname": (_X, each_text(lambda path: path.rstrip("/").rpartition("/")[0] or ".")),
    "path.expand": (_X, lambda given: given["x"]),
    "normalizePath": (("x", "winslash", "mustWork"), lambda given: given["x"]),
    "as.character": (_X, texts),
}
