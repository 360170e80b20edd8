#!/usr/bin/env python3
"""What soundings cost: receptors and kernels of many, and weighted footprints beside plain ones.

    .venv/bin/python tools/bench/soundings.py [--soundings 100000] [--particles FILE] [--repeat 20]

The first part makes soundings of 20 levels, writes receptors.csv and kernels.csv, reads both and holds them against
each other, as ``check`` and ``run`` do. The second computes footprints of stored particles (of the example, unless a
file is named), weighted and not, in turns, in one process: the ratio of the medians of CPU time.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from stilt.config.load import load_config
from stilt.config.schema import FootprintGrid
from stilt.footprint.calc import calc_footprint
from stilt.foundations.simulation import Receptor
from stilt.particles.parquet import read_particles
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


def footprints(table: ParticleTable, repeat: int) -> None:
    """Print what weights add to the cost of a footprint."""
    receptor = Receptor("202606162200", (-111.9,) * 20, (40.5,) * 20, LEVELS)
    kernel = Kernel("height_m", LEVELS, tuple(np.linspace(1, 0.5, 20)), (0.05,) * 20)
    spent: dict[str, list[float]] = {"plain": [], "weighted": []}
    calc_footprint(table, GRID, receptor)
    for _ in range(repeat):
        for name, own in (("plain", None), ("weighted", kernel)):
            began = time.process_time()
            calc_footprint(weigh(table, receptor, own)[0], GRID, receptor)
            spent[name].append(time.process_time() - began)
    plain, weighted = (1000 * median(spent[name]) for name in ("plain", "weighted"))
    ratio = weighted / plain
    print(
        f"{len(table):,} rows: plain {plain:.1f} ms, weighted {weighted:.1f} ms, ratio {ratio:.3f}"
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
    parser.add_argument("--repeat", type=int, default=20)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tables(args.soundings, Path(folder))
        table = (
            read_particles(args.particles)
            if args.particles
            else example_particles(Path(folder) / "example")
        )
        footprints(table, args.repeat)


if __name__ == "__main__":
    main()
