"""Particle trajectories and footprints for atmospheric receptors.

``stilt.Project("demo").run()`` runs a project; its simulations give particles as pandas frames and footprints as
xarray arrays. Everything heavy is imported where it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from stilt.foundations.neighbours import warn_of_pystilt
from stilt.version import __version__

if TYPE_CHECKING:
    from stilt.api.background import background
    from stilt.api.compute import calc_footprint, run_trajectories
    from stilt.api.jacobian import Jacobian, jacobian
    from stilt.api.modelled import modelled
    from stilt.api.monte_carlo import over_realizations
    from stilt.api.project import Project
    from stilt.api.project_simulation import ProjectSimulation
    from stilt.api.results import Results, open_results
    from stilt.formats.export import export
    from stilt.foundations.errors import StiltError
    from stilt.foundations.remarks import StaleResults, StiltWarning
    from stilt.foundations.simulation import Receptor, Simulation
    from stilt.matrix.flux import enhancements
    from stilt.matrix.regridding import regrid
    from stilt.plot.comparison import plot_modelled
    from stilt.plot.maps import plot_footprint
    from stilt.soundings.instruments import read_soundings
    from stilt.soundings.receptors import choose_soundings, receptor_grid, receptors_of

__all__ = [
    "Jacobian",
    "Project",
    "ProjectSimulation",
    "Receptor",
    "Results",
    "Simulation",
    "StaleResults",
    "StiltError",
    "StiltWarning",
    "__version__",
    "background",
    "calc_footprint",
    "choose_soundings",
    "enhancements",
    "export",
    "jacobian",
    "modelled",
    "open_results",
    "over_realizations",
    "plot_footprint",
    "plot_modelled",
    "read_soundings",
    "receptor_grid",
    "receptors_of",
    "regrid",
    "run_trajectories",
]

_HOMES = {
    "Jacobian": "stilt.api.jacobian",
    "background": "stilt.api.background",
    "Project": "stilt.api.project",
    "ProjectSimulation": "stilt.api.project_simulation",
    "Receptor": "stilt.api.receptor",
    "Simulation": "stilt.foundations.simulation",
    "StaleResults": "stilt.foundations.remarks",
    "StiltError": "stilt.foundations.errors",
    "StiltWarning": "stilt.foundations.remarks",
    "calc_footprint": "stilt.api.compute",
    "enhancements": "stilt.matrix.flux",
    "jacobian": "stilt.api.jacobian",
    "modelled": "stilt.api.modelled",
    "over_realizations": "stilt.api.monte_carlo",
    "plot_footprint": "stilt.plot.maps",
    "plot_modelled": "stilt.plot.comparison",
    "choose_soundings": "stilt.soundings.receptors",
    "read_soundings": "stilt.soundings.instruments",
    "receptor_grid": "stilt.soundings.receptors",
    "receptors_of": "stilt.soundings.receptors",
    "regrid": "stilt.matrix.regridding",
    "Results": "stilt.api.results",
    "open_results": "stilt.api.results",
    "export": "stilt.formats.export",
    "run_trajectories": "stilt.api.compute",
}


warn_of_pystilt()


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'stilt' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names, also those that are not imported yet."""
    return sorted(__all__)
