"""Run both transport engines on the receptors of a project and say how far their statistics are apart.

    .venv/bin/python tools/compare.py PROJECT [--runs 4] [--particles 500] [--keep FOLDER]

hycs_std runs several times with krand=4 (other random numbers each time), and the native engine as often with as
many seeds. For every statistic the table gives z = difference / standard error, all runs of an engine together; if
both engines draw from the same distribution, z is standard normal. Particles of one run are independent, so the
standard errors follow from the spread between particles; that between the runs of hycs_std is printed beside it.

Gridded footprints (the project's first grid, hours added up) are compared in pairs of runs: the correlation of their
cells, and the ratio of their totals, native with hycs_std beside hycs_std with itself. Footprints of one distribution
are as much alike across the engines as within one.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.config.schema import Config
    from stilt.foundations.simulation import Simulation
    from stilt.particles.table import ParticleTable

HOURS = (1, 3, 6, 12, 24)
COLUMNS = ("time", "indx", "long", "lati", "zagl", "foot", "mlht", "dens", "samt", "sigw", "tlgr")
FEWEST = 20
"""Particles below which a statistic is left out."""

GRID = "footprint on the grid"

Values = dict[str, "NDArray[np.float64]"]


@dataclass(frozen=True, slots=True)
class Score:
    """One statistic of both engines."""

    what: str
    hysplit: float
    native: float
    error: float
    between_runs: float

    @property
    def z(self) -> float:
        """The difference in standard errors."""
        return (self.native - self.hysplit) / self.error


def per_particle(table: object, n_hours: int, numpar: int) -> Values:
    """Return what is compared, one value a particle; NaN for those that have left."""
    steps = 60 * abs(n_hours)
    step = np.abs(table["time"]).astype(int) - 1
    particle = table["indx"].astype(int) - 1
    field = {}
    for name in COLUMNS[2:]:
        field[name] = np.full((steps, numpar), np.nan)
        field[name][step, particle] = table[name]
    found: Values = {}
    for hour in (hour for hour in HOURS if 60 * hour <= steps):
        row = 60 * hour - 1
        for name in ("long", "lati", "zagl"):
            found[f"{name} {hour} h"] = field[name][row]
        low = (field["zagl"][row] < 0.5 * field["mlht"][row]).astype(float)
        found[f"below half {hour} h"] = np.where(np.isnan(field["zagl"][row]), np.nan, low)
    foot = np.nan_to_num(field["foot"])
    for hour in range(steps // 60):
        found[f"foot hour {hour}"] = foot[60 * hour : 60 * hour + 60].sum(axis=0)
    found["foot total"] = foot.sum(axis=0)
    return found


def mean_and_error(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean and its standard error."""
    return float(values.mean()), float(values.std() / np.sqrt(values.size))


def spread_and_error(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the standard deviation and its standard error, from the fourth moment."""
    centred = values - values.mean()
    variance = (centred**2).mean()
    excess = max(0.0, float((centred**4).mean() - variance**2))
    deviation = float(np.sqrt(variance))
    return deviation, float(np.sqrt(excess / values.size)) / (2.0 * deviation) if deviation else 0.0


def known(runs: list[Values], name: str) -> list[NDArray[np.float64]]:
    """Return a statistic of each run, one value for each particle that is still there."""
    return [run[name][~np.isnan(run[name])] for run in runs]


def scores(hysplit: list[Values], native: list[Values]) -> list[Score]:
    """Compare each statistic of all runs of hycs_std together with the native ones."""
    found = []
    for name in set(native[0]) - {GRID}:
        runs = known(hysplit, name)
        theirs, mine = np.concatenate(runs), np.concatenate(known(native, name))
        if min(theirs.size, mine.size) < FEWEST:
            continue
        measures = {"mean": mean_and_error}
        if not name.startswith(("below", "foot")):
            measures["sd"] = spread_and_error
        for label, measure in measures.items():
            (a, a_error), (b, b_error) = measure(theirs), measure(mine)
            error = float(np.hypot(a_error, b_error))
            if error > 0.0:
                between = (
                    float(np.std([measure(run)[0] for run in runs if run.size], ddof=1))
                    if len(runs) > 1
                    else 0.0
                )
                found.append(Score(f"{name}, {label}", a, b, error, between))
    return found


def gridded(table: ParticleTable, simulation: Simulation, config: Config) -> NDArray[np.float64]:
    """Return the footprint on the project's first grid, the sum over all hours; (y, x)."""
    from stilt.footprint.calc import calc_footprint
    from stilt.footprint.hnf import dilute_near_field

    if config.hnf_plume:
        table = dilute_near_field(table, simulation.receptor, config.veght)
    grid = next(iter(config.footprints.values()))
    return calc_footprint(table, grid, simulation.receptor).values.sum(axis=0, dtype=float)


def run_once(model: str, config: Config, simulation: Simulation) -> Values:
    """Return the particles of one run of an engine."""
    from stilt.transport.engines import load_engine

    chosen = msgspec.structs.replace(config, model=model, varsiwant=COLUMNS)
    engine = load_engine(chosen)
    with tempfile.TemporaryDirectory() as scratch:
        workdir = Path(scratch) / "work"
        workdir.mkdir()
        table = engine.run(simulation, chosen, workdir).particles
    values = per_particle(table, config.n_hours, config.numpar)
    if config.footprints:
        values[GRID] = gridded(table, simulation, config)
    return values


def run_both(
    simulation: Simulation, config: Config, runs: int, keep: Path | None
) -> tuple[list[Values], list[Values]]:
    """Return the runs of hycs_std and those of the native engine."""
    hysplit = []
    disturbed = msgspec.structs.replace(config, krand=4)
    for number in range(runs):
        kept = keep / f"{simulation.sim}_{config.numpar}_{number}.npz" if keep else None
        if kept and kept.exists():
            hysplit.append(dict(np.load(kept)))
            continue
        hysplit.append(run_once("hysplit", disturbed, simulation))
        if kept:
            np.savez_compressed(kept, **hysplit[-1])
    seeded = (msgspec.structs.replace(config, krand=None, seed=number) for number in range(runs))
    return hysplit, [run_once("native", one, simulation) for one in seeded]


def show_grids(hysplit: list[Values], native: list[Values]) -> None:
    """Print how much alike gridded footprints are, across the engines and within each."""
    theirs, ours = ([run[GRID] for run in runs] for runs in (hysplit, native))
    for title, pairs in (
        ("native with hycs_std", list(product(ours, theirs))),
        ("hycs_std with itself", list(combinations(theirs, 2))),
        ("native with itself", list(combinations(ours, 2))),
    ):
        if pairs:
            alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs]
            ratios = [a.sum() / b.sum() for a, b in pairs]
            print(
                f"    gridded, {title:21s} correlation {np.mean(alike):.4f} ({min(alike):.4f} to "
                f"{max(alike):.4f}), ratio of totals {np.mean(ratios):.4f} ({min(ratios):.4f} to {max(ratios):.4f})"
            )


def show(title: str, found: list[Score], shown: int) -> None:
    """Print a summary and the largest scores."""
    z = np.array([score.z for score in found])
    beyond = 100.0 * np.mean(np.abs(z) > 2.0)
    print(
        f"{title}: {z.size} statistics, z has mean {z.mean():+.2f}, sd {z.std():.2f}; {beyond:.1f} % beyond 2"
    )
    for score in sorted(found, key=lambda score: -abs(score.z))[:shown]:
        print(
            f"    {score.what:22s} hycs_std {score.hysplit:11.5f} (runs differ by {score.between_runs:.5f})  "
            f"native {score.native:11.5f}  z {score.z:+.2f}"
        )


def main() -> None:
    """Read the command line and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("project", type=Path)
    parser.add_argument(
        "--runs", type=int, default=4, help="runs of hycs_std with other random numbers"
    )
    parser.add_argument("--particles", type=int, default=500, help="particles of one of them")
    parser.add_argument(
        "--keep", type=Path, help="folder where runs of hycs_std are kept and found again"
    )
    parser.add_argument(
        "--shown", type=int, default=5, help="largest scores to print for a receptor"
    )
    arguments = parser.parse_args()
    from stilt.config.load import load_config
    from stilt.receptors.read import read_receptors

    config = load_config(arguments.project / "config.yaml")
    os.chdir(arguments.project)
    simulations = read_receptors(Path("receptors.csv"), tuple(config.mets))
    config = msgspec.structs.replace(config, numpar=arguments.particles)
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    everything: list[Score] = []
    for simulation in simulations:
        hysplit, native = run_both(simulation, config, arguments.runs, arguments.keep)
        found = scores(hysplit, native)
        show(simulation.sim, found, arguments.shown)
        total = next(score for score in found if score.what == "foot total, mean")
        print(
            f"    total footprint: native / hycs_std = {total.native / total.hysplit:.4f}",
            flush=True,
        )
        if GRID in native[0]:
            show_grids(hysplit, native)
        everything += found
    show("all receptors", everything, 0)
    for kind in ("long", "lati", "zagl", "below", "foot"):
        show(f"  {kind}", [score for score in everything if score.what.startswith(kind)], 0)


if __name__ == "__main__":
    main()
