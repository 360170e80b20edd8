"""Who could have made, or could change, a file that is about to be executed or followed.

This user and root may, and those whom ``STILT_TRUST`` names (users, by name or number, with commas between), which
is the user's own setting: nothing in a project can set it. Access lists of NFSv4 do not show in a file's mode, and are
not seen.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
import sys
from functools import lru_cache
from pathlib import Path

from stilt.foundations.errors import InputError
from stilt.foundations.linux import extended_attribute

TRUST_VARIABLE = "STILT_TRUST"

_UNMAPPED = 65534
"""The owner that files have, in a user namespace, whose own owner has no number there."""


def trusted_users() -> frozenset[int]:
    """Return the numbers of the users whose files are executed: this one, root, and those whom this one names."""
    named = os.environ.get(TRUST_VARIABLE, "")
    numbers = (_number(name.strip()) for name in named.split(","))
    return frozenset({os.geteuid(), 0, *(number for number in numbers if number is not None)})


def owner_name(user: int) -> str:
    """Return the name of a user, or the number of one whom this machine does not know."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def foreign_owner(path: Path) -> str:
    """Return who owns a file, if that is neither this user nor root nor trusted; nothing for what is not there."""
    try:
        owner = path.stat().st_uid
    except OSError:
        return ""
    return "" if owner in trusted_users() else owner_name(owner)


def refuse_foreign_link(path: Path) -> None:
    """Refuse to write a file where somebody else has put a link: it may lead to one of this user's own files.

    Raises
    ------
    InputError
        If there is such a link.
    """
    try:
        facts = path.lstat()
    except OSError:
        return
    if stat.S_ISLNK(facts.st_mode) and facts.st_uid not in trusted_users():
        raise InputError(
            f"{path} is a link of {owner_name(facts.st_uid)}, to {path.readlink()}",
            "remove it, or write to another file (-o)",
            code="FILE_IRREGULAR",
        )


@lru_cache(maxsize=64)
def name_owner(path: Path, what: str, consequence: str = "it runs as you") -> None:
    """Say on stderr, once, whose a file is that is about to be executed or to say what is, if it is somebody else's."""
    owner = foreign_owner(path)
    if owner:
        sys.stderr.write(
            f"stilt: {what} {path} belongs to {owner}: {consequence} "
            f"({TRUST_VARIABLE}={owner} says that you trust {owner})\n"
        )


def exposure(path: Path) -> str:
    """Say who else could have made a file or put another in its place; nothing if nobody could.

    The file and its folder must belong to a trusted user and be writable by no other; so must all folders above,
    where a sticky one, such as /tmp, may be writable: in it nobody can rename what is not his own. What is not there
    yet is left out.
    """
    place = Path(os.path.realpath(path))
    for number, part in enumerate((place, *place.parents)):
        try:
            facts = part.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            return f"{part} can't be looked at: {error.strerror}"
        why = _exposure_of(part, facts, is_above=number > 1 or part not in {place, place.parent})
        if why:
            return why
    return ""


def is_closed(facts: os.stat_result, path: Path | int) -> bool:
    """Return whether a file belongs to a trusted user and nobody else can write it."""
    return facts.st_uid in trusted_users() and not _others_can_write(facts, path)


def _exposure_of(path: Path, facts: os.stat_result, *, is_above: bool) -> str:
    is_folder = stat.S_ISDIR(facts.st_mode)
    if facts.st_uid not in trusted_users() and not (is_above and _is_unmapped(facts.st_uid)):
        return f"{path} belongs to {owner_name(facts.st_uid)}"
    if not _others_can_write(facts, path):
        return ""
    if is_above and is_folder and facts.st_mode & stat.S_ISVTX:
        return ""
    return f"others can write {path}"


def _others_can_write(facts: os.stat_result, path: Path | int) -> bool:
    if facts.st_mode & stat.S_IWOTH:
        return True
    return bool(facts.st_mode & stat.S_IWGRP) and not (
        _is_of_one(facts.st_gid, facts.st_uid) and not _has_access_list(path)
    )


@lru_cache(maxsize=64)
def _is_of_one(group: int, user: int) -> bool:
    """Return whether a group is a user's private one, as many systems make one for each: of his name, with no other."""
    try:
        owner, found = pwd.getpwuid(user), grp.getgrgid(group)
    except KeyError:
        return False
    is_own = owner.pw_gid == group and found.gr_name == owner.pw_name
    return is_own and not set(found.gr_mem) - {owner.pw_name}


def _has_access_list(path: Path | int) -> bool:
    """Return whether the group's bits in a file's mode may be those of other users, too."""
    try:
        return bool(extended_attribute(path, "system.posix_acl_access"))
    except OSError:
        return False


def _is_unmapped(user: int) -> bool:
    return user == _UNMAPPED and not _root_is_mapped()


@lru_cache(maxsize=1)
def _root_is_mapped() -> bool:
    """Return whether this user namespace knows the machine's root, as that of a container may not."""
    try:
        lines = Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()
    except OSError:
        return True
    # inside, outside, how many
    return any(int(words[1]) == 0 for words in map(str.split, lines) if len(words) == 3)  # noqa: PLR2004


def _number(name: str) -> int | None:
    if name.isdecimal() and len(name) < 11:  # noqa: PLR2004 - numbers of users have 32 bits
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid if name else None
    except KeyError:
        return None
