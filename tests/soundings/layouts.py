"""Files in the layouts of instruments, made up: variables, dimensions, orders and units as in their user guides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from netCDF4 import Dataset

if TYPE_CHECKING:
    from pathlib import Path

START = 1_435_000_000.0
"""Seconds since 1970: 2015-06-22 19:06:40."""


def oco_lite(path: Path, count: int = 6, *, seed: int = 0) -> Path:
    """Write an OCO-2 Lite file: levels from the top down, one sounding in three of bad quality."""
    rng = np.random.default_rng(seed)
    share = np.linspace(0, 1, 20)
    share[0] = 1e-4
    ground = rng.uniform(850, 900, count)
    weight = np.full(20, 1 / 19)
    weight[[0, -1]] /= 2
    with Dataset(path, "w") as file:
        file.createDimension("sounding_id", count)
        file.createDimension("levels", 20)
        flat = {
            "sounding_id": 2015062219064000 + np.arange(count),
            "latitude": 40 + 0.02 * np.arange(count),
            "longitude": -112 + 0.01 * np.arange(count),
            "xco2": rng.uniform(399, 403, count),
            "xco2_uncertainty": rng.uniform(0.3, 0.8, count),
            "xco2_quality_flag": (np.arange(count) % 3 == 2).astype(np.int8),
            "sensor_zenith_angle": np.full(count, 30.0),
        }
        profiles = {
            "pressure_levels": ground[:, None] * share,
            "pressure_weight": np.tile(weight, (count, 1)),
            "xco2_averaging_kernel": 0.4 + 0.6 * share + rng.uniform(0, 0.05, (count, 1)),
            "co2_profile_apriori": np.tile(395 + 5 * share, (count, 1)),
        }
        for name, values in flat.items():
            kind = "i8" if name == "sounding_id" else ("i1" if name.endswith("flag") else "f4")
            file.createVariable(name, kind, ("sounding_id",))[:] = values
        time = file.createVariable("time", "f8", ("sounding_id",))
        time.units = "seconds since 1970-01-01 00:00:00"
        time[:] = START + 3.0 * np.arange(count)
        for name, values in profiles.items():
            file.createVariable(name, "f4", ("sounding_id", "levels"))[:] = values
        group = file.createGroup("Sounding")
        group.createVariable("sensor_azimuth_angle", "f4", ("sounding_id",))[:] = 90.0
    return path


def tropomi_ch4(path: Path, lines: int = 3, pixels: int = 4) -> Path:
    """Write a TROPOMI methane file: 12 layers from the top down, a pixel not retrieved, two kinds of quality."""
    shape, layers = (1, lines, pixels), 12
    dims = ("time", "scanline", "ground_pixel")
    with Dataset(path, "w") as file:
        product = file.createGroup("PRODUCT")
        for name, size in (
            ("time", 1),
            ("scanline", lines),
            ("ground_pixel", pixels),
            ("layer", layers),
        ):
            product.createDimension(name, size)
        for name in ("scanline", "ground_pixel", "layer"):
            product.createVariable(name, "i4", (name,))[:] = np.arange(
                product.dimensions[name].size
            )
        time = product.createVariable("time", "i4", ("time",))
        time.units = "seconds since 2010-01-01 00:00:00"
        time[:] = 300_000_000
        delta = product.createVariable("delta_time", "i4", dims[:2])
        delta.units = "milliseconds"
        delta[:] = 36_000_000 + 1000 * np.arange(lines)
        mole = 1850.0 + np.arange(lines * pixels).reshape(shape)
        mole[0, 0, 0] = np.nan
        quality = np.where(np.arange(pixels) % 2, 0.4, 1.0)
        of = {
            "latitude": np.broadcast_to(40 + 0.05 * np.arange(lines)[:, None], shape),
            "longitude": np.broadcast_to(5 + 0.05 * np.arange(pixels), shape),
            "methane_mixing_ratio_bias_corrected": mole,
            "methane_mixing_ratio_precision": np.full(shape, 2.0),
            "qa_value": np.broadcast_to(quality, shape),
        }
        for name, values in of.items():
            product.createVariable(name, "f4", dims, fill_value=9.96921e36)[:] = (
                np.ma.masked_invalid(values)
            )
        support = product.createGroup("SUPPORT_DATA")
        subcolumns = np.broadcast_to(29_000.0, (*shape, layers))
        groups = {
            "GEOLOCATIONS": {
                "viewing_zenith_angle": np.full(shape, 45.0),
                "viewing_azimuth_angle": np.zeros(shape),
            },
            "DETAILED_RESULTS": {
                "column_averaging_kernel": np.broadcast_to(
                    np.linspace(0.5, 1, layers), (*shape, layers)
                )
            },
            "INPUT_DATA": {
                "surface_pressure": np.full(shape, 96_000.0),
                "pressure_interval": np.full(shape, 8_000.0),
                "dry_air_subcolumns": subcolumns,
                "methane_profile_apriori": subcolumns * 1.8e-6,
            },
        }
        for group, content in groups.items():
            made = support.createGroup(group)
            for name, values in content.items():
                made.createVariable(name, "f4", (*dims, "layer")[: values.ndim])[:] = values
    return path


def tccon(path: Path, count: int = 3) -> Path:
    """Write a TCCON file: kernels and priors at altitudes above the sea, km, from a station at 1.5 km."""
    altitude = np.array([1.5, 3.5, 7.5, 20.0])
    with Dataset(path, "w") as file:
        file.createDimension("time", count)
        for name in ("prior_altitude", "ak_altitude"):
            file.createDimension(name, 4)
            file.createVariable(name, "f4", (name,))[:] = altitude
        time = file.createVariable("time", "f8", ("time",))
        time.units = "seconds since 1970-01-01 00:00:00"
        time[:] = START + 120 * np.arange(count)
        flat = {
            "xco2": 400.5,
            "xco2_error": 0.4,
            "lat": 45.0,
            "long": -90.0,
            "zobs": 1.5,
            "solzen": 45.0,
            "azim": 180.0,
        }
        for name, value in flat.items():
            variable = file.createVariable(name, "f4", ("time",))
            variable[:] = value
            if name.startswith("xco2"):
                variable.units = "ppm"
        profiles = {
            "ak_xco2": ("ak_altitude", [1.0, 0.98, 0.9, 0.7]),
            "integration_operator": ("prior_altitude", [0.1, 0.3, 0.4, 0.2]),
            "prior_co2": ("prior_altitude", [402.0, 401, 400, 395]),
        }
        for name, (along, values) in profiles.items():
            variable = file.createVariable(name, "f4", ("time", along))
            variable[:] = np.tile(values, (count, 1))
            if name == "prior_co2":
                variable.units = "ppm"
    return path
