"""The end points of many simulations in one frame."""

from __future__ import annotations

import math
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pandas as pd

from stilt.met.dataset.naming import table_of_met
from stilt.met.header import sides_of
from stilt.particles.endpoints import NO_END, NOTE, EndPoints, decode, end_points
from stilt.particles.table import ParticleTable
from stilt.weighting.weigh import particle_factors, release_of, slots_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from stilt.api.project import Project
    from stilt.api.project_simulation import ProjectSimulation
    from stilt.api.results import Result
    from stilt.foundations.simulation import Receptor
    from stilt.weighting.kernel import Kernel
    from stilt.weighting.kernels import Kernels

    Values = NDArray[np.float64]

_NEEDED = ("time", "indx", "long", "lati", "zagl")


def open_endpoints(project: Project, names: list[str], weight: str | None = None) -> pd.DataFrame:
    """Return the end points of simulations; see ``Project.endpoints``."""
    kernels = None if weight is None else project.kernels(weight)
    met_of = dict(zip(project.receptors.mets, project.receptors.met_names, strict=True))
    parts, mets, lost = [], [], {}
    for number, name in enumerate(names):
        simulation = project[name]
        points, released = _of(simulation)
        if len(points) < released:
            lost[name] = released - len(points)
        frame = _frame(points, number, simulation.receptor)
        mets.append(met_of.get(simulation.simulation.met, simulation.simulation.met))
        if kernels is not None:
            frame["weight"] = _weights(simulation, points, released, kernels)
        parts.append(frame)
    found = _together(parts, names, lost)
    of_row = np.array(mets)[found["sim"].cat.codes.to_numpy()]
    found.insert(1, "met", pd.Series(pd.Categorical(of_row, list(dict.fromkeys(mets)))))
    return found


def endpoints_of_particles(results: Iterable[Result]) -> pd.DataFrame:
    """Return the end points of another tool's simulations; see ``Results.endpoints``."""
    parts, names = [], []
    for number, result in enumerate(results):
        particles = result.particles()
        columns = {name: particles[name].to_numpy(float) for name in _NEEDED}
        if "pres" in particles:
            columns["pres"] = particles["pres"].to_numpy(float)
        span_h = math.ceil(float(np.abs(columns["time"]).max(initial=0.0)) / 60)
        parts.append(_frame(end_points(ParticleTable(columns), span_h, 0), number, result.receptor))
        names.append(result.id)
    return _together(parts, names, {})


def _frame(points: EndPoints, number: int, receptor: Receptor) -> pd.DataFrame:
    """Return the end points of one simulation, its number in the column ``sim``."""
    frame = points.to_pandas()
    arrival = np.datetime64(receptor.when.replace(tzinfo=None), "ns")
    minutes = np.rint(frame["time"].to_numpy() * 60e9).astype("timedelta64[ns]")
    frame.insert(2, "at", arrival + minutes)
    frame.insert(0, "sim", np.int32(number))
    return frame


def _together(parts: list[pd.DataFrame], names: list[str], lost: dict[str, int]) -> pd.DataFrame:
    found = pd.concat(parts, ignore_index=True)
    sim = pd.CategoricalDtype(names)
    found["sim"] = pd.Categorical.from_codes(found["sim"].to_numpy(np.int32), dtype=sim)
    found.attrs[NO_END] = lost
    return found


def _weights(
    simulation: ProjectSimulation, points: EndPoints, released: int, kernels: Kernels
) -> Values:
    """Return what each particle counts in a weighted product; 1 where the receptor has no kernel."""
    kernel = kernel_of(simulation, kernels)
    if kernel is None:
        return np.ones(len(points))
    table = ParticleTable(points.columns)
    if kernel.on == "pressure_hpa":  # that of the release
        table = simulation.stored_particles().particles()
    places = release_of(table, slots_of(table), simulation.receptor, kernel, released)
    factors, _ = particle_factors(kernel, simulation.receptor, *places)
    return factors[slots_of(ParticleTable(points.columns))]


def kernel_of(simulation: ProjectSimulation, kernels: Kernels) -> Kernel | None:
    """Return the kernel of a simulation's receptor; None if it has none."""
    project = simulation.project
    return kernels.of(project.receptors.receptor_of(project.place_of(simulation.id)))


def made_with(said: Mapping[str, str]) -> tuple[dict[str, Any], int]:
    """Return the settings of a particle file, by its provenance, and of how many particles it is."""
    settings = msgspec.json.decode(said["settings"])
    return settings, int(settings.get("numpar", 0))


def _of(simulation: ProjectSimulation) -> tuple[EndPoints, int]:
    """Return what a particle file keeps of its end points, or else what its rows tell of them; and of how many."""
    stored = simulation.stored_particles()
    said = stored.provenance()
    settings, released = made_with(said)
    with suppress(KeyError, ValueError, zlib.error):
        return decode(said[NOTE]), released
    table = table_of_met(simulation.settings.mets[simulation.simulation.met])
    files = map(Path, said.get("met_files", "").splitlines())
    sides = sides_of(files, table)
    points = end_points(stored.particles(), settings["n_hours"], settings.get("outdt", 0), sides)
    return points, released
