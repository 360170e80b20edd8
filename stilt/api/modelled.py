"""What an instrument would have seen: background, what fluxes add to it, and the part of the retrieval's prior."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from stilt.api.monte_carlo import are_realizations, over_members
from stilt.config.sections import KERNEL
from stilt.foundations.errors import InputError
from stilt.matrix.flux import enhancements, with_labels_apart

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from stilt.api.project import Project
    from stilt.api.results import Results

    Columns = tuple[xr.DataArray, xr.DataArray]

OBSERVED, UNCERTAINTY = "observed_ppm", "uncertainty_ppm"
"""Labels of receptors that are compared with, as ``stilt receptors`` writes them."""


def modelled(
    project: Project | Results,
    fluxes: xr.DataArray | xr.Dataset,
    background: xr.Dataset | xr.DataArray | float,
    *,
    footprint: str | None = None,
    prior: bool = False,
    species: str | None = None,
) -> xr.Dataset:
    """Return modelled beside observed mole fractions, ppm, one of each for every receptor with results.

    Without ``prior`` it is background + enhancement. With it, the retrieval's own column of a profile x (Rodgers and
    Connor, 2003, JGR 108, 4116, equation 15): sum(w (1 - a) prior) + sum(w a) background + enhancement, over all levels
    of its kernel, those above the highest release too.

    Parameters
    ----------
    project
        Its footprints are used as they are; weighted ones give what the instrument sees. Results of another tool have
        one product, and no kernels.
    fluxes
        As for ``enhancements``: a dataset has a variable for each sector, which add up.
    background
        From ``stilt.background``; or one value a receptor, or for all.
    footprint
        The product; the first with kernels unless given, else the first.
    prior
        Whether the kernels' table has the prior (``prior_ppm``), and its part is to be added.
    species
        Of fluxes by mass.

    Returns
    -------
    Dataset
        Along ``receptor``, with its time, place and labels: ``modelled``, ``background``, ``background_spread`` (where
        it is known), ``enhancement``, one ``enhancement_<sector>`` for each of a dataset, ``prior`` (where it is asked
        for), and of the labels ``observed_ppm`` and ``uncertainty_ppm``, where there are such, ``observed``,
        ``uncertainty`` and ``residual`` (observed - modelled). Of several realizations a receptor has one row, with
        their mean, ``modelled_error``, the Monte-Carlo standard error of that (NaN of one alone), and ``realizations``,
        how many there are. ``to_dataframe()`` makes it a table.

    Raises
    ------
    InputError
        As ``enhancements``; if the kernels have no prior, or there are none.

    Warns
    -----
    StaleResults
        If footprints are stale; with ``prior``, today's kernels may not be those that they were weighted by.
    """
    footprints, columns = _product(project, footprint)
    found = _enhanced(footprints, fluxes, species)
    added = found["enhancement"]
    receptors = added["receptor"]
    found |= _background(background, receptors)
    column = found["background"]
    if prior:
        sensitivity, found["prior"] = columns(receptors)
        column = sensitivity * column + found["prior"]
    found["modelled"] = column + added
    together = xr.Dataset(with_labels_apart(found))
    if are_realizations(together):
        together = over_members(together, "modelled")
    return _compared(together)


def _enhanced(
    footprints: xr.DataArray, fluxes: xr.DataArray | xr.Dataset, species: str | None
) -> dict[str, xr.DataArray]:
    """Return ``enhancement``, and of a dataset of fluxes that of each sector, which it sums."""
    added = enhancements(footprints, fluxes, species=species)
    if not isinstance(added, xr.Dataset):
        return {"enhancement": added}
    found = {f"enhancement_{sector}": values for sector, values in added.items()}
    total = sum(added.values(), start=xr.zeros_like(next(iter(added.values()))))
    return {**found, "enhancement": total}


def _product(
    project: Project | Results, footprint: str | None
) -> tuple[xr.DataArray, Callable[[xr.DataArray], Columns]]:
    """Return the footprints, and what gives the columns of receptors by the kernels that they were weighted by."""
    from stilt.api.results import Results

    if isinstance(project, Results):
        if footprint is not None:
            raise InputError(
                f"{project} have one product, and not {footprint!r}",
                "leave out footprint=",
                code="NAME_UNKNOWN",
            )
        return project.footprints(), partial(_no_columns, project)
    weighted = (name for name, grid in project.config.footprints.items() if grid.weight == KERNEL)
    name = project.footprint_name(footprint or next(weighted, None))
    return project.footprints(name), partial(_columns, project, name)


def _no_columns(results: Results, receptors: xr.DataArray) -> Columns:  # noqa: ARG001 - as ``_columns``
    raise InputError(
        f"{results} have no kernels, and so no prior",
        "leave out prior=True, or make a project of them",
        code="WEIGHT_NOT_HERE",
    )


def _columns(project: Project, name: str, receptors: xr.DataArray) -> Columns:
    """Return what a change of all levels counts at each receptor, and what the prior adds, ppm."""
    places = np.array([project.place_of(str(sim)) for sim in receptors.to_numpy()])
    _, of_receptor, _ = project.receptors.apart(places)
    seen, of_prior = (each[of_receptor] for each in project.kernels(name).columns())
    return xr.DataArray(seen, dims="receptor"), xr.DataArray(of_prior, dims="receptor")


def _background(
    given: xr.Dataset | xr.DataArray | float, receptors: xr.DataArray
) -> dict[str, xr.DataArray]:
    if isinstance(given, xr.Dataset):
        missing = sorted(set(receptors.to_numpy()) - set(given["receptor"].to_numpy()))
        if missing:
            raise InputError(
                f"{len(missing):,} receptors have no background, the first {missing[0]}",
                "give stilt.background(project.endpoints(), field)",
                code="BACKGROUND_LACKING",
            )
        own = given.sel(receptor=receptors)
        return {"background": own["background"], "background_spread": own["spread"]}
    if isinstance(given, xr.DataArray) and "receptor" in given.coords:
        given = given.sel(receptor=receptors)
    return {"background": xr.zeros_like(receptors, float) + given}


def _compared(found: xr.Dataset) -> xr.Dataset:
    """Add what was observed, where labels of the receptors say it, and give all their unit."""
    for ours, label in (("observed", OBSERVED), ("uncertainty", UNCERTAINTY)):
        if label in found.coords:
            found[ours] = "receptor", _numbers(found[label])
    if "observed" in found:
        found["residual"] = found["observed"] - found["modelled"]
    for name in found.data_vars:
        found[name].attrs = {"units": "1" if name == "realizations" else "ppm"}
    return found


def _numbers(label: xr.DataArray) -> NDArray[np.float64]:
    """Return a label's values as numbers; NaN where it is empty, as where an instrument stood still."""
    import pandas as pd

    texts = label.to_series().replace("", np.nan)
    numbers = pd.to_numeric(texts, errors="coerce")
    wrong = texts[numbers.isna() & texts.notna()]
    if len(wrong):
        raise InputError(
            f"{label.name} of {wrong.index[0]} is {str(wrong.iloc[0])[:60]!r}, and not a number",
            "mend receptors.csv; the rows of one receptor need the same value",
            code="OBSERVED_LACKING",
        )
    return numbers.to_numpy(float)
