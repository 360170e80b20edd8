#!/usr/bin/env python3
"""From receptors to a time series of enhancements and a figure, in Python from end to end.

    .venv/bin/python tools/enhancements.py [FOLDER] [--model native|hysplit]

A tower in the example's idealised atmosphere, an air sample every other hour of a day, and emissions that are made up:
two cities with a rush hour over a weak background. Read it as a notebook; run it to see what it makes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import stilt
from stilt.example.starter import write_starter

TOWER = {"longitude": -111.9, "latitude": 40.5, "altitude": 30}
CITIES = ((-112.7, 40.2, 12.0), (-114.1, 39.5, 20.0))  # longitude, latitude, umol m-2 s-1


def make_project(folder: Path, model: str) -> stilt.Project:
    """Write a project with an air sample every other hour, unless it is there already."""
    if not (folder / "config.yaml").exists():
        write_starter(folder, example=True)
        config = folder / "config.yaml"
        text = config.read_text().replace("n_hours: -24", "n_hours: -12")
        config.write_text(
            text.replace("numpar: 200", "numpar: 100").replace("native  ", f"{model}  ")
        )
        times = pd.date_range("2026-06-15 14:00", "2026-06-16 22:00", freq="2h")
        receptors = pd.DataFrame({"time": times, **TOWER})
        receptors.to_csv(folder / "receptors.csv", index=False)
    return stilt.Project(folder)


def make_flux() -> xr.DataArray:
    """Make up emissions: hourly, on a grid of their own, in umol m-2 s-1."""
    time = pd.date_range("2026-06-14 12:00", "2026-06-17 00:00", freq="1h")
    lat, lon = np.arange(38.05, 44.0, 0.1), np.arange(-122.0, -110.0, 0.12)
    flux = np.full((len(time), len(lat), len(lon)), 0.2)
    local_hour = (time.hour.to_numpy() - 7) % 24
    rush = 0.6 + np.exp(-((local_hour - 8) ** 2) / 8) + np.exp(-((local_hour - 17) ** 2) / 8)
    for city_lon, city_lat, strength in CITIES:
        distance = np.hypot(
            (lon - city_lon) * np.cos(np.radians(city_lat)), lat[:, None] - city_lat
        )
        flux += strength * rush[:, None, None] * np.exp(-((distance / 0.2) ** 2))
    return xr.DataArray(
        flux,
        coords={"time": time, "lat": lat, "lon": lon},
        dims=("time", "lat", "lon"),
        attrs={"units": "umol m-2 s-1"},
    )


def draw(footprints: xr.DataArray, flux: xr.DataArray, added: xr.DataArray, path: Path) -> None:
    """Draw emissions under the mean footprint, and the enhancements against time."""
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
    mean = footprints.sum("hour").mean("receptor")
    most = float(mean.max())
    emitted = left.pcolormesh(flux["lon"], flux["lat"], flux.mean("time"), cmap="Greys", vmax=30)
    figure.colorbar(emitted, ax=left, label="mean flux, µmol m⁻² s⁻¹", shrink=0.8)
    left.contour(
        mean["lon"],
        mean["lat"],
        mean.where(mean > 0),
        levels=np.geomspace(most / 3000, most / 3, 5),
        norm=LogNorm(most / 3000, most),
        cmap="plasma_r",
        linewidths=1,
    )
    left.plot(TOWER["longitude"], TOWER["latitude"], "*", ms=12, mfc="white", mec="#222222")
    left.set(xlabel="longitude, °E", ylabel="latitude, °N", title="emissions and mean footprint")
    left.set(xlim=(-117, -111), ylim=(38, 42))
    left.set_aspect(1 / np.cos(np.radians(TOWER["latitude"])))
    series = added.to_series().set_axis(pd.to_datetime(added["receptor_time"].to_numpy()))
    right.plot(series.index, series, "o-", color="#1d3557")
    right.set(xlabel="UTC", ylabel="enhancement, ppm", title="at the tower")
    right.set_ylim(bottom=0)
    right.tick_params(axis="x", rotation=40)
    right.grid(alpha=0.3)
    figure.savefig(path)


def main() -> None:
    """Go from receptors to a figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path(".demo-enhancements"))
    parser.add_argument("--model", default="native")
    arguments = parser.parse_args()
    project = make_project(arguments.folder, arguments.model)
    summary = project.run()
    footprints = project.footprints("default")
    flux = make_flux()
    added = stilt.enhancements(footprints, flux)
    table = added.to_series().set_axis(added["receptor_time"].to_index())
    print(table.round(3).to_string())
    draw(footprints, flux, added, arguments.folder / "enhancements.png")
    print(
        f"{summary.complete} of {summary.total} complete; {arguments.folder / 'enhancements.png'}"
    )


if __name__ == "__main__":
    main()
