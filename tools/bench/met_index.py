"""How long it takes to index a folder of met files: cold, and with the index that was kept.

The files are sparse: real index records of 24 hours each, holes in place of the packed data.

    python tools/bench/met_index.py [--files 10000] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

HOURS = 24
NX, NY = 250, 200
SURFACE = ("PRSS", "SHGT", "T02M", "U10M", "V10M", "USTR", "SHTF", "LHTF", "DSWF", "PBLH")
VOLUME = ("PRES", "TEMP", "UWND", "VWND", "WWND", "DIFW", "SPHU", "TKEN")
LEVELS = 50
START = datetime(2000, 1, 1, tzinfo=UTC)

ASK = """
import sys, time
from pathlib import Path
import numpy as np
from stilt.config.schema import Met
from stilt.foundations.paths import Layout
from stilt.met.kept import keep_in
from stilt.met.needed import needed
import stilt.met.folder
keep_in(Layout.of(Path(sys.argv[2])))
began, cpu = time.perf_counter(), time.process_time()
found = needed(Met(sys.argv[1]), np.array([15778080 + 100 * 1440]), -48)
cpu = time.process_time() - cpu
print(f"{time.perf_counter() - began:.2f} s, {cpu:.2f} s of CPU, {len(found.supplies[0].files)} files for 48 h")
"""


def index_text() -> str:
    """Return the levels and variables of an index record, as a grid like HRRR's has them."""
    levels = [(1.0, SURFACE), *((round(1 - 0.019 * n, 4), VOLUME) for n in range(1, LEVELS + 1))]
    parts = [
        f"{height:6.4f}{len(names):2d}" + "".join(f"{name}{7:3d} " for name in names)
        for height, names in levels
    ]
    return "".join(parts)


def write(path: Path, day: datetime, text: str) -> int:
    """Write a sparse file; return its size."""
    length = 108 + len(text)
    place = (90.0, 0.0, 38.5, 262.5, 3.0, 0.0, 38.5, 1.0, 1.0, 31.0, 252.0, 0.0)
    numbers = "".join(f"{value:7.2f}" for value in place)
    records = 1 + len(SURFACE) + LEVELS * len(VOLUME)
    size = records * (50 + NX * NY)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    os.truncate(handle, HOURS * size)
    for hour in range(HOURS):
        stamp = f"{day:%y}{day.month:2d}{day.day:2d}{hour:2d} 0 099INDX   0"
        label = stamp + " 0.0000000E+00" * 2
        head = f"HRRR  0 0{numbers}{NX:3d}{NY:3d}{LEVELS + 1:3d} 1{length:4d}"
        os.pwrite(handle, (label + head + text).encode(), hour * size)
    os.close(handle)
    return HOURS * size


def main() -> None:
    """Make the files, index them in new processes, and remove them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    base = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        (base / "met").mkdir()
        (base / "output").mkdir()
        text = index_text()
        for number in range(options.files):
            size = write(base / "met" / f"f{number:05d}", START + timedelta(days=number), text)
        print(f"{options.files:,} files of {size / 1e6:.0f} MB")
        for what in ("cold", "warm", "warm"):
            command = [sys.executable, "-c", ASK, str(base / "met"), str(base)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            print(f"{what}: {done.stdout.strip()}")
        kept = next((base / "output" / "inputs" / "met").iterdir())
        print(f"index: {kept.stat().st_size / 1e6:.1f} MB")
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
