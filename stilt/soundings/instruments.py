"""The layouts of instruments' files, as their public user guides have them, to soundings of one layout."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from stilt.foundations.errors import InputError
from stilt.soundings.layout import is_in_box, soundings_from, variable_of
from stilt.soundings.tropomi import tropomi_ch4, tropomi_co, tropomi_no2

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping

    from netCDF4 import Dataset
    from numpy.typing import NDArray

    Box = tuple[float, float, float, float]

_SUPPORT = ("GEOLOCATIONS", "DETAILED_RESULTS", "INPUT_DATA")
_GROUPS = ("Sounding", "PRODUCT", *(f"PRODUCT/SUPPORT_DATA/{name}" for name in _SUPPORT))

CLOCKS_APART = np.timedelta64(1, "h")
"""More than this between a sounding's time and the one in its id is an error."""

SCANLINE = "scanline"
LINES_AT_ONCE = 64
"""Some 29,000 pixels of TROPOMI: tens of megabytes."""


def oco(dataset: xr.Dataset) -> xr.Dataset:
    """Return the soundings of an OCO-2, OCO-3 or ACOS-GOSAT Lite file.

    Its levels go from the top of the atmosphere to the ground; quality flag 0 is good.

    Parameters
    ----------
    dataset
        The file's root, with the variables of its group ``Sounding`` beside, if angles are wanted.

    Raises
    ------
    InputError
        If a variable is missing.
    """
    kind = "OCO Lite"
    ids = variable_of(dataset, "sounding_id", kind)
    (along,) = ids.dims
    names = {
        "observed_ppm": ("xco2", "ppm"),
        "uncertainty_ppm": ("xco2_uncertainty", "ppm"),
        "longitude": ("longitude", "degrees"),
        "latitude": ("latitude", "degrees"),
        "time": ("time", ""),
        "pressure_hpa": ("pressure_levels", "hPa"),
        "averaging_kernel": ("xco2_averaging_kernel", "1"),
        "pressure_weight": ("pressure_weight", "1"),
        "prior_ppm": ("co2_profile_apriori", "ppm"),
    }
    angles = {"zenith_deg": "sensor_zenith_angle", "azimuth_deg": "sensor_azimuth_angle"}
    names |= {ours: (name, "degrees") for ours, name in angles.items() if name in dataset}
    found = {ours: variable_of(dataset, name, kind, unit) for ours, (name, unit) in names.items()}
    found["is_good"] = variable_of(dataset, "xco2_quality_flag", kind) == 0
    levels = next((dim for dim in found["pressure_hpa"].dims if dim != along), "level")
    texts = ids.fillna(0).to_numpy().astype(np.int64).astype(str)
    _check_clock(texts, found["time"])
    return soundings_from(found, texts, {along: "sounding", levels: "level"})


def _check_clock(ids: NDArray[np.str_], time: xr.DataArray) -> None:
    """Refuse times that are not those of their soundings' ids, YYYYMMDDhhmm and more: they are of another epoch."""
    import pandas as pd

    said = pd.to_datetime(pd.Series(ids).str[:12], format="%Y%m%d%H%M", errors="coerce")
    if time.dtype.kind == "M" and said.notna().any():
        apart = (time.to_numpy() - said.to_numpy())[said.notna().to_numpy()]
        if abs(np.median(apart)) > CLOCKS_APART:
            raise InputError(
                f"the times of soundings, from {time.to_numpy()[0]!s:.16}, are not those of their ids, from {ids[0]}",
                "mend the units of `time`: `seconds since <date>`",
                code="SOUNDINGS_WRONG",
            )


def tccon(dataset: xr.Dataset, gas: str = "co2") -> xr.Dataset:
    """Return the spectra of a TCCON or EM27 file (GGG2020, public netCDF) as soundings of its ``x<gas>``, in ppm.

    Levels are heights above the station. The line of sight is the sun's.

    Raises
    ------
    InputError
        If a variable is missing.
    """

    def of(name: str, wanted: str, usual: str = "") -> xr.DataArray:
        found = variable_of(dataset, name, "TCCON", wanted, usual)
        return found.rename(_plain_levels(found))

    found = {
        "observed_ppm": of(f"x{gas}", "ppm"),
        "uncertainty_ppm": of(f"x{gas}_error", "ppm"),
        "longitude": of("long", "degrees"),
        "latitude": of("lat", "degrees"),
        "averaging_kernel": of(f"ak_x{gas}", "1"),
        "pressure_weight": of("integration_operator", "1"),
        "prior_ppm": of(f"prior_{gas}", "ppm"),
        "zenith_deg": of("solzen", "degrees"),
        "azimuth_deg": of("azim", "degrees"),
    }
    ground = of("zobs", "m", "km") if "zobs" in dataset else xr.zeros_like(found["latitude"])
    found["height_m"] = of("prior_altitude", "m", "km") - ground
    found["time"] = variable_of(dataset, "time", "TCCON").reset_coords(drop=True)
    found["is_good"] = xr.ones_like(found["latitude"], bool)
    stamp = np.datetime_as_string(found["time"].to_numpy().astype("datetime64[s]"))
    ids = np.char.replace(np.char.replace(stamp, "-", ""), ":", "")
    return soundings_from(found, ids, {"time": "sounding", "level": "level"})


KINDS: Mapping[str, tuple[Callable[[xr.Dataset], xr.Dataset], str]] = {
    "oco": (oco, "xco2_averaging_kernel"),
    "tropomi-ch4": (tropomi_ch4, "methane_mixing_ratio_bias_corrected"),
    "tropomi-co": (tropomi_co, "carbonmonoxide_total_column"),
    "tropomi-no2": (tropomi_no2, "nitrogendioxide_tropospheric_column"),
    "tccon": (tccon, "ak_xco2"),
}
"""What each kind of file is read by, and a variable that tells it."""


def read_soundings(
    path: Path | str,
    kind: str | None = None,
    *,
    box: tuple[float, float, float, float] | None = None,
) -> xr.Dataset:
    """Return the soundings of an instrument's file.

    Parameters
    ----------
    path, kind
        The file, and what it is, of ``KINDS``; unless given, its variables tell.
    box
        Only those within: west, east, south, north in degrees; of the rest of an orbit no profiles are read.

    Raises
    ------
    InputError
        If it cannot be read, or is of no kind that is known.
    """
    with ExitStack() as files:
        try:
            dataset = _opened(Path(path), files)
            found = kind or next(
                (name for name, (_, tells) in KINDS.items() if tells in dataset), ""
            )
            if found in KINDS:
                return _in_parts(dataset, KINDS[found][0], box)
        except InputError as error:
            if error.message.startswith(str(path)):
                raise
            raise InputError(f"{path}: {error.message}", error.hint, code=error.code) from None
        except (OSError, ValueError, RuntimeError) as error:
            # xarray's own advice on times is for those who open the file themselves
            says = getattr(error, "strerror", None) or str(error).partition(" Try opening")[0]
            raise InputError(
                f"{path}: {says}",
                "give a NetCDF file of an instrument",
                code="SOUNDINGS_UNREADABLE",
            ) from None
    raise InputError(
        f"{path}: no kind of file that is known: {', '.join(KINDS)}",
        "make soundings of it in Python (stilt.soundings says how they look), and stilt.receptors_of(...)",
        code="SOUNDINGS_UNKNOWN",
    )


def _in_parts(
    dataset: xr.Dataset, read: Callable[[xr.Dataset], xr.Dataset], box: Box | None
) -> xr.Dataset:
    """Return the soundings of a file in a box; those of an orbit some scanlines at a time, for want of memory."""
    parts = [read(part) for part in _scanlines(dataset, box)]
    if box is not None:
        parts = [
            part.isel(sounding=is_in_box(box, part["longitude"].values, part["latitude"].values))
            for part in parts
        ]
    return parts[0] if len(parts) == 1 else xr.concat(parts, "sounding", join="exact")


def _scanlines(dataset: xr.Dataset, box: Box | None) -> Iterator[xr.Dataset]:
    """Yield the parts of an orbit that have places in a box; other files as they are."""
    if SCANLINE not in dataset.dims or not {"longitude", "latitude"} <= dataset.variables.keys():
        yield dataset
        return
    lines = np.arange(dataset.sizes[SCANLINE])
    if box is not None:
        lon, lat = (dataset[name].transpose(SCANLINE, ...) for name in ("longitude", "latitude"))
        inside = is_in_box(box, lon.to_numpy(), lat.to_numpy())
        lines = np.flatnonzero(inside.any(axis=tuple(range(1, inside.ndim))))
    for start in range(0, max(1, len(lines)), LINES_AT_ONCE):
        part = lines[start : start + LINES_AT_ONCE]
        first, last = (part[0], part[-1] + 1) if len(part) else (0, 0)
        yield dataset.isel({SCANLINE: slice(first, last)})


def _has(file: Dataset, group: str) -> bool:
    try:
        return bool(file[group])
    except LookupError:
        return False


def _opened(path: Path, files: ExitStack) -> xr.Dataset:
    """Return the variables of a file's root and of the groups that instruments keep theirs in, not read yet."""
    from netCDF4 import Dataset

    with Dataset(path) as file:
        groups = [name for name in _GROUPS if _has(file, name)]
        empty = next((name for name, size in file.dimensions.items() if not len(size)), "")
    if empty:  # whose times xarray calls undecodable
        raise InputError(
            f"{path}: no sounding is in it, {empty} has no length",
            "give another day's file",
            code="SOUNDINGS_NONE_LEFT",
        )
    merged: dict[Hashable, xr.Variable] = {}
    for group in (None, *groups):
        part = files.enter_context(xr.open_dataset(path, group=group, engine="netcdf4"))
        merged = {**part.variables, **merged}
    return xr.Dataset(merged)


def _plain_levels(values: xr.DataArray) -> dict[object, str]:
    return {dim: "level" for dim in values.dims if str(dim).endswith("_altitude")}
