"""Compile functions to machine code, once for all processes of all nodes.

numba keeps what it compiled in a cache, but by itself the cache is of little use to a thousand array tasks:
it lies beside the package, it holds for one type of CPU, it looks at a function's own file only and not at those of
the functions that it calls, and it executes what is in a file whatever has happened to that. So the cache is that
of ``stilt.machine_code``. One that is full, damaged or nowhere costs the seconds of compiling, never a simulation.

This is for functions that numba calls. A transport engine's are kept as object files, in the same place, and need no
numba: ``stilt.transport.native.compiled``.
"""

from __future__ import annotations

import contextlib
import pickle
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
from llvmlite.binding import get_host_cpu_features, get_host_cpu_name
from numba import boolean, float32, float64, int32, int64, types, void
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.registry import cpu_target

from stilt.machine_code import (
    PORTABLE_CPU,
    folder_name,
    private_folder,
    read_sealed,
    shared_folder,
    target,
    write_sealed,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "F8", "I4", "I8", "OUT_F8", "OUT_I4", "OUT_I8", "boolean", "cache_folder", "compiled", "float32",
    "float64", "int64", "types", "void",
]  # fmt: skip

Function = TypeVar("Function", bound="Callable[..., object]")

_config: Any = numba.config


def _aim_at_every_node() -> None:
    """Have numba compile for ``PORTABLE_CPU`` if this is one and nobody has compiled or chosen yet."""
    if _config.CPU_NAME or "_toplevel_target_context" in vars(cpu_target):
        return
    if target()[0] == PORTABLE_CPU:
        # Not through the environment, which sbatch would hand on to nodes with other CPUs.
        _config.CPU_NAME, _config.CPU_FEATURES = target()


_aim_at_every_node()


def actual_target() -> tuple[str, str]:
    """Return the CPU, and its features, that numba does compile for: somebody may have set it up before."""
    features = _config.CPU_FEATURES
    if features is None:
        features = get_host_cpu_features().flatten()
    return _config.CPU_NAME or get_host_cpu_name(), features


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
    _config.CACHE_DIR = str(cache_folder(package))
    try:
        dispatcher: Any = numba.njit(**options)(function)
        dispatcher._cache = _SealedCache(function)  # noqa: SLF001 - what ``cache=True`` does with numba's own
        if signature is not None:
            dispatcher.compile(signature)
            dispatcher.disable_compile()
        return cast("Function", dispatcher)
    finally:
        _config.CACHE_DIR = given


# numba's classes have no types, and what they offer to subclasses is private
# mypy: disable-error-code="no-untyped-call"
class _SealedFiles(IndexDataCacheFile):
    """numba's index and code of a function, in files that tell when they are damaged."""

    def _load_index(self) -> dict[object, str]:
        found = _unpickled(Path(self._index_path))
        if found is None:
            return {}
        stamp, overloads = found
        return overloads if stamp == self._source_stamp else {}

    def _save_index(self, overloads: dict[object, str]) -> None:
        write_sealed(Path(self._index_path), self._dump((self._source_stamp, overloads)))

    def _load_data(self, name: str) -> object:
        return _unpickled(Path(self._data_path(name)))  # after None numba compiles and saves

    def _save_data(self, name: str, data: object) -> None:
        write_sealed(Path(self._data_path(name)), self._dump(data))


def _unpickled(path: Path) -> Any:
    content = read_sealed(path)
    return None if content is None else pickle.loads(content)  # noqa: S301 - from a folder of the user's own


class _SealedCache(FunctionCache):
    """numba's cache of a function in sealed files."""

    def __init__(self, function: Callable[..., object]) -> None:
        super().__init__(function)
        self._cache_file = _SealedFiles(
            cache_path=self._cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=self._cache_file._source_stamp,  # noqa: SLF001 - no public way
        )


@cache
def cache_folder(package: Path) -> Path:
    """Return the folder for the compiled functions of a package.

    Raises
    ------
    OSError
        If there is none that may be written.
    """
    name = folder_name(package, actual_target())
    if _config.CACHE_DIR:
        return Path(_config.CACHE_DIR, name)
    shared = shared_folder() / name
    if _is_writable(shared):
        return shared
    private = private_folder() / name
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


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True
