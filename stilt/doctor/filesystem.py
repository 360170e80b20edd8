"""What a filesystem really does with what stilt does to it: tried out in a folder of its own, removed afterwards."""

from __future__ import annotations

import errno
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.check.finding import Finding, fine, note, warning, wrong_surroundings
from stilt.doctor.mounts import mount_of
from stilt.foundations.durable import publish
from stilt.foundations.quantities import size
from stilt.foundations.room import no_room, room_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

APPENDS = 20
SLOW_SYNC_S = 0.1
SKEW_S = 5.0
PREFIX = ".tmp-doctor-"

_LOCK_FROM_ANOTHER_PROCESS = """
import sys, portalocker
try:
    with open(sys.argv[1], "a") as file:
        portalocker.lock(file, portalocker.LOCK_EX | portalocker.LOCK_NB)
except portalocker.AlreadyLocked:
    print("held")
except portalocker.LockException as error:
    print(error)
else:
    print("free")
"""


def examine(folder: Path) -> Iterator[Finding]:
    """Try a folder's filesystem; nothing is left in it."""
    yield _describe(folder)
    try:
        with _workplace(folder) as place:
            for probe in _PROBES:
                try:
                    yield probe(place)
                except OSError as error:
                    what = probe.__name__.removeprefix("_").replace("_", " ")
                    yield _refused(f"{what}: ", error, folder)
    except OSError as error:
        yield _refused(f"{folder} cannot be written to: ", error, folder)


def _refused(what: str, error: OSError, folder: Path) -> Finding:
    hint = "name a folder you may write to with output: in config.yaml"
    words = no_room(error, folder) or (error.strerror or str(error), hint)
    return wrong_surroundings("filesystem", what + words[0], words[1], code="OUTPUT_UNWRITABLE")


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _describe(folder: Path) -> Finding:
    left = room_in(folder)
    files = "" if left.files is None else f", room for {left.files:,} files"
    room = f"{size(left.free_bytes)} free{files}"
    mount = mount_of(folder)
    if mount is None:
        return fine("filesystem", f"{folder}: {room}")
    words = f"{folder}: {mount.kind} from {mount.source} at {mount.place}; {room}"
    if mount.kind in {"tmpfs", "ramfs"}:
        return warning(
            "filesystem",
            words,
            "it is in memory: what is there is gone after a restart",
            code="FILESYSTEM_UNFIT",
        )
    return fine("filesystem", words)


def _exclusive_creation(place: Path) -> Finding:
    path = place / "exclusive"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    os.close(os.open(path, flags))
    try:
        os.close(os.open(path, flags))
    except FileExistsError:
        return fine("filesystem", "a file is created exclusively once")
    return wrong_surroundings(
        "filesystem",
        "a file can be created exclusively twice: two workers could share a segment of the log",
        "put output: on another filesystem",
        code="FILESYSTEM_UNFIT",
    )


def _appending_and_syncing(place: Path) -> Finding:
    descriptor = os.open(place / "appended", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    taken = []
    try:
        for _ in range(APPENDS):
            begin = time.perf_counter()
            os.write(descriptor, b"x" * 300)
            os.fsync(descriptor)
            taken.append(time.perf_counter() - begin)
    finally:
        os.close(descriptor)
    if (place / "appended").stat().st_size != 300 * APPENDS:
        return wrong_surroundings(
            "filesystem", "what was appended and synced is not all there", code="FILESYSTEM_UNFIT"
        )
    median = statistics.median(taken)
    words = f"an append is durable after {median * 1e3:.2g} ms"
    if median > SLOW_SYNC_S:
        return note("filesystem", words, "workers sync in groups; batches take longer to start")
    return fine("filesystem", words)


def _renaming_into_place(place: Path) -> Finding:
    path = place / "renamed"
    publish(path, b"old")
    with path.open("rb") as before:
        publish(path, b"new")
        kept = before.read()
    if path.read_bytes() != b"new":
        return wrong_surroundings(
            "filesystem", "a file that was renamed into place is not there", code="FILESYSTEM_UNFIT"
        )
    if kept != b"old":
        return note("filesystem", "a reader of a file that is replaced meanwhile loses the old one")
    return fine("filesystem", "files are renamed into place whole, and folders are synced")


def _locks(place: Path) -> Finding:
    import portalocker

    mount = mount_of(place)
    path = place / "locked"
    with path.open("a") as file:
        try:
            portalocker.lock(file, portalocker.LOCK_EX | portalocker.LOCK_NB)
        except portalocker.LockException as error:
            return note("locks", f"there are none here ({error}){_ABOUT_LOCKS}")
        command = [sys.executable, "-c", _LOCK_FROM_ANOTHER_PROCESS, str(path)]
        said = subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()
        portalocker.unlock(file)
    if said != "held":
        return note("locks", f"a lock excludes no other process here ({said}){_ABOUT_LOCKS}")
    if mount is not None and mount.has_own_locks:
        return note("locks", f"each machine has locks of its own (mount options){_ABOUT_LOCKS}")
    if mount is not None and mount.is_shared:
        return note(
            "locks", f"they exclude processes of this machine, maybe not of others{_ABOUT_LOCKS}"
        )
    return fine("locks", "a lock excludes other processes")


_ABOUT_LOCKS = (
    "; no result depends on them: only start no two `stilt run` at once on different machines"
)


def _clock(place: Path) -> Finding:
    begin = time.time()
    path = place / "clock"
    path.write_bytes(b"x")
    skew = path.stat().st_mtime - begin
    if abs(skew) > SKEW_S:
        return warning(
            "clock",
            f"the filesystem's is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'} of this machine's",
            "states do not depend on it, but ages and rates that status shows do",
            code="CLOCK_SKEW",
        )
    return fine(
        "clock", f"the filesystem's agrees with this machine's to {max(abs(skew), 0.1):.1f} s"
    )


def _names(place: Path) -> Finding:
    longest = os.pathconf(place, "PC_NAME_MAX")
    try:
        (place / "case größe 风").touch()
    except OSError as error:
        if error.errno not in {errno.EILSEQ, errno.EINVAL}:
            raise
        return note("filesystem", "names with letters outside ASCII are refused")
    if (place / "CASE größe 风").exists():
        return note("filesystem", "names that differ only in case are one name")
    if longest < _NAME_BYTES:
        return warning(
            "filesystem",
            f"names have at most {longest} bytes, those of segments up to 100",
            code="FILESYSTEM_UNFIT",
        )
    return fine("filesystem", f"names of up to {longest} bytes, in any script")


_NAME_BYTES = 140

_PROBES: tuple[Callable[[Path], Finding], ...] = (
    _exclusive_creation,
    _appending_and_syncing,
    _renaming_into_place,
    _names,
    _locks,
    _clock,
)
