"""Receptors and their kernels from soundings, or from a grid of times, places and heights."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from stilt.foundations.errors import InputError
from stilt.soundings.layout import PROFILES, check_soundings, is_in_box, is_whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

LEVELS = "100:3000,500:6000"
"""Every 100 m up to 3 km, every 500 m to 6 km: a release in the middle of each layer."""

LABELS = ("observed_ppm", "uncertainty_ppm")
OVERPASS = np.timedelta64(30, "m")
"""Soundings further apart in time are of another overpass."""

MOST_RECEPTORS = 5_000_000
"""Of a grid of times, places and heights."""

_PLACE = ("longitude", "latitude")

KM_PER_DEGREE = 111.19
MOST_RELEASE_LEVELS = 1000
_LAYERS = re.compile(r"([0-9.]+):([0-9.]+)")


def release_levels(text: str = LEVELS) -> tuple[float, ...]:
    """Return release heights (m) in the middle of layers that are given as ``thickness:top,thickness:top``.

    Raises
    ------
    InputError
        If the text is none.
    """
    heights: list[float] = []
    bottom = 0.0
    for part in text.split(","):
        match = _LAYERS.fullmatch(part.strip())
        step, top = (float(number) for number in match.groups()) if match else (0.0, 0.0)
        count = round((top - bottom) / step) if step > 0 else 0
        if not 0 < count <= MOST_RELEASE_LEVELS or abs(count * step - (top - bottom)) > 1e-6 * top:
            raise InputError(
                f"levels {text!r}: {part!r} are no whole layers above {bottom:g} m",
                f"write thickness:top, from the ground upward: {LEVELS}",
                code="LEVELS_WRONG",
            )
        heights += [bottom + (number + 0.5) * step for number in range(count)]
        bottom = top
    return tuple(heights)


def choose_soundings(
    soundings: xr.Dataset,
    *,
    box: tuple[float, float, float, float] | None = None,
    since: np.datetime64 | None = None,
    until: np.datetime64 | None = None,
    good: bool = True,
    nth: int = 1,
    most: int | None = None,
    cell_deg: float = 0.1,
) -> xr.Dataset:
    """Return some of the soundings, in the order of time; ``attrs["not_whole"]`` are left out for missing numbers.

    Parameters
    ----------
    soundings
        In the layout of ``stilt.soundings``.
    box
        West, east, south, north in degrees; across the antimeridian where west is greater.
    since, until
        UTC; what is at ``until`` is not among them.
    good
        Only those that the instrument's file calls good.
    nth
        Every n-th of those.
    most, cell_deg
        At most so many in each cell of a grid and overpass, evenly spread.
    """
    time, lon, lat = (soundings[name].to_numpy() for name in ("time", "longitude", "latitude"))
    keep = np.ones(len(time), bool)
    if good:
        keep &= soundings["is_good"].to_numpy().astype(bool)
    if box is not None:
        keep &= is_in_box(box, lon, lat)
    keep &= time >= since if since is not None else True
    keep &= time < until if until is not None else True
    whole = is_whole(soundings)
    chosen = np.flatnonzero(keep & whole)
    chosen = chosen[np.argsort(time[chosen], kind="stable")][:: max(1, nth)]
    if most is not None:
        chosen = chosen[_thinned(time[chosen], lon[chosen], lat[chosen], most, cell_deg)]
    return soundings.isel(sounding=chosen).assign_attrs(not_whole=int((keep & ~whole).sum()))


def _thinned(
    time: NDArray[np.datetime64], lon: Values, lat: Values, most: int, cell_deg: float
) -> NDArray[np.intp]:
    """Return the places of at most so many of each overpass and cell, ascending."""
    overpass = np.concatenate([[0], np.cumsum(np.diff(time) > OVERPASS)]) if len(time) else time
    keys = np.stack([overpass, np.floor(lon / cell_deg), np.floor(lat / cell_deg)])
    _, group, sizes = np.unique(keys, axis=1, return_inverse=True, return_counts=True)
    group = group.reshape(-1)
    order = np.argsort(group, kind="stable")
    rank = np.empty(len(time), np.intp)
    rank[order] = np.arange(len(time)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    size = sizes[group]
    share = np.minimum(most, size)
    is_next = (rank + 1) * share // size > rank * share // size
    return np.flatnonzero(is_next)


def receptors_of(
    soundings: xr.Dataset, levels: Iterable[float] | str = LEVELS, *, slant: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables ``receptors.csv`` and ``kernels.csv`` of soundings: a row for each release, and each level.

    Parameters
    ----------
    soundings
        In the layout of ``stilt.soundings``.
    levels
        Release heights, m above ground, or layers as ``release_levels`` takes them.
    slant
        Release along the line of sight, not straight above the place.

    Raises
    ------
    InputError
        If there are no soundings, one is there twice or has numbers out of all bounds, or there are no angles for
        slant columns.
    """
    import pandas as pd

    heights = np.array(release_levels(levels) if isinstance(levels, str) else tuple(levels))
    count = soundings.sizes["sounding"]
    if not count or not len(heights):
        raise InputError(
            "no sounding is left",
            "widen the box, the times, or take those that are not good, too",
            code="SOUNDINGS_NONE_LEFT",
        )
    check_soundings(soundings)
    lon, lat = _places(soundings, heights, slant=slant)
    names = soundings["sounding"].to_numpy()
    times = soundings["time"].to_numpy().astype("datetime64[m]").astype(str)
    each = {
        "time": np.char.replace(times, "T", " "),
        "r_idx": np.arange(1, count + 1),
        "sounding": names,
        **{name: soundings[name].to_numpy().astype(float) for name in LABELS},
    }
    receptors = pd.DataFrame(
        {name: np.repeat(values, len(heights)) for name, values in each.items()}
    )
    for place, (name, values) in enumerate(
        (("longitude", lon), ("latitude", lat), ("altitude", np.tile(heights, count)))
    ):
        receptors.insert(1 + place, name, values.ravel())
    profiles = {name: soundings[name].to_numpy() for name in PROFILES if name in soundings}
    long = {name: values.ravel().astype(float) for name, values in profiles.items()}
    kernels = pd.DataFrame({"sounding": np.repeat(names, soundings.sizes["level"]), **long})
    return receptors, kernels


def _places(soundings: xr.Dataset, heights: Values, *, slant: bool) -> tuple[Values, Values]:
    """Return longitudes and latitudes of releases, (sounding, height), to a tenth of a metre's worth of degrees."""
    lon, lat = (
        np.repeat(soundings[name].to_numpy().astype(float)[:, None], len(heights), axis=1)
        for name in ("longitude", "latitude")
    )
    if slant:
        if not {"zenith_deg", "azimuth_deg"} <= set(soundings.variables):
            raise InputError(
                "the soundings have no angles of the line of sight",
                "leave out slant columns",
                code="SOUNDINGS_NO_ANGLES",
            )
        zenith, azimuth = (
            np.radians(soundings[name].to_numpy().astype(float))[:, None]
            for name in ("zenith_deg", "azimuth_deg")
        )
        away_deg = heights / 1000.0 * np.tan(zenith) / KM_PER_DEGREE
        lon = lon + away_deg * np.sin(azimuth) / np.cos(np.radians(lat))
        lat = lat + away_deg * np.cos(azimuth)
    return np.round((lon + 180) % 360 - 180, 5), np.round(lat, 5)


def check_count(count: int) -> None:
    """Refuse a grid of no receptors, or of more than ``MOST_RECEPTORS``."""
    if not 0 < count <= MOST_RECEPTORS:
        raise InputError(
            f"these are {count:,} receptors; a grid has 1 to {MOST_RECEPTORS:,}",
            "change the times or places, or make several projects",
            code="RECEPTORS_TOO_MANY",
        )


def _utc(time: Any) -> pd.Timestamp:
    import pandas as pd

    when = pd.Timestamp(time)
    return when if when.tzinfo is None else when.tz_convert(None)


def receptor_grid(
    times: Iterable[object], places: Iterable[tuple[float, float]], heights: Iterable[float]
) -> pd.DataFrame:
    """Return the table ``receptors.csv`` of every time at every place and height: a receptor each.

    Parameters
    ----------
    times
        What pandas takes for times; UTC unless they have an offset.
    places
        Longitude and latitude.
    heights
        m above ground.

    Raises
    ------
    InputError
        If receptors.csv would refuse a place or height, or they are none or too many.
    """
    import pandas as pd

    from stilt.receptors.rows import checked_numbers

    wrong: list[str] = []
    where = [
        [
            checked_numbers(name, number, wrong)[0]
            for name, number in zip(_PLACE, place, strict=True)
        ]
        for place in places
    ]
    above = checked_numbers("agl", list(heights), wrong)
    if wrong:
        raise InputError(
            f"receptors: {'; '.join(wrong)}",
            "longitude, latitude, m above ground",
            code="RECEPTORS_WRONG",
        )
    moments = pd.DatetimeIndex([_utc(when) for when in times])
    check_count(len(moments) * len(where) * len(above))
    grid = pd.MultiIndex.from_product([moments, [tuple(place) for place in where], above])
    frame = grid.to_frame(index=False, name=["time", "place", "altitude"])
    lon, lat = zip(*frame.pop("place"), strict=True)
    frame.insert(1, "longitude", lon)
    frame.insert(2, "latitude", lat)
    frame["time"] = frame["time"].dt.strftime("%Y-%m-%d %H:%M")
    return frame
