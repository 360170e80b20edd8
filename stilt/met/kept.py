"""Where the indexes of met folders are kept: in the output root, once it is there."""

from __future__ import annotations

import contextlib
import os
from hashlib import blake2b
from typing import TYPE_CHECKING

from stilt.foundations.durable import publish
from stilt.foundations.inside import MisplacedError, read_regular
from stilt.foundations.ownership import trusted_users

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.foundations.paths import Layout

_MOST_BYTES = 1 << 30

_roots: list[Layout] = []
_waiting: dict[str, bytes] = {}


def keep_in(layout: Layout) -> None:
    """Keep indexes in this output root from now on."""
    _roots[:] = [layout]


def keep_now() -> None:
    """Keep what was made before the output root was there."""
    for directory, data in list(_waiting.items()):
        keep(directory, data)


def keep(directory: str, data: bytes) -> None:
    """Keep the index of a folder, if it can be: whoever only reads the output root goes without."""
    _waiting[directory] = data
    if not _roots or not _roots[0].output.is_dir():
        return
    with contextlib.suppress(OSError, MisplacedError):
        publish(_place(_roots[0], directory), data, root=_roots[0].output)
        del _waiting[directory]


def kept(directory: str, *, by_trusted: bool = False) -> bytes:
    """Return the index of a folder as it was kept; nothing where there is none, or somebody else's is not wanted."""
    if directory in _waiting or not _roots:
        return _waiting.get(directory, b"")
    place = _place(_roots[0], directory)
    with contextlib.suppress(OSError, MisplacedError):
        if not by_trusted or place.lstat().st_uid in trusted_users():
            return read_regular(place, _MOST_BYTES)
    return b""


def _place(layout: Layout, directory: str) -> Path:
    name = blake2b(os.fsencode(directory), digest_size=8).hexdigest()
    return layout.met_dir / f"{name}.json"
