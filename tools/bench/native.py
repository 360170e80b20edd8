"""Time both transport engines on the same receptor, each in a process of its own.

    python tools/bench/native.py MET [--particles 200 1000] [--hours -24] [--repeat 3] [--profile]
    python tools/bench/native.py --hrrr [--hours -24] [--counts 1 20 200] [--models native hysplit] [--timed 5]
                                 [--scratch FOLDER]

``MET`` is an ARL file that holds 1995-10-17 18 UTC over 40 N, 90 W, such as NOAA's sample ``oct1618.BIN``. CPU time
is that of the whole process, interpreter and imports included; for HYSPLIT that of hycs_std alone.

``--profile`` says where the time goes. ``--hrrr``: whole runs on a grid of HRRR's size, in one process; its file is
made first (0.44 GB an hour, kept in the scratch folder), and hycs_std's cost is from at most ``--timed`` receptors.
Parts of whole simulations: ``parts.py``; two cores, and a campaign's memory and files: ``campaign.py``.
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
from typing import TYPE_CHECKING

import hrrr
import numpy as np

from stilt.kernels.compiled import fast
from stilt.transport.native.march import Work
from stilt.transport.native.randomness import normal

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SIM = "bench_199510171800_-90_40_10"
SHARED = 50
"""Receptors of the chunk whose simulations share their meteorology."""
PROFILED = 10
DRAWN = 1_000_000


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
    from stilt.foundations.simulation import Receptor, Simulation
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


class Timed:
    """A kernel, with the CPU seconds of its calls and the random numbers that they drew."""

    def __init__(self, kernel: Callable[..., object]) -> None:
        self._kernel = kernel
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.cpu_s, self.own_s, self.draws = 0.0, 0.0, 0

    def __call__(self, *arguments: object) -> object:
        """Call it."""
        entered = time.process_time()
        streams = [part.particles.stream for part in arguments if isinstance(part, Work)]
        before = [stream[:, 0].copy() for stream in streams]
        started = time.process_time()
        result = self._kernel(*arguments)
        taken = time.process_time() - started
        for stream, old in zip(streams, before, strict=True):
            # a stream's counter grows by its increment, an odd number, with each draw
            for now, then, step in zip(stream[:, 0], old, stream[:, 1], strict=True):
                self.draws += (int(now) - int(then)) * pow(int(step), -1, 1 << 64) % (1 << 64)
        self.cpu_s += taken
        self.own_s += time.process_time() - entered - taken
        return result


@fast.kernel()
def chain(state: NDArray[np.uint64], gamma: NDArray[np.uint64], out: NDArray[np.float64]) -> int:
    """Do what no sub-step can do without: draw a deviate and move, one after the other."""
    counter, w, place = state[0], 0.0, 0.0
    for _ in range(DRAWN):
        deviate, counter = normal(counter, gamma[0])
        w = 0.9 * w + 0.4 * deviate
        place -= w
    out[0] = place
    return 0


def chain_ns() -> float:
    """Return the nanoseconds of a sub-step that only draws a deviate and moves."""
    arguments = np.array([1], np.uint64), np.array([0x9E3779B97F4A7C15], np.uint64), np.zeros(1)
    chain(*arguments)
    times = []
    for _ in range(5):
        started = time.process_time()
        chain(*arguments)
        times.append(time.process_time() - started)
    return 1e9 * min(times) / DRAWN


def profile(arguments: argparse.Namespace, particles: int) -> None:
    """Print where the time of a chunk's first receptors goes, and what a sub-step takes.

    The rest is Python: files, tables and the calls. Sub-steps are counted by the random numbers drawn, so the few that
    are drawn at interfaces count too, and their time holds the work of each minute: mean advection, the levels that
    are looked up, the footprint. ``chain`` is what a sub-step cannot do without; how the time between the two divides
    is not measured here.
    """
    from stilt.foundations.simulation import Receptor, Simulation
    from stilt.transport.engines import load_engine
    from stilt.transport.native import analysis, arl, journey, projection

    places = {
        "unpacking": (arl, "unpack"),
        "columns": (analysis, "fill_columns"),
        "particles": (journey, "march"),
        "map": (projection, "longlat_of_cone"),
    }
    config = config_of(arguments, particles, "native")
    timed = {}
    for what, (module, name) in places.items():
        timed[what] = Timed(getattr(module, name))
        setattr(module, name, timed[what])
    engine = load_engine(config)
    rows, began = 0, 0.0
    with tempfile.TemporaryDirectory() as scratch:
        workdir = Path(scratch) / "work"
        workdir.mkdir()
        for number in range(PROFILED + 1):
            receptor = Receptor("199510171800", (-90.0 + 0.1 * number,), (40.0,), (10.0,))
            simulation = Simulation(f"{SIM}_{number}", "bench", receptor)
            made = len(engine.run(simulation, config, workdir).particles)
            if number:
                rows += made
                continue
            # what only the first one pays, such as linking, is left out
            began = time.process_time()
            for one in timed.values():
                one.clear()
    march = timed["particles"]
    whole = time.process_time() - began - sum(one.own_s for one in timed.values())
    shares = ", ".join(f"{what} {100 * one.cpu_s / whole:.0f} %" for what, one in timed.items())
    rest = 100 * (1.0 - sum(one.cpu_s for one in timed.values()) / whole)
    sub_steps = march.draws - 2 * rows  # two deviates a minute are for the horizontal motion
    print(
        f"{PROFILED} receptors of {particles} particles: {1e3 * whole / PROFILED:.0f} ms each: {shares}, "
        f"Python {rest:.0f} %; {sub_steps / rows:.1f} sub-steps a particle-minute, "
        f"{1e9 * march.cpu_s / sub_steps:.1f} ns a sub-step; drawing and moving alone take {chain_ns():.1f} ns"
    )


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("met", nargs="?")
    parser.add_argument("--hrrr", action="store_true", help="a large grid")
    parser.add_argument("--realizations", type=int, help="with --hrrr: so many beside one")
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 20, 200])
    parser.add_argument("--models", nargs="+", default=["native", "hysplit"])
    parser.add_argument("--timed", type=int, default=5, help="receptors of hycs_std, of --hrrr")
    parser.add_argument("--scratch")
    parser.add_argument("--particles", type=int, nargs="+", default=[200, 1000])
    parser.add_argument("--hours", type=int, default=-24)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="say where the time goes")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--model", default="native", help=argparse.SUPPRESS)
    parser.add_argument("--receptors", type=int, default=1, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments)
        return
    if arguments.hrrr:
        scratch = hrrr.scratch_folder(arguments.scratch)
        if arguments.realizations:
            hrrr.members(scratch, abs(arguments.hours), arguments.models, arguments.realizations)
            return
        hrrr.table(
            scratch, abs(arguments.hours), arguments.counts, arguments.models, arguments.timed
        )
        return
    if not arguments.met:
        parser.error("name an ARL file, or give --hrrr")
    measure(arguments, "native", 1)  # compiles, if nobody has yet
    if arguments.profile:
        profile(arguments, arguments.particles[0])
        return
    for particles in arguments.particles:
        compare(arguments, particles)
    chunk(arguments, arguments.particles[0])


if __name__ == "__main__":
    main()
