"""Run both transport engines on the receptors of a project and say how far their statistics are apart.

    .venv/bin/python tools/compare.py PROJECT [--runs 4] [--particles 500] [--keep FOLDER]

hycs_std runs several times with krand=4 (other random numbers each time); the native engine once with as many
particles as all those runs together. For every statistic the table gives z = difference / standard error; if both
engines draw from the same distribution, z is standard normal. Particles of one run are independent, so the standard
errors follow from the spread between particles; that between the runs of hycs_std is printed beside it.

The last table is of gridded footprints, summed over time, on the first grid of the project: how one native run
compares with each run of hycs_std, beside how the runs of hycs_std compare with each other. All have equally many
particles; so if the engines draw from the same distribution, both pairs of columns tell the same.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from stilt.config.schema import Config, FootprintGrid
    from stilt.simulation import Simulation

HOURS = (1, 3, 6, 12, 24)
COLUMNS = ("time", "indx", "long", "lati", "zagl", "foot", "mlht", "dens", "samt", "sigw", "tlgr")
FEWEST = 20
"""Particles below which a statistic is left out."""

Values = dict[str, "NDArray[np.float64]"]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an engine: what is compared of each particle, and the footprint, shape (y, x)."""

    values: Values
    footprint: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike footprints are: mean correlation over cells, mean ratio of totals and its spread."""

    correlation: float
    ratio: float
    spread: float


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


def scores(hysplit: list[Values], native: Values) -> list[Score]:
    """Compare each statistic of all runs of hycs_std together with the native one."""
    found = []
    for name, ours in native.items():
        runs = [run[name][~np.isnan(run[name])] for run in hysplit]
        theirs, mine = np.concatenate(runs), ours[~np.isnan(ours)]
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


def run_once(model: str, config: Config, simulation: Simulation) -> Run:
    """Run an engine on a receptor."""
    from stilt.footprint.calc import calc_footprint
    from stilt.transport.engines import load_engine

    chosen = msgspec.structs.replace(config, model=model, varsiwant=COLUMNS)
    engine = load_engine(chosen)
    with tempfile.TemporaryDirectory() as scratch:
        workdir = Path(scratch) / "work"
        workdir.mkdir()
        table = engine.run(simulation, chosen, workdir).particles
    footprint = calc_footprint(table, first_grid(config), simulation.receptor)
    gridded = footprint.values.sum(axis=0, dtype=float)
    return Run(per_particle(table, config.n_hours, config.numpar), gridded)


def first_grid(config: Config) -> FootprintGrid:
    """Return the grid that footprints are compared on."""
    if not config.footprints:
        raise SystemExit("config.yaml names no grid under footprints: add one")
    return next(iter(config.footprints.values()))


def hysplit_runs(simulation: Simulation, config: Config, runs: int, keep: Path | None) -> list[Run]:
    """Run hycs_std with other random numbers each time, or read what was kept of that."""
    disturbed = msgspec.structs.replace(config, krand=4)
    found = []
    for number in range(runs):
        kept = keep / f"{simulation.sim}_{config.numpar}_{number}.npz" if keep else None
        if kept and kept.exists():
            values = dict(np.load(kept))
            found.append(Run(values, values.pop("footprint")))
            continue
        found.append(run_once("hysplit", disturbed, simulation))
        if kept:
            np.savez_compressed(kept, footprint=found[-1].footprint, **found[-1].values)
    return found


def likeness(pairs: Iterable[tuple[Run, Run]]) -> Likeness:
    """Compare the footprints of pairs of runs, the ratio being that of the second to the first."""
    both = [(a.footprint, b.footprint) for a, b in pairs]
    correlations = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in both]
    ratios = np.array([b.sum() / a.sum() for a, b in both])
    return Likeness(float(np.mean(correlations)), float(ratios.mean()), float(ratios.std()))


def show_footprints(title: str, theirs: Likeness, ours: Likeness) -> None:
    """Print a row of the table of footprints."""
    print(
        f"{title:42s} {theirs.correlation:11.4f} {ours.correlation:11.4f}"
        f"  {theirs.ratio:8.4f} +- {theirs.spread:.4f}  {ours.ratio:8.4f} +- {ours.spread:.4f}"
    )


def footprint_table(found: dict[str, tuple[list[Run], Run]]) -> None:
    """Print how alike footprints are, a row a receptor and their means."""
    print(f"{'':42s} {'correlation':>23s}  {'ratio of totals and its spread':>38s}")
    names = ("hycs-hycs", "native-hycs")
    print(f"{'footprints':42s} {names[0]:>11s} {names[1]:>11s}  {names[0]:>18s}  {names[1]:>18s}")
    rows = []
    for sim, (hysplit, native) in found.items():
        # each pair both ways, so that no run is the one that the others are measured by
        theirs = [pair for a, b in combinations(hysplit, 2) for pair in ((a, b), (b, a))]
        rows.append((likeness(theirs), likeness((run, native) for run in hysplit)))
        show_footprints(sim, *rows[-1])
    means = [
        Likeness(
            *(
                float(np.mean([getattr(row[which], name) for row in rows]))
                for name in ("correlation", "ratio", "spread")
            )
        )
        for which in range(2)
    ]
    show_footprints("mean", *means)


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
    gridded: dict[str, tuple[list[Run], Run]] = {}
    for simulation in simulations:
        hysplit = hysplit_runs(simulation, config, arguments.runs, arguments.keep)
        one = msgspec.structs.replace(config, krand=None)
        many = msgspec.structs.replace(one, numpar=config.numpar * arguments.runs)
        native = run_once("native", many, simulation)
        found = scores([run.values for run in hysplit], native.values)
        show(simulation.sim, found, arguments.shown)
        total = next(score for score in found if score.what == "foot total, mean")
        print(
            f"    total footprint: native / hycs_std = {total.native / total.hysplit:.4f}",
            flush=True,
        )
        everything += found
        gridded[simulation.sim] = hysplit, run_once("native", one, simulation)
    show("all receptors", everything, 0)
    for kind in ("long", "lati", "zagl", "below", "foot"):
        show(f"  {kind}", [score for score in everything if score.what.startswith(kind)], 0)
    if arguments.runs > 1:
        footprint_table(gridded)


if __name__ == "__main__":
    main()
