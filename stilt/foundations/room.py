"""What a filesystem has run out of: of space, or of files. The system calls both "no space left"."""

from __future__ import annotations

import errno
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from stilt.foundations.quantities import size

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class Room:
    """What there is left in a folder.

    Attributes
    ----------
    free_bytes
        For this user, quotas aside.
    files
        How many more can be made; None where the filesystem makes room for them as it goes.
    """

    free_bytes: int
    files: int | None


def room_in(folder: Path) -> Room:
    """Ask the filesystem of a folder what is left."""
    facts = os.statvfs(folder)
    return Room(facts.f_bavail * facts.f_frsize, facts.f_favail if facts.f_files else None)


def no_room(error: OSError, folder: Path) -> tuple[str, str] | None:
    """Say what ran out in (or above) a folder, and what to do; None for an error of another kind."""
    if error.errno not in FULL:
        return None
    folder = next((place for place in (folder, *folder.parents) if place.is_dir()), Path("/"))
    by_quota = error.errno == errno.EDQUOT
    if not _lacks_files(folder):
        return f"{error.strerror} in {folder}", "make room there (or raise the quota)"
    what = "quota of files exceeded" if by_quota else "no inodes left"
    return (
        f"no more files can be made in {folder}: {what}, though {size(room_in(folder).free_bytes)} are free",
        "remove files there, small ones too (`stilt archive` packs outputs into few), or raise the quota of files",
    )


def _lacks_files(folder: Path) -> bool:
    """Tell whether an empty file cannot be made; what a quota has run out of shows in no other way."""
    room = room_in(folder)
    if room.files == 0:
        return room.free_bytes > 0
    try:  # without a name where the filesystem knows how: who is killed here then leaves nothing
        with tempfile.TemporaryFile(prefix=".tmp-room-", dir=folder):
            return False
    except OSError as error:
        return error.errno in FULL and room.free_bytes > 0
