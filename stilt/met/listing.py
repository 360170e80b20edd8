"""What a folder of meteorology holds, listed once for many simulations."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from stilt.met.dataset.magic import heart_of
from stilt.met.names import is_met_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STALE_S = 60.0
"""A file that is missed is looked for again in a listing that is older than this."""


@dataclass
class Listing:
    """All files under a folder, subfolders included, sorted; without those that are no meteorology by their names."""

    directory: str
    paths: tuple[str, ...] = ()
    _at: float = field(default=float("-inf"), repr=False)
    _found: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    def refresh(self, *, older_than_s: float = float("inf")) -> bool:
        """List the folder if that was never done, or too long ago; return whether it was listed now."""
        now = time.monotonic()
        if self._at > float("-inf") and now - self._at <= older_than_s:
            return False
        self.paths = tuple(
            sorted(
                os.path.join(folder, name)  # noqa: PTH118 - thousands of names, and texts are what is searched
                for folder, names in _walk(self.directory)
                for name in names
                if is_met_name(name)
            )
        )
        self._at = now
        self._found.clear()
        return True

    def search(self, name: str) -> tuple[str, ...]:
        """Return the paths that a name occurs in, as text or as a regular expression; asked again, it remembers."""
        if name not in self._found:
            matched = _matches(name, self.paths)
            self._found[name] = tuple(
                path
                for path, is_match in zip(self.paths, matched, strict=True)
                if is_match or name in path
            )
        return self._found[name]


def _walk(directory: str) -> Iterator[tuple[str, list[str]]]:
    """Yield folders with the names of their files: of a Zarr store only that which stands for it."""
    for folder, below, names in os.walk(directory, followlinks=True):
        heart = heart_of(names)
        if heart:
            below.clear()
        yield folder, [heart] if heart else names


def _matches(pattern: str, paths: tuple[str, ...]) -> Sequence[bool]:
    """Return for each path whether a regular expression matches in it.

    By Arrow's engine, whose time grows with the length of what is searched and no faster: an expression of another
    user's project must not keep a search going for ever. What is none matches nothing.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pa.array(map(os.fsencode, paths), pa.binary(), size=len(paths))
    try:
        found: Sequence[bool] = pc.match_substring_regex(texts, pattern).to_pylist()
    except pa.ArrowInvalid:
        return [False] * len(paths)
    return found


@lru_cache(maxsize=64)
def listing(directory: str) -> Listing:
    """Return the one listing of a folder that this process keeps."""
    return Listing(directory)
