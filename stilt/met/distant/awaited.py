"""Names of files that are at a distance and not fetched yet: what is found missing of them is no refusal.

Known in the process that has asked; a task asks nobody, and what it misses is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from stilt.config.schema import Met

ALL = ""
"""Stands for files whose hours are not known by their names."""

_awaited: dict[str, tuple[frozenset[str], frozenset[Path]]] = {}
_NOTHING: tuple[frozenset[str], frozenset[Path]] = frozenset(), frozenset()


def await_files(met: Met, names: Iterable[str] = (), paths: Iterable[Path] = ()) -> None:
    """Remember which files of a meteorology are to be fetched, in place of what was remembered.

    ``names`` are what ``file_format`` gives, ``paths`` where they will be: there may be an older one now.
    """
    _awaited[met.directory] = frozenset(names), frozenset(paths)


def is_awaited(met: Met, missing: Collection[str], files: Collection[Path]) -> bool:
    """Tell whether all that is missing, or something of what is there, is to be fetched."""
    names, paths = _awaited.get(met.directory, _NOTHING) if met.source else _NOTHING
    is_coming = bool(missing) and names.issuperset(missing)
    return ALL in names or is_coming or not paths.isdisjoint(files)
