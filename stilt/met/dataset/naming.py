"""Which variables are which fields where a config says so (``mets.NAME.fields``), for the files of its folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stilt.config.schema import Met

Table = tuple[tuple[str, str], ...]

_tables: dict[Path, Table] = {}


def declare(met: Met) -> None:
    """Have the files of a meteorology's folder be read with its table from now on."""
    folder, table = Path(met.directory).absolute(), table_of_met(met)
    if table:
        _tables[folder] = table
    else:
        _tables.pop(folder, None)


def table_of_met(met: Met) -> Table:
    """Return the table of a meteorology, in one order."""
    return tuple(sorted((met.fields or {}).items()))


def table_of(path: Path) -> Table:
    """Return the table for a file: names of fields, each with that of a variable."""
    if not _tables:
        return ()
    place = path.absolute()
    return next((_tables[folder] for folder in place.parents if folder in _tables), ())
