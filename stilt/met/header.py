"""What a met file of any kind says of itself."""

from __future__ import annotations

from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING

from stilt.met.arl import ArlError, read_arl
from stilt.met.dataset.magic import kind_of, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from stilt.met.arl import ArlFile
    from stilt.met.dataset.naming import Table
    from stilt.met.grid import Grid


def read_header(path: Path, table: Table = ()) -> ArlFile:
    """Read what a file says of itself; a file that has not changed is read once a process.

    ``table`` is that of its meteorology: which variables are which fields.

    Raises
    ------
    ArlError
        If something in it does not fit.
    OSError
        If it cannot be read.
    """
    if not kind_of(path):
        return read_arl(path)
    from stilt.met.dataset.content import content_of

    return content_of(path, table).header


def signature(path: Path) -> str:
    """Return what tells a met file from another one of its name: name, size, and a digest of what its headers say.

    Where these have checksums of the fields there is a digest of them, too, after a dot. The digest is ``-`` where
    the headers do not read, the size too where the file is not there.
    """
    try:
        size = path.stat().st_size
    except OSError:
        return f"{name_of(path)} - -"
    try:
        header = read_header(path)  # whatever a config calls its fields
    except (ArlError, OSError):
        return f"{name_of(path)} {size} -"
    times = [time.isoformat() for time in header.times]
    levels = [(level.height, level.variables) for level in header.levels]
    cut = header.cut != ""
    said: tuple[object, ...] = (
        header.model,
        repr(header.grid),
        times,
        levels,
        header.level_type,
        cut,
    )
    if not header.grid.is_arls:
        said = (*said, header.grid.rotated, header.grid.rows)
    contents = f".{_digest(header.contents)}" if header.contents else ""
    return f"{name_of(path)} {size} {_digest(said)}{contents}"


def _digest(facts: tuple[object, ...]) -> str:
    return blake2b(repr(facts).encode(), digest_size=8).hexdigest()


def sides_of(
    paths: Iterable[Path], table: Table
) -> Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.intp]] | None:
    """Return what tells the nearest side of the widest grid of a meteorology's files; None where none can be read."""
    grids: list[Grid] = []
    for path in paths:
        with suppress(ArlError, OSError):
            grids.append(read_header(path, table).grid)
    return max(grids, key=lambda grid: grid.area_km2).nearest_side if grids else None
