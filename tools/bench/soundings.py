#!/usr/bin/env python3
"""What soundings cost: receptors and kernels of many, weighted footprints beside plain ones, and background.

    .venv/bin/python tools/bench/soundings.py [--soundings 100000] [--particles FILE] [--files 500] [--ends 10000]

The first part makes soundings of 20 levels, writes receptors.csv and kernels.csv, reads both and holds them against
each other, as ``check`` and ``run`` do. The second computes footprints of stored particle files (the example's, unless
one is named, each moved a little), weighted and not, in turns, in one process: the ratios of CPU time, without and
with that of reading the file. The third samples a field of a month, 3-hourly, 34 levels of 90 x 120 cells, at 200 end
points of each of ``--ends`` receptors.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from stilt.config.load import load_config
from stilt.config.schema import FootprintGrid
from stilt.footprint.calc import calc_footprint
from stilt.foundations.simulation import Receptor
from stilt.particles.parquet import read_particles, write_particles
from stilt.receptors import read_receptors
from stilt.soundings.receptors import receptors_of
from stilt.soundings.write import write_tables
from stilt.weighting.kernel import Kernel
from stilt.weighting.kernels import kernels_of
from stilt.weighting.weigh import weigh

if TYPE_CHECKING:
    from stilt.particles.table import ParticleTable

LEVELS = tuple(np.linspace(50.0, 5750.0, 20))
GRID = FootprintGrid(xmin=-122, xmax=-110, ymin=38, ymax=44, xres=0.05, yres=0.05)


def soundings(count: int) -> xr.Dataset:
    """Make up soundings in the layout of ``stilt.soundings``."""
    rng = np.random.default_rng(0)
    share = np.linspace(1, 1e-4, 20)
    flat = {
        "longitude": rng.uniform(-120, -70, count),
        "latitude": rng.uniform(30, 48, count),
        "observed_ppm": rng.uniform(400, 420, count),
        "uncertainty_ppm": np.full(count, 0.5),
        "time": np.datetime64("2024-07-01", "ns")
        + rng.integers(0, 86_400 * 30, count) * np.timedelta64(10**9, "ns"),
    }
    profiles = {
        "pressure_hpa": rng.uniform(850, 1000, count)[:, None] * share,
        "averaging_kernel": 0.4 + 0.6 * rng.random((count, 20)),
        "pressure_weight": np.full((count, 20), 0.05),
        "prior_ppm": np.full((count, 20), 415.0),
    }
    return xr.Dataset(
        {name: ("sounding", values) for name, values in flat.items()}
        | {name: (("sounding", "level"), values) for name, values in profiles.items()},
        {"sounding": (2024070100000000 + np.arange(count)).astype(str)},
    )


def tables(count: int, folder: Path) -> None:
    """Print what receptors and kernels of soundings cost."""
    (folder / "config.yaml").write_text(
        "mets: {m: met}\nn_hours: -24\n"
        "varsiwant: [time, indx, long, lati, zagl, foot, mlht, dens, samt, sigw, tlgr, pres]\n"
        "footprints: {x: {xmin: -120, xmax: -70, ymin: 30, ymax: 48, xres: 0.1, weight: kernel}}\n"
    )
    given = soundings(count)
    began, cpu = time.perf_counter(), time.process_time()
    paths = write_tables(folder, *receptors_of(given, LEVELS), replace=True)
    wrote, wrote_cpu = time.perf_counter() - began, time.process_time() - cpu
    began, cpu = time.perf_counter(), time.process_time()
    receptors = read_receptors(folder / "receptors.csv", ["m"])
    found = kernels_of(load_config(folder / "config.yaml"), receptors)["x"]
    read, read_cpu = time.perf_counter() - began, time.process_time() - cpu
    size = sum(path.stat().st_size for path in paths) / 2**20
    what = f"{count:,} soundings of {len(LEVELS)} levels"
    print(f"{what}: written in {wrote:.1f} s ({wrote_cpu:.1f} s of CPU, {size:.0f} MiB)")
    kernels = int((found.of_receptor >= 0).sum())
    print(
        f"  {kernels:,} kernels read and held against receptors in {read:.1f} s ({read_cpu:.1f} s of CPU)"
    )


def footprints(table: ParticleTable, files: int, folder: Path) -> None:
    """Print what weights add to the cost of footprints of files, of kernels on heights and on pressures."""
    if "pres" not in table.columns:
        table = table.with_columns(pres=1000 * np.exp(-table["zagl"] / 8000))
    receptor = Receptor("202606162200", (-111.9,) * 20, (40.5,) * 20, LEVELS)
    seen = tuple(np.linspace(1, 0.5, 20)), (0.05,) * 20
    kernels = {
        "plain": None,
        "on heights": Kernel("height_m", LEVELS, *seen),
        "on pressures": Kernel("pressure_hpa", tuple(np.linspace(1000, 1, 20)), *seen),
    }
    spent = dict.fromkeys(kernels, 0.0)
    read, rng, path = 0.0, np.random.default_rng(0), folder / "particles.parquet"
    names = list(kernels)
    calc_footprint(weigh(table, receptor, kernels["on pressures"])[0], GRID, receptor)
    for number in range(files):
        east, north = rng.uniform(-0.5, 0.5, 2)
        moved = table.with_columns(long=table["long"] + east, lati=table["lati"] + north)
        write_particles(path, moved, provenance={})
        began = time.process_time()
        found = read_particles(path)
        read += time.process_time() - began
        for name in names[number % 3 :] + names[: number % 3]:
            began = time.process_time()
            calc_footprint(weigh(found, receptor, kernels[name])[0], GRID, receptor)
            spent[name] += time.process_time() - began
    print(
        f"{files} particle files of {len(table):,} rows, read in {1000 * read / files:.1f} ms each"
    )
    for name, own in spent.items():
        ratios = own / spent["plain"], (own + read) / (spent["plain"] + read)
        print(
            f"  {name}: {1000 * own / files:.1f} ms, ratio {ratios[0]:.3f}, with reading {ratios[1]:.3f}"
        )


def ends(receptors: int) -> None:
    """Print what background costs, of a field on pressures and of one whose levels each cell has for itself."""
    import stilt

    rng, count = np.random.default_rng(0), 200 * receptors
    sims = np.repeat(np.arange(receptors), 200)
    points = pd.DataFrame(
        {
            "sim": pd.Categorical.from_codes(sims, [str(number) for number in range(receptors)]),
            "at": np.datetime64("2024-07-02", "ns")
            + rng.integers(0, 86_400 * 28, count) * np.timedelta64(10**9, "ns"),
            "long": rng.uniform(-180, 180, count),
            "lati": rng.uniform(-80, 80, count),
            "pres": rng.uniform(50, 1000, count),
        }
    )
    field = xr.DataArray(
        rng.random((249, 34, 90, 120), np.float32),
        coords={
            "time": pd.date_range("2024-07-01", periods=249, freq="3h"),
            "pressure": ("pressure", np.linspace(1000, 1, 34), {"units": "hPa"}),
            "lat": np.arange(-89.0, 90, 2),
            "lon": np.arange(-178.5, 180, 3),
        },
        dims=("time", "pressure", "lat", "lon"),
        attrs={"units": "ppm"},
    )
    own = field.isel(time=0, drop=True) + field["pressure"]
    number = {"pressure": np.arange(34)}
    numbered = [each.assign_coords(number).rename(pressure="level") for each in (field, own)]
    vertical = numbered[1].rename("p").assign_attrs(units="hPa")
    for what, given in (("on pressures", (field, None)), ("by cell", (numbered[0], vertical))):
        began, cpu = time.perf_counter(), time.process_time()
        with warnings.catch_warnings(action="ignore"):
            stilt.background(points, given[0], vertical=given[1])
        spent, wall = time.process_time() - cpu, time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"background of {receptors:,} x 200 end points, {what}: {spent:.1f} s of CPU, {wall:.1f} s; "
            f"at most {peak:.1f} GiB, of which the end points are {points.memory_usage().sum() / 2**30:.1f}"
        )


def example_particles(folder: Path) -> ParticleTable:
    """Run one simulation of the example and return its particles."""
    import stilt
    from stilt.example.starter import write_starter

    write_starter(folder, example=True)
    (folder / "receptors.csv").write_text("time,lon,lat,zagl\n2026-06-16 22:00,-111.9,40.5,500\n")
    project = stilt.Project(folder)
    project.run(say=lambda _: None)
    return project[0].stored_particles().particles()


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--soundings", type=int, default=100_000)
    parser.add_argument("--particles", type=Path)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--ends", type=int, default=10_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tables(args.soundings, Path(folder))
        table = (
            read_particles(args.particles)
            if args.particles
            else example_particles(Path(folder) / "example")
        )
        footprints(table, args.files, Path(folder))
    ends(args.ends)


if __name__ == "__main__":
    main()
