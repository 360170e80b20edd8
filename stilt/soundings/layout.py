"""Soundings of one layout, from the variables of an instrument's file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from stilt.foundations.errors import InputError
from stilt.foundations.units import OURS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

PROFILES = ("pressure_hpa", "height_m", "averaging_kernel", "pressure_weight", "prior_ppm")
FULL_CIRCLE = 360.0
_FLAT = ("observed_ppm", "longitude", "latitude", "time")

BOUNDS: Mapping[str, tuple[float, float]] = {
    "latitude": (-90, 90),
    "longitude": (-180, 360),
    "observed_ppm": (-1e5, 1e5),
    "uncertainty_ppm": (0, 1e5),
    "pressure_hpa": (0, 1100),
    "height_m": (-9000, 2e5),
    "averaging_kernel": (-100, 100),
    "pressure_weight": (0, 1),
    "prior_ppm": (0, 1e5),
    "zenith_deg": (0, 90),
    "azimuth_deg": (-360, 360),
}
"""What is beyond is a value for what is missing, or in another unit."""


def soundings_from(
    found: Mapping[str, xr.DataArray], ids: NDArray[np.str_], names: Mapping[object, str]
) -> xr.Dataset:
    """Return the dataset that ``stilt.soundings`` describes; ``names`` are what dimensions are called in it.

    Raises
    ------
    InputError
        If a variable has other dimensions, or times are no dates.
    """
    plain = {
        name: values.reset_coords(drop=True).rename(
            {old: new for old, new in names.items() if old in values.dims and old != new}
        )
        for name, values in found.items()
    }
    for name, values in plain.items():
        _check_dimensions(name, values)
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


def _check_dimensions(name: str, values: xr.DataArray) -> None:
    others = set(values.dims) - ({"sounding", "level"} if name in PROFILES else {"sounding"})
    if others:
        raise InputError(
            f"{name} has a dimension {min(map(str, others))} that it has not in the product's user guide",
            "give the file as it is delivered, one of its soundings or spectra alone",
            code="SOUNDINGS_WRONG",
        )
    if name == "time" and values.dtype.kind != "M":
        said = values.attrs.get("units", "not given")
        raise InputError(
            f"the times of soundings are no dates (units {said})",
            "they need `<unit> since <date>` in a calendar that is in use",
            code="SOUNDINGS_WRONG",
        )


def variable_of(
    dataset: xr.Dataset, name: str, kind: str, wanted: str = "", usual: str = ""
) -> xr.DataArray:
    """Return a variable of a kind of file, in a unit of ours.

    Parameters
    ----------
    dataset, name, kind
        Where it is sought, under which name, and what such files are called.
    wanted
        A unit of ``stilt.foundations.units``; empty: as it is.
    usual
        What it is in where the file does not say; empty: ``wanted``.

    Raises
    ------
    InputError
        If it is not there, or its unit is not known.
    """
    if name not in dataset.variables:
        raise InputError(
            f"the file has no variable {name}, which those of {kind} have",
            "give the file as it is delivered, or name another kind",
            code="SOUNDINGS_UNREADABLE",
        )
    found = dataset[name]
    if not wanted:
        return found
    units = str(found.attrs.get("units", usual or wanted)).strip()
    if units not in OURS[wanted]:
        raise InputError(
            f"{name} has the units {units!r}, which are none that those of {kind} have",
            f"convert it to {usual or wanted}, and say so in its units",
            code="UNITS_UNKNOWN",
        )
    factor = OURS[wanted][units]
    return found if factor == 1.0 else found * factor


def is_in_box(
    box: tuple[float, float, float, float], lon: NDArray[np.floating], lat: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Return which places lie in a box: west, east, south, north; across the antimeridian where west is greater.

    Raises
    ------
    InputError
        If the south lies north of the north, or beyond a pole.
    """
    west, east, south, north = box
    if not -90 <= south <= north <= 90:  # noqa: PLR2004 - degrees
        raise InputError(
            f"the box {','.join(f'{each:g}' for each in box)} goes from {south:g} to {north:g} degrees north",
            "it is west, east, south, north",
            code="BOX_WRONG",
        )
    width = FULL_CIRCLE if east - west >= FULL_CIRCLE else (east - west) % FULL_CIRCLE
    inside: NDArray[np.bool_] = (
        (lat >= south) & (lat <= north) & ((lon - west) % FULL_CIRCLE <= width)
    )
    return inside


def is_whole(soundings: xr.Dataset) -> NDArray[np.bool_]:
    """Return of which soundings time, place, observation and every number of the profiles are there."""
    whole = np.ones(soundings.sizes["sounding"], bool)
    for name in (*_FLAT, *PROFILES):
        if name in soundings:
            there = soundings[name].notnull()
            whole &= (there.all("level") if "level" in there.dims else there).to_numpy()
    return whole


def check_soundings(soundings: xr.Dataset) -> None:
    """Refuse soundings that are there twice, or numbers that cannot be what they are called.

    Raises
    ------
    InputError
        With the id of the first one.
    """
    names, counts = np.unique(soundings["sounding"].to_numpy(), return_counts=True)
    if (counts > 1).any():
        raise InputError(
            f"{int((counts > 1).sum()):,} soundings are there twice, the first {names[counts > 1][0]}",
            "give each file once, and of files that overlap one",
            code="SOUNDINGS_TWICE",
        )
    for name, (low, high) in BOUNDS.items():
        if name not in soundings:
            continue
        values = soundings[name].transpose("sounding", ...).to_numpy()
        wrong = np.argwhere((values < low) | (values > high))
        if len(wrong):
            which = str(soundings["sounding"].to_numpy()[wrong[0][0]])
            raise InputError(
                f"{name} of sounding {which} is {values[tuple(wrong[0])]:g}, and not from {low:g} to {high:g}",
                "what is missing needs a _FillValue in the file, and numbers in another unit its name in `units`",
                code="SOUNDINGS_WRONG",
            )
