"""R-STILT's layout: ``by-id/ID/ID_foot.nc``, with the names, units and attributes that R-STILT gives them.

Hours in which nothing reached the grid are left out, as there. Particles stay where they are: R's own files of them are
not written.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from stilt.footprint.content import FILL, SECONDS
from stilt.footprint.grid import length_unit
from stilt.footprint.labels import LONG_NAME, UNITS
from stilt.formats.export import crs_of, is_longlat

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr
    from netCDF4 import Dataset

    from stilt.formats.export import Source

_HOUR = np.timedelta64(3600, "s")


def write(source: Source, folder: Path) -> None:
    """Write the folders."""
    from netCDF4 import Dataset

    footprints = source.footprints
    names = ids_of([str(sim) for sim in footprints["receptor"].to_numpy()])
    for place, name in enumerate(names):
        own = folder / "by-id" / name
        own.mkdir(parents=True)
        with Dataset(own / f"{name}_foot.nc", "w", format="NETCDF4") as file:
            _fill(file, footprints[place])
        source.done(place + 1)


def ids_of(sims: list[str]) -> list[str]:
    """Return R-STILT's ids of simulations, which name no meteorology; ours where two would be the same."""
    theirs = [sim.partition("_")[2] if sim[:1].isalpha() else sim for sim in sims]
    times = Counter(theirs)
    return [own if times[other] > 1 else other for own, other in zip(sims, theirs, strict=True)]


def _fill(file: Dataset, foot: xr.DataArray) -> None:
    values = foot.to_numpy().astype(np.float32)
    layers = np.flatnonzero(values.any(axis=(1, 2)))
    layers = layers if len(layers) else np.zeros(1, np.intp)
    starts = foot["receptor_time"].to_numpy() + foot["hour"].to_numpy()[layers] * _HOUR
    crs = crs_of(foot)
    file.setncatts(
        {
            "crs": crs,
            "crs_format": "PROJ.4" if "+proj=" in crs else "authority code",
            "documentation": "github.com/uataq/stilt",
            "title": "STILT Footprint",
        }
    )
    y, x = map(str, foot.dims[1:])
    for name in (x, y):
        _axis(file, name, foot[name].to_numpy(), _about(name, crs, longlat=is_longlat(foot)))
    time = {"units": SECONDS, "standard_name": "time", "long_name": "utc time"}
    seconds = starts.astype("datetime64[s]").astype(np.float64)
    _axis(file, "time", seconds, {**time, "calendar": "standard"})
    variable = file.createVariable(
        "foot", "f4", ("time", y, x), zlib=True, complevel=4, fill_value=FILL
    )
    variable.setncatts({"units": UNITS, "standard_name": "footprint", "long_name": LONG_NAME})
    variable[:] = values[layers]


def _about(name: str, crs: str, *, longlat: bool) -> dict[str, str]:
    if not longlat:
        return {
            "units": length_unit(crs),
            "standard_name": f"projection_{name}_coordinate",
            "long_name": f"{name} coordinate of projection",
        }
    word, units = ("longitude", "east") if name == "lon" else ("latitude", "north")
    return {
        "units": f"degrees_{units}",
        "standard_name": word,
        "long_name": f"{word} at cell center",
    }


def _axis(file: Dataset, name: str, values: np.ndarray, attributes: dict[str, str]) -> None:
    file.createDimension(name, len(values))
    variable = file.createVariable(name, "f8", (name,))
    variable.setncatts(attributes)
    variable[:] = values
