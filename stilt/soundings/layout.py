"""Soundings of one layout, from the variables of an instrument's file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from stilt.foundations.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

PROFILES = ("pressure_hpa", "height_m", "averaging_kernel", "pressure_weight", "prior_ppm")


def soundings_from(
    found: Mapping[str, xr.DataArray], ids: NDArray[np.str_], names: Mapping[object, str]
) -> xr.Dataset:
    """Return the dataset that ``stilt.soundings`` describes; ``names`` are what dimensions are called in it."""
    plain = {
        name: values.reset_coords(drop=True).rename(
            {old: new for old, new in names.items() if old in values.dims and old != new}
        )
        for name, values in found.items()
    }
    dataset = xr.Dataset({name: (values.dims, values.to_numpy()) for name, values in plain.items()})
    dataset = dataset.assign_coords(sounding=ids)
    upward = "height_m" if "height_m" in dataset else "pressure_hpa"
    profile = dataset[upward].mean([dim for dim in dataset[upward].dims if dim != "level"])
    rises = bool(profile[-1] > profile[0]) == (upward == "height_m")
    dataset = dataset if rises else dataset.isel(level=slice(None, None, -1))
    for name in PROFILES:
        if name in dataset:
            dataset[name] = (
                dataset[name]
                .broadcast_like(dataset["averaging_kernel"])
                .transpose("sounding", "level")
            )
    return dataset


def variable_of(dataset: xr.Dataset, name: str, kind: str) -> xr.DataArray:
    """Return a variable of a kind of file, which is refused without it."""
    if name not in dataset.variables:
        raise InputError(
            f"the file has no variable {name}, which those of {kind} have",
            "give the file as it is delivered, or name another kind",
            code="SOUNDINGS_UNREADABLE",
        )
    return dataset[name]
