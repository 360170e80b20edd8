"""The folder in which files from a distance are kept, with what they were there."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

import msgspec

from stilt.foundations.durable import TEMPORARY_PREFIX, publish, publish_with
from stilt.foundations.inside import MisplacedError, read_regular
from stilt.met.names import FETCHED, is_met_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from stilt.met.distant.place import Distant

_MOST_BYTES = 1 << 28
_ABANDONED_S = 86400.0


class _Known(msgspec.Struct, array_like=True):
    """A file that was fetched: from where, how many bytes, and the source's mark of its content."""

    url: str
    size: int
    mark: str


class Kept:
    """A folder of fetched files.

    Attributes
    ----------
    folder, url
        Where they are, and where they come from.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url.rstrip("/")
        self._known = self._read()

    def _read(self) -> dict[str, _Known]:
        with contextlib.suppress(OSError, MisplacedError, msgspec.MsgspecError, RecursionError):
            data = read_regular(self.folder / FETCHED, _MOST_BYTES)
            return msgspec.json.decode(data, type=dict[str, _Known])
        return {}

    @property
    def is_begun(self) -> bool:
        """Whether there is such a folder."""
        return self.folder.is_dir()

    @property
    def nearest_folder(self) -> Path:
        """The folder, or the first above it that is there."""
        return next(path for path in (self.folder, *self.folder.parents) if path.is_dir())

    @property
    def size_bytes(self) -> int:
        """What the files take that were fetched."""
        return sum(self._size_here(name) for name in self._known)

    def size_of(self, file: Distant) -> int:
        """Return what a file takes here that was fetched before."""
        return self._size_here(file.name) if file.name in self._known else 0

    def _size_here(self, name: str) -> int:
        with contextlib.suppress(OSError):
            return (self.folder / name).stat().st_size
        return 0

    def lacking(self, files: Iterable[Distant]) -> tuple[Distant, ...]:
        """Return those that are not here as they are there; what somebody put here is left alone."""
        return tuple(file for file in files if not self._has(file))

    def _has(self, file: Distant) -> bool:
        try:
            here = (self.folder / file.name).stat().st_size
        except OSError:
            return False
        known = self._known.get(file.name)
        if known is None:
            return True
        is_same = known.url == self.url and file.mark in {"", known.mark}
        return is_same and here == known.size and file.size in {None, known.size}

    def put(self, file: Distant, fetch: Callable[[Path], None]) -> Path:
        """Let ``fetch`` write a file, which gets its name when it is whole, and note what it was there.

        Raises
        ------
        StiltError
            As ``fetch`` gives it; then there is what was there before.
        OSError
            As the filesystem gave it.
        """
        path = self.folder / file.name
        publish_with(path, fetch, root=self.folder.parent)
        fresh = self._read()  # another run may have fetched others meanwhile
        fresh[file.name] = _Known(self.url, path.stat().st_size, file.mark)
        self._known = fresh
        publish(self.folder / FETCHED, msgspec.json.encode(fresh), root=self.folder.parent)
        return path

    def sweep(self) -> None:
        """Remove what fetching left behind that was killed long ago."""
        old = time.time() - _ABANDONED_S
        for top, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(top, name)  # noqa: PTH118 - thousands of names
                if name.startswith(TEMPORARY_PREFIX) and not is_met_name(name):
                    with contextlib.suppress(OSError):
                        if os.lstat(path).st_mtime < old:
                            os.unlink(path)  # noqa: PTH108
