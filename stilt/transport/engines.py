"""From ``model:`` in config.yaml to the engine that it names."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from stilt.foundations.errors import InputError
from stilt.foundations.ownership import name_owner

if TYPE_CHECKING:
    from types import ModuleType

    from stilt.config.schema import Config
    from stilt.transport.protocol import Engine

HINT = "use hysplit, native, package.module:attribute or path/to/file.py:attribute"


def load_engine(config: Config) -> Engine:
    """Return the engine of a project: ``hysplit``, ``native``, or one that an import path names.

    ``module:attribute`` or ``file.py:attribute`` names an engine, or a class or function that makes one when it is
    called without arguments. That is how tests, and models of one's own, come in.

    Raises
    ------
    InputError
        If there is no such engine.
    """
    if config.model == "hysplit":
        from stilt.transport.hysplit.engine import HysplitEngine

        return HysplitEngine(config.hysplit.exe_dir)
    if config.model == "native":
        from stilt.transport.native.engine import NativeEngine

        return NativeEngine(config.hysplit.exe_dir)
    return _imported(config.model)


def _imported(model: str) -> Engine:
    place, _, attribute = model.rpartition(":")
    if not place or not attribute:
        raise InputError(f"model: there is no engine {model!r}", HINT)
    try:
        module = _from_file(Path(place)) if place.endswith(".py") else _from_package(place)
        found: Any = getattr(module, attribute)
        engine = found if hasattr(found, "run") and not isinstance(found, type) else found()
    except InputError:
        raise
    except Exception as error:  # somebody else's code may raise anything
        raise InputError(
            f"model: {model!r} can't be loaded: {type(error).__name__}: {error}", HINT
        ) from error
    return cast("Engine", engine)


def _from_package(name: str) -> ModuleType:
    package = find_spec(
        name.partition(".")[0]
    )  # imports nothing, as finding a part of a package would
    if package is not None and package.origin is not None and package.has_location:
        name_owner(Path(package.origin), "the engine's package")
    return import_module(name)


def _from_file(path: Path) -> ModuleType:
    """Load a file as a module, once a process: pool processes must find its classes again."""
    path = path.expanduser().resolve()
    if not path.is_file():
        raise InputError(f"model: there is no file {path}", HINT)
    name = f"stilt_engine_{path.stem}"
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"model: {path} is not a Python file", HINT)
    name_owner(path, "the engine")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
