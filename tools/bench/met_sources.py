"""How long a first footprint takes from files as centres publish them, against ARL's records of the same numbers.

Made-up air on a grid like ERA5's, two hours of it; each source is read by a process of its own, the files being in the
page cache. What a first task keeps for others (where the fields of a GRIB file lie) is there. Seconds are of CPU, with
what is imported for a kind of file; "read" is what came from the files (of ARL's, which are mapped, the pages that were
touched), "decoded" what became of it in memory; "first s" is the very first time, when GRIB files are gone through.

    python tools/bench/met_sources.py [--columns 1440 --rows 721] [--folder FOLDER] [--rounds 3] [--only GRIB2]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.meteorology import KINDS, write  # noqa: E402
from tests.meteorology.grib import Packing, write_grib  # noqa: E402
from tests.meteorology.kinds import degrees  # noqa: E402
from tests.meteorology.netcdf import Style, write_era5  # noqa: E402
from tests.meteorology.zarr import write_zarr  # noqa: E402

ONE = """
import re, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from stilt.foundations.paths import Layout
from stilt.foundations.simulation import Receptor
from stilt.met.kept import keep_in
from stilt.met.dataset.tiles import TILES
from tests.dataset.conftest import run

def rchar():
    return int(re.search(r"rchar: (\\d+)", Path("/proc/self/io").read_text())[1])

def mapped(paths):
    found, name = 0, ""
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name = line.split()[-1] if "-" in line.split()[0] else name
        if line.startswith("Rss:") and name in paths:
            found += 1024 * int(line.split()[1])
    return found

layout = Layout.of(Path(sys.argv[2]))
layout.output.mkdir(exist_ok=True)
keep_in(layout)
paths = [Path(path) for path in sys.argv[3:]]
before, began = rchar(), time.process_time()
table = run(paths, -1, where=Receptor("202106011300", (2.3,), (48.1,), (50.0,)), particles=200)
took = time.process_time() - began
read = mapped(set(sys.argv[3:])) or rchar() - before
memory = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
print(f"{took:.2f} {read / 2**20:.1f} {TILES.bytes_read / 2**20:.1f} {memory:.0f} {table['foot'].sum():.5g}")
"""


def written(folder: Path, columns: int, rows: int, only: str) -> dict[str, list[Path]]:
    """Write the same air in every kind of file whose name holds a text; what is in the folder already stays."""
    step = 360.0 / columns
    place = degrees(0.0, -90.0, step, columns, rows)
    kind = replace(KINDS["era5"], nx=columns, ny=rows, place=place)
    arl = folder / "era5.arl"
    if not arl.exists():
        write(arl, kind, 1, datetime(2021, 6, 1, 12))  # noqa: DTZ001
    packed = Style(is_new=False, is_packed=True)
    deflated = folder / "deflated"
    kinds: dict[str, tuple[Path, Callable[[Path], list[Path]]]] = {
        "NetCDF, two bytes": (folder / "packed", lambda to: write_era5(to, arl, packed)),
        "NetCDF, four bytes, deflated": (deflated, lambda to: write_era5(to, arl)),
        "Zarr": (folder / "zarr", lambda to: write_zarr(to, sorted(deflated.iterdir()), 3)),
    }
    for packing in ("simple", "ccsds", "complex_spatial_differencing"):
        how = Packing(f"grid_{packing}", 16)
        to = folder / f"{packing}.grib"
        kinds[f"GRIB2, {packing[:7]}, 16 bits"] = to, partial(one_grib, arl=arl, packing=how)
    found = {"ARL": [arl]}
    for name, (to, writer) in kinds.items():
        if only in name:
            if not to.exists():
                writer(to)
            found[name] = files_of(to)
    return found


def one_grib(to: Path, arl: Path, packing: Packing) -> list[Path]:
    """Write one GRIB file."""
    return [write_grib(to, arl, packing)]


def files_of(place: Path) -> list[Path]:
    """Return what stands for what was written there."""
    if place.is_file():
        return [place]
    return sorted(place.glob("*.nc")) or sorted(place.glob("*/zarr.json"))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--columns", type=int, default=1440)
    parser.add_argument("--rows", type=int, default=721)
    parser.add_argument("--folder", type=Path, help="where files are, and stay")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="part of a kind's name")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        folder.mkdir(exist_ok=True)
        found = written(folder, options.columns, options.rows, options.only)
        runs: dict[str, list[list[str]]] = {source: [] for source in found}
        for _ in range(options.rounds + 1):  # one after the other: a busy machine is so for all
            for source, paths in found.items():
                command = [sys.executable, "-c", ONE, str(ROOT), str(folder), *map(str, paths)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                runs[source].append(done.stdout.split())
        head = "source", "first s", "s", "of ARL", "read MiB", "decoded", "memory", "footprint"
        print("{:30}{:>8}{:>8}{:>8}{:>10}{:>10}{:>8}{:>12}".format(*head))
        best = {
            source: min(some[1:], key=lambda one: float(one[0])) for source, some in runs.items()
        }
        for source, (took, *others) in best.items():
            ratio = f"{float(took) / float(best['ARL'][0]):.1f}"
            row = source, runs[source][0][0], took, ratio, *others
            print("{:30}{:>8}{:>8}{:>8}{:>10}{:>10}{:>8}{:>12}".format(*row), flush=True)


if __name__ == "__main__":
    main()
