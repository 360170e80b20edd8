"""Rows a second of the matrix of an inversion: from footprint files, and from archives.

    python tools/bench/jacobian.py [--receptors 200] [--target 0.5] [--bins "3 hours"]

A project of the example's atmosphere with one release an hour from as many towers as it takes, its footprints 24 hours
of 200 x 200 cells, computed by native first (not timed). Seconds are of CPU, the least of some repetitions; opening the
project is not among them.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path

import pandas as pd

import stilt
from stilt.api.collection import open_collection
from stilt.api.gathered import gather
from stilt.api.jacobian import jacobian
from stilt.api.row_readers import SparseReader
from stilt.commands.archive import archive
from stilt.config.schema import JacobianSection
from stilt.example.starter import write_starter
from stilt.matrix.asked import Asked

REPEATED = 5
GRID = "{xmin: -122, xmax: -112, ymin: 36, ymax: 46, xres: 0.05, yres: 0.05}"


def make_project(folder: Path, options: argparse.Namespace) -> stilt.Project:
    """Run a project of so many receptors, whose workers make rows."""
    receptors, particles = options.receptors, options.particles
    write_starter(folder, example=True)
    config = folder / "config.yaml"
    text = re.sub(r"numpar: \d+", f"numpar: {particles}", config.read_text())
    text = re.sub(r"default: \{.*\}", f"default: {GRID}", text)
    config.write_text(f"{text}\njacobian: {{target: {options.target}, bins: {options.bins}}}\n")
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


def values_of_a_footprint(project: stilt.Project) -> float:
    """Return how many values of a footprint are not zero, in the mean."""
    files, _ = open_collection(project)
    return sum(len(each.values) for each in files.by_hours(0, files.count)) / files.count


def rows_per_second(project: stilt.Project, target: float | None, bins: str) -> tuple[float, int]:
    """Return rows a second of CPU, and the entries of the matrix."""
    files, footprints = open_collection(project)
    make = partial(jacobian, footprints, target, bins, read=SparseReader(files))
    make()
    seconds = []
    for _ in range(REPEATED):
        start = time.process_time()
        found = make()
        seconds.append(time.process_time() - start)
    return found.shape[0] / min(seconds), found.matrix.nnz


def gathered_per_second(project: stilt.Project, section: JacobianSection) -> tuple[float, int]:
    """Return rows that workers made a second of CPU, put together; opening the collection included."""
    seconds = []
    for _ in range(REPEATED):
        start = time.process_time()
        found = gather(project, Asked(project.config, section))
        seconds.append(time.process_time() - start)
    if found.made:
        raise RuntimeError(f"{found.made} rows were made of footprints")
    return found.stored / min(seconds), found.matrix.matrix.nnz


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
        project = make_project(folder / "project", options)
        section = JacobianSection(options.target, options.bins)
        for source in ("files", "archives"):
            if source == "archives":
                archive(project.layout)
            print(f"a footprint from {source}: {milliseconds_to_read(project):.2f} ms")
            print(f"{values_of_a_footprint(project):,.0f} values that are not zero")
            for target, bins in ((None, "run"), (options.target, options.bins)):
                rate, entries = rows_per_second(project, target, bins)
                print(
                    f"| {source} | {target or 'own cells'} | {bins} | {entries:,} | {rate:,.0f} |"
                )
            rate, entries = gathered_per_second(project, section)
            what = f"{options.target} | {options.bins} | {entries:,} | {rate:,.0f}"
            print(f"| rows of workers, beside {source} | {what} |")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
