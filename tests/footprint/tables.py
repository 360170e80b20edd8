"""R-STILT's footprints of small cases as tables in this repository, so that a clone alone can be held against them.

``python -m tests.footprint.tables`` makes them anew from the shared folder's reference cases, of which they are a part:
the particles (columns that a footprint needs), the grid and the receptor, and the cells that are not zero.
"""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stilt.config.schema import FootprintGrid
from stilt.foundations.simulation import Receptor
from stilt.particles.table import ParticleTable
from tests.footprint import cases

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDER = Path(__file__).parent / "rstilt"
CASES, CELLS, PARTICLES = FOLDER / "cases.json", FOLDER / "cells.csv", FOLDER / "particles.parquet"

HAND_MADE = (
    "50_tiny_smooth0",
    "51_tiny_smooth20",
    "53_tiny_late_release",
    "55_tiny_interp",
    "58_tiny_one_row_domain",
    "59_tiny_res1_nointerp",
)
OF_PARTICLES = ("02_small_6h",)
NAMES = (*HAND_MADE, *OF_PARTICLES)
COLUMNS = ("time", "indx", "long", "lati", "foot")


@dataclass(frozen=True)
class Case:
    """What a footprint is made of, and R-STILT's: layers at ``times``, shape (layer, y, x)."""

    particles: ParticleTable
    grid: FootprintGrid
    receptor: Receptor
    times: NDArray[np.datetime64]
    values: NDArray[np.float32]


def read(name: str) -> Case:
    """Return a case out of the tables."""
    known = json.loads(CASES.read_text())[name]
    values = np.zeros(known["shape"], np.float32)
    for layer, y, x, value in _cells()[name]:
        values[layer, y, x] = value
    return Case(
        _particles()[name],
        msgspec.convert(known["grid"], FootprintGrid),
        msgspec.convert(known["receptor"], Receptor),
        np.array(known["times"], "datetime64[s]"),
        values,
    )


@cache
def _cells() -> dict[str, list[tuple[int, int, int, float]]]:
    found: dict[str, list[tuple[int, int, int, float]]] = {}
    with CELLS.open(newline="") as file:
        for row in csv.DictReader(file):
            place = int(row["layer"]), int(row["y"]), int(row["x"])
            found.setdefault(row["case"], []).append((*place, float(row["value"])))
    return found


@cache
def _particles() -> dict[str, ParticleTable]:
    table = pq.read_table(PARTICLES)
    case = np.asarray(table["case"].to_pylist())
    return {
        name: ParticleTable({column: table[column].to_numpy()[case == name] for column in COLUMNS})
        for name in np.unique(case).tolist()
    }


def _known(name: str, written: cases.Written) -> dict[str, Any]:
    return {
        "grid": msgspec.to_builtins(cases.grid(name)),
        "receptor": msgspec.to_builtins(cases.receptor(name)),
        "times": [str(time) for time in written.times],
        "shape": list(written.values.shape),
    }


def main() -> None:
    """Write the tables."""
    FOLDER.mkdir(exist_ok=True)
    known: dict[str, Any] = {}
    cells: list[tuple[str, int, int, int, str]] = []
    parts = []
    for name in NAMES:
        written, table = cases.footprint(name, "foot.nc.gz"), cases.particles(name)
        known[name] = _known(name, written)
        cells += [
            (name, *place, f"{written.values[tuple(place)]:.9g}")
            for place in np.argwhere(written.values).tolist()
        ]
        columns = {column: table[column] for column in COLUMNS}
        parts.append(pa.table({"case": [name] * len(table), **columns}))
    CASES.write_text(json.dumps(known, indent=1) + "\n")
    with CELLS.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([("case", "layer", "y", "x", "value"), *cells])
    pq.write_table(pa.concat_tables(parts), PARTICLES, compression="zstd", compression_level=19)
    sys.stdout.write(f"{len(cells)} cells, {sum(map(len, parts))} rows of particles\n")


if __name__ == "__main__":
    main()
