"""The folder in which files from a distance are kept, with what they were there.

What they were is a list in lines, each an object of names, of which a later one counts; it is only ever appended to, so
that a store of many files, or two that fetch at once, lose nothing. Older versions wrote one object, which is a line.
"""

from __future__ import annotations

import contextlib
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from stilt.foundations.durable import (
    TEMPORARY_PREFIX,
    made_folder,
    publish,
    publish_with,
    write_all,
)
from stilt.foundations.inside import MisplacedError, read_regular
from stilt.met.names import FETCHED, is_met_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from stilt.met.distant.place import Distant

_MOST_BYTES = 1 << 28
_ABANDONED_S = 86400.0
_LOCK = ".fetched.lock"
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_COMING = -1
"""The size of a file that is on its way: what has its name until then is not what is there."""

_MANY_LINES, _TIMES_OVER = 1000, 4


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
        known: dict[str, _Known] = {}
        self._lines = 0
        with contextlib.suppress(OSError, MisplacedError):
            for line in read_regular(self.folder / FETCHED, _MOST_BYTES).splitlines():
                self._lines += bool(line)
                with contextlib.suppress(msgspec.MsgspecError, RecursionError):
                    known |= msgspec.json.decode(line, type=dict[str, _Known])
        return known

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
        # Killed from here on, the file is known to be ours and not to be whole: it is fetched again.
        self._note(file.name, _Known(self.url, _COMING, ""), synced=True)
        publish_with(path, fetch, root=self.folder.parent)
        self._note(file.name, _Known(self.url, path.stat().st_size, file.mark))
        return path

    def _note(self, name: str, known: _Known, *, synced: bool = False) -> None:
        """Append a line to the list; a line that somebody else's end cut off before it is none."""
        self._known[name] = known
        line = b"\n" + msgspec.json.encode({name: known}) + b"\n"
        with self._held() as folder:
            descriptor = os.open(folder / FETCHED, _APPEND, 0o666)
            try:
                write_all(descriptor, line)
                if synced:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)

    @contextmanager
    def _held(self) -> Iterator[Path]:
        """Give the folder while no other process appends to the list, or writes it anew."""
        from portalocker import LOCK_EX, lock

        with made_folder(self.folder, self.folder.parent) as folder:
            descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
            with os.fdopen(descriptor, "r+") as file:
                lock(file, LOCK_EX)
                yield folder

    def sweep(self) -> None:
        """Remove what fetching left behind that was killed long ago, and lines of the list that later ones replace."""
        if self._lines > _MANY_LINES + _TIMES_OVER * len(self._known):
            with self._held():
                self._known = self._read()
                publish(self.folder / FETCHED, msgspec.json.encode(self._known))
        old = time.time() - _ABANDONED_S
        for top, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(top, name)  # noqa: PTH118 - thousands of names
                if name.startswith(TEMPORARY_PREFIX) and not is_met_name(name):
                    with contextlib.suppress(OSError):
                        if os.lstat(path).st_mtime < old:
                            os.unlink(path)  # noqa: PTH108
