"""What is drawn of footprints: their sum over hours, or one hour; of several their mean or sum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import xarray as xr

from stilt.foundations.errors import InputError
from stilt.plot.field_map import FOOT_LABEL, Field
from stilt.plot.map_frame import MapFrame

if TYPE_CHECKING:
    from numpy.typing import NDArray

How = Literal["mean", "sum"]


def field_of(
    foot: xr.DataArray,
    *,
    how: How = "mean",
    hour: int | None = None,
    places: NDArray[np.float64] | None = None,
) -> Field:
    """Return what a map shows of a footprint, or of many side by side, which are read one by one.

    Parameters
    ----------
    foot
        Along lat and lon (or y and x), and any of receptor, and hour or time; ppm per (umol m-2 s-1).
    how
        Of several receptors.
    hour
        One hour alone, from the receptor's time: -6 begins six hours before it. All unless given.
    places
        Longitude and latitude of receptors, shape (receptors, 2); what the coordinates say unless given.

    Raises
    ------
    InputError
        If there is no such hour, or the array is no map.
    """
    frame = MapFrame.of(foot)
    receptors = foot.sizes.get("receptor")
    if receptors is None:
        values = _layer(foot, hour)
    else:
        values = _layer(summed_by_receptor(foot), hour)
        if how == "mean":
            values /= max(receptors, 1)
    where = places_of(foot) if places is None else places
    return Field(values, frame, where, label_of(how if receptors else "", receptors or 1, hour))


def summed_by_receptor(foot: xr.DataArray) -> xr.DataArray:
    """Return the sum over receptors, which are read one by one; what an hour lacks counts as nothing."""
    total = np.zeros([size for name, size in foot.sizes.items() if name != "receptor"])
    for place in range(foot.sizes["receptor"]):
        total += np.nan_to_num(foot.isel(receptor=place).to_numpy())
    rest = [name for name in foot.dims if name != "receptor"]
    coords = {name: foot[name] for name in rest if name in foot.coords}
    return xr.DataArray(total, coords, rest, name=foot.name, attrs=foot.attrs)


def label_of(how: str, count: int, hour: int | None) -> str:
    """Return what the values are, for a scale."""
    of = f"{how} of {count:,} " if how and count > 1 else ""
    when = "" if hour is None else f", hour {hour}"
    return f"{of}footprint{'s' * bool(of)}{when}: {FOOT_LABEL}"


def places_of(foot: xr.DataArray) -> NDArray[np.float64]:
    """Return longitude and latitude of its receptors, as far as its coordinates tell."""
    if not {"receptor_lon", "receptor_lat"} <= set(foot.coords):
        return np.empty((0, 2))
    return np.column_stack([np.atleast_1d(foot[f"receptor_{axis}"]) for axis in ("lon", "lat")])


def hours_of(foot: xr.DataArray) -> NDArray[np.int64]:
    """Return where the layers of one footprint begin, in hours from its receptor's time; none if it has no layers."""
    if "hour" in foot.dims:
        return foot["hour"].to_numpy().astype(np.int64)
    if "time" not in foot.dims:
        return np.empty(0, np.int64)
    end = foot["receptor_time"].to_numpy() if "receptor_time" in foot.coords else foot["time"][-1]
    hours = (foot["time"].to_numpy() - np.asarray(end)) / np.timedelta64(1, "h")
    return np.asarray(np.rint(hours), np.int64)


def _layer(foot: xr.DataArray, hour: int | None) -> NDArray[np.float64]:
    """Return one hour of one footprint, or the sum of all, (y, x); an hour that nothing touched is zero."""
    values = np.nan_to_num(foot.to_numpy().astype(np.float64))
    layers = values.reshape(-1, *values.shape[-2:])
    if hour is None:
        return np.asarray(layers.sum(axis=0))
    refuse_hour(hour, hours_of(foot))
    return np.asarray(layers[hours_of(foot) == hour].sum(axis=0))


def refuse_hour(hour: int, hours: NDArray[np.int64]) -> None:
    """Refuse an hour of footprints that have no hours, or others."""
    if len(hours) < 2:  # noqa: PLR2004 - one layer is all hours
        raise InputError(
            f"there is no hour {hour}: the footprint has all hours in one",
            "leave it out",
            code="HOUR_ABSENT",
        )
    if hour < 0 <= hours[-1] or hour >= 0 > hours[-1] or abs(hour) > np.abs(hours).max():
        raise InputError(
            f"there is no hour {hour}",
            f"it has {hours[0]} to {hours[-1]}, from the receptor's time",
            code="HOUR_ABSENT",
        )
