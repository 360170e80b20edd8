"""From ``model:`` in config.yaml to the engine that it names."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from stilt.config.variants import every_setting
from stilt.foundations.durable import digest_file
from stilt.foundations.errors import InputError, ProblemsError
from stilt.foundations.identity import EngineIdentity
from stilt.foundations.ownership import name_owner

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from stilt.config.schema import Config
    from stilt.transport.protocol import Engine

HINT = "use hysplit, native, package.module:attribute or path/to/file.py:attribute"


def load_engine(config: Config, inputs: Mapping[str, Path] | None = None) -> Engine:
    """Return the engine of a project: ``hysplit``, ``native``, or one that an import path names.

    ``inputs`` are the files that a batch was handed over with, by name: with them nothing else is looked at that
    is ambient (``STILT_HOME``, ``STILT_HYSPLIT``).

    ``module:attribute`` or ``file.py:attribute`` names an engine, or a class or function that makes one when it is
    called without arguments. That is how tests, and models of one's own, come in.

    Raises
    ------
    InputError
        If there is no such engine.
    """
    if config.model == "hysplit":
        from stilt.transport.hysplit.engine import HysplitEngine

        return HysplitEngine(config.hysplit.exe_dir, inputs)
    if config.model == "native":
        from stilt.transport.native.engine import NativeEngine

        return NativeEngine(config.roughness, config.hysplit.exe_dir, inputs)
    return _imported(config.model)


def prepare(engine: Engine, config: Config) -> None:
    """Check that an engine can run here with the settings of a project and those of its variants.

    Raises
    ------
    StiltError
        As the engine's ``prepare``; of a variant it says which.
    """
    for variant, own in every_setting(config):
        try:
            engine.prepare(own)
        except ProblemsError as error:
            if not variant:
                raise
            raise ProblemsError(
                f"{error.source}, {variant}", error.problems, error.hint, code=error.code
            ) from None


def with_roughness(config: Config, earlier: EngineIdentity | None) -> Config:
    """Return settings that say what roughness the ground has, where the engine wants to know.

    Where they leave it out it is that of the project's earlier results, if there are any: it is never what
    happens to be installed.
    """
    if config.model != "native" or config.roughness is not None:
        return config
    from stilt.transport.native.roughness import HYSPLIT, setting_of

    is_known = earlier is not None and earlier.name == config.model and bool(earlier.setting)
    setting = setting_of(earlier.setting) if earlier is not None and is_known else HYSPLIT
    return replace(config, roughness=setting)


def identity_of(engine: Engine) -> EngineIdentity:
    """Return what an engine is: its own word, else its name, version and the digest of its module's file."""
    own = getattr(engine, "identity", None)
    if isinstance(own, EngineIdentity):
        return own
    if own is not None:
        return EngineIdentity(engine.name, engine.version, inputs={"identity": str(own)})
    path = Path(getattr(sys.modules.get(type(engine).__module__), "__file__", None) or "")
    inputs = {path.name: digest_file(path)[1]} if path.is_file() else {}
    return EngineIdentity(engine.name, engine.version, inputs=inputs)


def files_of(engine: Engine) -> tuple[dict[str, Path], frozenset[str]]:
    """Return what an engine reads besides settings and meteorology, by name, and which of it are programs."""
    return getattr(engine, "files", {}), getattr(engine, "programs", frozenset())


def _imported(model: str) -> Engine:
    place, _, attribute = model.rpartition(":")
    if not place or not attribute:
        raise InputError(f"model: there is no engine {model!r}", HINT, code="ENGINE_UNKNOWN")
    try:
        module = _from_file(Path(place)) if place.endswith(".py") else _from_package(place)
        found: Any = getattr(module, attribute)
        engine = found if hasattr(found, "run") and not isinstance(found, type) else found()
    except InputError:
        raise
    except Exception as error:  # somebody else's code may raise anything
        raise InputError(
            f"model: {model!r} can't be loaded: {type(error).__name__}: {error}",
            HINT,
            code="ENGINE_NOT_LOADED",
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
        raise InputError(f"model: there is no file {path}", HINT, code="ENGINE_UNKNOWN")
    name = f"stilt_engine_{path.stem}"
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"model: {path} is not a Python file", HINT, code="ENGINE_UNKNOWN")
    name_owner(path, "the engine")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
