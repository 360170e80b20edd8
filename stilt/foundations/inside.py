"""Files of an output root that others may have made: found by paths that stand in a log, and opened with care.

A path out of a file may have ``..`` in it, lead through a link, or name a pipe that makes its reader wait for ever. So
a path is taken apart and walked, folder by folder, without following links: what is opened, or removed, is what was
checked. Two kinds of links are followed, as people and stilt make them:

- a folder directly in the output root may be a link (``footprints`` on another filesystem), if it belongs to a trusted
  user (see ``ownership``);
- a file may be a link to another name in its own folder.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from stilt.foundations.errors import DamagedError, InputError
from stilt.foundations.linux import DESCRIPTORS, O_PATH
from stilt.foundations.ownership import owner_name, trusted_users

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST_PATH = 1024
LONGEST_NAME = 255

_FOLDER = O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_HINT = (
    "whoever may write to that folder can say how it came there; stilt neither reads nor removes it"
)


class MisplacedError(DamagedError):
    """A path out of a file leads out of the output root, or to what is no regular file."""

    code = "OUTPUT_MISPLACED"


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """Open a file, if it is a regular one, and yield a path by which to read just that file.

    Raises
    ------
    MisplacedError
        If it is not, or is a link to elsewhere.
    OSError
        If it is not there, or can't be read.
    """
    if path.parent == DESCRIPTORS:  # it was opened before
        yield path
        return
    with _lent(open_regular(path), path) as place:
        yield place


@contextmanager
def opened_below(root: Path, relative: str) -> Iterator[Path]:
    """Open a regular file by a path, relative to the output root, that comes out of a file.

    Yields a path by which to read just that file.

    Raises
    ------
    MisplacedError
        If the path leads out of the root, or to what is no regular file.
    OSError
        If it is not there, or can't be read.
    """
    path = root / relative
    with _folder_below(root, relative) as (folder, name):
        descriptor = _open_file(folder, name, path)
    with _lent(descriptor, path) as place:
        yield place


def open_regular(path: Path) -> int:
    """Open a file for reading, if it is a regular one, and return its descriptor.

    Raises
    ------
    MisplacedError
        If it is not, or is a link to elsewhere.
    OSError
        If it is not there, or can't be read.
    """
    folder = os.open(path.parent, _FOLDER)
    try:
        return _open_file(folder, path.name, path)
    finally:
        os.close(folder)


def read_regular(path: Path, most: int) -> bytes:
    """Return the bytes of a regular file that has no more than ``most``.

    Raises
    ------
    MisplacedError
        If it is no regular file, or has more.
    OSError
        If it is not there, or can't be read.
    """
    with open(open_regular(path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise MisplacedError(f"{path} has {size:,} bytes, more than stilt writes", _HINT)
        return _content(file, size)


def read_input(path: Path, most: int) -> bytes:
    """Return the bytes of a file of the user's, which may be a link, but no pipe, and has no more than ``most``.

    Raises
    ------
    InputError
        If it is something else, or has more.
    OSError
        If it is not there, or can't be read.
    """
    with open_input(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise InputError(
                f"{path} has {size:,} bytes, more than {most:,}",
                "shorten it",
                code="FILE_IRREGULAR",
            )
        return _content(file, size)


def open_input(path: Path) -> BinaryIO:
    """Open a file of the user's, which may be a link, but no pipe, whose reader would wait for ever.

    Raises
    ------
    InputError
        If it is something else.
    OSError
        If it is not there, or can't be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return open(descriptor, "rb")  # noqa: PTH123 - a descriptor has no path
    os.close(descriptor)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise InputError(
        f"{path} is no regular file", "put a file, or a link to one, there", code="FILE_IRREGULAR"
    )


def _content(file: BinaryIO, size: int) -> bytes:
    """Return so many bytes: ``read`` takes memory for all that it is asked for, so never more than are there."""
    return file.read(size)


def is_file_below(root: Path, relative: str) -> bool:
    """Return whether there is a regular file at a path, relative to the output root, that comes out of a file.

    Raises
    ------
    MisplacedError
        If the path leads out of the root, or to what is no regular file.
    """
    try:
        with opened_below(root, relative):
            return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:  # it is there, and whoever reads it will say so
        return True
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise MisplacedError(f"{root / relative} is a link to a link", _HINT) from None


def remove_below(root: Path, relative: str) -> None:
    """Remove a file, if it is there, by a path, relative to the output root, that comes out of a file.

    Raises
    ------
    MisplacedError
        If the path leads out of the root.
    OSError
        If it can't be removed.
    """
    try:
        with _folder_below(root, relative) as (folder, name):
            os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return


def check_below(root: Path, relative: str) -> None:
    """Refuse a path, relative to the output root, whose folder lies outside of it.

    Raises
    ------
    MisplacedError
        If it does. A folder that is not there lies nowhere.
    """
    try:
        with _folder_below(root, relative):
            return
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return


@contextmanager
def folder_below(root: Path, relative: str, make: Callable[[Path], None]) -> Iterator[Path]:
    """Yield a path to just one folder of the output root, whatever its name leads to by then, to write in it.

    ``make`` makes a folder where there is none.

    Raises
    ------
    MisplacedError
        If the folder lies outside of the root.
    OSError
        If it can't be made.
    """
    parts = parts_of(relative)
    here, path = os.open(root, _FOLDER), root
    for depth, part in enumerate(parts, 1):
        with _lent(here, path) as place:
            make(place / part)
            inner = _open_folder(here, root, parts[:depth])
        here, path = inner, path / part
    with _lent(here, path) as place:
        yield place


def parts_of(relative: str) -> list[str]:
    """Take a path out of a file apart.

    Raises
    ------
    MisplacedError
        If it is none that stilt writes: absolute, with ``..``, not printable, or too long.
    """
    parts = relative.split("/")
    is_plain = all(part not in {"", ".", ".."} and len(part) <= LONGEST_NAME for part in parts)
    if not is_plain or len(relative) > LONGEST_PATH or not relative.isprintable():
        raise MisplacedError(f"{relative!r:.300} is no path of an output", _HINT)
    return parts


@contextmanager
def _folder_below(root: Path, relative: str) -> Iterator[tuple[int, str]]:
    """Yield a descriptor of the folder that a path leads to, and the name in it."""
    *folders, name = parts_of(relative)
    here = os.open(root, _FOLDER)
    try:
        for depth in range(1, len(folders) + 1):
            inner = _open_folder(here, root, folders[:depth])
            os.close(here)
            here = inner
        yield here, name
    finally:
        os.close(here)


def _open_folder(parent: int, root: Path, parts: list[str]) -> int:
    """Open the last of the folders that lead from the root to it, within its parent."""
    name = parts[-1]
    try:
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    except NotADirectoryError:
        link = os.open(name, O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        facts = os.fstat(link)
        if not stat.S_ISLNK(facts.st_mode):
            path = str(root.joinpath(*parts))
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        if len(parts) > 1:
            raise MisplacedError(f"the folder {root.joinpath(*parts)} is a link", _HINT)
        if facts.st_uid not in trusted_users():
            raise MisplacedError(f"{root / name} is a link of {owner_name(facts.st_uid)}", _HINT)
        # of this very link, whatever has its name by now
        return os.open(os.readlink("", dir_fd=link), _FOLDER, dir_fd=parent)
    finally:
        os.close(link)


def _open_file(folder: int, name: str, path: Path) -> int:
    try:
        descriptor = _open_plain(folder, name)
        if descriptor is None:
            target = os.readlink(name, dir_fd=folder)
            is_near = "/" not in target and target not in {"", ".", ".."}
            descriptor = _open_plain(folder, target) if is_near else None
            if is_near and descriptor is None:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))  # noqa: TRY301
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise MisplacedError(f"{path} is no regular file", _HINT) from None
        error.filename = str(path)
        raise
    if descriptor is None:
        raise MisplacedError(f"{path} is a link to elsewhere", _HINT)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise MisplacedError(f"{path} is no regular file", _HINT)
    return descriptor


def _open_plain(folder: int, name: str) -> int | None:
    """Open what a name is; None if it is a link."""
    try:
        return os.open(name, _FILE, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        raise


@contextmanager
def _lent(descriptor: int, path: Path) -> Iterator[Path]:
    """Yield a path to a descriptor for libraries that open files by themselves; errors name the file by its own."""
    place = DESCRIPTORS / str(descriptor)
    try:
        yield place if place.exists() else path
    except DamagedError as error:
        message = error.message.replace(str(place), str(path))
        raise type(error)(message, error.hint, code=error.code) from error
    except OSError as error:
        error.filename = _renamed(error.filename, place, path)
        error.filename2 = _renamed(error.filename2, place, path)
        raise
    finally:
        os.close(descriptor)


def _renamed(name: object, place: Path, path: Path) -> object:
    """Return the name of a file, or of one in a folder, by the path that the file or folder is known by."""
    if isinstance(name, str | os.PathLike) and Path(name).is_relative_to(place):
        return str(path / Path(name).relative_to(place))
    return name
