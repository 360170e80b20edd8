"""Which filesystem a folder is on, as the kernel tells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")

_ESCAPED = re.compile(r"\\([0-7]{3})")
_OWN_LOCKS = frozenset({"nolock", "localflock", "local_lock=all", "local_lock=flock"})


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted filesystem.

    Attributes
    ----------
    place
        Where it is mounted.
    kind
        ``ext4``, ``nfs4``, ``lustre``, ``fuse.glusterfs``, ...
    options
        Those of the mount and of the filesystem.
    """

    place: str
    kind: str
    source: str
    options: frozenset[str]

    @property
    def is_shared(self) -> bool:
        """Whether other machines may have it, too."""
        base = self.kind.removeprefix("fuse.")
        return base.startswith(("nfs", "cifs", "smb", "9p")) or base in _SHARED

    @property
    def has_own_locks(self) -> bool:
        """Whether its options say that a lock is not seen on other machines."""
        return bool(self.options & _OWN_LOCKS)


_SHARED = frozenset(
    {"lustre", "gpfs", "beegfs", "ceph", "glusterfs", "panfs", "wekafs", "orangefs", "afs", "sshfs"}
)


def mount_of(folder: Path, text: str | None = None) -> Mount | None:
    """Return the mount that a folder is on; ``None`` where the kernel does not tell.

    ``text`` stands for ``/proc/self/mountinfo`` (see ``man 5 proc``).
    """
    if text is None:
        try:
            text = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return None
    real = folder.resolve()
    # Of mounts on one place the last one covers the others.
    found = [mount for mount in map(_parse, text.splitlines()) if mount and _holds(mount, real)]
    return max(reversed(found), key=lambda mount: len(mount.place), default=None)


def _parse(line: str) -> Mount | None:
    before, dash, after = line.partition(" - ")
    fields, more = before.split(" "), after.split(" ")
    if not dash or len(fields) < 6 or len(more) < 3:  # noqa: PLR2004 - the fields that man 5 proc numbers
        return None
    options = frozenset([*fields[5].split(","), *more[2].split(",")])
    return Mount(_unescape(fields[4]), more[0], _unescape(more[1]), options)


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), text)


def _holds(mount: Mount, folder: Path) -> bool:
    return folder.is_relative_to(mount.place)
