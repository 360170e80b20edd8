"""How long a first footprint takes from files as centres publish them, against ARL's records of the same numbers.

Made-up air on a grid like ERA5's, two hours of it; each source is read by a process of its own, the files being in the
page cache. What a first task keeps for others (where the fields of a GRIB file lie) is there. Seconds are of CPU, with
what is imported for a kind of file; "read" is what came from the files (of ARL's, which are mapped, the pages that were
touched), "decoded" what became of it in memory.

    python tools/bench/met_sources.py [--columns 1440 --rows 721] [--folder FOLDER] [--rounds 3]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

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


def sources(folder: Path, columns: int, rows: int) -> dict[str, list[Path]]:
    """Write the same air in every kind of file."""
    step = 360.0 / columns
    place = degrees(0.0, -90.0, step, columns, rows)
    kind = replace(KINDS["era5"], nx=columns, ny=rows, place=place)
    arl = write(folder / "era5.arl", kind, 1, datetime(2021, 6, 1, 12))  # noqa: DTZ001
    packed = Style(is_new=False, is_packed=True)
    found = {
        "ARL": [arl],
        "NetCDF, two bytes": write_era5(folder / "packed", arl, packed),
        "NetCDF, four bytes, deflated": write_era5(folder / "deflated", arl),
        "GRIB2, simple, 16 bits": [write_grib(folder / "a.grib", arl, Packing(bits=16))],
        "GRIB2, CCSDS, 16 bits": [write_grib(folder / "b.grib", arl, Packing("grid_ccsds", 16))],
    }
    found["Zarr"] = write_zarr(folder / "zarr", found["NetCDF, four bytes, deflated"], 3)
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--columns", type=int, default=1440)
    parser.add_argument("--rows", type=int, default=721)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        found = sources(Path(name), options.columns, options.rows)
        print(
            f"{'source':30}{'s':>8}{'read MiB':>10}{'decoded':>10}{'memory':>10}{'footprint':>12}"
        )
        for source, paths in found.items():
            command = [sys.executable, "-c", ONE, str(ROOT), name, *map(str, paths)]
            rounds = [
                subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
                for _ in range(options.rounds + 1)
            ][1:]
            best = min(rounds, key=lambda each: float(each[0]))
            took, read, decoded, memory, foot = best
            print(f"{source:30}{took:>8}{read:>10}{decoded:>10}{memory:>10}{foot:>12}", flush=True)


if __name__ == "__main__":
    main()
