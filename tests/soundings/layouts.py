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


def _tropomi(
    file: Dataset,
    shape: tuple[int, int, int],
    product: dict[str, np.ndarray],
    support: dict[str, dict[str, np.ndarray]],
) -> None:
    """Write the groups of a TROPOMI file; what has a fourth dimension has layers."""
    _, lines, pixels = shape
    dims = ("time", "scanline", "ground_pixel")
    everything = [product, *support.values()]
    layers = next(v.shape[-1] for part in everything for v in part.values() if v.ndim == 4)
    group = file.createGroup("PRODUCT")
    sizes = {"time": 1, "scanline": lines, "ground_pixel": pixels, "layer": layers, "vertices": 2}
    for name, size in sizes.items():
        group.createDimension(name, size)
    for name in ("scanline", "ground_pixel"):
        group.createVariable(name, "i4", (name,))[:] = np.arange(sizes[name])
    layer = product.pop("layer", np.arange(layers))
    group.createVariable("layer", "f4", ("layer",))[:] = layer
    time = group.createVariable("time", "i4", ("time",))
    time.units = "seconds since 2010-01-01 00:00:00"
    time[:] = 300_000_000
    delta = group.createVariable("delta_time", "i4", dims[:2])
    delta.units = "milliseconds"
    delta[:] = 36_000_000 + 1000 * np.arange(lines)
    place = {
        "latitude": np.broadcast_to(40 + 0.05 * np.arange(lines)[:, None], shape),
        "longitude": np.broadcast_to(5 + 0.05 * np.arange(pixels), shape),
        "qa_value": np.broadcast_to(np.where(np.arange(pixels) % 2, 0.4, 1.0), shape),
    }
    angles = {
        "viewing_zenith_angle": np.full(shape, 45.0),
        "viewing_azimuth_angle": np.zeros(shape),
    }
    _fill(group, place | product)
    under = group.createGroup("SUPPORT_DATA")
    for name, content in ({"GEOLOCATIONS": angles} | support).items():
        _fill(under.createGroup(name), content)


def _fill(group: Dataset, content: dict[str, np.ndarray]) -> None:
    along = {2: ("layer", "vertices"), 3: ("time", "scanline", "ground_pixel")}
    along[4] = (*along[3], "layer")
    for name, values in content.items():
        kind = "i4" if name.endswith("index") else "f4"
        fill = None if kind == "i4" else 9.96921e36
        made = group.createVariable(name, kind, along[values.ndim], fill_value=fill)
        made[:] = np.ma.masked_invalid(values)


def _layered(shape: tuple[int, int, int], profile: np.ndarray) -> np.ndarray:
    return np.broadcast_to(profile, (*shape, len(profile)))


def tropomi_ch4(path: Path, lines: int = 3, pixels: int = 4) -> Path:
    """Write a TROPOMI methane file: 12 layers from the top down, a pixel not retrieved, two kinds of quality."""
    shape, layers = (1, lines, pixels), 12
    mole = 1850.0 + np.arange(lines * pixels).reshape(shape)
    mole[0, 0, 0] = np.nan
    air = _layered(shape, np.full(layers, 29_000.0))
    kernel = _layered(shape, np.linspace(0.5, 1, layers))
    with Dataset(path, "w") as file:
        product = {
            "methane_mixing_ratio_bias_corrected": mole,
            "methane_mixing_ratio_precision": np.full(shape, 2.0),
        }
        support = {
            "DETAILED_RESULTS": {"column_averaging_kernel": kernel},
            "INPUT_DATA": {
                "surface_pressure": np.full(shape, 96_000.0),
                "pressure_interval": np.full(shape, 8_000.0),
                "dry_air_subcolumns": air,
                "methane_profile_apriori": air * 1.8e-6,
            },
        }
        _tropomi(file, shape, product, support)
    return path


AIR_PER_PA = 1 / (9.80665 * 0.0289647)
"""Moles of air above a square metre, for each Pa."""

WATER = 1500.0
CO, NO2 = 0.1, 0.004
"""Mole fractions of the made-up air, ppm, the same at all heights."""


def tropomi_co(path: Path, lines: int = 3, pixels: int = 4, *, are_middles: bool = False) -> Path:
    """Write a TROPOMI carbon monoxide file: 50 layers of a kilometre from the top down, kernels in metres."""
    shape, ground = (1, lines, pixels), 95_000.0
    bottom_m = np.arange(49_000.0, -1.0, -1000.0)
    bottom = ground * np.exp(-bottom_m / 8000.0)
    above = np.concatenate([[0.0], bottom[:-1]])
    kernel = np.linspace(1.4, 0.9, 50)
    column = (kernel * CO * 1e-6 * (bottom - above) * AIR_PER_PA).sum()
    levels = 0.5 * (bottom + above) if are_middles else bottom
    with Dataset(path, "w") as file:
        product = {
            "layer": bottom_m + 500.0,
            "carbonmonoxide_total_column": np.full(shape, 2 * column),
            "carbonmonoxide_total_column_corrected": np.full(shape, column),
            "carbonmonoxide_total_column_precision": np.full(shape, 0.1 * column),
        }
        support = {
            "DETAILED_RESULTS": {
                "column_averaging_kernel": _layered(shape, 1000.0 * kernel),
                "pressure_levels": _layered(shape, levels),
                "water_total_column": np.full(shape, WATER),
            },
            "INPUT_DATA": {"surface_pressure": np.full(shape, ground)},
        }
        _tropomi(file, shape, product, support)
    return path


def tropomi_no2(path: Path, lines: int = 3, pixels: int = 4) -> Path:
    """Write a TROPOMI nitrogen dioxide file: 34 layers of TM5 from the ground up, the tropopause in the 21st."""
    shape, ground, layers, highest = (1, lines, pixels), 95_000.0, 34, 20
    share = np.linspace(1.0, 0.0, layers + 1) ** 2
    a, b = 2000.0 * (share**0.5 - share), share
    edges = a + b * ground
    total = np.linspace(0.3, 2.0, layers)
    tropospheric = np.where(np.arange(layers) <= highest, total * 2.0 / 0.8, 0.0)
    column = (tropospheric * NO2 * 1e-6 * -np.diff(edges) * AIR_PER_PA).sum()
    with Dataset(path, "w") as file:
        product = {
            "nitrogendioxide_tropospheric_column": np.full(shape, column),
            "nitrogendioxide_tropospheric_column_precision": np.full(shape, column),
            "nitrogendioxide_tropospheric_column_precision_kernel": np.full(shape, 0.2 * column),
            "averaging_kernel": _layered(shape, total),
            "air_mass_factor_total": np.full(shape, 2.0),
            "air_mass_factor_troposphere": np.full(shape, 0.8),
            "tm5_tropopause_layer_index": np.full(shape, highest),
            "tm5_constant_a": np.stack([a[:-1], a[1:]], axis=1),
            "tm5_constant_b": np.stack([b[:-1], b[1:]], axis=1),
        }
        support = {"INPUT_DATA": {"surface_pressure": np.full(shape, ground)}}
        _tropomi(file, shape, product, support)
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
