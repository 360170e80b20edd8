"""Durations, rates and sizes, as people read them."""

from __future__ import annotations

MINUTE = 60
HOUR = 3600
DAY = 86400
KIBI = 1024


def duration(seconds: float) -> str:
    """Return a duration in at most two units: ``8.2 s``, ``3 min 20 s``, ``5 h 12 min``, ``3 d 4 h``."""
    if seconds < 10:  # noqa: PLR2004 - where a decimal stops telling anything
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    for unit, name, smaller, smaller_name in (
        (DAY, "d", HOUR, "h"),
        (HOUR, "h", MINUTE, "min"),
        (MINUTE, "min", 1, "s"),
    ):
        if whole >= unit:
            rest = whole % unit // smaller
            return f"{whole // unit} {name}" + (f" {rest} {smaller_name}" if rest else "")
    return f"{whole} s"


def rate(per_second: float) -> str:
    """Return a rate in the unit in which it is one or more: ``2.5/s``, ``31/min``, ``4.1/h``."""
    for unit, name in ((1, "s"), (MINUTE, "min"), (HOUR, "h")):
        if per_second * unit >= 1:
            return f"{_three_digits(per_second * unit)}/{name}"
    return f"{_three_digits(per_second * DAY)}/d"


def size(size_bytes: float) -> str:
    """Return a size with a binary prefix: ``12 KiB``, ``3.4 GiB``."""
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < KIBI:
            return f"{_three_digits(value) if unit != 'B' else int(value)} {unit}"
        value /= KIBI
    return f"{_three_digits(value)} TiB"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 simulation``, ``12,000 simulations``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _three_digits(value: float) -> str:
    """Round to what is worth reading: one decimal below ten, none above."""
    return f"{value:.1f}" if abs(value) < 10 else f"{value:,.0f}"  # noqa: PLR2004


def wholly_empty(total: int) -> str:
    """Say of a run whose simulations all are empty that it brought nothing, which looks like a success."""
    every = "the one simulation is empty" if total == 1 else f"all {total:,} simulations are empty"
    return (
        f"{every}: no particle touched the surface within the footprint grids. `stilt check` compares grids with "
        "receptors, `stilt plot SIM` shows where particles went"
    )
