"""Which variables are which fields where a config says so (``mets.NAME.fields``).

The table goes with the meteorology, not with the folder: two of them may read one folder, each with a table of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stilt.config.schema import Met

Table = tuple[tuple[str, str], ...]


def table_of_met(met: Met) -> Table:
    """Return the table of a meteorology, in one order: names of fields, each with that of a variable."""
    return tuple(sorted((met.fields or {}).items()))
