#!/usr/bin/env python3
"""Measure what ``stilt archive`` makes of a project: files, bytes, time, and whether all answers are the same.

    tools/bench/archive.py [--simulations 1000] [--particles 100] [--folder DIR]

The project is the example's atmosphere with the native engine and receptors of its own. Opening is measured in a
process of its own, imports included: seconds by the clock, seconds of CPU, peak memory.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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

ANSWERS = """
import hashlib, json, sys, time
import stilt
project = stilt.Project(sys.argv[1])
began = time.process_time()
digest, sims = hashlib.blake2b(digest_size=16), 0
lazy = project.footprints()
digest.update(repr([(name, c.dims, c.values.tolist()) for name, c in lazy.coords.items()]).encode())
for number in range(len(lazy)):
    digest.update(lazy[number].values.tobytes())
for sim in lazy["receptor"].values:
    particles = project[str(sim)].particles()
    digest.update(repr(list(particles)).encode() + particles.to_numpy().tobytes())
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
    began = time.perf_counter()
    packing = _stilt("archive", str(project), "--json")
    seconds = time.perf_counter() - began
    after, opened = _inventory(project), _ask(OPEN, project)
    again = _ask(ANSWERS, project)
    verified = _stilt("verify", str(project)).strip()
    planned = _stilt("run", str(project), "--dry-run").splitlines()[0]
    products = json.loads(packing)
    same = answers["digest"] == again["digest"]
    print(f"before: {before['files']:,} files, {before['bytes']:,} bytes; opening {opened_before}")
    print(f"archive took {seconds:.1f} s by the clock, removed {products['removed']:,} files")
    for product in products["outputs"]:
        sizes = products["before_bytes"][product], products["after_bytes"][product]
        print(f"  {product}: {sizes[0]:,} -> {sizes[1]:,} bytes ({sizes[1] / sizes[0]:.2f})")
    print(f"after: {after['files']:,} files, {after['bytes']:,} bytes; opening {opened}")
    print(f"reading everything: {answers['cpu_s']} s of CPU before, {again['cpu_s']} s after")
    print(f"answers: {'the same' if same else 'DIFFERENT'}; verify: {verified}; run: {planned}")
    missed = [name for name, most in GOALS.items() if (opened | after)[name] > most]
    print(f"goals {GOALS}: {'missed ' + ', '.join(missed) if missed else 'all met'}")
    return int(bool(missed) or not same)


def _make(project: Path, options: argparse.Namespace) -> None:
    _stilt("init", str(project), "--example")
    config = project / "config.yaml"
    text, count = re.subn(r"(?m)^numpar:.*$", f"numpar: {options.particles}", config.read_text())
    config.write_text(text if count else f"{text}\nnumpar: {options.particles}\n")
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
    parser.add_argument("--folder", type=Path, help="where to make the project, and leave it")
    return parser.parse_args()


if __name__ == "__main__":
    main()
