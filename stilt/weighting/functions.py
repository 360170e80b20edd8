"""A function of the user's own that weighs particles: ``weight: FILE.py:function``, particles in, particles out.

Only workers execute it, from a copy below the output root that has the digest of its bytes in its path: whoever
plans, checks or looks on reads the file as text. What it imports comes from the environment, and no digest has it: nor
which package a file is in that imports from its own (``from . import ...``), whose copy has the module's full name.
"""

from __future__ import annotations

import ast
from hashlib import blake2b
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from stilt.config.digests import weights_digest
from stilt.config.sections import KERNEL, function_in
from stilt.foundations.errors import EnvironmentFailure, InputError
from stilt.foundations.inside import read_input
from stilt.foundations.ownership import name_owner

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.config.schema import Config
    from stilt.foundations.paths import Layout
    from stilt.foundations.simulation import Receptor
    from stilt.particles.table import ParticleTable

    Weighing = Callable[[ParticleTable, Receptor], ParticleTable]

MOST_BYTES = 16 << 20
"""Of a file with a function."""


def check_functions(config: Config) -> None:
    """Refuse products whose function is not there.

    Raises
    ------
    InputError
        If a file cannot be read as Python, or does not define the function.
    """
    for name, grid in config.footprints.items():
        path, function = function_in(grid.weight)
        if not path:
            continue
        try:
            tree = ast.parse(read_input(Path(path), MOST_BYTES))
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise InputError(
                f"footprints.{name}: {path} cannot be read as Python: {error}",
                "weight is FILE.py:function, a function of particles (a frame) and their receptor",
                code="WEIGHT_NOT_LOADED",
            ) from None
        defined = {part.name for part in tree.body if isinstance(part, ast.FunctionDef)}
        if function not in defined:
            raise InputError(
                f"footprints.{name}: {path} defines no function {function}",
                f"it defines {', '.join(sorted(defined)) or 'none'}",
                code="WEIGHT_NOT_LOADED",
            )
        if _is_relative(tree) and not _is_installed(Path(path)):
            raise InputError(
                f"footprints.{name}: {path} imports from its package, which is not installed",
                "install the package, or let the file import by full names",
                code="WEIGHT_NOT_LOADED",
            )
        name_owner(Path(path), "the weights")


def _is_relative(tree: ast.Module) -> bool:
    return any(isinstance(part, ast.ImportFrom) and part.level > 0 for part in ast.walk(tree))


def _full_name(path: Path) -> str:
    """Return the name of a module that is a file, with those of the packages that it is in."""
    names, folder = [path.stem], path.absolute().parent
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    return ".".join(names)


def _is_installed(path: Path) -> bool:
    """Tell whether a module is in a package that `import` finds, and finds there."""
    package, *rest = _full_name(path).split(".")
    spec = PathFinder.find_spec(package) if rest else None
    origin = Path(spec.origin) if spec and spec.origin else None
    top = path.absolute().parents[len(rest) - 1] if rest else None
    return origin is not None and top is not None and origin.parent.samefile(top)


def _copy_name(path: Path) -> str:
    try:
        is_relative = _is_relative(ast.parse(read_input(path, MOST_BYTES)))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError, InputError):
        is_relative = False  # which `check_functions` refuses
    return f"{_full_name(path)}.py" if is_relative else path.name


def missing_files(config: Config) -> list[str]:
    """Say which files that settings name besides meteorology are not there, so that no run can begin."""
    paths = {
        f"footprints.{name}": grid.kernels if grid.weight == KERNEL else function_in(grid.weight)[0]
        for name, grid in config.footprints.items()
    }
    files = {} if config.jacobian is None else config.jacobian.files
    paths |= {f"jacobian.{key}": path for key, (path, _) in files.items()}
    return [
        f"{name}: {path} is not there, and `stilt run` will refuse to begin without it"
        for name, path in paths.items()
        if path and not Path(path).exists()
    ]


def with_copies(config: Config, layout: Layout) -> tuple[Config, dict[Path, Path]]:
    """Return settings whose functions are the copies that workers are to execute, and these by their files."""
    copies: dict[Path, Path] = {}
    footprints = dict(config.footprints)
    for name, grid in config.footprints.items():
        path, function = function_in(grid.weight)
        if path:
            copies[Path(path)] = copy = layout.input(weights_digest(grid), _copy_name(Path(path)))
            footprints[name] = replace(grid, weight=f"{copy}:{function}")
    return replace(config, footprints=footprints), copies


def load_function(weight: str | None) -> Weighing | None:
    """Return the function that a batch's settings name, ready to be called; None where they name none.

    Raises
    ------
    EnvironmentFailure
        If the copy is not what was handed over, or imports what is not here.
    """
    path, name = function_in(weight)
    if not path:
        return None
    file = Path(path)
    try:
        source = read_input(file, MOST_BYTES)
    except (OSError, InputError):
        source = b""
    if blake2b(source, digest_size=16).hexdigest() != file.parent.name:
        raise EnvironmentFailure(
            f"{path} is not the file of weights that was handed over",
            "`stilt run` hands its work over again",
            code="INPUT_CHANGED",
        )
    module = ModuleType(f"stilt_weights_{file.parent.name}")
    module.__file__ = path
    module.__package__ = file.stem.rpartition(".")[0]
    # not imported: that would take what somebody left in __pycache__ beside the file
    try:
        exec(compile(source, path, "exec"), module.__dict__)  # noqa: S102 - that is what it was handed over for
    except ImportError as error:
        raise EnvironmentFailure(
            f"{file.name}, which weighs particles, imports what is not here: {error}",
            "install it where workers run",
            code="WEIGHT_NOT_LOADED",
        ) from None
    return _on_frames(getattr(module, name), f"{file.name}:{name}")


def _on_frames(function: Callable[[Any, Receptor], Any], called: str) -> Weighing:
    def weigh(table: ParticleTable, receptor: Receptor) -> ParticleTable:
        from pandas import DataFrame

        from stilt.particles.table import ParticleTable

        frame = function(table.to_pandas(), receptor)
        if not isinstance(frame, DataFrame):
            raise InputError(
                f"weight: {called} returned {type(frame).__name__}, not a frame of particles",
                "let it end with `return particles`, whose foot it has changed",
                code="WEIGHT_RESULT",
            )
        return ParticleTable({str(name): frame[name].to_numpy(float) for name in frame})

    return weigh
