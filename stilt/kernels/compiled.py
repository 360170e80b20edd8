"""Functions that run as machine code, which is made once for all processes of all nodes.

numba makes loops as fast as Fortran, but to load it takes 0.4 s and 100 MB of every process, and what it keeps by
itself holds for one type of CPU and is executed whatever has happened to the file. So numba is used only to make
machine code: an object file for each function, kept where ``stilt.kernels.machine_code`` keeps all of it, and
linked by later processes in 10 ms. Where code cannot be kept, every process compiles; where it cannot be made to stand
alone, or this version of numba lacks the private names that it takes, numba itself runs it. Neither costs more than
seconds.

``exact`` keeps to the order of operations that is written, ``fast`` does not. Nothing that is compiled may make an
array: working space is handed in.
"""

from __future__ import annotations

import ctypes
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from stilt.kernels.machine_code import PORTABLE_CPU, keep, kept, target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import ModuleType
    from typing import TypeAlias

    Kind: TypeAlias = "str | Bundle"
    Parts = list[tuple[Callable[..., object], dict[str, Any]]]

Function = TypeVar("Function", bound="Callable[..., object]")

INT, FLOAT = "i", "f"
"""Kinds of arguments: whole and real numbers (no truth values)."""

# Contiguous arrays: element type, dimensions, and r where they are only read.
U1, I4, I8, F8 = "|u11r", "<i41r", "<i81r", "<f81r"
OUT_I4, OUT_I8, OUT_F8 = "<i41", "<i81", "<f81"
OUT_F8_2D, OUT_F4_3D = "<f82", "<f43"

_READ_ONLY = "r"

_LOCK = Lock()
"""Held while code is compiled or linked, which neither numba nor the linker does for several threads at once."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A kind of argument: a named tuple, by its class and the kinds of its parts."""

    of: type
    kinds: tuple[str, ...]


class Compiler:
    """Decorators for functions that are compiled in one way."""

    def __init__(self, **options: Any) -> None:
        self._options: dict[str, Any] = {
            "nogil": True,
            "error_model": "numpy",
            # Without numba's reference counting: it cost 60 % of a transport run, at each call of a small function.
            "_nrt": False,
            **options,
        }
        self._parts: Parts = []

    def inline(self, function: Function) -> Function:
        """Mark a small function that kernels call, to be merged into them; it stays a Python function otherwise."""
        self._parts.append((function, {"forceinline": True, **self._options}))
        return function

    def apart(self, function: Function) -> Function:
        """Mark a function that kernels call seldom, to stay out of their way."""
        # said, as it would be taken over from the function that calls it
        self._parts.append((function, {"forceinline": False, **self._options}))
        return function

    def kernel(self, *kinds: Kind) -> Callable[[Function], Function]:
        """Make a function run as machine code.

        Parameters
        ----------
        kinds
            Those of its arguments: ``INT``, ``FLOAT``, an array or a ``Bundle`` of these. A function without them is
            compiled for each combination of arguments that it is called with, bundles among them.

        Its result is a number or nothing.
        """

        def decorate(function: Function) -> Function:
            return cast("Function", Kernel(function, kinds, self._options, self._parts))

        return decorate


exact = Compiler()

# No ``nnan``: a missing value must stay visible.
fast = Compiler(fastmath={"contract", "reassoc", "nsz", "arcp"})


class Kernel:
    """A function that runs as machine code."""

    def __init__(
        self,
        function: Callable[..., object],
        kinds: Sequence[Kind],
        options: dict[str, Any],
        parts: Parts,
    ) -> None:
        self.__doc__ = function.__doc__
        self.function = function
        self._kinds = tuple(kinds)
        self._declared = tuple(part for kind in kinds for part in _parts_of(kind))
        self._options = options
        self._parts = parts
        self._compiled: dict[str, Callable[..., object]] = {}

    def __call__(self, *arguments: object) -> object:
        """Run it.

        Raises
        ------
        TypeError
            If it does not take such arguments.
        """
        kinds: list[str] = []
        values: list[int | float] = []
        for argument in arguments:
            _flatten(argument, kinds, values)
        described = " ".join(kinds)
        compiled = self._compiled.get(described)
        if compiled is None:
            with _LOCK:
                compiled = self._compiled.get(described)
                if compiled is None:
                    compiled = self._prepare(kinds, values, arguments)
                    self._compiled[described] = compiled
        return compiled(values, arguments)

    def compile_ahead(self) -> None:
        """Compile it, if its arguments are declared and its code is not kept; do not link it."""
        if self._declared and kept(*self._place(self._declared)) is None:
            self._make(self._declared, ())

    def _prepare(
        self, kinds: Sequence[str], values: Sequence[int | float], arguments: tuple[object, ...]
    ) -> Callable[..., object]:
        if self._declared:
            self._refuse_others(kinds)
            kinds = self._declared
            # Those that differ only in that they may be written.
            known = self._compiled.get(" ".join(kinds))
            if known is not None:
                return known
        content = kept(*self._place(kinds))
        if content is None:
            content = self._make(kinds, arguments)
        run = self._with_numba() if content is None else _link(content, values)
        if self._declared:
            self._compiled[" ".join(kinds)] = run
        return run

    def _refuse_others(self, kinds: Sequence[str]) -> None:
        fits = len(kinds) == len(self._declared) and all(
            wanted in {kind, kind + _READ_ONLY}
            for kind, wanted in zip(kinds, self._declared, strict=True)
        )
        if not fits:
            raise TypeError(
                f"{self.function.__name__} takes {' '.join(self._declared)}, not {' '.join(kinds)}"
            )

    def _place(self, kinds: Iterable[str]) -> tuple[Path, str]:
        """Return the package and the name under which code for such arguments is kept."""
        key = hashlib.blake2b(" ".join(kinds).encode(), digest_size=8).hexdigest()
        module = self.function.__module__.rpartition(".")[2]
        name = f"{module}.{self.function.__name__}-{key}.machine"
        return Path(self.function.__code__.co_filename).parent, name

    def _make(self, kinds: Sequence[str], arguments: tuple[object, ...]) -> bytes | None:
        numba = _numba()
        _register(self._parts)
        types = map(_type_of, self._kinds) if self._declared else map(numba.typeof, arguments)
        try:
            content = _build(self.function, tuple(types), self._options)
        except AttributeError:  # a name that numba promises nobody, and another version lacks
            content = None
        if content is not None:
            keep(*self._place(kinds), content)
        return content

    def _with_numba(self) -> Callable[..., object]:
        dispatcher = _numba().njit(**self._options)(self.function)

        def call(_values: Sequence[int | float], arguments: tuple[object, ...]) -> object:
            return dispatcher(*arguments)

        return call


def compile_ahead(*modules: ModuleType) -> None:
    """Compile the kernels of modules whose arguments are declared."""
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, Kernel):
                value.compile_ahead()


def _parts_of(kind: Kind) -> tuple[str, ...]:
    """Return a kind as ``_flatten`` describes such an argument."""
    return (kind.of.__name__, *kind.kinds) if isinstance(kind, Bundle) else (kind,)


def _flatten(value: object, kinds: list[str], values: list[int | float]) -> None:
    """Lay arguments out as numba's compiled functions take them."""
    if isinstance(value, tuple):
        kinds.append(type(value).__name__)
        for part in value:
            _flatten(part, kinds, values)
    elif isinstance(value, np.ndarray):
        if not value.flags.c_contiguous:
            raise TypeError("an array for compiled code must be contiguous")
        kinds.append(f"{value.dtype.str}{value.ndim}{'' if value.flags.writeable else _READ_ONLY}")
        address = value.__array_interface__["data"][0]
        values += [0, 0, value.size, value.itemsize, address, *value.shape, *value.strides]
    elif isinstance(value, float):
        kinds.append(FLOAT)
        values.append(value)
    elif isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        kinds.append(INT)
        values.append(int(value))
    else:
        raise TypeError(f"compiled code takes no {type(value).__name__}")


_RESULTS: dict[str, Any] = {
    "int64": ctypes.c_int64,
    "float64": ctypes.c_double,
    "none": ctypes.c_int64,
}

_NOTHING = -2
"""The status with which numba's functions return None."""


def _link(content: bytes, values: Sequence[int | float]) -> Callable[..., object]:
    """Turn kept machine code into something to call."""
    name, result_type, code = content.split(b"\n", 2)
    engine = _linker()
    from llvmlite import binding

    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    address = engine.get_function_address(name.decode())
    types = [ctypes.c_double if isinstance(value, float) else ctypes.c_int64 for value in values]
    entry = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *types)(address)
    make_result, has_result = _RESULTS[result_type.decode()], result_type != b"none"

    def call(values: Sequence[int | float], _alive: tuple[object, ...]) -> object:
        result, problem = make_result(0), ctypes.c_void_p()
        status = entry(ctypes.addressof(result), ctypes.addressof(problem), *values)
        if status not in {0, _NOTHING}:
            raise RuntimeError(f"compiled code ended with status {status}")
        return result.value if has_result else None

    return call


@lru_cache(maxsize=1)
def _linker() -> Any:
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine(jit=True)
    return binding.create_mcjit_compiler(binding.parse_assembly(""), machine)


def _build(
    function: Callable[..., object], types: tuple[Any, ...], options: dict[str, Any]
) -> bytes | None:
    """Compile with numba; None where its code needs more than the C library or is for another CPU."""
    from llvmlite import binding

    numba = _numba()
    if _actual_target(numba) != target():
        return None
    dispatcher = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)(function)
    dispatcher.compile(types)
    (result,) = dispatcher.overloads.values()
    result_type = str(numba.types.unliteral(result.signature.return_type))
    module = result.library._final_module  # noqa: SLF001 - numba has no public way to the module
    outside = [part.name for part in module.functions if part.is_declaration]
    if result_type not in _RESULTS or any(
        not name.startswith("llvm.") and binding.address_of_symbol(name) is None for name in outside
    ):
        return None
    machine = result.library.codegen._tm  # noqa: SLF001 - as above
    name: str = result.fndesc.llvm_func_name
    return f"{name}\n{result_type}\n".encode() + bytes(machine.emit_object(module))


def _type_of(kind: Kind) -> Any:
    """Return numba's type for a declared kind of argument."""
    types = _numba().types
    if isinstance(kind, Bundle):
        return types.BaseTuple.from_types(tuple(map(_type_of, kind.kinds)), kind.of)
    if kind in {INT, FLOAT}:
        return types.int64 if kind == INT else types.float64
    element = _numba().from_dtype(np.dtype(kind[:3]))
    return types.Array(element, int(kind[3]), "C", readonly=kind.endswith(_READ_ONLY))


@lru_cache(maxsize=1)
def _numba() -> Any:
    """Load numba, aimed at the CPUs that stilt compiles for; without its types, which lack what is asked of it."""
    import numba

    config: Any = numba.config
    try:
        from numba.core.registry import cpu_target
    except ImportError:  # as above: then numba aims where it likes, and runs what it makes
        return numba
    is_unused = "_toplevel_target_context" not in vars(cpu_target)
    if is_unused and not config.CPU_NAME and target()[0] == PORTABLE_CPU:
        # Not through the environment, which sbatch would hand on to nodes with other CPUs.
        config.CPU_NAME, config.CPU_FEATURES = target()
    return numba


def _actual_target(numba: Any) -> tuple[str, str]:
    """Return the CPU, and its features, that numba does compile for: somebody may have set it up before."""
    from llvmlite.binding import get_host_cpu_features, get_host_cpu_name

    features = numba.config.CPU_FEATURES
    if features is None:
        features = get_host_cpu_features().flatten()
    return numba.config.CPU_NAME or get_host_cpu_name(), features


def _register(parts: Parts) -> None:
    """Tell numba of the functions that kernels call."""
    from numba.extending import register_jitable

    while parts:
        function, options = parts.pop()
        register_jitable(**options)(function)
