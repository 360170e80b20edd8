"""Run both transport engines on the receptors of a project and say how far their statistics are apart.

    .venv/bin/python tools/compare.py PROJECT [--runs 4] [--particles 500] [--keep FOLDER]

hycs_std runs several times with krand=4 (other random numbers each time); the native engine once with as many
particles as all those runs together. For every statistic the table gives z = difference / standard error; if both
engines draw from the same distribution, z is standard normal. Particles of one run are independent, so the standard
errors follow from the spread between particles; that between the runs of hycs_std is printed beside it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stilt.config.schema import Config
    from stilt.simulation import Simulation

HOURS = (1, 3, 6, 12, 24)
COLUMNS = ("time", "indx", "long", "lati", "zagl", "foot", "mlht", "dens", "samt", "sigw", "tlgr")
FEWEST = 20
"""Particles below which a statistic is left out."""

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


def run_once(model: str, config: Config, simulation: Simulation) -> Values:
    """Return the particles of one run of an engine."""
    from stilt.transport.engines import load_engine

    chosen = msgspec.structs.replace(config, model=model, varsiwant=COLUMNS)
    engine = load_engine(chosen)
    with tempfile.TemporaryDirectory() as scratch:
        workdir = Path(scratch) / "work"
        workdir.mkdir()
        table = engine.run(simulation, chosen, workdir).particles
    return per_particle(table, config.n_hours, config.numpar)


def compare(simulation: Simulation, config: Config, runs: int, keep: Path | None) -> list[Score]:
    """Run both engines on a receptor."""
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
    many = msgspec.structs.replace(config, numpar=config.numpar * runs, krand=None)
    return scores(hysplit, run_once("native", many, simulation))


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
        found = compare(simulation, config, arguments.runs, arguments.keep)
        show(simulation.sim, found, arguments.shown)
        total = next(score for score in found if score.what == "foot total, mean")
        print(
            f"    total footprint: native / hycs_std = {total.native / total.hysplit:.4f}",
            flush=True,
        )
        everything += found
    show("all receptors", everything, 0)
    for kind in ("long", "lati", "zagl", "below", "foot"):
        show(f"  {kind}", [score for score in everything if score.what.startswith(kind)], 0)


if __name__ == "__main__":
    main()
