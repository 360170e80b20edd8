"""What a file announces against what it has: compressed data can claim to be more than all memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.foundations.errors import DamagedError, EnvironmentFailure
from stilt.foundations.memory import available_bytes
from stilt.foundations.quantities import size

if TYPE_CHECKING:
    from pathlib import Path

SMALL_BYTES = 1 << 26
"""Up to here anything is read."""

MOST_FOLD = 1100
"""No output is packed more tightly: zlib makes at most 1,032 bytes of zeros into one."""


def check_announced(path: Path, announced: int, place: Path | None = None) -> None:
    """Refuse a file whose values take more memory than such a file can have, or than there is.

    Parameters
    ----------
    path
        Of the file, as people know it.
    announced
        Bytes that all its values take in memory.
    place
        By which path to look at it, where that is another one.

    Raises
    ------
    DamagedError
        If no stilt packs so much into so few bytes.
    EnvironmentFailure
        If there is too little memory.
    OSError
        If the file can't be looked at.
    """
    if announced <= SMALL_BYTES:
        return
    has = (place or path).stat().st_size
    if announced > MOST_FOLD * has:
        raise DamagedError(
            f"{path} announces {size(announced)} of values in {size(has)}: no stilt wrote it",
            "'stilt verify', then 'stilt run', makes it again",
            code="RESULT_ODD",
        )
    check_room(str(path), announced)


def check_room(what: str, needed: int) -> None:
    """Refuse what takes more bytes of memory than there are.

    Raises
    ------
    EnvironmentFailure
        With the figures.
    """
    if needed <= SMALL_BYTES:
        return
    room = available_bytes()
    if needed > room:
        raise EnvironmentFailure(
            f"{what} takes {size(needed)} of memory to read, and there are {size(room)} here",
            "go where there is more (as in `salloc --mem=...`)",
            code="MEMORY_SHORT",
        )
