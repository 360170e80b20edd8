"""What a config says of how a meteorology's files are read: which variables are which fields, and which member.

It goes with the meteorology, not with the folder: two of them may read one folder, each in its own way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stilt.config.schema import Met

Table = tuple[tuple[str, str], ...]

_MEMBER = "member"
"""No field has such a name: theirs are of capitals."""


def table_of_met(met: Met) -> Table:
    """Return the table of a meteorology, in one order: fields, each with its variable; and the member."""
    member = () if met.member is None else ((_MEMBER, str(met.member)),)
    return (*sorted((met.fields or {}).items()), *member)


def fields_in(table: Table) -> dict[str, str]:
    """Return the variables of fields, by their names."""
    return {name: variable for name, variable in table if name != _MEMBER}


def member_in(table: Table) -> int | None:
    """Return the number of the member that is read; None where the config names none."""
    return next((int(number) for name, number in table if name == _MEMBER), None)
