"""Compile before a hand-over what its workers would otherwise compile, each for itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.foundations.screens import is_terminal

if TYPE_CHECKING:
    from stilt.config.schema import Config
    from stilt.transport.protocol import Engine


def is_compiled(engine: Engine, config: Config) -> bool:
    """Tell whether machine code is kept of all that simulations run."""
    from stilt import footprint, particles
    from stilt.kernels.machine_code import has_kept

    modules = [particles, footprint] if config.footprints else [particles]
    if config.jacobian is not None:
        from stilt import matrix

        modules.append(matrix)
    own = sys.modules.get(type(engine).__module__)
    if own is not None and hasattr(engine, "compile_ahead"):
        modules.append(own)
    return all(has_kept(Path(str(module.__file__)).parent) for module in modules)


LONG_LOG = 50_000
"""So many simulations write a log that is worth machine code of its own to read."""


def compile_all(engine: Engine, config: Config, simulations: int) -> None:
    """Compile what a thousand tasks would otherwise compile at once, and what reads the log of so many simulations."""
    if is_terminal(sys.stdout) and not is_compiled(engine, config):
        sys.stdout.write("compiling, once for all runs: some seconds\n")
    from stilt.kernels.compiled import compile_ahead
    from stilt.particles import rounding

    compile_ahead(rounding)
    if simulations >= LONG_LOG:
        from stilt.log.bulk import kernels

        compile_ahead(kernels)
    engine_compiles = getattr(engine, "compile_ahead", None)
    if engine_compiles is not None:
        engine_compiles()
    if config.footprints:
        from stilt.footprint.calc import warm

        warm()
    if config.jacobian is not None:
        from stilt.matrix import rows_kernel

        compile_ahead(rows_kernel)
