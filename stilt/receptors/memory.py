"""Memory that a file of receptors takes, told before it is read rather than by the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.foundations.errors import EnvironmentFailure
from stilt.foundations.memory import available_bytes
from stilt.foundations.quantities import size

if TYPE_CHECKING:
    from pathlib import Path

ROW_BYTES = 220
"""Of a row besides its text, at the peak of reading: 208 measured for two million soundings."""

SMALL_BYTES = 1 << 25
"""Files up to here take no more than the program itself."""

_AT_ONCE = 1 << 20


def require_memory(path: Path) -> None:
    """Refuse a file that takes more memory than there is.

    Raises
    ------
    EnvironmentFailure
        With the figures.
    """
    try:
        length = path.stat().st_size
    except OSError:
        return  # whoever reads it says what is wrong
    if length > SMALL_BYTES and length + ROW_BYTES * count_lines(path) > available_bytes():
        raise too_little_memory(path)


def too_little_memory(path: Path) -> EnvironmentFailure:
    """Return the error for a file that takes too much memory."""
    rows = count_lines(path)
    needed = path.stat().st_size + ROW_BYTES * rows
    return EnvironmentFailure(
        f"{path}: {rows:,} rows take about {size(needed)} of memory to read, and there are "
        f"{size(available_bytes())} here",
        "go where there is more (as in `salloc --mem=...`), or divide the file among several projects",
        code="MEMORY_SHORT",
    )


def count_lines(path: Path) -> int:
    """Count the lines of a file, block by block."""
    lines = 0
    with path.open("rb") as file:
        while block := file.read(_AT_ONCE):
            lines += block.count(b"\n")
    return lines
