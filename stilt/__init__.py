"""Particle trajectories and footprints for atmospheric receptors.

``stilt.Project("demo").run()`` runs a project; its simulations give particles as pandas frames and footprints as
xarray arrays. Everything heavy is imported where it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stilt.compute import calc_footprint, run_trajectories
    from stilt.errors import StiltError
    from stilt.flux import enhancements, regrid
    from stilt.project import Project, Result
    from stilt.simulation import Receptor, Simulation

__version__ = "0.1.0"

__all__ = [
    "Project",
    "Receptor",
    "Result",
    "Simulation",
    "StiltError",
    "__version__",
    "calc_footprint",
    "enhancements",
    "regrid",
    "run_trajectories",
]

_HOMES = {
    "Project": "stilt.project",
    "Result": "stilt.project",
    "Receptor": "stilt.simulation",
    "Simulation": "stilt.simulation",
    "StiltError": "stilt.errors",
    "calc_footprint": "stilt.compute",
    "enhancements": "stilt.flux",
    "regrid": "stilt.flux",
    "run_trajectories": "stilt.compute",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'stilt' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names, also those that are not imported yet."""
    return sorted(__all__)
