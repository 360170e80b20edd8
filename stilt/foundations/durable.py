"""Publish files so that a reader, after any crash, sees the old bytes or the new ones and never half.

Write to a temporary name in the same folder, fsync, rename, fsync the folder.

With ``root``, the output root, a file below it is never written through a link of somebody else's: see ``inside``.
"""

from __future__ import annotations

import contextlib
import errno
import os
from contextlib import contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING

from stilt.foundations.inside import folder_below, open_input

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TEMPORARY_PREFIX = ".tmp-"

_BLOCK_BYTES = 1 << 20
_NO_HARD_LINKS = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
)
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS})


def publish(path: Path, data: bytes, mode: int = 0o666, *, root: Path | None = None) -> None:
    """Make ``data`` the content of ``path``, durably and at once; ``mode`` is what the umask leaves of it.

    Raises
    ------
    OSError
        As the filesystem gave it; ``path`` is then unchanged and no temporary file is left.
    """
    publish_with(path, lambda temporary: _write_new(temporary, data, mode), root=root)


def publish_with(
    path: Path,
    write: Callable[[Path], None],
    *,
    root: Path | None = None,
    durable: bool = True,
    synced: bool = False,
) -> None:
    """Publish what ``write`` puts into the temporary file whose path it is given.

    Not ``durable``, nothing is synced: for a file that can be lost, and tells itself whether it is whole.
    ``synced``: its content is, and its name, for which the caller sees to it.

    Raises
    ------
    OSError
        As the filesystem gave it; ``path`` is then unchanged and no temporary file is left.
    """
    with made_folder(path.parent, root) as folder:
        # whose it is stands last in a name
        temporary = folder / f"{TEMPORARY_PREFIX}{os.urandom(6).hex()}-{path.name[-100:]}"
        try:
            write(temporary)
            identity = sync_file(temporary) if durable or synced else _identity(temporary.stat())
            _rename(temporary, folder / path.name, identity)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        if durable:
            fsync_dir(folder)


def publish_as(path: Path, plain: str, write: Callable[[Path], None], *, root: Path) -> None:
    """Publish a file under its own name, and let a plain name in the same folder be it too; durable on return.

    The plain name is a hard link, or a symbolic one where the filesystem has no hard links.

    Raises
    ------
    OSError
        As the filesystem gave it.
    """
    with made_folder(path.parent, root) as folder:
        publish_with(folder / path.name, write, durable=False, synced=True)
        expose(folder, path.name, plain)
        fsync_dir(folder)


def adopt(folder: Path, existing: str, name: str, plain: str) -> None:
    """Give a published file another name of its own, and the plain name; durable on return.

    Where a filesystem has no hard links it is copied.

    Raises
    ------
    OSError
        As the filesystem gave it.
    """
    path = folder / name
    if not path.exists():
        temporary = folder / f"{TEMPORARY_PREFIX}{os.urandom(6).hex()}"
        try:
            os.link(folder / existing, temporary)
            os.replace(temporary, path)  # noqa: PTH105 - as below
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            publish(path, (folder / existing).read_bytes())
    if not (folder / plain).exists() or not (folder / plain).samefile(path):
        expose(folder, name, plain)
    fsync_dir(folder)


def expose(folder: Path, name: str, plain: str) -> None:
    """Let a plain name in a folder be a file in it, whatever it was before.

    Raises
    ------
    OSError
        As the filesystem gave it.
    """
    temporary = folder / f"{TEMPORARY_PREFIX}{os.urandom(6).hex()}"
    _link(folder / name, temporary)
    os.replace(temporary, folder / plain)  # noqa: PTH105 - as below
    with contextlib.suppress(
        OSError
    ):  # a name that is that file already stays, and so does the other one
        temporary.unlink()


def _link(path: Path, name: Path) -> None:
    """Give a file another name in its folder."""
    try:
        os.link(path, name)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        os.symlink(path.name, name)  # noqa: PTH211 - the name alone: folders are moved and copied


@contextmanager
def made_folder(path: Path, root: Path | None) -> Iterator[Path]:
    """Make a folder where there is none, and yield a path by which to write in it: below ``root`` in just this one.

    Raises
    ------
    MisplacedError
        If it lies outside of the root.
    OSError
        As the filesystem gave it.
    """
    make_folder(path if root is None else root)
    if root is None:
        yield path
        return
    with folder_below(root, path.relative_to(root).as_posix(), make_folder) as folder:
        yield folder


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, where there is none; what was made is durable on return.

    Raises
    ------
    OSError
        As the filesystem gave it.
    """
    try:
        path.mkdir()
    except FileNotFoundError:
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
    except OSError:
        if path.is_dir():
            return
        if path.is_symlink():
            why = f"it is a link to {path.readlink()}, which is not there"
            raise FileNotFoundError(errno.ENOENT, why, str(path)) from None
        if path.exists():
            raise NotADirectoryError(errno.ENOTDIR, "it is no folder", str(path)) from None
        raise
    with contextlib.suppress(PermissionError):  # one may write into a folder that one may not list
        fsync_dir(path.parent)


def fsync_dir(path: Path) -> None:
    """Make the entries of a folder durable, where its filesystem knows how to."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def digest_file(path: Path) -> tuple[int, str]:
    """Return the size of a file in bytes and the BLAKE2b-128 of its bytes in hex.

    Raises
    ------
    InputError, OSError
        If it is no regular file, or can't be read.
    """
    digest = blake2b(digest_size=16)
    size = 0
    with open_input(path) as file:
        while block := file.read(_BLOCK_BYTES):
            size += len(block)
            digest.update(block)
    return size, digest.hexdigest()


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte; the kernel may take fewer than it is offered."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _write_new(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        write_all(descriptor, data)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> tuple[int, int]:
    """Make a file durable, whoever wrote it, and return what identifies it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
        return _identity(os.fstat(descriptor))
    finally:
        os.close(descriptor)


def _rename(temporary: Path, path: Path, identity: tuple[int, int]) -> None:
    try:
        os.replace(temporary, path)  # noqa: PTH105 - the name that the fault tests intercept
    except OSError:
        # NFS replays requests: a rename whose first answer was lost fails although it was done.
        if not _is_file(path, identity):
            raise


def _is_file(path: Path, identity: tuple[int, int]) -> bool:
    try:
        facts = path.stat()
    except OSError:
        return False
    return _identity(facts) == identity


def _identity(facts: os.stat_result) -> tuple[int, int]:
    return facts.st_dev, facts.st_ino
