"""What a simulation costs beside hycs_std alone, and what its parts cost.

    python tools/bench/simulation.py [--repeats N] [--particles N] [--hours N]

Prints, as medians of interleaved repeats:

- reading the particle file: ours beside ``numpy.loadtxt``, same file;
- storing particles: bytes and seconds;
- one whole simulation (transport, near-field correction, footprint, both outputs) beside bare ``hycs_std``, which
  writes its two text files, in CPU seconds and in wall time.

``local_run.py`` measures ``stilt run`` of several.
The meteorology is that of the shared folder (``../shared`` or ``STILT_SHARED``).
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from stilt.config.load import parse_config
from stilt.foundations.paths import Layout
from stilt.foundations.simulation import Receptor, Simulation
from stilt.particles.parquet import read_particles, write_particles
from stilt.transport.hysplit.dump import FILE_NAME, DumpParser
from stilt.transport.hysplit.engine import HysplitEngine
from stilt.transport.hysplit.install import install
from stilt.transport.hysplit.workdir import UNREAD_COPY, lay_out
from tests.shared_data import shared_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.config.schema import Config

CONFIG = """\
mets: {{ngm: {{directory: {met}, file_format: oct1618.BIN, file_tres: 6h}}}}
footprints: {{slv: {{xmin: -100, xmax: -80, ymin: 30, ymax: 50, xres: 0.1, yres: 0.1}}}}
n_hours: -{hours}
numpar: {particles}
"""
SIMULATION = Simulation(
    "ngm_199510172000_-90_40_10", "ngm", Receptor("199510172000", (-90.0,), (40.0,), (10.0,))
)


@dataclass(frozen=True)
class Cost:
    """Seconds of a piece of work, children included."""

    cpu_s: float
    wall_s: float


def cost(work: Callable[[], object]) -> Cost:
    """Do the work and return what it took."""
    before, begun = _cpu_s(), time.perf_counter()
    work()
    return Cost(_cpu_s() - before, time.perf_counter() - begun)


def _cpu_s() -> float:
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


def bare(engine: HysplitEngine, simulation: Simulation, config: Config, folder: Path) -> Path:
    """Run hycs_std as it comes, both text files on disk; return the folder."""
    met = config.mets[simulation.met]
    files = [Path(met.directory) / met.file_format]
    lay_out(folder, simulation, config, engine.installation, files)
    (folder / UNREAD_COPY).unlink()
    subprocess.run([engine.installation.exe], cwd=folder, capture_output=True, check=True)
    return folder


def whole(engine: HysplitEngine, simulation: Simulation, config: Config, folder: Path) -> None:
    """Do what a worker does for one simulation."""
    from stilt.batch.chunks import ChunkEntry
    from stilt.batch.claims import Claims
    from stilt.worker.simulate import Simulator

    layout = Layout.of(folder)
    (folder / "scratch").mkdir(parents=True)
    place = simulation.receptor
    entry = ChunkEntry(
        simulation.sim,
        simulation.met,
        place.time,
        place.longitudes,
        place.latitudes,
        place.heights_m,
    )
    claims = Claims(layout, 1)
    done = Simulator(engine, config, layout, folder / "scratch", imprint="", claims=claims)(entry)
    if done.outcome != "complete":
        raise SystemExit(f"{simulation.sim}: {done.outcome} {done.reason} {done.message}")


def read_ours(path: Path, names: tuple[str, ...], rows: int) -> DumpParser:
    """Parse a particle file from disk."""
    parser = DumpParser(names, rows)
    descriptor = os.open(path, os.O_RDONLY)
    while parser.read_from(descriptor):
        pass
    os.close(descriptor)
    return parser


def bench_parser(path: Path, names: tuple[str, ...], repeats: int) -> DumpParser:
    """Time both readers on one file, and hold their numbers against each other."""
    parser = read_ours(path, names, 0)
    expected = np.loadtxt(path, skiprows=1)
    if not all(
        np.array_equal(parser.table()[name], expected[:, i]) for i, name in enumerate(names)
    ):
        raise SystemExit("the parsers disagree")
    ours, theirs, plain = [], [], []
    for _ in range(max(3, repeats)):
        theirs.append(cost(lambda: np.loadtxt(path, skiprows=1)).cpu_s)
        ours.append(cost(lambda: read_ours(path, names, parser.rows)).cpu_s)
        plain.append(cost(path.read_bytes).cpu_s)
    size = path.stat().st_size
    print(f"particle file: {size / 1e6:.1f} MB, {parser.rows:,} rows; CPU seconds")
    print(
        f"  numpy.loadtxt {median(theirs):.3f}   ours {median(ours):.3f}   read() {median(plain):.3f}"
    )
    print(f"  ours is {median(theirs) / median(ours):.1f} times as fast as numpy.loadtxt")
    return parser


def bench_store(parser: DumpParser, folder: Path) -> None:
    """Time and weigh the Parquet file."""
    path = folder / "particles.parquet"
    table = parser.table()
    write_particles(path, table, provenance={})  # libraries load at the first one
    read_particles(path)
    writing = cost(lambda: write_particles(path, table, provenance={}))
    reading = cost(lambda: read_particles(path))
    back = read_particles(path)
    exact = all(np.array_equal(back[name], table[name]) for name in table.columns)
    print(f"particles stored: {path.stat().st_size / 1e6:.2f} MB, exact: {exact}")
    print(f"  written in {writing.cpu_s:.2f}, read in {reading.cpu_s:.2f} CPU seconds")


def main() -> None:
    """Run the benches and print their tables."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--particles", type=int, default=200)
    options.add_argument("--hours", type=int, default=24)
    given = options.parse_args()
    shared = shared_folder()
    if shared is None:
        raise SystemExit("no shared folder (../shared or STILT_SHARED): no meteorology")
    os.environ.setdefault("STILT_HOME", str(Path(__file__).parents[2] / ".tools"))
    install()
    engine = HysplitEngine()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        text = CONFIG.format(met=shared / "data", particles=given.particles, hours=given.hours)
        config = parse_config(text, "bench")
        engine.prepare(config)
        parser = bench_parser(
            bare(engine, SIMULATION, config, root / "dump") / FILE_NAME,
            config.varsiwant,
            given.repeats,
        )
        bench_store(parser, root)
        bench_simulation(engine, SIMULATION, config, root, given.repeats)


def bench_simulation(
    engine: HysplitEngine, simulation: Simulation, config: Config, root: Path, repeats: int
) -> None:
    """Compare a whole simulation with bare hycs_std, taking turns."""
    whole(engine, simulation, config, root / "warm")
    alone, ours = [], []
    for turn in range(repeats):
        alone.append(cost(lambda t=turn: bare(engine, simulation, config, root / f"bare{t}")))
        shutil.rmtree(root / f"bare{turn}")
        ours.append(cost(lambda t=turn: whole(engine, simulation, config, root / f"whole{t}")))
    for what in ("cpu_s", "wall_s"):
        hycs = median(getattr(one, what) for one in alone)
        stilt = median(getattr(one, what) for one in ours)
        print(
            f"one simulation, {what}: hycs_std {hycs:.2f}, all of it {stilt:.2f}, ratio {stilt / hycs:.3f}"
        )


if __name__ == "__main__":
    main()
