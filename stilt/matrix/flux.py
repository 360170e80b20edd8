"""From fluxes to enhancements: what a flux field adds to the concentration at receptors.

The enhancement is the sum over cells and hours of footprint times flux (Lin et al., 2003, JGR 108, 4493, equation 8).
A flux on another grid is averaged onto the footprint's cells by overlapping area on the sphere, so that what it emits
within the grid is conserved; of a flux that changes in time, an hour takes what holds in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from stilt.footprint.labels import UNITS
from stilt.foundations.errors import InputError
from stilt.foundations.remarks import remark
from stilt.matrix.regridding import onto

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

HOUR = np.timedelta64(3600, "s")
PER_AREA_AND_TIME = ("m-2s-1", "s-1m-2", "/m2/s", "/s/m2", "/m2s", "m-2/s")
MICROMOLES = {
    "mol": 1e6,
    "moles": 1e6,
    "mmol": 1e3,
    **dict.fromkeys(
        ("umol", "micromol", "micromoles", "\N{MICRO SIGN}mol", "\N{GREEK SMALL LETTER MU}mol"), 1.0
    ),
    "nmol": 1e-3,
}
GRAMS = {"kg": 1e3, "g": 1.0, "mg": 1e-3, "ug": 1e-6}
MOLAR_MASS_G = {
    "co2": 44.0095,
    "ch4": 16.0425,
    "co": 28.0101,
    "n2o": 44.0128,
    "no2": 46.0055,
    "nox": 46.0055,
    "c": 12.0107,
}
"""IUPAC 2021; ``c`` for fluxes of carbon."""

FIELDS_KEPT = 72  # receptors that follow each other share most of their hours

_PLAIN = str.maketrans(
    {
        "\N{SUPERSCRIPT TWO}": "2",
        "\N{SUPERSCRIPT ONE}": "1",
        "\N{SUPERSCRIPT MINUS}": "-",
        "\N{MINUS SIGN}": "-",
    }
)
_SHORT = {"latitude": "lat", "longitude": "lon"}
_CELLS = (("lat", "lon"), ("y", "x"))
_ORDER = ("time", "lat", "lon", "y", "x")


def enhancements(
    footprints: xr.DataArray, flux: xr.DataArray | xr.Dataset, *, species: str | None = None
) -> Any:
    """Return what a flux adds at each receptor, in ppm.

    Footprints are read one receptor at a time, and a flux one time at a time.

    Parameters
    ----------
    footprints
        From ``Project.footprints``: (receptor, hour, lat, lon) or (receptor, hour, y, x), ppm per (umol m-2 s-1); or
        the footprint of one simulation. Weighted ones give what the instrument sees.
    flux
        umol m-2 s-1 (or mol, mmol, nmol, if its ``units`` say so; kg, g of a ``species``), with dimensions lat and
        lon (or latitude and longitude; degrees, cell centres of a regular grid, any order) and maybe time (UTC; a
        value holds from its time to the next one's). For projected footprints also y and x, on their own cells.
        Where it has no cells it is zero. A dataset has a flux in each variable: sectors or species.
    species
        Of a flux by mass: ``co2``, ``ch4``, ``co``, ``n2o``, ``no2`` or ``nox`` (as NO2); each flux may say its own in
        ``attrs["species"]``.

    Returns
    -------
    DataArray or Dataset
        One value a receptor (a single one of a single footprint); of a dataset of fluxes a variable each.

    Raises
    ------
    InputError
        If dimensions are missing, the flux does not cover the time of a footprint, or its units are another kind of
        quantity.

    Warns
    -----
    StiltWarning
        If the flux has a footprint's units.
    """
    footprints = of_receptors(footprints)
    if isinstance(flux, xr.Dataset):
        each = {name: _enhancement(footprints, flux[name], species) for name in fluxes_in(flux)}
        each = with_labels_apart(each)
        return xr.Dataset(
            {name: added.assign_attrs(flux=str(name)) for name, added in each.items()}
        )
    return _enhancement(footprints, flux, species)


def fluxes_in(dataset: xr.Dataset) -> list[Any]:
    """Return which variables of a dataset are fluxes: not those that others name as bounds of cells or a mapping.

    Raises
    ------
    InputError
        If there are none.
    """
    beside = {
        str({**each.encoding, **each.attrs}.get(name))
        for each in dataset.variables.values()
        for name in ("bounds", "grid_mapping")
    }
    found = [name for name in dataset.data_vars if str(name) not in beside]
    if not found:
        raise InputError(
            "the dataset of fluxes has none",
            "give one variable a sector or species",
            code="VARIABLE_NOT_NAMED",
        )
    return found


def with_labels_apart(found: Mapping[Any, xr.DataArray]) -> dict[Any, xr.DataArray]:
    """Return variables of a dataset to be; labels that are called as one of them have ``_label`` after their name."""
    taken = set(found).union(*(values.coords for values in found.values()))
    names: dict[Any, str] = {}
    for name in found.keys() & set().union(*(values.coords for values in found.values())):
        names[name] = f"{name}_label"
        while names[name] in taken:
            names[name] += "_label"
    return {
        name: values.rename({old: new for old, new in names.items() if old in values.coords})
        for name, values in found.items()
    }


def of_receptors(footprints: xr.DataArray) -> xr.DataArray:
    """Return footprints by receptor and hour; that of one simulation, or of one receptor, as one of one.

    Raises
    ------
    InputError
        If dimensions are missing.
    """
    found = footprints
    if "receptor" not in found.dims and "hour" in found.dims:
        labels = {
            name: ("receptor", np.atleast_1d(label.to_numpy()), label.attrs)
            for name, label in found.coords.items()
            if not label.dims
        }
        found = found.expand_dims("receptor").assign_coords(labels)
    elif "receptor" not in found.dims and "time" in found.dims:
        starts = found["time"].to_numpy()
        hours = np.rint((starts - found["receptor_time"].to_numpy()) / HOUR).astype(int)
        found = found.assign_coords(time=hours).rename(time="hour").expand_dims("receptor")
    if not any({"receptor", "hour", *cells} <= set(found.dims) for cells in _CELLS):
        raise InputError(
            f"footprints have the dimensions {', '.join(map(str, footprints.dims))}",
            "give Project.footprints(name), or the footprint of a simulation",
            code="DIMENSIONS_UNFIT",
        )
    return found


def short_names(field: xr.DataArray) -> xr.DataArray:
    """Return a field with dimensions lat and lon, where they are called latitude and longitude."""
    return field.rename({long: short for long, short in _SHORT.items() if long in field.dims})


def _enhancement(footprints: xr.DataArray, flux: xr.DataArray, species: str | None) -> xr.DataArray:
    fields = fields_of(flux, footprints, species)
    starts = footprints["hour"].to_numpy() * HOUR
    added = np.zeros(footprints.sizes["receptor"])
    for place, when in enumerate(np.atleast_1d(footprints["receptor_time"].to_numpy())):
        foot = footprints[place].to_numpy().astype(np.float64)
        touched = foot.any(axis=(1, 2))
        added[place] = sum(
            (foot[layer] * fields.mean(when + starts[layer])).sum()
            for layer in np.flatnonzero(touched)
        )
    of_receptor = {name: c for name, c in footprints.coords.items() if c.dims == ("receptor",)}
    return xr.DataArray(
        added,
        dims="receptor",
        coords=of_receptor,
        name="enhancement",
        attrs={"units": "ppm", "long_name": "enhancement by the flux within the footprint's grid"},
    )


def fields_of(flux: xr.DataArray, footprints: xr.DataArray, species: str | None) -> Fields:
    """Return a flux on the cells of footprints, (receptor, hour, ...), field by field.

    Raises
    ------
    InputError
        If it has not the dimensions or units of a flux, or changes in time where the footprints are integrated.
    """
    flux = short_names(flux)
    _check(footprints, flux)
    fields = Fields.of(flux, footprints, species)
    integrated = footprints.sizes["hour"] == 1 and int(footprints["hour"][0]) == 0
    if integrated and fields.times is not None:
        raise InputError(
            "the footprints are integrated over time, the flux changes in time",
            "run with time_integrate: false, or give flux.mean('time')",
            code="FOOTPRINT_INTEGRATED",
        )
    return fields


@dataclass(slots=True)
class Fields:
    """A flux on the footprint's grid, one field for each of its times, made when they are needed.

    Attributes
    ----------
    times
        From when each field holds; None for one that always does.
    micromoles
        How many umol m-2 s-1 a unit of the flux is.
    """

    flux: xr.DataArray
    times: NDArray[np.datetime64] | None
    onto: Callable[[Values], Values]
    micromoles: float
    made: dict[int, Values]

    @classmethod
    def of(cls, flux: xr.DataArray, footprints: xr.DataArray, species: str | None) -> Fields:
        """Return a flux whose dimensions are known; see ``fields_of``."""
        ordered = flux.transpose(*(name for name in _ORDER if name in flux.dims))
        times = None
        if "time" in ordered.dims:
            ordered = ordered.sortby("time")
            times = ordered["time"].to_numpy().astype("datetime64[ns]")
        return cls(
            ordered,
            times,
            onto(ordered, footprints),
            _micromoles(flux.attrs.get("units"), species or flux.attrs.get("species")),
            {},
        )

    def mean(self, start: np.datetime64) -> Values:
        """Return the mean field of the hour that begins at ``start``."""
        if self.times is None:
            return self._field(0)
        return sum(
            (share * self._field(number) for number, share in _shares(self.times, start)),
            start=np.zeros(()),
        )

    def arrays(self) -> Iterator[NDArray[Any]]:
        """Yield all that a field is made of."""
        yield np.array([self.micromoles])
        yield from (c.to_numpy() for c in self.flux.coords.values())
        fields = [self.flux] if self.times is None else self.flux
        yield from (field.to_numpy() for field in fields)

    def _field(self, number: int) -> Values:
        if number not in self.made:
            field = self.flux if self.times is None else self.flux[number]
            values = field.to_numpy().astype(np.float64)
            if not np.isfinite(values).all():
                raise InputError(
                    "the flux has missing values",
                    "say what they mean: flux.fillna(0)",
                    code="VALUES_MISSING",
                )
            while len(self.made) >= FIELDS_KEPT:
                del self.made[next(iter(self.made))]
            self.made[number] = self.onto(values * self.micromoles)
        return self.made[number]


def _micromoles(units: str | None, species: str | None) -> float:
    """Return how many umol m-2 s-1 a unit is: 1 where none is given, or the footprint's own was copied along."""
    if units == UNITS:
        remark(
            f"the flux has the units of a footprint, {units}, which arithmetic of xarray copies along: it is taken "
            "as umol m-2 s-1; set flux.attrs['units']"
        )
    if units is None or units == UNITS:
        return 1.0
    plain = re.sub(r"\*\*|[\^*.\s()_\N{MIDDLE DOT}]", "", str(units)).translate(_PLAIN)
    amount = next((plain.removesuffix(end) for end in PER_AREA_AND_TIME if plain.endswith(end)), "")
    mass = next(
        (mass for mass in GRAMS if amount.lower() in {mass, f"{mass}{species}".lower()}), ""
    )
    if mass:
        if str(species).lower() not in MOLAR_MASS_G:
            raise InputError(
                f"the flux is a mass ({units}), and its species is {species or 'not named'}",
                f"name it: enhancements(..., species=...), one of {', '.join(MOLAR_MASS_G)}",
                code="UNITS_UNKNOWN",
            )
        return 1e6 * GRAMS[mass] / MOLAR_MASS_G[str(species).lower()]
    if amount not in MICROMOLES:
        raise InputError(
            f"the flux's units {units!r} are not an amount per area and time",
            "convert it to umol m-2 s-1 and set flux.attrs['units']",
            code="UNITS_UNKNOWN",
        )
    return MICROMOLES[amount]


def _shares(times: NDArray[np.datetime64], start: np.datetime64) -> Iterator[tuple[int, float]]:
    """Yield which fields hold in the hour from ``start``, and for what part of it."""
    step = times[-1] - times[-2] if len(times) > 1 else np.timedelta64(366, "D")
    ends = np.append(times[1:], times[-1] + step)
    if start < times[0] or start + HOUR > ends[-1]:
        raise InputError(
            f"the flux does not cover {np.datetime_as_string(start, 'm')} UTC: it is given from "
            f"{np.datetime_as_string(times[0], 'm')} to {np.datetime_as_string(ends[-1], 'm')}",
            "give fluxes for n_hours before the first receptor as well",
            code="FLUX_TIMES_LACKING",
        )
    first = int(np.searchsorted(times, start, side="right")) - 1
    for number in range(first, len(times)):
        share = (min(ends[number], start + HOUR) - max(times[number], start)) / HOUR
        if share <= 0:
            return
        yield number, float(share)


def _check(footprints: xr.DataArray, flux: xr.DataArray) -> None:
    own = next((cells for cells in _CELLS if set(cells) <= set(flux.dims)), ())
    fits = own == _CELLS[0] or (own and "y" in footprints.dims)
    if not fits or set(flux.dims) - {"time", *own}:
        raise InputError(
            f"the flux has the dimensions {', '.join(map(str, flux.dims))}",
            "rename them to lat, lon and, if it changes, time",
            code="DIMENSIONS_UNFIT",
        )
