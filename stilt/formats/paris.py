"""The files that OpenGHG reads as ``source_format="paris"``: one for each site, inlet and month.

``srr`` is the footprint by arrival time, all hours together, (mol mol-1) / (mol m-2 s-1), which is the same number as
ppm per (umol m-2 s-1). For CO2 the last day before arrival is there hour by hour (``srr_time_resolved``), what is older
in one (``srr_residual``). ``particle_locations_*`` say which share of the particles leaves the grid first through each
of its sides, at which place and height.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from stilt.footprint.content import SECONDS
from stilt.footprint.grid import outer_edges
from stilt.formats.export import is_longlat
from stilt.foundations.errors import InputError
from stilt.foundations.names import REALIZATION, VARIANT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd
    import xarray as xr
    from netCDF4 import Dataset
    from numpy.typing import NDArray

    from stilt.formats.export import Source

UNITS = "(mol mol-1) / (mol m-2 s-1)"
HOURS_BACK = 24
HEIGHT_M, HEIGHTS = 1000.0, 20
"""Of the boxes of air that particles leave through: how high one is, and how many there are."""

_APART = {
    VARIANT: "export one variant: footprints.sel(receptor=footprints.variant == '')",
    REALIZATION: f"export stilt.over_realizations(footprints)['mean'], or give {REALIZATION} as the site",
    "met": "give met as the site",
}
"""What tells footprints of one time apart, and what is to be done about it."""

_SIDES = {"n": "longitude", "e": "latitude", "s": "longitude", "w": "latitude"}


def write(source: Source, folder: Path, *, site: str = "site", time_resolved: bool = False) -> None:
    """Write the files; ``site`` is the name of all receptors' site, or the label that has it.

    Raises
    ------
    InputError
        If the grid is a projected one, or the hours are not there that are to be resolved.
    """
    footprints = source.footprints
    _check(footprints, time_resolved=time_resolved)
    done = 0
    for name, places in _files(footprints, site):
        own = footprints.isel(receptor=places)
        _write_file(folder / name, own, source, time_resolved=time_resolved, done=done)
        done += len(places)


def _check(footprints: xr.DataArray, *, time_resolved: bool) -> None:
    if not is_longlat(footprints):
        raise InputError(
            "OpenGHG's footprints lie on longitude and latitude, and this grid is projected",
            "name a footprint product in degrees",
            code="OPENGHG_UNFIT",
        )
    if time_resolved and footprints.sizes["hour"] == 1:
        raise InputError(
            "the footprints are integrated over time",
            "have a product with time_integrate: false",
            code="FOOTPRINT_INTEGRATED",
        )
    if int(footprints["hour"].min()) > 0 or int(footprints["hour"].max()) > 0:
        raise InputError(
            "OpenGHG's footprints look backward in time",
            "run with n_hours below 0",
            code="OPENGHG_UNFIT",
        )


def _files(footprints: xr.DataArray, site: str) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Yield each file's name, and which receptors go into it, in the order of their time."""
    count = footprints.sizes["receptor"]
    is_label = site in footprints.coords and footprints[site].dims == ("receptor",)
    sites = footprints[site].to_numpy() if is_label else np.full(count, site)
    times = footprints["receptor_time"].to_numpy()
    heights = footprints["receptor_height"].to_numpy()
    keys: dict[tuple[str, str, str], list[int]] = {}
    for place in np.argsort(times, kind="stable"):
        month = str(times[place].astype("datetime64[M]")).replace("-", "")
        key = _plain(str(sites[place])), f"{heights[place]:g}m", month
        keys.setdefault(key, []).append(int(place))
    for (name, inlet, month), places in keys.items():
        if len(np.unique(times[places])) < len(places):
            raise InputError(
                f"several receptors of {name} at {inlet} have the same time",
                _told_apart(footprints, places)
                or "say which site is whose: a column of receptors.csv, and its name as the site",
                code="OPENGHG_UNFIT",
            )
        yield f"{name}-{inlet}_stilt_{month}.nc", np.array(places)


def _told_apart(footprints: xr.DataArray, places: list[int]) -> str:
    """Say what to do where those of one time differ in a label of ours alone."""
    times = footprints["receptor_time"].to_numpy()[places].tolist()
    columns = {
        label: footprints[label].to_numpy()[places].tolist()
        for label in _APART
        if label in footprints.coords
    }
    if len({*zip(times, *columns.values(), strict=True)}) < len(places):
        return ""
    return next(_APART[label] for label, values in columns.items() if len({*values}) > 1)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "", name) or "site"


def _write_file(
    path: Path, footprints: xr.DataArray, source: Source, *, time_resolved: bool, done: int
) -> None:
    from netCDF4 import Dataset

    with Dataset(path, "w", format="NETCDF4") as file:
        _write_axes(file, footprints, time_resolved=time_resolved)
        _write_variables(file, time_resolved=time_resolved)
        for number, foot in enumerate(footprints):
            values = foot.to_numpy().astype(np.float32)
            file["srr"][number] = values.sum(axis=0)
            if time_resolved:
                _write_hours(file, number, values, foot["hour"].to_numpy())
            if source.particles is not None:
                _write_sides(file, number, source.particles(str(foot["receptor"].item())))
            source.done(done + number + 1)


def _write_axes(file: Dataset, footprints: xr.DataArray, *, time_resolved: bool) -> None:
    times = footprints["receptor_time"].to_numpy().astype("datetime64[s]").astype(np.float64)
    axes: dict[str, tuple[Any, dict[str, str]]] = {
        "time": (times, {"units": SECONDS, "calendar": "standard", "standard_name": "time"}),
        "latitude": (footprints["lat"], {"units": "degrees_north", "standard_name": "latitude"}),
        "longitude": (footprints["lon"], {"units": "degrees_east", "standard_name": "longitude"}),
        "height": (
            HEIGHT_M * (np.arange(HEIGHTS) + 0.5),
            {"units": "m", "standard_name": "height", "long_name": "height above ground"},
        ),
    }
    if time_resolved:
        about = {
            "units": "hours",
            "long_name": "hours back from arrival",
            "dtype": "timedelta64[ns]",
        }
        axes["resolution"] = np.arange(HOURS_BACK, dtype=np.float64), about
    for name, (values, attributes) in axes.items():
        file.createDimension(name, len(values))
        variable = file.createVariable(name, "f8", (name,))
        variable.setncatts(attributes)
        variable[:] = np.asarray(values)
    for name, word in (("lon", "longitude"), ("lat", "latitude"), ("height", "height")):
        variable = file.createVariable(f"release_{name}", "f8", ("time",))
        variable.long_name = f"{word} of the receptor"
        variable[:] = footprints[f"receptor_{name}"].to_numpy()


def _write_variables(file: Dataset, *, time_resolved: bool) -> None:
    file.setncatts({"Conventions": "CF-1.8", "title": "STILT footprints by arrival time"})
    cells = ("time", "latitude", "longitude")
    variables: dict[str, tuple[tuple[str, ...], str, str]] = {
        "srr": (cells, UNITS, "source receptor relationship")
    }
    if time_resolved:
        words = f"of the {HOURS_BACK} hours before arrival, each"
        variables["srr_time_resolved"] = (*cells, "resolution"), UNITS, words
        variables["srr_residual"] = cells, UNITS, f"more than {HOURS_BACK} hours before arrival"
    for side, along in _SIDES.items():
        words = f"share of particles that leave the grid through its side {side.upper()}"
        variables[f"particle_locations_{side}"] = ("time", along, "height"), "1", words
    for name, (dims, units, words) in variables.items():
        chunk = (1, *(file.dimensions[dim].size for dim in dims[1:]))
        variable = file.createVariable(
            name, "f4", dims, zlib=True, complevel=1, shuffle=True, chunksizes=chunk
        )
        variable.setncatts({"units": units, "long_name": words})
        if name.startswith("particle"):
            variable[:] = np.zeros(variable.shape, np.float32)


def _write_hours(
    file: Dataset, number: int, values: NDArray[np.float32], hours: NDArray[np.int64]
) -> None:
    back = -1 - hours
    resolved = np.zeros((*values.shape[1:], HOURS_BACK), np.float32)
    recent = (back >= 0) & (back < HOURS_BACK)
    resolved[..., back[recent]] = np.moveaxis(values[recent], 0, -1)
    file["srr_time_resolved"][number] = resolved
    file["srr_residual"][number] = values[~recent].sum(axis=0)


def _write_sides(file: Dataset, number: int, particles: pd.DataFrame) -> None:
    """Write through which side, where and how high particles first leave the grid, by shares of all of them."""
    axes = {name: file[name][:].data for name in ("longitude", "latitude", "height")}
    for side, (along, height, share) in leave_through(particles, axes).items():
        counts = np.zeros((len(axes[_SIDES[side]]), HEIGHTS), np.float32)
        np.add.at(counts, (along, height), share)
        file[f"particle_locations_{side}"][number] = counts


def leave_through(
    particles: pd.DataFrame, axes: dict[str, NDArray[np.float64]]
) -> dict[str, tuple[NDArray[np.intp], NDArray[np.intp], float]]:
    """Return, for each side, in which cells along it and height particles first leave; and the share of one."""
    (west, east), (south, north) = (outer_edges(axes[name]) for name in ("longitude", "latitude"))
    lon = west + (particles["long"].to_numpy() - west) % 360.0
    lat = particles["lati"].to_numpy()
    outside = {"n": lat > north, "e": lon > east, "s": lat < south}
    # on the circle what lies west of the grid lies east of it, too: the nearer side counts
    is_west = outside["e"] & (lon - east > west + 360.0 - lon)
    outside |= {"e": outside["e"] & ~is_west, "w": is_west}
    order = np.lexsort((np.abs(particles["time"].to_numpy()), particles["indx"].to_numpy()))
    gone = order[np.logical_or.reduce(list(outside.values()))[order]]
    first = gone[np.unique(particles["indx"].to_numpy()[gone], return_index=True)[1]]
    one = 1.0 / max(particles["indx"].nunique(), 1)
    found = {}
    for side, along in _SIDES.items():
        those = first[outside[side][first]]
        places = (lon if along == "longitude" else lat)[those]
        height = particles["zagl"].to_numpy()[those] / HEIGHT_M
        found[side] = (
            _nearest(axes[along], places),
            np.clip(height.astype(np.intp), 0, HEIGHTS - 1),
            one,
        )
        first = first[~outside[side][first]]
    return found


def _nearest(centres: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.intp]:
    step = (centres[-1] - centres[0]) / max(len(centres) - 1, 1) or 1.0
    number = np.rint((places - centres[0]) / step).astype(np.intp)
    return np.asarray(np.clip(number, 0, len(centres) - 1))
