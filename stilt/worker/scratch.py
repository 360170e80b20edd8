"""Work directories on node-local scratch, and those that a killed worker left there."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from portalocker import LOCK_EX, LOCK_NB, lock
from portalocker.exceptions import AlreadyLocked, LockException

from stilt.foundations.errors import EnvironmentFailure
from stilt.foundations.writers import is_alive, this_writer

if TYPE_CHECKING:
    from stilt.log.events import Writer

PREFIX = "stilt-work"

_LOCK = ".lock"
_HELD: dict[Path, int] = {}
"""The locks of this process, by folder."""

_A_DAY_S = 86_400.0
_REMOVALS = 20
_BETWEEN_REMOVALS_S = 0.05


def make_scratch(chosen: str | None) -> Path:
    """Return a new folder for this worker, and remove those of workers that died on this machine.

    The engine's folders are made inside it, one a simulation; an engine may keep beside them what all
    simulations of the task share. ``chosen`` is ``execution.scratch``; else ``$TMPDIR`` or ``/tmp``.

    Raises
    ------
    EnvironmentFailure
        If nothing can be written there.
    """
    base = Path(os.path.expandvars(chosen)).expanduser() if chosen else Path(tempfile.gettempdir())
    writer = this_writer("worker")
    folder = base / f"{_name(writer)}-{secrets.token_hex(4)}"
    try:
        base.mkdir(parents=True, exist_ok=True)
        _remove_stale(base, writer)
        folder.mkdir(mode=0o700)
        _hold(folder)
    except OSError as error:
        raise EnvironmentFailure(
            f"the scratch folder {base} cannot be written: {error.strerror}",
            "set `execution: {scratch: FOLDER}` in config.yaml, or TMPDIR",
            code="SCRATCH_UNWRITABLE",
        ) from error
    return folder


def remove_scratch(folder: Path) -> None:
    """Remove a worker's folder and everything in it.

    A model that was killed just as it began may still finish a system call that makes a file in there.
    """
    if folder in _HELD:
        os.close(_HELD.pop(folder))
    for _ in range(_REMOVALS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(_BETWEEN_REMOVALS_S)


def make_workdir(path: Path) -> Path:
    """Make the folder that a simulation works in.

    Raises
    ------
    EnvironmentFailure
        If it can't be made.
    """
    try:
        path.mkdir()
    except OSError as error:
        raise EnvironmentFailure(
            f"the work directory {path} cannot be made: {error.strerror}",
            "make room there, or set `execution: {scratch: FOLDER}` in config.yaml",
            code="SCRATCH_UNWRITABLE",
        ) from error
    return path


def clear_workdir(workdir: Path, *, keep: bool) -> None:
    """Remove the folder that a simulation worked in, or put it aside for a look."""
    if keep:
        with contextlib.suppress(OSError):
            workdir.rename(workdir.parent.parent / f"stilt-kept-{workdir.name}")
    else:
        shutil.rmtree(workdir, ignore_errors=True)


def _hold(folder: Path) -> None:
    """Lock the folder for as long as this process and its children live, whatever can be seen of them.

    The file gets its name when it is locked: one that nobody holds says that its worker is gone. A filesystem without
    locks, or without room for one more file, is no obstacle.
    """
    unnamed = folder / f"{_LOCK}.new"
    with contextlib.suppress(OSError, LockException):
        descriptor = os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _HELD[folder] = descriptor
        lock(descriptor, LOCK_EX | LOCK_NB)
        unnamed.rename(folder / _LOCK)


def _is_held(folder: Path) -> bool | None:
    """Tell whether somebody holds a folder's lock; None where there is none, or this filesystem has no locks."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        lock(descriptor, LOCK_EX | LOCK_NB)
    except AlreadyLocked:
        return True
    except LockException:
        return None
    finally:
        os.close(descriptor)
    return False


def _name(writer: Writer) -> str:
    boot = writer.boot.replace("-", "")[:8] or "0"
    return f"{PREFIX}-{writer.host}-{boot}-{writer.pid}-{writer.pid_start}"


def _remove_stale(base: Path, here: Writer) -> None:
    """Remove the folders of this host whose process is gone, by pid and start time, or by a reboot."""
    for folder in base.glob(f"{PREFIX}-{socket.gethostname()}-*"):
        if folder.is_dir() and not folder.is_symlink() and not _in_use(folder, here):
            shutil.rmtree(folder, ignore_errors=True)


def _in_use(folder: Path, here: Writer) -> bool:
    """Return whether the worker that made a folder may still live, or nobody can say."""
    try:
        _, boot, pid, start, _ = folder.name.rsplit("-", 4)
        number, since = int(pid), int(start)
        mine = folder.stat().st_uid == os.getuid()
    except (ValueError, OSError):
        return True
    if not mine:
        return True
    held = _is_held(folder)
    if held is not None:
        return held
    if boot != (here.boot.replace("-", "")[:8] or "0"):
        return False
    if time.time() - folder.stat().st_mtime < _A_DAY_S:
        return True  # of an older version, or where there are no locks: its pid may be of another namespace
    owner = type(here)(role="worker", host=here.host, pid=number, pid_start=since, boot=here.boot)
    return is_alive(owner) is not False
