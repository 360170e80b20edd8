#!/usr/bin/env python3
"""Weighted footprints beside those of PYSTILT's transforms, of the same particles, each in an environment of its own.

    .venv/bin/python tools/pystilt_weights.py [--python FILE]

PYSTILT is put into .tools/ (some 300 MB) unless ``--python`` names an interpreter that has it. The particles are those
of PYSTILT's own results under ../shared, of a point, and of a column of the example that is run here. The last lines
say where the two differ, and why.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("STILT_SHARED", REPOSITORY.parent / "shared"))
SAMPLE = SHARED / "data" / "samples" / "pystilt_trajectories.parquet"
PEER = "pystilt==0.1.0a25"
PEER_VENV = REPOSITORY / ".tools" / PEER.replace("==", "-")
TOLERANCE = 1e-6

SETS = {
    "point": ("2015-12-10 18:00", -111.848, 40.766, (10.0,)),
    "column": ("2026-06-16 22:00", -111.9, 40.5, (25.0, 150.0, 600.0, 1500.0, 3000.0)),
}
SETS["uneven"] = SETS["column"]
"""Of each set of particles when and where they arrive: time, longitude, latitude, heights."""

UNEVEN = 33
"""So many particles of the column are the third set: seven of the lower levels, six of the others."""

ON_HEIGHTS = ((0.0, 100.0, 1000.0, 2500.0), (0.6, 0.8, 1.05, 1.2))
ON_PRESSURES = ((1020.0, 900.0, 800.0, 680.0), (0.7, 0.9, 1.0, 1.1))
LIFETIME_H = 5.0
LEAN_DEG = 0.01
CASES = {
    "kernel on heights": ("point", "column"),
    "kernel on pressures": ("point", "column"),
    "lifetime": ("point", "column"),
    "pressure weights": ("column", "uneven"),
    "all three": ("column", "uneven"),
}


def box(name: str) -> dict[str, float]:
    """Return the grid around a set's receptor."""
    _, lon, lat, _ = SETS[name]
    around = {"xmin": lon - 3, "xmax": lon + 3, "ymin": lat - 2, "ymax": lat + 2}
    return around | {"xres": 0.05, "yres": 0.05}


def points_of(name: str) -> list[tuple[float, float, float]]:
    """Return where a set's particles were released: a column leans, as PYSTILT takes no levels at one place."""
    _, lon, lat, heights = SETS[name]
    return [(lon + LEAN_DEG * place, lat, height) for place, height in enumerate(heights)]


def theirs(folder: Path) -> None:
    """In PYSTILT's environment: apply its transforms, and leave ``foot``, weights and footprints in files."""
    import stilt
    from stilt import transforms

    height = transforms.AveragingKernel(levels=list(ON_HEIGHTS[0]), values=list(ON_HEIGHTS[1]))
    levels, values = (list(each) for each in ON_PRESSURES)
    pressure = transforms.AveragingKernel(levels=levels, values=values, coordinate="pres")
    share, decay = (
        transforms.PressureWeighting(),
        transforms.FirstOrderLifetime(lifetime_hours=LIFETIME_H),
    )
    applied = {
        "kernel on heights": [height],
        "kernel on pressures": [pressure],
        "lifetime": [decay],
        "pressure weights": [share],
        "all three": [height, share, decay],
    }
    for name, (time, *_) in SETS.items():
        particles = pd.read_parquet(folder / f"{name}.parquet")
        receptor = stilt.Receptor.from_points(time, points_of(name))
        for case in (case for case, sets in CASES.items() if name in sets):
            weighted = transforms.apply_transforms(particles, applied[case], receptor)
            weighted.to_parquet(folder / f"{name}, {case}.parquet")
            foot = stilt.calc_footprint(weighted, receptor, stilt.Grid(**box(name)))
            np.save(folder / f"{name}, {case}.npy", foot.to_numpy())


def particles_of(folder: Path, name: str) -> pd.DataFrame:
    """Return the particles of a set, with our names of columns."""
    if name == "point":
        return pd.read_parquet(SAMPLE)
    if name == "uneven":
        column = pd.read_parquet(folder / "column, ours.parquet")
        return column[column["indx"] <= UNEVEN].reset_index(drop=True)
    import stilt
    from stilt.example.starter import write_starter

    time = SETS[name][0]
    write_starter(folder / "example", example=True)
    rows = [f"{time},{x},{y},{height},1" for x, y, height in points_of(name)]
    (folder / "example" / "receptors.csv").write_text("\n".join(["time,lon,lat,zagl,r_idx", *rows]))
    config = folder / "example" / "config.yaml"
    wanted = "time, indx, long, lati, zagl, foot, mlht, dens, samt, sigw, tlgr, pres"
    config.write_text(f"{config.read_text()}\nvarsiwant: [{wanted}]\n")
    project = stilt.Project(folder / "example")
    project.run(say=lambda _: None)
    return project[0].particles()


def for_them(particles: pd.DataFrame, heights: tuple[float, ...]) -> pd.DataFrame:
    """Return particles with PYSTILT's names of columns, and the heights of their releases."""
    names = {"time": "age", "indx": "particle", "long": "lon", "lati": "lat"}
    table = particles.rename(columns=names)
    place = (table["particle"].to_numpy(int) - 1) % len(heights)
    return table.assign(release_height=np.array(heights)[place])


def ours(particles: pd.DataFrame, name: str, case: str, weights: tuple[float, ...]) -> Any:
    """Return ``foot`` of each row as we weigh it, and the footprint."""
    from stilt.config.schema import FootprintGrid
    from stilt.footprint.calc import calc_footprint
    from stilt.foundations.simulation import Receptor
    from stilt.particles.table import ParticleTable
    from stilt.weighting.kernel import Kernel
    from stilt.weighting.weigh import weigh

    time, *_, heights = SETS[name]
    when = "".join(letter for letter in time if letter.isdigit())
    receptor = Receptor(when, *zip(*points_of(name), strict=True))
    table = ParticleTable({column: particles[column].to_numpy(float) for column in OURS})
    kernel, lifetime_h = {
        "kernel on heights": (Kernel("height_m", *ON_HEIGHTS), None),
        "kernel on pressures": (Kernel("pressure_hpa", *ON_PRESSURES), None),
        "lifetime": (None, LIFETIME_H),
        "pressure weights": (Kernel("height_m", heights, (), weights), None),
        "all three": (
            Kernel("height_m", heights, tuple(np.interp(heights, *ON_HEIGHTS)), weights),
            LIFETIME_H,
        ),
    }[case]
    weighted, _ = weigh(table, receptor, kernel, lifetime_h)
    grid = FootprintGrid(**box(name))
    return weighted["foot"], calc_footprint(weighted, grid, receptor).values  # noqa: PD011


OURS = (
    "time",
    "indx",
    "long",
    "lati",
    "zagl",
    "foot",
    "mlht",
    "dens",
    "samt",
    "sigw",
    "tlgr",
    "pres",
)


def shares(folder: Path, name: str) -> tuple[float, ...]:
    """Return the weight that PYSTILT gives to each release height, all its particles together."""
    path = folder / f"{name}, pressure weights.parquet"
    if not path.exists():
        return ()
    one = pd.read_parquet(path).drop_duplicates("particle")
    return tuple(one.groupby("release_height")["pwf"].sum())


def compare(folder: Path, name: str) -> float:
    """Print how far the two are apart for each case, and return the greatest distance."""
    particles, weights = pd.read_parquet(folder / f"{name}, ours.parquet"), shares(folder, name)
    worst = 0.0
    for case in (case for case, sets in CASES.items() if name in sets):
        foot, footprint = ours(particles, name, case, weights)
        their_foot = pd.read_parquet(folder / f"{name}, {case}.parquet")["foot"].to_numpy(float)
        their_footprint = np.load(folder / f"{name}, {case}.npy").astype(float)
        footprint = footprint[footprint.any(axis=(1, 2))]
        their_footprint = their_footprint[their_footprint.any(axis=(1, 2))]
        large = their_footprint > TOLERANCE * their_footprint.max()
        touched = their_foot > 0
        apart = [
            float(np.abs(foot[touched] / their_foot[touched] - 1).max()),
            float(np.abs(footprint[large] / their_footprint[large] - 1).max()),
        ]
        print(f"{name:6}  {case:20}  particles {apart[0]:.1e}  footprint {apart[1]:.1e}")
        worst = max(worst, *apart)
    return worst


def differences(folder: Path) -> None:
    """Print where the two differ: whose pressure weights they are."""
    from stilt.weighting.weigh import shares_of_points

    heights, theirs_ = np.array(SETS["column"][3]), np.array(shares(folder, "column"))
    pressures = pd.read_parquet(folder / "column, pressure weights.parquet").drop_duplicates(
        "particle"
    )
    at = pressures.groupby("release_height")["xpres"].mean().to_numpy()
    ground = at[0] * (at[0] / at[1]) ** (heights[0] / (heights[1] - heights[0]))
    edges = ground * np.linspace(1, 0, 21)
    own = shares_of_points(-(edges[1:] + edges[:-1]) / 2, np.full(20, 0.05), -at, -np.inf)
    print(
        "\nPYSTILT makes pressure weights of the particles' own heights and pressures, and knows none of a retrieval. "
        "Ours are the retrieval's,\ndealt to the same releases; what is below the lowest goes to it. "
        "By height, theirs and ours of 20 equal layers:"
    )
    for height, their, mine in zip(heights, theirs_, own, strict=True):
        print(f"  {height:6.0f} m  {their:.4f}  {mine:.4f}")
    print(f"  sum       {theirs_.sum():.4f}  {own.sum():.4f}")


def main() -> int:
    """Run both and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", type=Path, help="an interpreter that has PYSTILT")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        theirs(given.child)
        return 0
    if not SAMPLE.exists():
        print(f"no particles of PYSTILT's: {SAMPLE} (set STILT_SHARED)", file=sys.stderr)
        return 2
    python = given.python or install_peer()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        for name, (*_, heights) in SETS.items():
            particles = particles_of(folder, name)
            particles.to_parquet(folder / f"{name}, ours.parquet")
            for_them(particles, heights).to_parquet(folder / f"{name}.parquet")
        env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONSAFEPATH": "1"}
        subprocess.run([str(python), __file__, "--child", text], env=env, check=True)
        worst = max(compare(folder, name) for name in SETS)
        differences(folder)
    print(f"the same to {worst:.1e}, asked {TOLERANCE:g}: {'yes' if worst <= TOLERANCE else 'NO'}")
    return 0 if worst <= TOLERANCE else 1


def install_peer() -> Path:
    """Return the interpreter of a virtual environment with PYSTILT in it."""
    from bench.footprint import install_peer

    return install_peer()


if __name__ == "__main__":
    sys.exit(main())
