"""How far results are from those of infinitely many particles: their Monte-Carlo error.

Particles move independently of each other, and a footprint is the mean over them. So parts of them, each with its share
of every release point, are small runs of the same receptor: how much these differ tells the error of the whole, as the
standard error of their mean. Realizations (``realizations: n`` in config.yaml) tell the same from whole runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from stilt.api.endpoints import kernel_of, made_with
from stilt.config.sections import KERNEL
from stilt.footprint.calc import calc_footprint
from stilt.foundations.errors import InputError
from stilt.foundations.names import REALIZATION, member_ending
from stilt.foundations.remarks import remark
from stilt.matrix.flux import enhancements, fields_of
from stilt.particles.table import ParticleTable
from stilt.weighting.weigh import slots_of, weigh

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stilt.api.project import Project
    from stilt.api.project_simulation import ProjectSimulation
    from stilt.config.schema import FootprintGrid
    from stilt.footprint.calc import Footprint
    from stilt.foundations.simulation import Receptor
    from stilt.matrix.flux import Fields
    from stilt.weighting.kernel import Kernel

_TURN = 0.618
"""Of the parts, by which particles are dealt on at each pass: near the golden section passes do not fall together."""

PARTS = 20
"""Of a run's particles: the error that they tell is itself right to 16 % (one in the root of twice 19)."""
FEW_PARTS = 10
"""Fewer tell an error that is itself off by a quarter and more; two, that is mostly too small; one tells none."""


def monte_carlo_error(
    project: Project,
    flux: xr.DataArray | None = None,
    *,
    footprint: str | None = None,
    species: str | None = None,
    parts: int = PARTS,
) -> xr.Dataset:
    """Return what a flux adds at each receptor, and how uncertain that is; see ``Project.monte_carlo_error``."""
    name = project.footprint_name(footprint)
    grid = project.config.footprints[name]
    if grid.weight not in {None, KERNEL}:
        raise InputError(
            f"the footprints {name} are weighted by a function, and a part of the particles can't be",
            "name another product, or set realizations and take stilt.over_realizations(...)",
            code="WEIGHT_NOT_HERE",
        )
    if isinstance(flux, xr.Dataset):
        raise InputError(
            f"a dataset has {len(flux)} fluxes, and an error is of one",
            f"give one of {', '.join(map(str, flux))}, or their sum",
            code="VARIABLE_NOT_NAMED",
        )
    footprints = project.footprints(name)
    flux = everywhere(footprints) if flux is None else flux
    fields = fields_of(flux, footprints, species)
    kernels = project.kernels(name) if grid.weight == KERNEL else None
    errors, counts = [], []
    for sim in map(str, footprints["receptor"].to_numpy()):
        simulation = project[sim]
        grid = simulation.grids[name]
        weighed = _weighed(simulation, grid, kernel_of(simulation, kernels) if kernels else None)
        receptor = simulation.receptor
        made = (calc_footprint(part, grid, receptor) for part in split(weighed, receptor, parts))
        each_added = [_added(each, fields) for each in made]
        errors.append(standard_error(each_added))
        counts.append(len(each_added))
    _tell_few(counts, parts)
    added = enhancements(footprints, flux, species=species)
    about = {"units": "ppm", "long_name": "Monte-Carlo standard error of the enhancement"}
    return xr.Dataset({"enhancement": added, "error": ("receptor", errors, about)})


def everywhere(footprints: xr.DataArray) -> xr.DataArray:
    """Return a flux of 1 umol m-2 s-1 in all cells of footprints: an enhancement by it is the footprint's sum."""
    axes = footprints.dims[-2:]
    shape = [footprints.sizes[name] for name in axes]
    return xr.DataArray(np.ones(shape), dims=axes, coords={name: footprints[name] for name in axes})


def standard_error(parts: Sequence[float]) -> float:
    """Return the standard error of the mean of parts; NaN of less than two."""
    return float(np.std(parts, ddof=1) / np.sqrt(len(parts))) if len(parts) > 1 else np.nan


def _tell_few(counts: Sequence[int], parts: int) -> None:
    few = [count for count in counts if count < min(parts, FEW_PARTS)]
    if few:
        remark(
            f"{len(few):,} of {len(counts):,} simulations have few particles of each release point, "
            f"the least {min(few)}: of one there is no error, of less than ten it is itself "
            "uncertain by a quarter and more; raise numpar (20 times the levels is enough), "
            "or set realizations and take stilt.over_realizations(...)"
        )


def _added(footprint: Footprint, fields: Fields) -> float:
    starts = footprint.times.astype("datetime64[ns]")
    each = zip(footprint.values.astype(np.float64), starts, strict=True)
    return float(sum((layer * fields.mean(start)).sum() for layer, start in each if layer.any()))


def _weighed(
    simulation: ProjectSimulation, grid: FootprintGrid, kernel: Kernel | None
) -> ParticleTable:
    """Return the particles of a simulation as its footprint was made of them."""
    stored = simulation.stored_particles()
    _, released = made_with(stored.provenance())
    receptor = simulation.receptor
    return weigh(stored.particles(), receptor, kernel, grid.lifetime_h, released=released)[0]


def split(table: ParticleTable, receptor: Receptor, parts: int) -> Iterator[ParticleTable]:
    """Yield parts of a table's particles, each with its share of every release point; fewer where particles are few.

    Those of a last round that does not reach all points are in none: a part of the lower ones alone is no small run.
    """
    slots = slots_of(table)
    points = 1 if receptor.is_line else len(receptor.release_points)
    rounds = slots // points
    whole = (int(slots.max(initial=-1)) + 1) // points
    count = max(1, min(parts, whole))
    # turned from one pass to the next: along a line a part would else be higher than another all the way
    turned = (rounds + rounds // count * round(_TURN * count)) % count
    for part in range(min(parts, whole)):
        rows = (rounds < whole) & (turned == part)
        yield ParticleTable({name: values[rows] for name, values in table.columns.items()})


def over_realizations(values: xr.DataArray) -> xr.Dataset:
    """Return what the realizations of each receptor have in common, and how far they are apart.

    Parameters
    ----------
    values
        Along ``receptor``, with the coordinate ``realization``: enhancements, or footprints.

    Returns
    -------
    Dataset
        Along ``receptor``, by the first realization's id: ``mean``; ``spread``, the standard deviation, which is the
        Monte-Carlo error of one; ``error``, that of the mean; and ``realizations``, how many there are. Of one alone
        spread and error are NaN.

    Raises
    ------
    InputError
        If the values are of no realizations.
    """
    if not are_realizations(values) or "receptor" not in values.dims:
        raise InputError(
            "these values are not of several realizations of receptors",
            "set realizations: in config.yaml, stilt run, and take project.footprints() or enhancements of them",
            code="REALIZATIONS_LACKING",
        )
    groups: dict[str, list[int]] = {}
    for place, sim in enumerate(first_ids(values)):
        groups.setdefault(sim, []).append(place)
    found = [_of_one(values[{"receptor": places}]) for places in groups.values()]
    together = xr.concat(found, "receptor", coords="minimal", compat="override")
    first = values[{"receptor": [places[0] for places in groups.values()]}]
    own = {name: c for name, c in first.coords.items() if c.dims == ("receptor",)}
    return together.assign_coords({**own, "receptor": list(groups)}).drop_vars(REALIZATION)


def are_realizations(values: xr.DataArray | xr.Dataset) -> bool:
    """Tell whether values are of several realizations of receptors."""
    return REALIZATION in values.coords and values[REALIZATION].dtype.kind in "iu"


def first_ids(values: xr.DataArray | xr.Dataset) -> list[str]:
    """Return the id of each receptor's first realization, for each along ``receptor``."""
    sims = [str(sim) for sim in values["receptor"].to_numpy()]
    if not are_realizations(values):
        return sims
    members = zip(sims, values[REALIZATION].to_numpy().tolist(), strict=True)
    return [sim.removesuffix(member_ending(number)) for sim, number in members]


def over_members(values: xr.Dataset, name: str) -> xr.Dataset:
    """Return the mean over realizations of all variables along ``receptor``, a row for each receptor.

    The standard error of the mean of one of them is beside it, as ``<name>_error``, and of how many it is as
    ``realizations``: those without a value of it are left out of all means, unless none has one.
    """
    import pandas as pd

    codes, ids = pd.factorize(np.array(first_ids(values), object))
    each = pd.DataFrame({key: column.to_numpy() for key, column in values.data_vars.items()})
    counts = each[name].notna().groupby(codes).transform("sum")
    groups = each.where(each[name].notna() | (counts == 0)).groupby(codes, sort=False)
    found = values.isel(receptor=np.unique(codes, return_index=True)[1])
    found = found.drop_vars(REALIZATION).assign_coords(receptor=ids)
    means = groups.mean()
    found = found.assign({key: ("receptor", means[key].to_numpy()) for key in means})
    found[f"{name}_error"] = "receptor", groups[name].sem().to_numpy()
    found["realizations"] = "receptor", groups[name].count().to_numpy()
    return found


def _of_one(members: xr.DataArray) -> xr.Dataset:
    count = members.sizes["receptor"]
    values = members.drop_vars([n for n, c in members.coords.items() if c.dims == ("receptor",)])
    spread = values.std("receptor", ddof=1) if count > 1 else values[0] * np.nan
    return xr.Dataset(
        {
            "mean": values.mean("receptor"),
            "spread": spread,
            "error": spread / np.sqrt(count),
            "realizations": count,
        }
    )
