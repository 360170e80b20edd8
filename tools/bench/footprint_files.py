#!/usr/bin/env python3
"""Measure footprint files: bytes and seconds to write one, and seconds and memory to open a thousand in xarray.

    tools/bench/footprint_files.py [--files 1000]

The footprint is that of 1,000 particles over 24 h on 200 x 200 cells; the receptors are an hour apart.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("STILT_SHARED", REPOSITORY.parent / "shared"))
ROWS = SHARED / "reference" / "bench" / "particle_n1000_24h.parquet"

FIRST = datetime(1995, 10, 17, 18, tzinfo=UTC)


def write(folder: Path, count: int) -> dict[str, float]:
    """Write footprints, each of a receptor an hour after the last."""
    import numpy as np
    import pandas as pd

    from stilt.config.schema import FootprintGrid
    from stilt.footprint.calc import calc_footprint
    from stilt.footprint.netcdf import write_footprint
    from stilt.foundations.simulation import Receptor
    from stilt.particles.table import ParticleTable

    rows = pd.read_parquet(ROWS)
    table = ParticleTable({name: rows[name].to_numpy() for name in rows})
    receptor = Receptor(f"{FIRST:%Y%m%d%H%M}", (-90.0,), (40.0,), (10.0,))
    footprint = calc_footprint(table, FootprintGrid(-100, -80, 30, 50, 0.1, 0.1), receptor)
    began = time.process_time()
    for number in range(count):
        later = timedelta(hours=number)
        at = Receptor(f"{FIRST + later:%Y%m%d%H%M}", (-90.0,), (40.0,), (10.0,))
        one = replace(footprint, times=footprint.times + np.timedelta64(later))
        write_footprint(folder / f"{number:05}.nc", one, at, f"ngm_{at.time}_-90_40_10", {})
    seconds = time.process_time() - began
    size = sum(path.stat().st_size for path in folder.iterdir()) / count
    return {"bytes": size, "write_s": seconds / count, "raw_bytes": footprint.values.nbytes}  # noqa: PD011


def memory_kib(name: str) -> int:
    """Return this process's resident memory (VmRSS) or its peak (VmHWM)."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in status if line.startswith(name)))


def opened(folder: Path) -> dict[str, float]:
    """Open all files as one data set in this process, and sum up one receptor."""
    import xarray as xr

    paths = sorted(folder.iterdir())
    before = memory_kib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak
    began, began_cpu = time.perf_counter(), time.process_time()
    many = xr.open_mfdataset(paths, combine="nested", concat_dim="receptor", join="outer")
    seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    peak = memory_kib("VmHWM")
    began = time.perf_counter()
    total = float(many.foot.isel(receptor=len(paths) // 2).sum(dtype=float))
    return {
        "open_s": seconds,
        "open_cpu_s": cpu,
        "mib": (peak - before) / 1024,
        "one_sum_s": time.perf_counter() - began,
        "one_sum": total,
    }


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(opened(given.child)))
        return 0
    if not ROWS.exists():
        print(f"no rows to work on: {ROWS} (set STILT_SHARED)", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        one = write(Path(folder), given.files)
        print(
            f"a file: {one['bytes'] / 1e3:.1f} kB (uncompressed {one['raw_bytes'] / 1e3:.0f} kB), "
            f"written in {1e3 * one['write_s']:.1f} ms of CPU"
        )
        command = [sys.executable, __file__, "--child", folder]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        seen = json.loads(done.stdout)
        print(
            f"open_mfdataset of {given.files}: {seen['open_cpu_s']:.1f} s of CPU, {seen['open_s']:.1f} s, "
            f"{seen['mib']:.0f} MiB; then the sum of one in {seen['one_sum_s']:.2f} s: {seen['one_sum']:.4f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
