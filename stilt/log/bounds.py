"""What values in a log, a manifest or a chunk may be, by the name of their field.

A checksum tells that a line is as it was written, not by whom. So a value that no stilt writes (a time in a million
years, a million million tasks, an id with a slash in it) makes an event *unknown*: counted and shown with its place,
and all else goes on. ``spec/log-format.md`` has the same bounds; they admit all that a released stilt has written.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from stilt.foundations.paths import IMPRINT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NUMBERS: dict[str, tuple[float, float]] = {
    "at": (0, 1e11),
    "wall_s": (0, 1e9),
    "likely_wall_s": (0, 1e9),
    "peak_rss_bytes": (0, 1e16),
    "size": (0, 1e18),
    "count": (0, 1e8),
    "total": (0, 1e9),
    "project_total": (0, 1e9),
    "task": (0, 1e7),
    "tasks": (0, 1e7),
    "first_task": (0, 1e7),
    "cpus": (1, 1e6),
    "max_fails": (0, 1e9),
    "attempt": (0, 1e6),
    "restarts": (0, 1e6),
    "seq": (0, 1e8),
}
"""Least and greatest."""

ANY_NUMBER = (-1e19, 1e19)

TEXTS: dict[str, int] = {"message": 1 << 20, "why": 1 << 20}
"""Most characters of a text; of others ``MOST_OF_A_TEXT``."""

MOST_OF_A_TEXT = 4096

NAMES = frozenset({"sim", "batch", "chunk", "config", "met", "digest", "receptor", "input"})
"""What becomes part of a file's name: 1 to 255 printable characters without ``/``, and not ``.`` or ``..``."""

NO_NAMES = frozenset({".", ".."})

OFTEN_EMPTY = frozenset({"met", "receptor"})
"""Names that older logs leave out."""

IMPRINT_PATTERN = rf"^(|plain|{IMPRINT.pattern})\Z"

IMPRINTS = frozenset({"imprint", "particles"})
"""What the names of outputs carry: nothing, ``plain``, or batch, attempt and a random part."""

MOST_OF_A_NAME = 255
MOST_OF_A_LEVEL = 1e9
"""Of a kernel: metres, hPa, or what it counts there."""

MOST_OF_A_LABEL = 1 << 24
"""Of a receptor's label, name or text: a column's is as long as those of all its rows."""

WORDS = frozenset({"job", "cluster", "clusters", "token", "user"})
"""What is given to the scheduler's commands: printable, and never an option."""

BY_NAME = frozenset({"transport", "transports", "footprints", "inputs", "programs", "facts"})
"""Mappings whose keys are names, as in ``NAMES``."""

MOST_PARTS = 100_000
"""Of a list or a mapping; a manifest has as many chunks as tasks."""

WORTH_COLUMNS = 8
"""So many events of a kind are looked at field by field, fewer one by one."""

PARTS = {"chunks": 10_000_000, "facts": 64}

_FREE = frozenset({"reason", "message", "why", "path"})
"""Texts of which only the length has a bound."""

_CLOSED = frozenset({"outcome", "life"})
"""What has few values, or comes out of no file."""

_TIME = re.compile(r"[0-9]{4}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])([01][0-9]|2[0-3])[0-5][0-9]")


def misfit(value: Struct) -> str:
    """Say which field of an event, a header or a manifest is none that stilt writes; nothing if all are."""
    for name in value.__struct_fields__:
        why = _misfit(name, getattr(value, name))
        if why:
            return why
    return ""


def all_fit(events: Iterable[Struct]) -> bool:
    """Return whether ``misfit`` finds nothing in any event, in a fraction of the time."""
    by_kind: dict[type[Struct], list[Struct]] = {}
    for event in events:
        by_kind.setdefault(type(event), []).append(event)
    return all(map(_all_of_a_kind_fit, by_kind.values()))


def _all_of_a_kind_fit(alike: list[Struct]) -> bool:
    if len(alike) < WORTH_COLUMNS:
        return not any(map(misfit, alike))
    names = alike[0].__struct_fields__
    return all(
        column_fits(name, list(map(attrgetter(name), alike)))
        for name in names
        if name not in _CLOSED
    )


def is_within(name: str, value: float) -> bool:
    """Return whether a number is within the bounds of a field."""
    least, most = NUMBERS[name]
    return least <= value <= most


def entry_misfit(entry: Any) -> str:
    """Say what in a chunk's entry is none that stilt writes; nothing if all is."""
    points = (entry.longitudes, entry.latitudes, entry.heights_m)
    if not _TIME.fullmatch(entry.time):
        return f"time is {entry.time!r:.60}"
    if len({len(part) for part in points}) != 1 or not 1 <= len(points[0]) <= MOST_PARTS:
        return "its places have different numbers of coordinates"
    for part, most, name in zip(
        points, (360.0, 90.0, 1e6), ("longitude", "latitude", "height"), strict=True
    ):
        if not all(math.isfinite(value) and abs(value) <= most for value in part):
            return f"a {name} is out of range"
    if not all(imprint and is_imprint(imprint) for imprint in entry.before):
        return "what it says of earlier results is none of their names"
    return _misfit_of_extras(entry) or _misfit("sim", entry.sim) or _misfit("met", entry.met)


def _misfit_of_extras(entry: Any) -> str:
    texts = (text for label in entry.labels.items() for text in label if isinstance(text, str))
    if len(entry.labels) > MOST_PARTS or any(len(text) > MOST_OF_A_LABEL for text in texts):
        return "a label is longer than any that stilt writes"
    if not all(map(_is_name, entry.kernels)) or not all(map(is_kernel, entry.kernels.values())):
        return "a kernel is none that stilt writes"
    return ""


def is_kernel(kernel: Any) -> bool:
    """Tell whether what the levels of a column count is what stilt writes: ascending by height, weights 0 or more."""
    levels = kernel.levels if kernel.on == "height_m" else [-level for level in kernel.levels]
    return (
        1 <= len(levels) <= MOST_PARTS
        and all(low < high for low, high in pairwise(levels))
        and all(abs(level) <= MOST_OF_A_LEVEL for level in levels)
        and all(len(part) in {0, len(levels)} for part in (kernel.averaging, kernel.weights))
        and all(0 <= part <= MOST_OF_A_LEVEL for part in kernel.weights)
        and all(abs(part) <= MOST_OF_A_LEVEL for part in kernel.averaging)
    )


def is_imprint(text: str) -> bool:
    """Tell whether a text is what the names of outputs may carry."""
    return re.match(IMPRINT_PATTERN, text) is not None


def _misfit(name: str, value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int | float):
        return _misfit_of_number(name, value)
    if isinstance(value, str):
        return _misfit_of_text(name, value)
    if isinstance(value, Struct):
        return misfit(value)
    if isinstance(value, list | tuple | dict):
        return _misfit_of_parts(name, value)
    return ""


def _misfit_of_number(name: str, value: float) -> str:
    least, most = NUMBERS.get(name, ANY_NUMBER)
    if least <= value <= most:
        return ""
    is_shown = isinstance(value, float) or abs(value) < 1 << 100
    return f"{name} is {value:.6g}" if is_shown else f"{name} is a number of very many digits"


def _misfit_of_text(name: str, value: str) -> str:
    if name in IMPRINTS:
        return "" if is_imprint(value) else f"{name} is {value!r:.60}"
    if not value and name in OFTEN_EMPTY:
        return ""
    if name in NAMES:
        return "" if _is_name(value) else f"{name} is {value!r:.60}"
    if len(value) > TEXTS.get(name, MOST_OF_A_TEXT):
        return f"{name} has {len(value):,} characters"
    is_option = name in WORDS and (value.startswith("-") or not value.isprintable())
    return f"{name} is {value!r:.60}" if is_option else ""


def _is_name(text: str) -> bool:
    is_plain = 0 < len(text) <= MOST_OF_A_NAME and text.isprintable() and "/" not in text
    return is_plain and text not in NO_NAMES


def _misfit_of_parts(name: str, value: Sequence[Any] | dict[Any, Any]) -> str:
    if len(value) > PARTS.get(name, MOST_PARTS):
        return f"{name} has {len(value):,} parts"
    singular, parts = name.removesuffix("s"), value
    if isinstance(value, dict):
        parts = list(value.values())
        odd = next((key for key in value if not _is_name(key)), None) if name in BY_NAME else None
        if odd is not None:
            return f"{name} has {odd!r:.60}"
    return next(filter(None, (_misfit(singular, part) for part in parts)), "")


def column_fits(name: str, values: Sequence[Any]) -> bool:
    """Return whether one field fits in all events of a kind; a million of them are looked at in a tenth of a second."""
    try:
        if name in NUMBERS:
            least, most = NUMBERS[name]
            return bool(least <= min(values) and max(values) <= most)
        if name in IMPRINTS:
            return all(map(is_imprint, set(values)))
        if name in NAMES:
            together = "".join(values)
            is_plain = together.isprintable() and "/" not in together
            lengths = set(map(len, values))
            too_short = {1, 2} if name in OFTEN_EMPTY else {0, 1, 2}  # those may be . or ..
            if is_plain and not lengths & too_short and max(lengths) <= MOST_OF_A_NAME:
                return True
        elif name in _FREE:
            return max(map(len, values)) <= TEXTS.get(name, MOST_OF_A_TEXT)
    except TypeError:  # one of them is None
        pass
    return all(_alike_fit(name, kind, values) for kind in set(map(type, values)))


def _alike_fit(name: str, kind: type[Any], values: Sequence[Any]) -> bool:
    """Return whether those values of a field fit that are of one kind, each looked at once if it can be told apart."""
    alike: list[Any] = [value for value in values if type(value) is kind]
    if kind is list or kind is tuple or kind is dict:
        alike = [
            value for value in alike if value
        ]  # of thousands of segments hardly one is damaged
    if issubclass(kind, Struct):
        return all_fit(alike)
    if kind is int or kind is float:
        least, most = NUMBERS.get(name, ANY_NUMBER)
        return bool(least <= min(alike) and max(alike) <= most)
    if kind is str and name not in (NAMES | IMPRINTS | WORDS):
        return max(map(len, alike)) <= TEXTS.get(name, MOST_OF_A_TEXT)
    with suppress(TypeError):  # a list, or a mapping of them
        keys = map(tuple, map(dict.items, alike)) if kind is dict else alike
        alike = list(dict(zip(keys, alike, strict=True)).values())
    return not any(_misfit(name, value) for value in alike)
