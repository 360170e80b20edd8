"""Where machine code is kept, for which CPU it is made, and how damage to it is noticed.

A thousand array tasks that start on fresh nodes must find code that was compiled before, wherever that was. So

- code is compiled for every x86-64 CPU since 2013 (``x86-64-v3``) where the CPU is one of them, unless
  ``NUMBA_CPU_NAME`` says otherwise: login and compute nodes seldom have the same CPU;
- it is kept in ``$STILT_HOME/kernels``, unless ``NUMBA_CACHE_DIR`` says otherwise, and where that cannot
  be written in the user's cache, else in a private folder in ``$TMPDIR``; the package itself may be read-only;
- what lies there is executed, so it is taken only from where nobody else could have put it (see ``ownership``): the
  digest tells of damage, not of harm;
- a folder there belongs to one state of the package that the function is in, one version of numba and one
  target, so that processes that write at once, or with different versions, cannot get each other's code;
- each file begins with a digest of the rest: damaged code is compiled anew, never executed.

Nothing here loads numba, whose import costs more than transporting 200 particles.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import stat
import sys
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from stilt.foundations.durable import publish
from stilt.foundations.ownership import TRUST_VARIABLE, exposure, is_closed
from stilt.foundations.paths import stilt_home, user_cache

PORTABLE_CPU = "x86-64-v3"
NEEDED_OF_CPU = ("avx2", "fma", "bmi", "bmi2", "f16c", "lzcnt", "movbe")

_SEAL_BYTES = 16


@cache
def target() -> tuple[str, str]:
    """Return the CPU to compile for and its features, as numba takes them."""
    from llvmlite.binding import get_host_cpu_features, get_host_cpu_name

    chosen = os.environ.get("NUMBA_CPU_NAME")
    features = get_host_cpu_features()
    is_portable = platform.machine() == "x86_64" and all(map(features.get, NEEDED_OF_CPU))
    if is_portable and not chosen:
        return PORTABLE_CPU, ""
    return chosen or get_host_cpu_name(), os.environ.get(
        "NUMBA_CPU_FEATURES", "" if chosen == "generic" else features.flatten()
    )


def _folder_name(package: Path) -> str:
    """Return the name of the folder for a package's functions."""
    ways = (_numba_version(), Path(__file__), Path(__file__).with_name("compiled.py"))
    sources = [file.read_bytes() for file in (*ways, *sorted(package.glob("*.py")))]
    digest = hashlib.blake2b(digest_size=8)
    for part in (*sources, *map(str.encode, (sys.version, *target()))):
        digest.update(hashlib.blake2b(part).digest())
    return f"{package.name}-{digest.hexdigest()}"


def _numba_version() -> Path:
    """Name the file where numba's version is: importing numba, or what asks pip, takes longer than all else here."""
    found = find_spec("numba")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("No module named 'numba'")
    named = Path(found.origin).with_name("_version.py")
    return named if named.exists() else Path(found.origin)


@cache
def _folders(package: Path) -> tuple[Path, ...]:
    """Return the folders where a package's code may be, the best one first; the last lies where others can write."""
    name = _folder_name(package)
    named = os.environ.get("NUMBA_CACHE_DIR")
    best = Path(named) if named else stilt_home() / "kernels"
    return best / name, user_cache() / "kernels" / name, _private_path() / name


def kept(package: Path, name: str) -> bytes | None:
    """Return the code that was kept by this name for a package; None if there is none that is whole and ours."""
    for folder in _folders(package):
        content = read_sealed(folder / name) if _is_ours(folder) else None
        if content is not None:
            return content
    return None


def keep(package: Path, name: str, content: bytes) -> None:
    """Keep code in the first folder that can be written by nobody else; without one, every process compiles."""
    for folder in _folders(package):
        with contextlib.suppress(OSError):
            if exposure(folder / name):
                continue
            _make_folder(folder)
            write_sealed(folder / name, content)
            return


def has_kept(package: Path) -> bool:
    """Return whether there is code for a package; if not, using it takes seconds."""
    for folder in filter(_is_ours, _folders(package)):
        with contextlib.suppress(OSError):
            if any(folder.glob("*.machine")):
                return True
    return False


def _is_ours(folder: Path) -> bool:
    """Return whether nobody could have put code into a folder whom this user does not trust; if not, say it once."""
    why = exposure(folder / "code")
    if why and folder.is_dir():
        _warn(folder.parent, why)
    return not why


@cache
def _warn(folder: Path, why: str) -> None:
    sys.stderr.write(
        f"stilt: compiled code in {folder} is not used, as {why}: it is compiled anew, and kept elsewhere "
        f"({TRUST_VARIABLE} names other users whose files you trust)\n"
    )


def _make_folder(folder: Path) -> None:
    """Make a folder for code, and those above it, that only this user can write, whatever the umask."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(mode=0o700 if folder == _private_path() else 0o755, exist_ok=True)


def read_sealed(path: Path) -> bytes | None:
    """Return what ``write_sealed`` wrote; None if it is missing or damaged in any way, or others can write it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or not is_closed(facts, descriptor):
            return None
        try:
            found = file.read()
        except OSError:
            return None
    seal, content = found[:_SEAL_BYTES], found[_SEAL_BYTES:]
    return content if seal == _seal(content) else None


def write_sealed(path: Path, content: bytes) -> None:
    """Write a file that begins with a digest of the rest, and that only this user can write.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    publish(path, _seal(content) + content, mode=0o644)


def _seal(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_SEAL_BYTES).digest()


def _private_path() -> Path:
    return Path(tempfile.gettempdir(), f"stilt-kernels-{os.getuid()}")
