"""Make ``stilt/plot/natural_earth.npz``: coastlines, borders of countries and of the states of the US.

    python tools/coastlines.py

Both sources are in the public domain: Natural Earth 4.1 at 1:50m (naturalearthdata.com) and the US Census Bureau's
cartographic boundaries of 2017, as the npm packages world-atlas and us-atlas hold them. Lakes and provinces of other
countries are in no such package, and are left out. Needs npm; the same packages make the same bytes.
"""

from __future__ import annotations

import json
import subprocess
import tarfile
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from stilt.plot.coastline import FILE, PER_DEGREE, Kind

COUNTRIES = ("world-atlas@2.0.2", "countries-50m.json", "countries")
STATES = ("us-atlas@3.0.1", "states-10m.json", "states")
EDGE, HALF_CIRCLE = 0.01, 180.0
"""What lies so near to the edges of the plate, in degrees, is a cut through the map and no coast."""


def topology(package: str, name: str, folder: Path) -> dict[str, Any]:
    """Fetch a package, and return one of its files."""
    found = subprocess.run(
        ["npm", "pack", "--silent", package], cwd=folder, check=True, capture_output=True, text=True
    )
    with tarfile.open(folder / found.stdout.split()[-1]) as packed:
        member = packed.extractfile(f"package/{name}")
        if member is None:
            raise FileNotFoundError(name)
        return dict(json.load(member))


def arcs_of(shape: Any) -> Counter[int]:
    """Count how often each arc is used by rings; an arc that is walked backwards is its complement."""
    if isinstance(shape, int):
        return Counter([shape if shape >= 0 else ~shape])
    return sum((arcs_of(part) for part in shape), Counter())


def places(topology: dict[str, Any], arc: int) -> np.ndarray:
    """Return an arc's points, shape (points, 2): degrees east and north."""
    steps = np.cumsum(topology["arcs"][arc], axis=0)
    transform = topology["transform"]
    return steps * np.array(transform["scale"]) + np.array(transform["translate"])


def pieces(line: np.ndarray) -> list[np.ndarray]:
    """Cut a line where it runs along the edges of the map, or from one edge to the other."""
    on_edge = (np.abs(np.abs(line[:, 0]) - 180.0) < EDGE) | (line[:, 1] < -90.0 + EDGE)
    is_cut = (on_edge[1:] & on_edge[:-1]) | (np.abs(np.diff(line[:, 0])) > HALF_CIRCLE)
    parts = np.split(line, np.flatnonzero(is_cut) + 1)
    return [part for part in parts if len(part) > 1]


def lines_of(
    topology: dict[str, Any], name: str, *, is_nation: bool
) -> list[tuple[Kind, np.ndarray]]:
    """Return what divides shapes; of a nation's parts only what divides them from each other."""
    used = arcs_of([shape.get("arcs", []) for shape in topology["objects"][name]["geometries"]])
    between = Kind.STATE if is_nation else Kind.BORDER
    found = []
    for arc, times in sorted(used.items()):
        if times > 1 or not is_nation:
            kind = between if times > 1 else Kind.COAST
            found += [(kind, piece) for piece in pieces(places(topology, arc))]
    return found


def main() -> None:
    """Fetch, thin to whole steps and write."""
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        for (package, file, name), is_nation in ((COUNTRIES, False), (STATES, True)):
            found += lines_of(topology(package, file, Path(scratch)), name, is_nation=is_nation)
    kinds, whole = [], []
    for kind, line in found:
        steps = np.round(line * PER_DEGREE).astype(np.int32)
        steps = steps[np.r_[True, np.any(np.diff(steps, axis=0) != 0, axis=1)]]
        if len(steps) > 1:
            kinds.append(kind)
            whole.append(steps)
    points = np.concatenate(whole)
    np.savez_compressed(
        FILE,
        steps=np.diff(points, axis=0, prepend=0).T,
        lengths=np.array([len(line) for line in whole], np.int32),
        kinds=np.array(kinds, np.uint8),
    )
    print(f"{FILE}: {len(whole)} lines, {len(points)} points, {FILE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
