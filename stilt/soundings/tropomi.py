"""TROPOMI's methane, carbon monoxide and nitrogen dioxide, as their product user manuals have them.

Mole fractions are of the whole column of air above a pixel, also that of the tropospheric column of NO2: so an
instrument sees ``sum(pressure_weight * averaging_kernel * x)`` of a profile x, each layer weighing by its share of the
air.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from stilt.foundations.errors import InputError
from stilt.soundings.layout import soundings_from, variable_of

if TYPE_CHECKING:
    from collections.abc import Callable

_PA_PER_HPA = 100.0
_MILLION = 1e6
_GRAVITY = 9.80665
_DRY_AIR_KG_PER_MOL, _WATER_KG_PER_MOL = 0.0289647, 0.0180153
_PIXELS = ("scanline", "ground_pixel")
_GOOD, _GOOD_NO2 = 0.5, 0.75
"""Above these a ``qa_value`` is good, as the manuals advise."""

_SAME_PRESSURE = 1e-3


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
    of = _reader(dataset, "TROPOMI CH4")
    step, ground = (of(name, "hPa", "Pa") for name in ("pressure_interval", "surface_pressure"))
    air = of("dry_air_subcolumns", "mol m-2")
    count = dataset.sizes["layer"]
    from_top = xr.DataArray(np.arange(count) + 0.5, dims="layer")
    found = _place_and_time(dataset, of) | {
        "observed_ppm": of("methane_mixing_ratio_bias_corrected", "ppm", "ppb"),
        "uncertainty_ppm": of("methane_mixing_ratio_precision", "ppm", "ppb"),
        "is_good": _quality(of) > _GOOD,
        "pressure_hpa": ground - (count - from_top) * step,
        "averaging_kernel": of("column_averaging_kernel", "1"),
        "pressure_weight": air / air.sum("layer"),
        "prior_ppm": of("methane_profile_apriori", "mol m-2") / air * _MILLION,
    }
    return _pixels_seen(found)


def tropomi_co(dataset: xr.Dataset) -> xr.Dataset:
    """Return the soundings of a TROPOMI carbon monoxide file (S5P_OFFL_L2__CO____), in ppm.

    The column, without stripes where the file has it so, is divided by that of dry air: by the surface pressure, less
    the water that the file has. The kernel in metres becomes one without a unit by the thickness of its layers. It
    tells the whole column, so the prior is 0. Above 0.5 ``qa_value`` is good.

    Parameters
    ----------
    dataset
        Its groups PRODUCT and of SUPPORT_DATA GEOLOCATIONS, DETAILED_RESULTS and INPUT_DATA, merged.

    Raises
    ------
    InputError
        If a variable is missing.
    """
    of = _reader(dataset, "TROPOMI CO")
    column = "carbonmonoxide_total_column"
    corrected = f"{column}_corrected"
    ground = of("surface_pressure", "hPa", "Pa")
    air = _air(ground)
    if "water_total_column" in dataset:
        air -= of("water_total_column", "mol m-2") * (_WATER_KG_PER_MOL / _DRY_AIR_KG_PER_MOL)
    thickness_m = np.abs(np.gradient(variable_of(dataset, "layer", "TROPOMI CO", "m").to_numpy()))
    bottom, top = _layers_of_levels(of("pressure_levels", "hPa", "Pa"), ground)
    found = (
        _place_and_time(dataset, of)
        | _layers(bottom, top, ground)
        | {
            "observed_ppm": of(corrected if corrected in dataset else column, "mol m-2")
            / air
            * _MILLION,
            "uncertainty_ppm": of(f"{column}_precision", "mol m-2") / air * _MILLION,
            "is_good": _quality(of) > _GOOD,
            "averaging_kernel": of("column_averaging_kernel", "m")
            / xr.DataArray(thickness_m.astype(float), dims="layer"),
        }
    )
    return _pixels_seen(_without_prior(found))


def tropomi_no2(dataset: xr.Dataset) -> xr.Dataset:
    """Return the soundings of a TROPOMI nitrogen dioxide file (S5P_OFFL_L2__NO2___): its tropospheric column, in ppm.

    The kernel of the total column is scaled by the air mass factors, total over tropospheric, and 0 above the layer of
    the tropopause. It tells the whole column, so the prior is 0. Above 0.75 ``qa_value`` is good.

    Parameters
    ----------
    dataset
        Its groups PRODUCT and of SUPPORT_DATA GEOLOCATIONS and INPUT_DATA, merged.

    Raises
    ------
    InputError
        If a variable is missing.
    """
    of = _reader(dataset, "TROPOMI NO2")
    column = "nitrogendioxide_tropospheric_column"
    precise = (
        f"{column}_precision_kernel"  # without the part of the profile, which the kernel takes away
    )
    ground = of("surface_pressure", "hPa", "Pa")
    air = _air(ground)
    edges = of("tm5_constant_a", "hPa", "Pa") + of("tm5_constant_b", "1") * ground
    bottom, top = edges.isel(vertices=0), edges.isel(vertices=1)
    number = xr.DataArray(np.arange(dataset.sizes["layer"]), dims="layer")
    scale = of("air_mass_factor_total", "1") / of("air_mass_factor_troposphere", "1")
    kernel = of("averaging_kernel", "1") * scale
    found = (
        _place_and_time(dataset, of)
        | _layers(bottom, top, ground)
        | {
            "observed_ppm": of(column, "mol m-2") / air * _MILLION,
            "uncertainty_ppm": of(
                precise if precise in dataset else f"{column}_precision", "mol m-2"
            )
            / air
            * _MILLION,
            "is_good": _quality(of) > _GOOD_NO2,
            "averaging_kernel": kernel.where(number <= of("tm5_tropopause_layer_index"), 0.0),
        }
    )
    return _pixels_seen(_without_prior(found))


def _reader(dataset: xr.Dataset, kind: str) -> Callable[..., xr.DataArray]:
    """Return what gives a variable of the file, in a unit of ours if that is named; see ``variable_of``."""

    def of(name: str, wanted: str = "", usual: str = "") -> xr.DataArray:
        found = variable_of(dataset, name, kind, wanted, usual)
        found = found.isel(time=0, drop=True) if "time" in found.dims else found
        is_wide = found.dtype == np.float64 and "layer" in found.dims
        return (
            found.astype(np.float32) if is_wide else found
        )  # an orbit's layers are a quarter of a gigabyte

    return of


def _quality(of: Callable[..., xr.DataArray]) -> xr.DataArray:
    found = of("qa_value")
    if (found > 1.0).any():
        raise InputError(
            f"qa_value goes up to {float(found.max()):g}, not to 1: its scale_factor is not there",
            "give the file as it is delivered",
            code="SOUNDINGS_WRONG",
        )
    return found


def _place_and_time(
    dataset: xr.Dataset, of: Callable[..., xr.DataArray]
) -> dict[str, xr.DataArray]:
    return {
        "longitude": of("longitude", "degrees"),
        "latitude": of("latitude", "degrees"),
        "time": _times(dataset, of("delta_time")).broadcast_like(of("latitude")),
        "zenith_deg": of("viewing_zenith_angle", "degrees"),
        "azimuth_deg": of("viewing_azimuth_angle", "degrees"),
    }


def _times(dataset: xr.Dataset, delta: xr.DataArray) -> xr.DataArray:
    """Return when scanlines were seen: milliseconds after the file's day, unless the file says times themselves."""
    if delta.dtype.kind == "M":
        return delta
    day = variable_of(dataset, "time", "TROPOMI").to_numpy().reshape(-1)[0]
    units = str(delta.attrs.get("units", "milliseconds"))
    if delta.dtype.kind != "m" and units.startswith("milliseconds"):
        delta = delta.astype("timedelta64[ms]")
    if delta.dtype.kind != "m" or not isinstance(day, np.datetime64):
        raise InputError(
            f"time {day} and delta_time ({units}) are not a day and milliseconds after it",
            "give the file as it is delivered: `seconds since <date>`, and milliseconds",
            code="SOUNDINGS_WRONG",
        )
    return delta + day


def _air(ground: xr.DataArray) -> xr.DataArray:
    """Return the column of air above the ground, mol m-2, by its pressure, hPa."""
    return ground * (_PA_PER_HPA / (_GRAVITY * _DRY_AIR_KG_PER_MOL))


def _layers(
    bottom: xr.DataArray, top: xr.DataArray, ground: xr.DataArray
) -> dict[str, xr.DataArray]:
    """Return the pressure of layers, and their share of the column, by the pressures around them, hPa."""
    return {
        "pressure_hpa": 0.5 * (bottom + top),
        "pressure_weight": (bottom - top) / ground,
    }


def _layers_of_levels(
    levels: xr.DataArray, ground: xr.DataArray
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the pressures at the bottom and top of layers, which are listed from the top down.

    Where the lowest level is the ground, levels are the bottoms of layers, else their middles.
    """
    first = levels.isel(layer=-1)
    above = levels.shift(layer=1, fill_value=0.0)
    if float((first / ground - 1.0).__abs__().median()) < _SAME_PRESSURE:
        return levels, above
    between = 0.5 * (levels + above)
    top = between.where(levels["layer"] != levels["layer"][0], 0.0)
    return top.shift(layer=-1).fillna(ground), top


def _without_prior(found: dict[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    return found | {"prior_ppm": xr.zeros_like(found["averaging_kernel"])}


def _pixels_seen(found: dict[str, xr.DataArray]) -> xr.Dataset:
    """Return the pixels that were retrieved, each with the minute, scanline and number as its id."""
    stacked = {name: values.stack(sounding=_PIXELS) for name, values in found.items()}
    seen = np.flatnonzero(np.isfinite(stacked["observed_ppm"].to_numpy()))
    stacked = {name: values.isel(sounding=seen) for name, values in stacked.items()}
    line, pixel = (stacked["latitude"][name].to_numpy() for name in _PIXELS)
    stamp = stacked["time"].dt.strftime("%Y%m%dT%H%M").to_numpy()
    texts = np.array([f"{s}_{a}_{b}" for s, a, b in zip(stamp, line, pixel, strict=True)], str)
    plain = {name: values.drop_vars(["sounding", *_PIXELS]) for name, values in stacked.items()}
    return soundings_from(plain, texts, {"sounding": "sounding", "layer": "level"})
