"""Particle trajectories and footprints for atmospheric receptors.

``stilt.Project("demo").run()`` runs a project; its simulations give particles as pandas frames and footprints as
xarray arrays. Everything heavy is imported where it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from stilt.version import __version__

if TYPE_CHECKING:
    from stilt.api.background import background
    from stilt.api.compute import calc_footprint, run_trajectories
    from stilt.api.flux import enhancements
    from stilt.api.modelled import modelled
    from stilt.api.project import Project, ProjectSimulation
    from stilt.api.regridding import regrid
    from stilt.foundations.errors import StiltError
    from stilt.foundations.simulation import Receptor, Simulation
    from stilt.plot.comparison import plot_modelled

__all__ = [
    "Project",
    "ProjectSimulation",
    "Receptor",
    "Simulation",
    "StiltError",
    "__version__",
    "background",
    "calc_footprint",
    "enhancements",
    "modelled",
    "plot_modelled",
    "regrid",
    "run_trajectories",
]

_HOMES = {
    "background": "stilt.api.background",
    "Project": "stilt.api.project",
    "ProjectSimulation": "stilt.api.project",
    "Receptor": "stilt.api.receptor",
    "Simulation": "stilt.foundations.simulation",
    "StiltError": "stilt.foundations.errors",
    "calc_footprint": "stilt.api.compute",
    "enhancements": "stilt.api.flux",
    "modelled": "stilt.api.modelled",
    "plot_modelled": "stilt.plot.comparison",
    "regrid": "stilt.api.regridding",
    "run_trajectories": "stilt.api.compute",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'stilt' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names, also those that are not imported yet."""
    return sorted(__all__)
