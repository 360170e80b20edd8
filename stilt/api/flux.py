"""From fluxes to enhancements: what a flux field adds to the concentration at receptors.

The enhancement is the sum over cells and hours of footprint times flux (Lin et al., 2003, JGR 108, 4493, equation 8).
A flux on another grid is averaged onto the footprint's cells by overlapping area on the sphere, so that what it emits
within the grid is conserved; of a flux that changes in time, an hour takes what holds in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from stilt.footprint.labels import UNITS
from stilt.foundations.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

HOUR = np.timedelta64(3600, "s")
FULL_CIRCLE = 360.0
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
FIELDS_KEPT = 72  # receptors that follow each other share most of their hours


def enhancements(footprints: xr.DataArray, flux: xr.DataArray) -> xr.DataArray:
    """Return what a flux adds at each receptor, in ppm.

    Footprints are read one receptor at a time, and a flux one time at a time.

    Parameters
    ----------
    footprints
        From ``Project.footprints``: (receptor, hour, lat, lon), ppm per (umol m-2 s-1).
    flux
        umol m-2 s-1 (or mol, mmol, nmol, if its ``units`` say so), with dimensions lat and lon (degrees, cell
        centres of a regular grid, any order) and maybe time (UTC; a value holds from its time to the next
        one's). Where it has no cells it is zero.

    Raises
    ------
    InputError
        If dimensions are missing, the grid is projected, the flux does not cover the time of a footprint, or its units
        are another kind of quantity.
    """
    _check(footprints, flux)
    fields = _Fields.of(flux, footprints)
    integrated = footprints.sizes["hour"] == 1 and int(footprints["hour"][0]) == 0
    if integrated and fields.times is not None:
        raise InputError(
            "the footprints are integrated over time, the flux changes in time",
            "run with time_integrate: false, or give flux.mean('time')",
        )
    starts = footprints["hour"].to_numpy() * HOUR
    added = np.zeros(footprints.sizes["receptor"])
    for place, when in enumerate(footprints["receptor_time"].to_numpy()):
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


def regrid(flux: xr.DataArray, lat: Values, lon: Values) -> xr.DataArray:
    """Return a flux averaged onto the cells with these centres, by overlapping area on the sphere.

    Parameters
    ----------
    flux
        With dimensions lat and lon and maybe others.
    lat, lon
        Cell centres of a regular grid, degrees.
    """
    ordered = flux.transpose(..., "lat", "lon")
    along = _overlap_lat(ordered["lat"].to_numpy(), np.asarray(lat, float))
    across = _overlap_lon(ordered["lon"].to_numpy(), np.asarray(lon, float))
    values = along @ ordered.to_numpy().astype(np.float64) @ across.T
    kept = {name: c for name, c in ordered.coords.items() if not {"lat", "lon"} & set(c.dims)}
    return xr.DataArray(
        values, dims=ordered.dims, coords={**kept, "lat": lat, "lon": lon}, attrs=flux.attrs
    )


@dataclass(slots=True)
class _Fields:
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
    along: Values
    across: Values
    micromoles: float
    made: dict[int, Values]

    @classmethod
    def of(cls, flux: xr.DataArray, footprints: xr.DataArray) -> _Fields:
        ordered = flux.transpose(*(name for name in ("time", "lat", "lon") if name in flux.dims))
        times = None
        if "time" in ordered.dims:
            ordered = ordered.sortby("time")
            times = ordered["time"].to_numpy().astype("datetime64[ns]")
        return cls(
            ordered,
            times,
            _overlap_lat(ordered["lat"].to_numpy(), footprints["lat"].to_numpy()),
            _overlap_lon(ordered["lon"].to_numpy(), footprints["lon"].to_numpy()),
            _micromoles(flux.attrs.get("units")),
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

    def _field(self, number: int) -> Values:
        if number not in self.made:
            field = self.flux if self.times is None else self.flux[number]
            values = field.to_numpy().astype(np.float64)
            if not np.isfinite(values).all():
                raise InputError(
                    "the flux has missing values", "say what they mean: flux.fillna(0)"
                )
            while len(self.made) >= FIELDS_KEPT:
                del self.made[next(iter(self.made))]
            self.made[number] = self.along @ (values * self.micromoles) @ self.across.T
        return self.made[number]


def _micromoles(units: str | None) -> float:
    """Return how many umol m-2 s-1 a unit is: 1 where none is given, or the footprint's own was copied along."""
    if units is None or units == UNITS:
        return 1.0
    plain = re.sub(r"\*\*|[\^*. ()_]", "", str(units)).replace("\N{SUPERSCRIPT TWO}", "2")
    amount = next((plain.removesuffix(end) for end in PER_AREA_AND_TIME if plain.endswith(end)), "")
    if amount not in MICROMOLES:
        raise InputError(
            f"the flux's units {units!r} are not an amount per area and time",
            "convert it to umol m-2 s-1 and set flux.attrs['units']",
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
        )
    first = int(np.searchsorted(times, start, side="right")) - 1
    for number in range(first, len(times)):
        share = (min(ends[number], start + HOUR) - max(times[number], start)) / HOUR
        if share <= 0:
            return
        yield number, float(share)


def _check(footprints: xr.DataArray, flux: xr.DataArray) -> None:
    if not {"receptor", "hour", "lat", "lon"} <= set(footprints.dims):
        raise InputError(
            f"footprints have the dimensions {', '.join(map(str, footprints.dims))}",
            "give Project.footprints(name) of a longitude-latitude grid",
        )
    unknown = set(flux.dims) - {"time", "lat", "lon"}
    if unknown or not {"lat", "lon"} <= set(flux.dims):
        raise InputError(
            f"the flux has the dimensions {', '.join(map(str, flux.dims))}",
            "rename them to lat, lon and, if it changes, time",
        )


def _edges(centres: Values) -> Values:
    """Return the edges between cells, half a cell beyond the outer centres."""
    if len(centres) == 1:
        raise InputError("a grid of one cell has no known size", "give at least two each way")
    middles = 0.5 * (centres[1:] + centres[:-1])
    first, last = centres[0] - (middles[0] - centres[0]), centres[-1] + (centres[-1] - middles[-1])
    return np.concatenate([[first], middles, [last]])


def _overlap(source: Values, target: Values) -> Values:
    """Return the part of each target cell that each source cell covers: (target, source).

    Both are given by edges; descending ones are fine.
    """
    low_s, high_s = np.minimum(source[1:], source[:-1]), np.maximum(source[1:], source[:-1])
    low_t, high_t = np.minimum(target[1:], target[:-1]), np.maximum(target[1:], target[:-1])
    common = np.minimum(high_s, high_t[:, None]) - np.maximum(low_s, low_t[:, None])
    overlap: Values = np.clip(common, 0, None) / (high_t - low_t)[:, None]
    return overlap


def _overlap_lat(source: Values, target: Values) -> Values:
    """Overlap of latitude bands by area, which goes with the sine."""
    if np.array_equal(source, target):
        return np.eye(len(source))
    return _overlap(
        *(np.sin(np.radians(np.clip(_edges(lat), -90, 90))) for lat in (source, target))
    )


def _overlap_lon(source: Values, target: Values) -> Values:
    """Overlap of longitudes, whichever turn of the circle they are counted in."""
    if np.array_equal(source, target):
        return np.eye(len(source))
    edges, wanted = _edges(source), _edges(target)
    turns = (-2, -1, 0, 1, 2)
    overlap: Values = sum(
        (_overlap(edges + turn * FULL_CIRCLE, wanted) for turn in turns),
        start=np.zeros((len(target), len(source))),
    )
    return overlap
