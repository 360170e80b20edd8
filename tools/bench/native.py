"""Time both transport engines on the same receptor, each in a process of its own.

    python tools/bench/native.py MET [--particles 200 1000] [--hours -24] [--repeat 3]

``MET`` is an ARL file that holds 1995-10-17 18 UTC over 40 N, 90 W, such as NOAA's sample ``oct1618.BIN``. CPU time
is that of the whole process, interpreter and imports included; for HYSPLIT that of hycs_std alone.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

SIM = "bench_199510171800_-90_40_10"
SHARED = 50
"""Receptors of the chunk whose simulations share their meteorology."""


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU and wall seconds of one process, and what it reported."""

    cpu_s: float
    wall_s: float
    report: dict[str, float]


def config_of(arguments: argparse.Namespace, particles: int, model: str):  # noqa: ANN201 - Config loads late
    """Return the settings of a run."""
    from stilt.config.schema import Config, Met

    met = Path(arguments.met).resolve()
    source = Met(str(met.parent), met.name, "100d")
    return Config(mets={"bench": source}, n_hours=arguments.hours, numpar=particles, model=model)


def work(arguments: argparse.Namespace) -> None:
    """Run receptors in this process; what the parent measures."""
    from stilt.simulation import Receptor, Simulation
    from stilt.transport.engines import load_engine

    config = config_of(arguments, arguments.particles[0], arguments.model)
    engine = load_engine(config)
    report: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        started = time.process_time()
        for number in range(arguments.receptors):
            longitude = -90.0 + 0.1 * number
            receptor = Receptor("199510171800", (longitude,), (40.0,), (10.0,))
            workdir = Path(scratch) / str(number)
            workdir.mkdir()
            table = engine.run(
                Simulation(f"{SIM}_{number}", "bench", receptor), config, workdir
            ).particles
            report["rows"] = report.get("rows", 0) + len(table)
        report["run_s"] = time.process_time() - started
    report["children_s"] = _cpu(resource.RUSAGE_CHILDREN)
    print(json.dumps(report))


def _cpu(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def measure(arguments: argparse.Namespace, model: str, particles: int, receptors: int = 1) -> Cost:
    """Run ``work`` in a process and return what it cost."""
    command = [sys.executable, __file__, arguments.met, "--work", "--model", model]
    command += [
        "--particles",
        str(particles),
        "--hours",
        str(arguments.hours),
        "--receptors",
        str(receptors),
    ]
    before, started = _cpu(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    wall = time.monotonic() - started
    return Cost(
        _cpu(resource.RUSAGE_CHILDREN) - before, wall, json.loads(done.stdout.splitlines()[-1])
    )


def compare(arguments: argparse.Namespace, particles: int) -> None:
    """Print one line: both engines, interleaved, the best of some repetitions each."""
    native: list[Cost] = []
    hysplit: list[Cost] = []
    for _ in range(arguments.repeat):
        native.append(measure(arguments, "native", particles))
        hysplit.append(measure(arguments, "hysplit", particles))
    ours = min(native, key=lambda cost: cost.cpu_s)
    theirs = min(cost.report["children_s"] for cost in hysplit)
    whole = min(cost.cpu_s for cost in hysplit)
    run_s, rows = ours.report["run_s"], ours.report["rows"]
    print(
        f"{particles:5d} particles: hycs_std {theirs:6.2f} s ({whole:.2f} s with what reads its output), "
        f"native {ours.cpu_s:5.2f} s of CPU, {theirs / ours.cpu_s:5.1f} times as fast; its run alone {run_s:.3f} s = "
        f"{1e9 * run_s / rows:.0f} ns a particle-minute"
    )


def chunk(arguments: argparse.Namespace, particles: int) -> None:
    """Print what a receptor costs in a chunk whose simulations share their meteorology."""
    cost = min(
        (measure(arguments, "native", particles, SHARED) for _ in range(2)), key=lambda c: c.cpu_s
    )
    print(
        f"{SHARED} receptors of {particles} particles in one process: {cost.cpu_s:.2f} s of CPU, "
        f"{cost.cpu_s / SHARED:.3f} s a receptor"
    )


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("met")
    parser.add_argument("--particles", type=int, nargs="+", default=[200, 1000])
    parser.add_argument("--hours", type=int, default=-24)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--model", default="native", help=argparse.SUPPRESS)
    parser.add_argument("--receptors", type=int, default=1, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments)
        return
    measure(arguments, "native", 1)  # compiles, if nobody has yet
    for particles in arguments.particles:
        compare(arguments, particles)
    chunk(arguments, arguments.particles[0])


if __name__ == "__main__":
    main()
