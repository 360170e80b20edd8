"""What the parts of native's simulations cost: CPU milliseconds of a first simulation, and of those after it.

    python tools/bench/parts.py MET [--receptors 20]
    python tools/bench/parts.py --hrrr [--receptors 20] [--scratch FOLDER]

``MET`` and ``--hrrr`` as for ``native.py``. One process does what a worker of a pool does; what comes before its first
simulation is told apart. Parts are without those that they call. The later simulations find the meteorology decoded
where the first one has been; where particles of theirs go elsewhere, they decode more of it.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import hrrr
import yaml
from native import PROFILED, Timed, chain_ns

from stilt.worker.lean_arrow import spare_pandas

if TYPE_CHECKING:
    from collections.abc import Callable

NATIVE = "stilt.transport.native"
PLACES = {
    "first columns of records": (f"{NATIVE}.arl.AnalysisReader", "_populate"),
    "labels of records": (f"{NATIVE}.arl.AnalysisReader", "_record"),
    "unpacking": (f"{NATIVE}.arl", "unpack"),
    "fields, Python": (f"{NATIVE}.fields.FieldSource", "read"),
    "roughness, terrain, distances": (f"{NATIVE}.fields.FieldSource", "_surface"),
    "columns": (f"{NATIVE}.analysis", "fill_columns"),
    "blocks, Python": (f"{NATIVE}.analysis.OpenAnalysis", "compute"),
    "opening analyses": (f"{NATIVE}.analysis.Analyses", "_open_at"),
    "particles": (f"{NATIVE}.journey", "march"),
    "longitudes and latitudes": (f"{NATIVE}.projection", "longlat_of_cone"),
    "transport, Python": (f"{NATIVE}.run", "transport"),
    "decimals as printed": (f"{NATIVE}.engine", "as_printed"),
    "which files": ("stilt.transport.refusals", "files_of"),
    "kernels of the footprint": ("stilt.footprint.kernels", "spread"),
    "footprint, Python": ("stilt.footprint.calc", "calc_footprint"),
    "NetCDF": ("stilt.footprint.netcdf", "write_footprint"),
    "its end": ("stilt.footprint.netcdf", "tail_of"),
    "Parquet": ("stilt.particles.parquet", "write_particles"),
    "near field, end points": ("stilt.worker.simulate.Simulator", "_transported"),
    "publishing": ("stilt.worker.simulate", "publish_as"),
    "digests of outputs": ("stilt.worker.simulate.Simulator", "_output"),
    "worker, Python": ("stilt.worker.simulate.Simulator", "__call__"),
}
BOX = {"xmin": -100, "xmax": -80, "ymin": 30, "ymax": 50, "xres": 0.1, "yres": 0.1}


class Parts:
    """CPU seconds of functions, those of others that they call taken off."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {}
        self._inner: list[float] = []
        self.march = self._watch_all()

    def clear(self) -> None:
        """Begin anew."""
        self.cpu_s.clear()
        self.march.clear()

    def _watch_all(self) -> Timed:
        for name, (owner, attribute) in PLACES.items():
            place = _owner(owner)
            function = getattr(place, attribute)
            if attribute == "march":
                function = march = Timed(function)
            setattr(place, attribute, self._watched(name, function))
        return march

    def _watched(self, name: str, function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            began = time.process_time()
            self._inner.append(0.0)
            try:
                return function(*arguments, **named)
            finally:
                taken = time.process_time() - began
                self.cpu_s[name] = self.cpu_s.get(name, 0.0) + taken - self._inner.pop()
                if self._inner:
                    self._inner[-1] += taken

        return call


def _owner(name: str) -> object:
    module, _, last = name.rpartition(".")
    if last[0].isupper():
        return getattr(importlib.import_module(module), last)
    return importlib.import_module(name)


def ngm_project(folder: Path, met: Path, receptors: int) -> Path:
    """Write a project of receptors beside each other."""
    config = {
        "model": "native",
        "mets": {
            "bench": {"directory": str(met.parent), "file_format": met.name, "file_tres": "100d"}
        },
        "n_hours": -24,
        "numpar": hrrr.PARTICLES,
        "footprints": {"box": BOX},
    }
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    rows = [f"1995-10-17 18:00,{-90 + 0.1 * number:.1f},40,10" for number in range(receptors)]
    (folder / "receptors.csv").write_text(
        "\n".join(["time,longitude,latitude,altitude", *rows, ""])
    )
    return folder


def simulate(folder: Path) -> None:
    """Do the simulations of a project, and print what they cost."""
    from stilt.batch.chunks import ChunkEntry
    from stilt.batch.claims import Claims
    from stilt.config.load import load_config
    from stilt.foundations.paths import Layout
    from stilt.receptors.read import read_receptors
    from stilt.transport.engines import load_engine
    from stilt.worker.simulate import Simulator

    config, layout = load_config(folder / "config.yaml"), Layout.of(folder)
    engine = load_engine(config)
    engine.prepare(config)
    (folder / "scratch").mkdir()
    simulator = Simulator(
        engine, config, layout, folder / "scratch", imprint="", claims=Claims(layout, 1)
    )
    parts = Parts()
    print(f"before the first simulation: {1e3 * time.process_time():.0f} ms", flush=True)
    simulations = list(read_receptors(folder / "receptors.csv", list(config.mets)))
    for number, each in enumerate(simulations):
        place = each.receptor
        simulator(
            ChunkEntry(
                each.sim,
                each.met,
                place.time,
                place.longitudes,
                place.latitudes,
                place.heights_m,
            )
        )
        if number == 0:
            show("the first simulation", parts, 1)
            parts.clear()
    if len(simulations) > 1:
        show(f"{len(simulations) - 1} more, each", parts, len(simulations) - 1)


def show(title: str, parts: Parts, count: int) -> None:
    """Print the parts, the dearest first."""
    cpu_s, march = dict(parts.cpu_s), parts.march
    cpu_s["particles"] -= march.own_s
    print(f"{title}: {1e3 * sum(cpu_s.values()) / count:.0f} ms")
    for name, taken in sorted(cpu_s.items(), key=lambda item: -item[1]):
        print(f"    {1e3 * taken / count:7.1f} ms  {name}")
    rows = count * hrrr.PARTICLES * 1440
    print(
        f"    particles: {march.draws / rows:.1f} random numbers a particle-minute, "
        f"{1e9 * march.cpu_s / march.draws:.1f} ns each; drawing and moving alone take {chain_ns():.1f} ns",
        flush=True,
    )


def main() -> None:
    """Read the command line, run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("met", nargs="?", type=Path)
    parser.add_argument("--hrrr", action="store_true", help="a large grid")
    parser.add_argument("--receptors", type=int, default=PROFILED)
    parser.add_argument("--scratch")
    given = parser.parse_args()
    if not given.hrrr and given.met is None:
        parser.error("name an ARL file, or give --hrrr")
    from stilt.transport.native.warm import warm

    spare_pandas()
    warm()  # compiles, if nobody has yet
    root = hrrr.scratch_folder(given.scratch) if given.hrrr else Path(tempfile.mkdtemp())
    folder = root / "parts"
    if given.hrrr:
        met = hrrr.make_met(root / "met", 24)
        hrrr.project(folder, met, "native", given.receptors, 24)
    else:
        ngm_project(folder, given.met.resolve(), given.receptors)
    try:
        simulate(folder)
    finally:
        shutil.rmtree(folder if given.hrrr else root)


if __name__ == "__main__":
    main()
