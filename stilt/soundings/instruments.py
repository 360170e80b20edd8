"""The layouts of instruments' files, as their public user guides have them, to soundings of one layout."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from stilt.foundations.errors import InputError
from stilt.soundings.layout import soundings_from, variable_of
from stilt.soundings.tropomi import tropomi_ch4, tropomi_co, tropomi_no2

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from netCDF4 import Dataset

_SUPPORT = ("GEOLOCATIONS", "DETAILED_RESULTS", "INPUT_DATA")
_GROUPS = ("Sounding", "PRODUCT", *(f"PRODUCT/SUPPORT_DATA/{name}" for name in _SUPPORT))
_M_PER_KM = 1000.0


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
    ids = variable_of(dataset, "sounding_id", "OCO Lite")
    (along,) = ids.dims
    names = {
        "observed_ppm": "xco2",
        "uncertainty_ppm": "xco2_uncertainty",
        "longitude": "longitude",
        "latitude": "latitude",
        "time": "time",
        "pressure_hpa": "pressure_levels",
        "averaging_kernel": "xco2_averaging_kernel",
        "pressure_weight": "pressure_weight",
        "prior_ppm": "co2_profile_apriori",
    }
    found = {ours: variable_of(dataset, name, "OCO Lite") for ours, name in names.items()}
    found["is_good"] = variable_of(dataset, "xco2_quality_flag", "OCO Lite") == 0
    angles = {"zenith_deg": "sensor_zenith_angle", "azimuth_deg": "sensor_azimuth_angle"}
    found |= {ours: dataset[name] for ours, name in angles.items() if name in dataset}
    levels = next(dim for dim in found["pressure_hpa"].dims if dim != along)
    texts = ids.to_numpy().astype(np.int64).astype(str)
    return soundings_from(found, texts, {along: "sounding", levels: "level"})


def tccon(dataset: xr.Dataset, gas: str = "co2") -> xr.Dataset:
    """Return the spectra of a TCCON or EM27 file (GGG2020, public netCDF) as soundings of its ``x<gas>``, in ppm.

    Levels are heights above the station. The line of sight is the sun's.

    Raises
    ------
    InputError
        If a variable is missing.
    """

    def of(name: str) -> xr.DataArray:
        return variable_of(dataset, name, "TCCON").rename(_plain_levels(dataset[name]))

    found = {
        "observed_ppm": _in_ppm(of(f"x{gas}")),
        "uncertainty_ppm": _in_ppm(of(f"x{gas}_error")),
        "longitude": of("long"),
        "latitude": of("lat"),
        "averaging_kernel": of(f"ak_x{gas}"),
        "pressure_weight": of("integration_operator"),
        "prior_ppm": _in_ppm(of(f"prior_{gas}")),
        "zenith_deg": of("solzen"),
        "azimuth_deg": of("azim"),
    }
    ground = of("zobs") if "zobs" in dataset else xr.zeros_like(found["latitude"])
    heights = (of("prior_altitude") - ground).transpose("time", "level") * _M_PER_KM
    found["height_m"] = heights
    found["time"] = dataset["time"].reset_coords(drop=True)
    found["is_good"] = xr.ones_like(found["latitude"], bool)
    stamp = dataset["time"].dt.strftime("%Y%m%dT%H%M%S").to_numpy()
    return soundings_from(found, stamp.astype(str), {"time": "sounding", "level": "level"})


KINDS: Mapping[str, tuple[Callable[[xr.Dataset], xr.Dataset], str]] = {
    "oco": (oco, "xco2_averaging_kernel"),
    "tropomi-ch4": (tropomi_ch4, "methane_mixing_ratio_bias_corrected"),
    "tropomi-co": (tropomi_co, "carbonmonoxide_total_column"),
    "tropomi-no2": (tropomi_no2, "nitrogendioxide_tropospheric_column"),
    "tccon": (tccon, "ak_xco2"),
}
"""What each kind of file is read by, and a variable that tells it."""


def read_soundings(path: Path | str, kind: str | None = None) -> xr.Dataset:
    """Return the soundings of an instrument's file; what kind of file it is tell its variables.

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
                return KINDS[found][0](dataset)
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(
                f"{path}: {getattr(error, 'strerror', None) or error}",
                "give a NetCDF file of an instrument",
                code="SOUNDINGS_UNREADABLE",
            ) from None
    raise InputError(
        f"{path}: no kind of file that is known: {', '.join(KINDS)}",
        "make soundings of it in Python (stilt.soundings says how they look), and stilt.receptors_of(...)",
        code="SOUNDINGS_UNKNOWN",
    )


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
    merged: dict[Hashable, xr.Variable] = {}
    for group in (None, *groups):
        part = files.enter_context(xr.open_dataset(path, group=group, engine="netcdf4"))
        merged = {**part.variables, **merged}
    return xr.Dataset(merged)


def _plain_levels(values: xr.DataArray) -> dict[object, str]:
    return {dim: "level" for dim in values.dims if str(dim).endswith("_altitude")}


def _in_ppm(values: xr.DataArray) -> xr.DataArray:
    units = str(values.attrs.get("units", "ppm"))
    return values * {"ppb": 1e-3, "ppt": 1e-6, "1": 1e6}.get(units, 1.0)
