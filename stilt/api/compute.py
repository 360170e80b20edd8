"""Trajectories and footprints without a project: for a notebook, a test, a single receptor."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stilt.foundations.errors import InputError, ProblemsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    import xarray as xr

    from stilt.config.schema import Config, FootprintGrid
    from stilt.footprint.calc import Footprint
    from stilt.foundations.simulation import Receptor
    from stilt.particles.table import ParticleTable


def run_trajectories(
    receptor: Receptor,
    met: Mapping[str, Any] | str | Path,
    *,
    n_hours: int = -24,
    sim: str = "",
    **settings: Any,
) -> pd.DataFrame:
    """Transport the particles of one receptor and return them, one row for each and each minute.

    Columns are those of ``ProjectSimulation.particles``; ``foot`` is corrected in the hyper-near field unless
    ``hnf_plume`` is false.

    Parameters
    ----------
    receptor
        Where and when the air arrives.
    met
        ``directory``, ``file_format`` and ``file_tres``, or a folder alone, as under ``mets`` in config.yaml.
    n_hours
        Length of the run; negative is backward in time.
    sim
        An id, which random numbers are derived from as from ``seed``: with that of a project's simulation and its
        settings the particles are those of the project. Left out: made of the receptor.
    settings
        Further keys of config.yaml, such as ``numpar``, ``model`` and ``seed``.

    Raises
    ------
    StiltError
        If a setting is wrong or the transport model can't run here.
    TransportError
        If the model failed: with its reason, and its words in ``log``.
    """
    from stilt.footprint.hnf import dilute_near_field
    from stilt.foundations.simulation import Simulation
    from stilt.transport.engines import load_engine

    own = str(met) if isinstance(met, str | Path) else dict(met)
    config = _config({"mets": {"met": own}, "n_hours": n_hours, **settings})
    engine = load_engine(config)
    engine.prepare(config)
    place = f"{receptor.longitudes[0]:g}_{receptor.latitudes[0]:g}_{receptor.heights_m[0]:g}"
    simulation = Simulation(sim or f"met_{receptor.time}_{place}", "met", receptor)
    with tempfile.TemporaryDirectory(prefix="stilt-") as workdir:
        table = engine.run(simulation, config, Path(workdir)).particles
    if config.hnf_plume:
        table = dilute_near_field(table, receptor, config.veght)
    return table.to_pandas()


def calc_footprint(
    particles: pd.DataFrame | ParticleTable,
    grid: Mapping[str, Any] | FootprintGrid,
    receptor: Receptor,
) -> xr.DataArray:
    """Return the footprint of particles on a grid, in ppm per (umol m-2 s-1).

    Parameters
    ----------
    particles
        With the columns time, indx, long, lati and foot; each particle's rows in order of time.
    grid
        A grid as under ``footprints`` in config.yaml: ``xmin``, ``xmax``, ``ymin``, ``ymax``, ``xres``, ...; with
        its ``lifetime_h``, but without ``weight``, which only a project has kernels or functions for.
    receptor
        Gives the time from which hours are counted.

    Raises
    ------
    InputError
        If a setting is wrong, or the grid has ``weight``.
    """
    from stilt.config.schema import FootprintGrid
    from stilt.footprint.calc import calc_footprint as calculate
    from stilt.particles.table import ParticleTable
    from stilt.weighting.weigh import weigh

    if not isinstance(particles, ParticleTable):
        columns = {str(name): particles[name].to_numpy(float) for name in particles}
        particles = ParticleTable(columns)
    if not isinstance(grid, FootprintGrid):
        settings = {"mets": {"met": _ANY_MET}, "n_hours": -1, "footprints": {"grid": dict(grid)}}
        grid = _config(settings).footprints["grid"]
    if grid.weight:
        raise InputError(
            f"the grid has weight: {grid.weight}, and calc_footprint knows no weights",
            "take the weighted footprint of a project, or leave out weight and kernels",
            code="WEIGHT_NOT_HERE",
        )
    particles, _ = weigh(particles, receptor, None, grid.lifetime_h)
    return _labelled(calculate(particles, grid, receptor), receptor)


_ANY_MET = {"directory": ".", "file_format": "%Y", "file_tres": "1d"}


_LINE = re.compile(r"^line \d+: (\$\.)?")


def _config(settings: dict[str, Any]) -> Config:
    """Check settings in the way config.yaml is checked; what is wrong with them is one message."""
    import yaml

    from stilt.config.load import parse_config

    try:
        text = yaml.safe_dump(settings)
    except yaml.YAMLError as error:
        raise InputError(
            f"settings: {error}", "give numbers, texts, lists and dictionaries", code="CONFIG_WRONG"
        ) from None
    try:
        return parse_config(text, "settings")
    except ProblemsError as error:
        problems = [_LINE.sub("", problem) for problem in error.problems]
        raise InputError(
            f"settings: {'; '.join(problems)}",
            "mend these arguments: keys and values of settings",
            code="CONFIG_WRONG",
        ) from None


def _labelled(footprint: Footprint, receptor: Receptor) -> xr.DataArray:
    """Return a footprint as an array with the names and units that its file has."""
    import xarray as xr

    from stilt.api.accessor import register_accessor
    from stilt.footprint.labels import attributes_of, axes, with_projection

    register_accessor()
    y, x = axes(is_longlat=footprint.geometry.is_longlat)
    array = xr.DataArray(
        footprint.values,
        dims=("time", y, x),
        coords={
            "time": footprint.times.astype("datetime64[ns]"),
            y: footprint.y,
            x: footprint.x,
            "receptor_time": receptor.when.replace(tzinfo=None),
        },
        name="foot",
        attrs=attributes_of(footprint.geometry.projection),
    )
    return with_projection(array, footprint.geometry.projection)
