"""How this engine's loops are compiled, and kept so that processes need no compiler.

Loading numba and what it had cached took 0.4 s of every process, more than transporting 200 particles. So numba
is used only to make machine code, once for each processor type and each state of these sources; the object file is
kept, and later processes link it in 10 ms. Where numba's code cannot be kept, numba itself runs it.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from stilt.durable import publish
from stilt.paths import home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

F = TypeVar("F", bound="Callable[..., object]")

_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    # No ``nnan``: a missing value must stay visible.
    "fastmath": {"contract", "reassoc", "nsz", "arcp"},
    # Without numba's reference counting: it cost 60 % of a run, at each call of a small function. So nothing that
    # is compiled here may make an array; working space is handed in.
    "_nrt": False,
}

_PARTS: list[tuple[Callable[..., object], bool]] = []


def inline(function: F) -> F:
    """Mark a small function that kernels call, to be merged into them; it stays a Python function otherwise."""
    _PARTS.append((function, True))
    return function


def apart(function: F) -> F:
    """Mark a function that kernels call seldom, to stay out of their way."""
    _PARTS.append((function, False))
    return function


def kernel(function: F) -> F:
    """Make a function run as machine code.

    Its arguments are whole and real numbers (no truth values), contiguous arrays and named tuples of these; its
    result is a whole number or nothing.
    """
    return cast("F", _Kernel(function))


class _Kernel:
    """A function that is compiled for each combination of argument types."""

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function
        self._compiled: dict[str, Callable[..., object]] = {}

    def __call__(self, *arguments: object) -> object:
        kinds: list[str] = []
        values: list[int | float] = []
        _flatten(arguments, kinds, values)
        described = " ".join(kinds)
        compiled = self._compiled.get(described)
        if compiled is None:
            compiled = self._compiled[described] = self._prepare(described, values, arguments)
        return compiled(values, arguments)

    def _prepare(
        self, described: str, values: Sequence[int | float], arguments: tuple[object, ...]
    ) -> Callable[..., object]:
        content = _read(self._file_name(described))
        if content is None:
            content = _build(self._function, arguments)
            if content is None:
                return _with_numba(self._function)
            _keep(self._file_name(described), content)
        return _link(content, values)

    def _file_name(self, described: str) -> str:
        state = f"{_sources()} {_processor()} {described}".encode()
        key = hashlib.blake2b(state, digest_size=12).hexdigest()
        return f"{self._function.__name__}-{key}.machine"


def _flatten(value: object, kinds: list[str], values: list[int | float]) -> None:
    """Lay arguments out as numba's compiled functions take them."""
    if isinstance(value, tuple):
        kinds.append(type(value).__name__)
        for part in value:
            _flatten(part, kinds, values)
    elif isinstance(value, np.ndarray):
        if not value.flags.c_contiguous:
            raise TypeError("an array for compiled code must be contiguous")
        kinds.append(f"{value.dtype.str}{value.ndim}{'' if value.flags.writeable else 'r'}")
        address = value.__array_interface__["data"][0]
        values += [0, 0, value.size, value.itemsize, address, *value.shape, *value.strides]
    elif isinstance(value, float):
        kinds.append("f")
        values.append(value)
    elif isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        kinds.append("i")
        values.append(int(value))
    else:
        raise TypeError(f"compiled code takes no {type(value).__name__}")


def _link(content: bytes, values: Sequence[int | float]) -> Callable[..., object]:
    """Turn kept machine code into something to call."""
    name, _, code = content.partition(b"\n")
    engine = _linker()
    from llvmlite import binding

    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    address = engine.get_function_address(name.decode())
    types = [ctypes.c_double if isinstance(value, float) else ctypes.c_int64 for value in values]
    entry = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *types)(address)

    def call(values: Sequence[int | float], _alive: tuple[object, ...]) -> int:
        result, problem = ctypes.c_int64(0), ctypes.c_void_p()
        status = entry(ctypes.addressof(result), ctypes.addressof(problem), *values)
        if status not in {0, _NOTHING}:
            raise RuntimeError(f"compiled code ended with status {status}")
        return result.value

    return call


_NOTHING = -2
"""The status with which numba's functions return None."""


@lru_cache(maxsize=1)
def _linker() -> Any:
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine(jit=True)
    return binding.create_mcjit_compiler(binding.parse_assembly(""), machine)


def _build(function: Callable[..., object], arguments: tuple[object, ...]) -> bytes | None:
    """Compile with numba; None where its code needs more than the C library."""
    from llvmlite import binding

    numba = _numba()
    _register_parts()
    dispatcher = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)(function)
    dispatcher.compile(tuple(numba.typeof(argument) for argument in arguments))
    (result,) = dispatcher.overloads.values()
    module = result.library._final_module  # noqa: SLF001 - numba has no public way to the module
    outside = [part.name for part in module.functions if part.is_declaration]
    if any(
        not name.startswith("llvm.") and binding.address_of_symbol(name) is None for name in outside
    ):
        return None
    machine = result.library.codegen._tm  # noqa: SLF001 - as above
    name: str = result.fndesc.llvm_func_name
    return name.encode() + b"\n" + bytes(machine.emit_object(module))


def _numba() -> Any:
    """Load numba, without its types: what is asked of it here is not in them."""
    import numba

    return numba


def _with_numba(function: Callable[..., object]) -> Callable[..., object]:
    numba = _numba()
    _register_parts()
    dispatcher = numba.njit(**_OPTIONS)(function)

    def call(_values: Sequence[int | float], arguments: tuple[object, ...]) -> object:
        return dispatcher(*arguments)

    return call


def _register_parts() -> None:
    from numba.extending import register_jitable

    while _PARTS:
        function, is_merged = _PARTS.pop()
        register_jitable(forceinline=is_merged, **_OPTIONS)(function)


@lru_cache(maxsize=1)
def _sources() -> str:
    """Digest of this package's sources: a change anywhere makes all machine code anew."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _processor() -> str:
    import llvmlite
    from llvmlite import binding

    features = binding.get_host_cpu_features().flatten()
    return f"{llvmlite.__version__} {binding.get_host_cpu_name()} {features}"


def _folders() -> Iterator[Path]:
    named = os.environ.get("NUMBA_CACHE_DIR")
    if named:
        yield Path(named) / "stilt"
    yield Path(__file__).parent / "__pycache__"
    cache = os.environ.get("XDG_CACHE_HOME")
    yield (Path(cache) if cache else home() / ".cache") / "stilt"


def _read(name: str) -> bytes | None:
    for folder in _folders():
        try:
            return (folder / name).read_bytes()
        except OSError:
            continue
    return None


def _keep(name: str, content: bytes) -> None:
    """Keep machine code in the first folder that can be written; without one, every process compiles."""
    for folder in _folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            publish(folder / name, content)
        except OSError:
            continue
        return
