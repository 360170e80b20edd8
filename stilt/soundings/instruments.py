"""The layouts of instruments' files, as their public user guides have them, to soundings of one layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from stilt.foundations.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from numpy.typing import NDArray

PROFILES = ("pressure_hpa", "height_m", "averaging_kernel", "pressure_weight", "prior_ppm")

_TROPOMI_GROUPS = ("GEOLOCATIONS", "DETAILED_RESULTS", "INPUT_DATA")
_NANO_PER_PPM = 1000.0
_PA_PER_HPA = 100.0
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
    ids = _variable(dataset, "sounding_id", "OCO Lite")
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
    found = {ours: _variable(dataset, name, "OCO Lite") for ours, name in names.items()}
    found["is_good"] = _variable(dataset, "xco2_quality_flag", "OCO Lite") == 0
    angles = {"zenith_deg": "sensor_zenith_angle", "azimuth_deg": "sensor_azimuth_angle"}
    found |= {ours: dataset[name] for ours, name in angles.items() if name in dataset}
    levels = next(dim for dim in found["pressure_hpa"].dims if dim != along)
    texts = ids.to_numpy().astype(np.int64).astype(str)
    return _soundings(found, texts, {along: "sounding", levels: "level"})


def tropomi_ch4(dataset: xr.Dataset) -> xr.Dataset:
    """Return the soundings of a TROPOMI methane file (S5P_OFFL_L2__CH4___), in ppm of methane.

    Its layers go from the top to the ground, equally thick in pressure; above 0.5 ``qa_value`` is good.

    Parameters
    ----------
    dataset
        Its groups PRODUCT and of SUPPORT_DATA GEOLOCATIONS, DETAILED_RESULTS and INPUT_DATA, merged.

    Raises
    ------
    InputError
        If a variable is missing.
    """

    def of(name: str) -> xr.DataArray:
        return _variable(dataset, name, "TROPOMI CH4").isel(time=0, drop=True)

    pixels = ("scanline", "ground_pixel")
    step, ground = (of(name) / _PA_PER_HPA for name in ("pressure_interval", "surface_pressure"))
    air, kernel = of("dry_air_subcolumns"), of("column_averaging_kernel")
    count = dataset.sizes["layer"]
    from_top = xr.DataArray(np.arange(count) + 0.5, dims="layer")
    bias_corrected = "methane_mixing_ratio_bias_corrected"
    found = {
        "observed_ppm": of(bias_corrected) / _NANO_PER_PPM,
        "uncertainty_ppm": of("methane_mixing_ratio_precision") / _NANO_PER_PPM,
        "longitude": of("longitude"),
        "latitude": of("latitude"),
        "time": _time_of_scanlines(dataset).broadcast_like(of("latitude")),
        "is_good": of("qa_value") > 0.5,  # noqa: PLR2004 - the guide's threshold
        "zenith_deg": of("viewing_zenith_angle"),
        "azimuth_deg": of("viewing_azimuth_angle"),
        "pressure_hpa": ground - (count - from_top) * step,
        "averaging_kernel": kernel,
        "pressure_weight": air / air.sum("layer"),
        "prior_ppm": of("methane_profile_apriori") / air * 1e6,
    }
    stacked = {name: values.stack(sounding=pixels) for name, values in found.items()}
    seen = np.flatnonzero(np.isfinite(stacked["observed_ppm"].to_numpy()))
    stacked = {name: values.isel(sounding=seen) for name, values in stacked.items()}
    line, pixel = (stacked["latitude"][name].to_numpy() for name in pixels)
    stamp = stacked["time"].dt.strftime("%Y%m%dT%H%M").to_numpy()
    texts = np.array([f"{s}_{a}_{b}" for s, a, b in zip(stamp, line, pixel, strict=True)], str)
    plain = {name: values.drop_vars(["sounding", *pixels]) for name, values in stacked.items()}
    return _soundings(plain, texts, {"sounding": "sounding", "layer": "level"})


def tccon(dataset: xr.Dataset, gas: str = "co2") -> xr.Dataset:
    """Return the spectra of a TCCON or EM27 file (GGG2020, public netCDF) as soundings of its ``x<gas>``, in ppm.

    Levels are heights above the station. The line of sight is the sun's.

    Raises
    ------
    InputError
        If a variable is missing.
    """

    def of(name: str) -> xr.DataArray:
        return _variable(dataset, name, "TCCON").rename(_plain_levels(dataset[name]))

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
    return _soundings(found, stamp.astype(str), {"time": "sounding", "level": "level"})


KINDS: Mapping[str, tuple[Callable[[xr.Dataset], xr.Dataset], str]] = {
    "oco": (oco, "xco2_averaging_kernel"),
    "tropomi-ch4": (tropomi_ch4, "methane_mixing_ratio_bias_corrected"),
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
    dataset = _opened(Path(path))
    found = kind or next((name for name, (_, tells) in KINDS.items() if tells in dataset), "")
    if found not in KINDS:
        raise InputError(
            f"{path}: no kind of file that is known: {', '.join(KINDS)}",
            "make soundings of it in Python (stilt.soundings says how they look), and stilt.receptors_of(...)",
        )
    return KINDS[found][0](dataset)


def _opened(path: Path) -> xr.Dataset:
    """Return the variables of a file's root and of the groups that instruments keep theirs in."""
    from netCDF4 import Dataset

    try:
        with Dataset(path) as file:
            groups = [name for name in ("Sounding", "PRODUCT") if name in file.groups]
        support = [f"PRODUCT/SUPPORT_DATA/{name}" for name in _TROPOMI_GROUPS]
        merged: dict[Hashable, xr.Variable] = {}
        for group in (None, *groups, *(support if "PRODUCT" in groups else ())):
            with xr.open_dataset(path, group=group, engine="netcdf4") as part:
                merged |= {
                    name: values
                    for name, values in part.load().variables.items()
                    if name not in merged
                }
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{path}: {getattr(error, 'strerror', None) or error}",
            "give a NetCDF file of an instrument",
        ) from None
    return xr.Dataset(merged)


def _soundings(
    found: Mapping[str, xr.DataArray], ids: NDArray[np.str_], names: Mapping[object, str]
) -> xr.Dataset:
    """Return the dataset, its levels ascending."""
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


def _variable(dataset: xr.Dataset, name: str, kind: str) -> xr.DataArray:
    if name not in dataset.variables:
        raise InputError(
            f"the file has no variable {name}, which those of {kind} have",
            "give the file as it is delivered, or name another kind",
        )
    return dataset[name]


def _time_of_scanlines(dataset: xr.Dataset) -> xr.DataArray:
    delta = _variable(dataset, "delta_time", "TROPOMI CH4").isel(time=0, drop=True)
    if np.issubdtype(delta.dtype, np.datetime64):
        return delta
    if not np.issubdtype(delta.dtype, np.timedelta64):
        delta = delta.astype("timedelta64[ms]")
    moments: xr.DataArray = delta + dataset["time"].to_numpy()[0]
    return moments


def _plain_levels(values: xr.DataArray) -> dict[object, str]:
    return {dim: "level" for dim in values.dims if str(dim).endswith("_altitude")}


def _in_ppm(values: xr.DataArray) -> xr.DataArray:
    units = str(values.attrs.get("units", "ppm"))
    return values * {"ppb": 1e-3, "ppt": 1e-6, "1": 1e6}.get(units, 1.0)
