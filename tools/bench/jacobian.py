"""Rows a second of the matrix of an inversion: from footprint files, and from archives.

    python tools/bench/jacobian.py [--receptors 200] [--target 0.5] [--bins "3 hours"]

A project of the example's atmosphere with one release an hour from as many towers as it takes, its footprints 24 hours
of 120 x 240 cells, computed by native first (not timed). Seconds are of CPU, after one reading that is not counted.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
import time
from pathlib import Path

import pandas as pd

import stilt
from stilt.commands.archive import archive
from stilt.example.starter import write_starter


def make_project(folder: Path, receptors: int, particles: int) -> stilt.Project:
    """Run a project of so many receptors."""
    write_starter(folder, example=True)
    config = folder / "config.yaml"
    config.write_text(re.sub(r"numpar: \d+", f"numpar: {particles}", config.read_text()))
    times = pd.date_range("2026-06-16 12:00", periods=10, freq="1h")
    towers = -(-receptors // len(times))
    rows = [(when, -114.0 + 0.02 * tower, 40.5, 30.0) for tower in range(towers) for when in times]
    columns = ["time", "longitude", "latitude", "altitude"]
    pd.DataFrame(rows[:receptors], columns=columns).to_csv(folder / "receptors.csv", index=False)
    project = stilt.Project(folder)
    project.run(say=lambda _line: None)
    return project


def milliseconds_to_read(project: stilt.Project) -> float:
    """Return the CPU time of one footprint through ``project.footprints()``."""
    footprints = project.footprints()
    footprints[0].to_numpy()
    start = time.process_time()
    for place in range(footprints.sizes["receptor"]):
        footprints[place].to_numpy()
    return 1e3 * (time.process_time() - start) / footprints.sizes["receptor"]


def rows_per_second(project: stilt.Project, target: float | None, bins: str) -> tuple[float, int]:
    """Return rows a second of CPU, and the entries of the matrix."""
    project.jacobian(target, bins)
    start = time.process_time()
    found = project.jacobian(target, bins)
    return found.shape[0] / (time.process_time() - start), found.matrix.nnz


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--receptors", type=int, default=200)
    parser.add_argument("--particles", type=int, default=1000)
    parser.add_argument("--target", type=float, default=0.5)
    parser.add_argument("--bins", default="3 hours")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="stilt-jacobian-"))
    try:
        project = make_project(folder / "project", options.receptors, options.particles)
        for source in ("files", "archives"):
            if source == "archives":
                archive(project.layout)
            print(f"a footprint from {source}: {milliseconds_to_read(project):.2f} ms")
            for target, bins in ((None, "run"), (options.target, options.bins)):
                rate, entries = rows_per_second(project, target, bins)
                print(
                    f"| {source} | {target or 'own cells'} | {bins} | {entries:,} | {rate:,.0f} |"
                )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
