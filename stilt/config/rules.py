"""What single values cannot tell: whether settings fit each other."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

from stilt.config.schema import (
    MINIMAL_VARSIWANT,
    MIXED_LAYER_ERROR_KEYS,
    NEAR_FIELD_VARSIWANT,
    VARSIWANT_NAMES,
    WIND_ERROR_KEYS,
)
from stilt.config.sections import KERNEL, function_in
from stilt.foundations.errors import InputError
from stilt.foundations.paths import local_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stilt.config.schema import FootprintGrid

MOST_CELLS = 250_000_000
"""Cells of one footprint layer: 1 GB, more than any grid of use."""

MOST_HOURS = 87_600
"""Of one run: ten years."""

MOST_PARTICLES = 10_000_000
OF_THE_CLOCK = 4
"""``krand`` with which HYSPLIT takes its seed from the clock."""

MOST_STEP_MIN = 366 * 1440
MOST_OF_A_PATTERN = 1000
"""Characters of a file format."""

_NAME = re.compile(r"[^\W_][\w.+-]*")
_NAME_BYTES = 64
_STEP = re.compile(
    r"([0-9]{0,7})\s{0,9}(min|mins|minute|minutes|h|hr|hrs|hour|hours|d|day|days|w|week|weeks)"
)
_STEP_MIN = {"m": 1, "h": 60, "d": 1440, "w": 10080}
_PLAIN_NAME = re.compile(r"[\w.+~-]{0,60}", re.ASCII)
_BACKTRACKING = re.compile(r"\(\?(?:=|!|<[=!]|P=|\(|>)|(?<!\\)(?:\\\\)*\\[1-9]|[*+?}]\+")
"""Look-around, references to groups, and what never gives back: the engine that searches has none of them."""


def name_problem(name: str) -> str | None:
    """Say why a name cannot be part of a file name, if so."""
    if not _NAME.fullmatch(name):
        return "a name becomes part of file names: letters, digits and . _ + - only, a letter or digit first"
    if len(name.encode()) > _NAME_BYTES:
        return f"a name becomes part of file names: at most {_NAME_BYTES} bytes"
    return None


def time_step(text: str) -> str | None:
    """Bring ``6 hours`` to ``6h``, ``1440 min`` to ``1d``; None if it is no time step."""
    match = _STEP.fullmatch(text.strip().lower())
    minutes = int(match[1] or 1) * _STEP_MIN[match[2][0]] if match else 0
    if not 0 < minutes <= MOST_STEP_MIN:
        return None
    if minutes % 1440 == 0:
        return f"{minutes // 1440}d"
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}min"


def file_format_problem(text: str) -> str | None:
    """Say why a file format is no regular expression once its time is filled in, or none that is searched for."""
    if len(text) > MOST_OF_A_PATTERN:
        return f"{len(text):,} characters, at most {MOST_OF_A_PATTERN:,} are a file format"
    try:
        re.compile(datetime(2000, 1, 2, 3, 4, tzinfo=UTC).strftime(text))
    except (re.error, ValueError, RecursionError, OverflowError) as error:
        return f"not a regular expression ({error}): write special characters as in \\+ or \\("
    unsupported = _BACKTRACKING.search(text)
    if unsupported:
        return f"{unsupported[0]} can't be searched for in bounded time: leave it out of the expression"
    return None


def path_problem(text: str, what: str) -> str | None:
    """Say why a text is not a path on a filesystem, if so."""
    try:
        local_path(text, what)
    except InputError as error:
        return str(error)
    return None


def grid_problems(grid: FootprintGrid) -> Iterator[tuple[str, str]]:
    """Find what is wrong with a grid: the key and what about it.

    As in R-STILT a longitude/latitude box with ``xmax < xmin`` lies across the antimeridian, and one
    that is 360 degrees wide is global.
    """
    if grid.ymin >= grid.ymax:
        yield "ymin", f"ymin ({grid.ymin:g}) must be south of ymax ({grid.ymax:g})"
    also = "" if grid.is_longlat else " (the box is in degrees, whatever the projection)"
    for key in ("ymin", "ymax"):
        if abs(getattr(grid, key)) > 90:  # noqa: PLR2004 - the poles
            yield key, f"{getattr(grid, key):g} is not a latitude: -90 to 90{also}"
    beyond = [key for key in ("xmin", "xmax") if not -180 <= getattr(grid, key) <= 360]  # noqa: PLR2004 - degrees
    for key in beyond:
        yield key, f"{getattr(grid, key):g} is not a longitude: -180 to 360{also}"
    if beyond:
        return
    if grid.xmin == grid.xmax:
        yield "xmin", "xmin and xmax are the same; write -180 and 180 for the whole globe"
    elif grid.xmax - grid.xmin > 360:  # noqa: PLR2004 - degrees
        yield "xmax", "the box is more than 360 degrees wide"
    elif not grid.is_longlat and grid.xmax < grid.xmin:
        yield (
            "xmin",
            f"xmin ({grid.xmin:g}) must be west of xmax ({grid.xmax:g}) on a projected grid",
        )
    elif grid.is_longlat and grid.ymin < grid.ymax:
        width = grid.xmax - grid.xmin + (360 if grid.xmax < grid.xmin else 0)
        yield from cell_problems(grid, width, grid.ymax - grid.ymin)


def with_file(weight: str) -> str:
    """Return a weight whose function is named by its module with that module's file; nothing is imported for it."""
    module, mark, function = weight.rpartition(":")
    names = module.split(".")
    if not mark or module.endswith(".py") or not all(name.isidentifier() for name in names):
        return weight
    folders: Sequence[str] | None = None
    spec = None
    for count in range(1, len(names) + 1):
        spec = PathFinder.find_spec(".".join(names[:count]), folders)
        folders = spec.submodule_search_locations if spec else []
    origin = spec.origin if spec and spec.has_location else None
    return f"{origin}:{function}" if origin and origin.endswith(".py") else weight


def weight_problems(grid: FootprintGrid) -> Iterator[tuple[str, str]]:
    """Find weights that are none, and keys about kernels where none are asked for: the key and what about it."""
    if grid.weight not in {None, KERNEL} and not function_in(grid.weight)[0]:
        forms = f"{KERNEL} or FILE.py:function (or package.module:function of what is installed)"
        yield "weight", f'expected {forms}, got "{grid.weight}"'
    if grid.weight != KERNEL:
        for key, default in (("kernels", None), ("missing", "refused")):
            if getattr(grid, key) != default:
                yield key, f"has no effect without weight: {KERNEL}"


def cell_problems(grid: FootprintGrid, width: float, height: float) -> Iterator[tuple[str, str]]:
    """Find grids of no cell or of far too many; ``width`` and ``height`` in units of the projection."""
    tolerance = 1 + 1e-10
    if grid.xres > width * tolerance:
        yield "xres", f"one cell ({grid.xres:g}) is wider than the box ({width:g})"
    if grid.yres > height * tolerance:
        yield "yres", f"one cell ({grid.yres:g}) is higher than the box ({height:g})"
    cells = (width / grid.xres) * (height / grid.yres)
    if cells > MOST_CELLS:
        yield "xres", f"{cells:,.0f} cells in a layer: too fine, or not in units of the projection?"


def setting_problems(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Find transport settings that do not fit each other: the key and what about it.

    ``values`` holds the settings that could be read, and the defaults of those left out.
    """
    n_hours = values.get("n_hours")
    if n_hours == 0:
        yield "n_hours", "0 hours is no run: negative is backward in time, positive forward"
    yield from _size_problems(values)
    if values.get("realizations", 1) > 1 and values.get("krand") not in {None, OF_THE_CLOCK}:
        yield (
            "realizations",
            f"with krand: {values['krand']} all have the same random numbers: leave krand out (or take {OF_THE_CLOCK})",
        )
    for what, keys in (("wind", WIND_ERROR_KEYS), ("mixed-layer", MIXED_LAYER_ERROR_KEYS)):
        missing = [key for key in keys if values.get(key) is None]
        if missing and len(missing) < len(keys):
            given = next(key for key in keys if key not in missing)
            yield (
                given,
                f"a {what} error needs all of {', '.join(keys)}: {', '.join(missing)} missing",
            )
    if values.get("zicontroltf") and not values.get("ziscale"):
        yield "zicontroltf", "1 needs ziscale, the factors on the mixed-layer height"
    if values.get("ziscale") and not values.get("zicontroltf"):
        yield "ziscale", "has no effect without zicontroltf: 1"
    maxpar, numpar = values.get("maxpar"), values.get("numpar")
    if maxpar and numpar and maxpar < numpar:
        yield "maxpar", f"{maxpar} is less than numpar ({numpar}): particles would be missing"
    yield from _varsiwant_problems(values)
    if not _PLAIN_NAME.fullmatch(values.get("poutf") or ""):
        yield "poutf", "HYSPLIT takes a plain file name: up to 60 letters, digits and . _ + ~ -"


def _size_problems(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, most in (
        ("n_hours", MOST_HOURS),
        ("numpar", MOST_PARTICLES),
        ("maxpar", MOST_PARTICLES),
    ):
        value = values.get(key)
        if isinstance(value, int) and abs(value) > most:
            yield key, f"{value:,} is more than stilt runs: at most {most:,}"


def _varsiwant_problems(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    names = values.get("varsiwant")
    if not names:
        return
    unknown = [name for name in names if name not in VARSIWANT_NAMES]
    if unknown:
        yield (
            "varsiwant",
            f"hycs_std has no variable {', '.join(unknown)}; it has {' '.join(VARSIWANT_NAMES)}",
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        yield "varsiwant", f"{', '.join(twice)} given twice"
    needed = {
        "footprints": MINIMAL_VARSIWANT,
        "hnf_plume": MINIMAL_VARSIWANT + NEAR_FIELD_VARSIWANT,
    }
    for key, columns in needed.items():
        missing = [name for name in columns if name not in names]
        if values.get(key) and missing:
            yield "varsiwant", f"{key} needs {', '.join(missing)} too"
            return
