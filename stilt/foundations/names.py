"""Names of simulations: which ids a part means, and when the least capable filesystem takes two for one."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RESERVED_ENDINGS = (".error",)
"""Endings that the product uses itself: the particles of an error run are ``<simulation>.error.parquet``."""

REALIZATION = "realization"
"""The label of a simulation that says which of several realizations it is, from 1."""

VARIANT = "variant"
"""The label of a simulation that says of which variant it is, empty where of none."""


def member_ending(realization: int) -> str:
    """Return what a simulation's id ends in for its realization: nothing for the first, so that more can be added."""
    return f"_r{realization:02}" if realization > 1 else ""


def file_key(name: str) -> str:
    """Return what two names have in common that are one file where case and Unicode form do not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def alike(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each name that is the file of an earlier, different one, with that earlier one."""
    seen: dict[str, str] = {}
    for name in names:
        earlier = seen.setdefault(file_key(name), name)
        if earlier != name:
            yield name, earlier


def reserved_ending(name: str) -> str:
    """Return the reserved ending that a name has; empty if it has none."""
    return next((ending for ending in RESERVED_ENDINGS if file_key(name).endswith(ending)), "")


def ids_with(ids: Iterable[str], part: str) -> list[str]:
    """Return the ids that have a part in them; one that ends within their last number is in none of them.

    Whoever types the height 5 does not mean the one of 50 m.
    """
    return [each for each in ids if part and part in each and not _cuts_last(each, part)]


def _cuts_last(each: str, part: str) -> bool:
    rest = each[each.rindex(part) + len(part) :]
    return "_" not in rest and part[-1:].isdigit() and rest[:1] in set("0123456789.")
