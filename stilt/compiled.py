"""Compile functions to machine code, once for all processes of all nodes.

numba keeps what it compiled in a cache, but by itself the cache is of little use to a thousand array tasks:
it lies beside the package, which may be read-only, and it holds for one type of CPU, which login and compute
nodes seldom share. So here

- code is compiled for every x86-64 CPU since 2013 (``x86-64-v3``) where the CPU is one of them, unless
  ``NUMBA_CPU_NAME`` says otherwise or somebody else has set numba up before;
- the cache is in ``$STILT_HOME/kernels``, unless ``NUMBA_CACHE_DIR`` says otherwise, and where that cannot
  be written in a private folder in ``$TMPDIR``, which begins as a copy of what could be read;
- a folder of it belongs to one state of the package that the function is in, one version of numba and one
  target, so that processes that write at once, or with different versions, cannot get each other's code;
  numba by itself looks at a function's own file only, not at those of the functions that it calls;
- a cache that is full, damaged or nowhere costs the seconds of compiling, never a simulation.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
from llvmlite.binding import get_host_cpu_features, get_host_cpu_name
from numba import boolean, float32, float64, int32, int64, types, void
from numba.core.registry import cpu_target

from stilt.paths import stilt_home

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "F8", "I4", "I8", "OUT_F8", "OUT_I4", "OUT_I8", "boolean", "cache_folder", "compiled", "float32",
    "float64", "int64", "types", "void",
]  # fmt: skip

Function = TypeVar("Function", bound="Callable[..., object]")

PORTABLE_CPU = "x86-64-v3"
NEEDED_OF_CPU = ("avx2", "fma", "bmi", "bmi2", "f16c", "lzcnt", "movbe")


_config: Any = numba.config


def _aim_at_every_node() -> None:
    """Have numba compile for ``PORTABLE_CPU`` if this is one and nobody has compiled or chosen yet."""
    if _config.CPU_NAME or "_toplevel_target_context" in vars(cpu_target):
        return
    features = get_host_cpu_features() if platform.machine() == "x86_64" else {}
    if all(features.get(name, False) for name in NEEDED_OF_CPU):
        # Not through the environment, which sbatch would hand on to nodes with other CPUs.
        _config.CPU_NAME, _config.CPU_FEATURES = PORTABLE_CPU, ""


_aim_at_every_node()

# Read-only array types take writable arrays too, so that one compilation serves every caller.
F8 = types.Array(float64, 1, "C", readonly=True)
I4 = types.Array(int32, 1, "C", readonly=True)
I8 = types.Array(int64, 1, "C", readonly=True)
OUT_F8 = float64[::1]
OUT_I4 = int32[::1]
OUT_I8 = int64[::1]


def compiled(signature: object = None, **options: Any) -> Callable[[Function], Function]:
    """Compile a function, or load it from the cache: for one signature at once, else when it is called.

    Further options are numba's.
    """
    options = {"nogil": True, "error_model": "numpy", **options}

    def decorate(function: Function) -> Function:
        try:
            return _compile(function, signature, options)
        except Exception:  # noqa: BLE001 - a cache can fail in many ways, and compiling anew mends them all
            return cast("Function", numba.njit(signature, **options)(function))

    return decorate


def _compile(function: Function, signature: object, options: dict[str, Any]) -> Function:
    package = Path(function.__code__.co_filename).parent
    given = _config.CACHE_DIR
    _config.CACHE_DIR = given or str(cache_folder(package))
    try:
        return cast("Function", numba.njit(signature, cache=True, **options)(function))
    finally:
        _config.CACHE_DIR = given


def is_compiled(package: Path) -> bool:
    """Return whether a package's functions are in the cache; if not, its import takes seconds."""
    with contextlib.suppress(OSError):
        return any(Path(_config.CACHE_DIR or cache_folder(package)).glob("*/*.nbi"))
    return False


@cache
def cache_folder(package: Path) -> Path:
    """Return the folder for the compiled functions of a package.

    Raises
    ------
    OSError
        If there is none that may be written.
    """
    sources = [file.read_bytes() for file in sorted(package.glob("*.py"))]
    digest = hashlib.blake2b(digest_size=8)
    for part in (*sources, numba.__version__.encode(), sys.version.encode(), _target()):
        digest.update(hashlib.blake2b(part).digest())
    name = f"{package.name}-{digest.hexdigest()}"
    shared = stilt_home() / "kernels" / name
    if _is_writable(shared):
        return shared
    private = _private_folder() / name
    if not private.exists():
        _copy(shared, private)
    return private


def _copy(shared: Path, private: Path) -> None:
    """Copy the files, not their modes, into a folder that appears at once or was there first."""
    with tempfile.TemporaryDirectory(dir=private.parent) as staging:
        copy = Path(staging, private.name)
        copy.mkdir()
        for file in shared.glob("*/*.nb?"):
            (copy / file.parent.name).mkdir(exist_ok=True)
            shutil.copyfile(file, copy / file.parent.name / file.name)
        with contextlib.suppress(OSError):
            copy.rename(private)


def _target() -> bytes:
    return f"{_config.CPU_NAME or get_host_cpu_name()} {_config.CPU_FEATURES}".encode()


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _private_folder() -> Path:
    """Return a folder that nobody else can write: what lies in a cache is executed."""
    folder = Path(tempfile.gettempdir(), f"stilt-kernels-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise PermissionError(f"{folder} belongs to somebody else")
    return folder
