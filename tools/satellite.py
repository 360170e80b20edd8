#!/usr/bin/env python3
"""From soundings of a satellite to modelled and observed XCO2, in Python from end to end.

    .venv/bin/python tools/satellite.py [FOLDER] [--model native|hysplit] [--n-hours N] [--numpar N] [--execution TEXT]

An overpass over the example's idealised atmosphere, in a file of OCO-2's layout that is made here; emissions of two
cities and a background that are made up. What is "observed" has been made with a city that emits half as much again as
the inventory says, and noise: the model should come out low, downwind of it. Read it as a notebook; run it to see.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import stilt
from stilt.example.starter import write_starter
from stilt.soundings.write import write_tables

SOUNDINGS = 16
LEVELS = "100:1000,500:3000"
OVERPASS = pd.Timestamp("2026-06-16 20:20")
CITIES = {
    "west": (-112.7, 40.35, 25.0),
    "east": (-112.1, 40.95, 15.0),
}  # longitude, latitude, umol m-2 s-1
TRUTH = {"west": 1.5, "east": 1.0}
PARTICLES = "time indx long lati zagl foot mlht dens samt sigw tlgr pres"


def write_overpass(path: Path, xco2: np.ndarray) -> None:
    """Write a file in the layout of OCO-2 Lite: 20 levels from the top of the atmosphere to the ground."""
    count = len(xco2)
    share = np.linspace(0, 1, 20)
    share[0] = 1e-4
    weight = np.full(20, 1 / 19)
    weight[[0, -1]] /= 2
    along = np.linspace(0, 1, count)
    one, both = ("sounding_id",), ("sounding_id", "levels")
    content = {
        "latitude": (one, 40.0 + 1.4 * along),
        "longitude": (one, -111.5 - 0.4 * along),
        "time": (one, OVERPASS.to_datetime64() + (12_000 * along).astype("timedelta64[ms]")),
        "xco2": (one, xco2),
        "xco2_uncertainty": (one, np.full(count, 0.15)),
        "xco2_quality_flag": (one, np.zeros(count, np.int8)),
        "pressure_levels": (both, np.outer(np.full(count, 1000.0), share)),
        "pressure_weight": (both, np.tile(weight, (count, 1))),
        "xco2_averaging_kernel": (both, np.tile(0.4 + 0.6 * share**0.5, (count, 1))),
        "co2_profile_apriori": (both, np.tile(417.0 + 3.0 * share, (count, 1))),
    }
    ids = 2026061620200000 + np.arange(count)
    xr.Dataset(content, {"sounding_id": ids}).to_netcdf(path)


def write_receptors(folder: Path, xco2: np.ndarray) -> None:
    """Turn the overpass into receptors.csv and kernels.csv, as `stilt receptors --soundings` does."""
    write_overpass(folder / "overpass.nc4", xco2)
    soundings = stilt.choose_soundings(stilt.read_soundings(folder / "overpass.nc4"))
    write_tables(folder, *stilt.receptors_of(soundings, LEVELS), replace=True)


def make_project(folder: Path, args: argparse.Namespace) -> stilt.Project:
    """Write a project whose product ``xco2`` weighs particles by the kernels."""
    if not (folder / "kernels.csv").exists():
        write_starter(folder, example=True)
        config = folder / "config.yaml"
        text = config.read_text().replace("n_hours: -24", f"n_hours: {args.n_hours}")
        text = text.replace("numpar: 200", f"numpar: {args.numpar}").replace(
            "native  ", f"{args.model}  "
        )
        text = text.replace("  default: {", "  xco2: {weight: kernel, ")
        config.write_text(
            f"{text}\nvarsiwant: [{', '.join(PARTICLES.split())}]\n{args.execution}\n"
        )
        write_receptors(folder, np.full(SOUNDINGS, 418.0))
    return stilt.Project(folder)


def make_fluxes() -> xr.Dataset:
    """Make up emissions of each city, kg of CO2 m-2 s-1."""
    lat, lon = np.arange(38.05, 44.0, 0.1), np.arange(-122.0, -110.0, 0.12)
    fluxes = {}
    for name, (city_lon, city_lat, strength) in CITIES.items():
        away = np.hypot((lon - city_lon) * np.cos(np.radians(city_lat)), lat[:, None] - city_lat)
        fluxes[name] = (
            ("latitude", "longitude"),
            strength * 44.01e-9 * np.exp(-((away / 0.15) ** 2)),
        )
    found = xr.Dataset(fluxes, {"latitude": lat, "longitude": lon})
    for name in found:
        found[name].attrs = {"units": "kg m-2 s-1", "species": "co2"}
    return found


def make_field() -> xr.DataArray:
    """Make up mole fractions of CO2 as a global model has them: every 3 h, on pressures, cleaner in the north-west."""
    time = pd.date_range("2026-06-15", "2026-06-17", freq="3h")
    pressure, lat, lon = (
        np.array([1050.0, 850, 700, 500, 200]),
        np.arange(30.0, 51, 2),
        np.arange(-131.0, -98, 3),
    )
    hour, level, north, east = np.meshgrid(np.arange(len(time)), pressure, lat, lon, indexing="ij")
    return xr.DataArray(
        418.0 + 0.02 * hour - 0.1 * (north - 40) + 0.05 * (east + 112) + 1e-3 * (level - 700),
        coords={
            "time": time,
            "pressure": ("pressure", pressure, {"units": "hPa"}),
            "lat": lat,
            "lon": lon,
        },
        dims=("time", "pressure", "lat", "lon"),
        attrs={"units": "ppm"},
    )


def main() -> None:
    """Run everything, and print a row a sounding."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("satellite"), help="project (%(default)s)"
    )
    parser.add_argument(
        "--model", default="native", choices=("native", "hysplit"), help="engine (%(default)s)"
    )
    parser.add_argument("--n-hours", type=int, default=-12, help="length of a run (%(default)s)")
    parser.add_argument("--numpar", type=int, default=260, help="particles (%(default)s)")
    parser.add_argument(
        "--execution",
        default="",
        metavar="TEXT",
        help="a line for config.yaml: 'execution: {backend: slurm, n_workers: 4}'",
    )
    args = parser.parse_args()

    project = make_project(args.folder, args)
    print(f"{project.run(wait=True).complete} of {len(project)} complete")
    fluxes, field = make_fluxes(), make_field()
    background = stilt.background(project.endpoints(weight="xco2"), field)
    inventory = stilt.modelled(project, fluxes, background, prior=True)

    truth = sum(TRUTH[name] * inventory[f"enhancement_{name}"] for name in CITIES)
    noise = np.random.default_rng(1).normal(0, 0.15, SOUNDINGS)
    seen = inventory["modelled"] - inventory["enhancement"] + truth + noise
    write_receptors(args.folder, seen.to_numpy())  # labels of the receptors: nothing is run again
    print(f"to do after the observations came: {project.status().to_do}")

    result = stilt.modelled(stilt.Project(args.folder), fluxes, background, prior=True)
    columns = [
        "sounding",
        "background",
        "enhancement_west",
        "enhancement_east",
        "modelled",
        "observed",
        "residual",
    ]
    print(result.to_dataframe()[columns].round(2).to_string(index=False))
    west, residual = result["enhancement_west"], result["observed"] - result["modelled"]
    scale = 1 + float((west * residual).sum() / (west**2).sum())
    print(
        f"the western city emits {scale:.2f} times what the inventory says (made with {TRUTH['west']})"
    )
    stilt.plot_modelled(result, args.folder / "modelled.png")
    print(f"wrote {args.folder / 'modelled.png'}")


if __name__ == "__main__":
    main()
