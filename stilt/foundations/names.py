"""Names that become names of files: when the least capable filesystem takes two for one."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RESERVED_ENDINGS = (".error",)
"""Endings that the product uses itself: the particles of an error run are ``<simulation>.error.parquet``."""


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
