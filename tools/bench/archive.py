#!/usr/bin/env python3
"""Measure what ``stilt archive`` makes of a project: files, bytes, time, and whether all answers are the same.

    tools/bench/archive.py [--simulations 1000] [--particles 100] [--keep all|none] [--folder DIR]

The project is the example's atmosphere with the native engine and receptors of its own. Opening is measured in a
process of its own, imports included: seconds by the clock, seconds of CPU, peak memory. Packing too, its imports not.
What a million would come to is this project's mean, and archives of as many outputs as one holds.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from stilt.commands.pack import MOST_BYTES, MOST_OUTPUTS

HOURS = range(10, 22)
GOALS = {"open_s": 2.0, "peak_mib": 300, "files": 50}

OPEN = """
import json, resource, sys, time
began = time.perf_counter()
import stilt
project = stilt.Project(sys.argv[1])
lazy = project.footprints()
one = lazy[len(lazy) // 2].load()
print(json.dumps({
    "simulations": len(lazy),
    "open_s": round(time.perf_counter() - began, 3),
    "cpu_s": round(time.process_time(), 3),
    "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
}))
"""

ARCHIVE = """
import json, resource, sys, time
import netCDF4, numba, xarray
import stilt
from stilt.commands.archive import archive
project = stilt.Project(sys.argv[1])
began, cpu = time.perf_counter(), time.process_time()
packing = archive(project.layout)
print(json.dumps({
    "wall_s": time.perf_counter() - began,
    "cpu_s": time.process_time() - cpu,
    "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    "removed": packing.removed,
    "before": packing.before_bytes,
    "after": packing.after_bytes,
}))
"""

ANSWERS = """
import hashlib, json, sys, time
from pandas.util import hash_pandas_object
import stilt
project = stilt.Project(sys.argv[1])
is_kept = project.config.keep.particles == "all"
def read(sim):
    return project[sim].particles() if is_kept else project.endpoints([sim])
began = time.process_time()
digest, sims = hashlib.blake2b(digest_size=16), 0
lazy = project.footprints()
digest.update(repr([(name, c.dims, c.values.tolist()) for name, c in lazy.coords.items()]).encode())
for number in range(len(lazy)):
    digest.update(lazy[number].values.tobytes())
for sim in lazy["receptor"].values:
    particles = read(str(sim))
    digest.update(repr(list(particles)).encode() + hash_pandas_object(particles).values.tobytes())
    foot = project[str(sim)].footprint() if project[str(sim)].has_footprint() else None
    digest.update(b"-" if foot is None else foot.values.tobytes() + repr(foot.attrs).encode())
print(json.dumps({"digest": digest.hexdigest(), "cpu_s": round(time.process_time() - began, 1)}))
"""


def main() -> None:
    """Measure and print; exit with 1 where a goal is missed or an answer differs."""
    options = _options()
    if options.folder is not None:
        sys.exit(_measure(options, options.folder))
    with tempfile.TemporaryDirectory(prefix="stilt-bench-") as folder:
        sys.exit(_measure(options, Path(folder) / "project"))


def _measure(options: argparse.Namespace, project: Path) -> int:
    _make(project, options)
    before, answers = _inventory(project), _ask(ANSWERS, project)
    opened_before = _ask(OPEN, project)
    packed: dict[str, Any] = _ask(ARCHIVE, project)
    after, opened = _inventory(project), _ask(OPEN, project)
    again = _ask(ANSWERS, project)
    verified = _stilt("verify", str(project)).strip()
    planned = _stilt("run", str(project), "--dry-run").splitlines()[0]
    same = answers["digest"] == again["digest"]
    print(f"before: {before['files']:,} files, {before['bytes']:,} bytes; opening {opened_before}")
    _tell(packed, options.simulations)
    print(f"after: {after['files']:,} files, {after['bytes']:,} bytes; opening {opened}")
    print(f"reading everything: {answers['cpu_s']} s of CPU before, {again['cpu_s']} s after")
    print(f"answers: {'the same' if same else 'DIFFERENT'}; verify: {verified}; run: {planned}")
    missed = [name for name, most in GOALS.items() if (opened | after)[name] > most]
    print(f"goals {GOALS}: {'missed ' + ', '.join(missed) if missed else 'all met'}")
    return int(bool(missed) or not same)


def _tell(packed: dict[str, Any], count: int) -> None:
    """Print what packing cost, and what a million simulations would come to."""
    cpu_ms, wall_ms = (1e3 * packed[clock] / count for clock in ("cpu_s", "wall_s"))
    each = sum(packed["after"].values()) / count
    print(
        f"archive: {cpu_ms:.2f} ms of CPU a simulation, {wall_ms:.2f} by the clock, "
        f"{packed['peak_mib']} MiB at most; removed {packed['removed']:,} files"
    )
    for product, before in packed["before"].items():
        after = packed["after"][product]
        print(f"  {product}: {before:,} -> {after:,} bytes ({after / before:.2f})")
    by_bytes = sum(1e6 * size / count / MOST_BYTES for size in packed["before"].values())
    archives = max(len(packed["after"]) * 1e6 / MOST_OUTPUTS, by_bytes)
    print(
        f"{each:,.0f} bytes a simulation; a million: {each / 1e3:,.1f} GB in {archives:,.0f} archives, "
        f"{cpu_ms * 1e3 / 3600:.1f} hours of CPU"
    )


def _make(project: Path, options: argparse.Namespace) -> None:
    _stilt("init", str(project), "--example")
    config = project / "config.yaml"
    text, count = re.subn(r"(?m)^numpar:.*$", f"numpar: {options.particles}", config.read_text())
    text = text if count else f"{text}\nnumpar: {options.particles}\n"
    config.write_text(f"{text}\nkeep: {{particles: {options.keep}}}\n")
    rows = ["time,longitude,latitude,altitude"]
    for number in range(options.simulations):
        hour, place = HOURS[number % len(HOURS)], number // len(HOURS)
        longitude, latitude = -112.6 + 0.02 * (place % 40), 40.3 + 0.1 * (place // 40)
        rows.append(f"2026-06-16 {hour}:00,{longitude:.2f},{latitude:.2f},{10 + 5 * (number % 3)}")
    (project / "receptors.csv").write_text("\n".join(rows) + "\n")
    _stilt("run", str(project))


def _inventory(project: Path) -> dict[str, int]:
    files = [path for path in (project / "output").rglob("*") if path.is_file()]
    return {"files": len(files), "bytes": sum(path.stat().st_size for path in files)}


def _ask(code: str, project: Path) -> dict[str, float]:
    words = [sys.executable, "-c", code, str(project)]
    answer = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return json.loads(answer)


def _stilt(*words: str) -> str:
    command = [sys.executable, "-m", "stilt", *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--particles", type=int, default=100)
    parser.add_argument("--keep", choices=["all", "none"], default="all", help="of particles")
    parser.add_argument("--folder", type=Path, help="where to make the project, and leave it")
    return parser.parse_args()


if __name__ == "__main__":
    main()
