"""Both engines on every kind of meteorology: runs without turbulence, row by row, and with it, by statistics.

``tools/oracles`` writes down what hycs_std computes; tests and ``tools/kinds`` hold the native engine against it.
"""

from __future__ import annotations

import csv
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stilt.config.schema import Config, HysplitSection, Met
from stilt.foundations.errors import StiltError
from stilt.foundations.simulation import Receptor, Simulation
from stilt.transport.engines import load_engine
from stilt.transport.native.engine import NativeEngine
from stilt.transport.protocol import TransportError
from tests.meteorology import KINDS, START, write

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stilt.particles.table import ParticleTable

FOLDER = Path(__file__).parent / "tables"
MEAN_TABLE, SPREAD_TABLE = FOLDER / "kinds_mean.csv", FOLDER / "kinds_spread.csv"

HOURS = 24
SEEDS, PARTICLES, SPREAD_HOURS = 6, 500, 6
MINUTES = (1, 60, 180, 360, 540, 720, 960, 1200, 1380)
COLUMNS = ("long", "lati", "zagl", "mlht", "dens", "pres", "temz", "rhfr", "wout", "zsfc")
SPREAD_COLUMNS = ("time", "indx", "long", "lati", "zagl", "foot", "mlht")
GROUND = ("kind", "place", "direction")

PLACES = {
    "a": (0.50, 0.50, 200.0),
    "b": (0.50, 0.50, 500.0),
    "c": (0.42, 0.58, 1000.0),
    "d": (0.58, 0.42, 1500.0),
    "e": (0.46, 0.44, 3000.0),
    "f": (0.54, 0.56, 5000.0),
}
"""Shares of the grid's columns and rows, and heights above ground."""

PAIRS = {"nested pair": ("coarse", "nest")}
_PARTS = {"coarse", "nest", "regional", "no motion"}
NAMES = (*(name for name in KINDS if name not in _PARTS), *PAIRS)

SETTINGS: dict[str, dict[str, Any]] = {
    "no motion": {},
    "by energy": {"kmixd": 2},
    "low top": {"z_top": 4000.0},
}
FILES = {**PAIRS, "by energy": ("hrrr36",), "low top": ("gfs",)}
MEAN_NAMES = (*NAMES, *SETTINGS)
"""And files without vertical motion, and settings of which hycs_std computes columns otherwise."""

TOLERANCE = {
    "place_deg": 2e-3,
    "zagl": 1.0,
    "mlht": 0.8,
    "dens": 3e-4,
    "pres": 0.15,
    "temz": 0.05,
    "rhfr": 2e-3,
    "wout": 3e-4,
    "zsfc": 1.0,
}
"""After up to 23 h. hycs_std's own single precision makes most of it."""

Row = dict[str, str]


@dataclass(frozen=True)
class Run:
    """One run without turbulence."""

    kind: str
    place: str
    direction: int

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.kind, self.place, f"{self.direction:+d}")


RUNS = [Run(kind, place, way) for kind in MEAN_NAMES for place in PLACES for way in (-1, 1)]


def write_kind(folder: Path, name: str) -> Met:
    """Write a day of a kind, and return how a config names it."""
    for number, kind in enumerate(FILES.get(name, (name,))):
        write(folder / f"met_20210601_{number}.arl", KINDS[kind], HOURS)
    return Met(str(folder), "met_%Y%m%d", "1d")


def outermost(name: str) -> str:
    """Name the kind whose grid the places of a kind are shares of."""
    return FILES.get(name, (name,))[-1]


def mean_rows(
    model: str,
    met: Met,
    run: Run,
    exe_dir: str | None = None,
    *,
    roughness: float | None = None,
) -> list[Row]:
    """Return the rows of a run at some minutes; one row with the reason where it is refused."""
    east, north, height = PLACES[run.place]
    hour = HOURS - 0.5 if run.direction < 0 else 0.5
    config = Config(
        mets={"met": met},
        n_hours=run.direction * (HOURS - 1),
        numpar=1,
        nturb=1,
        model=model,
        roughness=roughness,
        varsiwant=("time", "indx", *COLUMNS),
        hysplit=HysplitSection(exe_dir),
        **SETTINGS.get(run.kind, {}),
    )
    ground = dict(zip(GROUND, run.key, strict=True))
    try:
        table = compute(config, KINDS[outermost(run.kind)].at(east, north), height, hour)
    except (TransportError, StiltError) as error:
        return [{**ground, "minute": "refused", "long": _reason(error)}]
    minutes = np.abs(table["time"]).astype(int)
    found = []
    for minute in (*MINUTES, int(minutes[-1])):
        at = np.flatnonzero(minutes == minute)
        if at.size and (not found or found[-1]["minute"] != str(minute)):
            values = {name: f"{table[name][at[0]]:.6g}" for name in COLUMNS}
            values |= {name: f"{table[name][at[0]]:.4f}" for name in ("long", "lati", "zagl")}
            found.append({**ground, "minute": str(minute), **values})
    return found


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", "")
    return str(reason or type(error).__name__)


def compute(
    config: Config,
    where: tuple[float, float],
    height: float,
    hour: float,
    seed: int = 0,
    *,
    is_single: bool = False,
) -> ParticleTable:
    """Transport the particles of one point; ``is_single``: with the native engine, which rounds as hycs_std does."""
    when = START + timedelta(hours=hour)
    receptor = Receptor(f"{when:%Y%m%d%H%M}", (where[0],), (where[1],), (height,))
    simulation = Simulation(f"met_{when:%Y%m%d%H%M}_{seed}", "met", receptor)
    engine = load_engine(config)
    if is_single:
        engine = NativeEngine(config.roughness, config.hysplit.exe_dir, is_single=True)
    with tempfile.TemporaryDirectory() as scratch:
        workdir = Path(scratch) / "work"
        workdir.mkdir()
        return engine.run(simulation, config, workdir).particles


def differences(theirs: list[Row], ours: list[Row]) -> dict[str, list[float]]:
    """Return how far rows of the same minutes are apart, by column; the place in degrees of the globe."""
    found: dict[str, list[float]] = {name: [] for name in TOLERANCE}
    by_minute = {row["minute"]: row for row in ours}
    for row in theirs:
        other = by_minute.get(row["minute"])
        if other is None:
            continue
        east = (float(row["long"]) - float(other["long"]) + 180) % 360 - 180
        north = float(row["lati"]) - float(other["lati"])
        found["place_deg"].append(
            float(np.hypot(east * np.cos(np.radians(float(row["lati"]))), north))
        )
        for name in TOLERANCE:
            if name != "place_deg":
                found[name].append(abs(float(row[name]) - float(other[name])))
    return found


def verdict(theirs: list[Row], ours: list[Row]) -> tuple[str, dict[str, float]]:
    """Return alike, refused by one or both, or wrong, and the largest difference of each column.

    The mixed layer belongs to the nearest point: where a particle passes the middle between two points a row may
    have that of the other, so one row of a run may differ in it.
    """
    refusals = [rows[0]["minute"] == "refused" for rows in (theirs, ours)]
    if all(refusals):
        return "refused by both", {}
    if any(refusals):
        return ("refused by hycs_std alone" if refusals[0] else "refused by native alone"), {}
    apart = differences(theirs, ours)
    largest = {name: max(values, default=0.0) for name, values in apart.items()}
    judged = {**largest, "mlht": sorted(apart["mlht"])[-2] if len(apart["mlht"]) > 1 else 0.0}
    same_end = abs(int(theirs[-1]["minute"]) - int(ours[-1]["minute"])) <= 1
    fine = same_end and all(judged[name] <= limit for name, limit in TOLERANCE.items())
    return ("alike" if fine else "wrong"), largest


def spread_rows(
    model: str,
    met: Met,
    name: str,
    exe_dir: str | None = None,
    *,
    roughness: float | None = None,
    is_single: bool = False,
    seeds: int = SEEDS,
) -> list[Row]:
    """Return mean and standard error of statistics of runs with turbulence, all seeds together."""
    east, north, _ = PLACES["a"]
    where = KINDS[outermost(name)].at(east, north)
    config = Config(
        mets={"met": met},
        n_hours=-SPREAD_HOURS,
        numpar=PARTICLES,
        model=model,
        roughness=roughness,
        varsiwant=SPREAD_COLUMNS,
        hysplit=HysplitSection(exe_dir),
    )
    values: dict[str, list[float]] = {}
    for seed in range(seeds):
        table = compute(config, where, 50.0, HOURS - 3.5, seed, is_single=is_single)
        for statistic, each in statistics(table, where[0]).items():
            values.setdefault(statistic, []).extend(each)
    return [
        {"kind": name, "what": what, "mean": f"{np.mean(v):.9g}", "error": f"{_error(v):.3g}"}
        for what, v in values.items()
    ]


def _error(values: list[float]) -> float:
    return float(np.std(values) / np.sqrt(len(values)))


def statistics(table: ParticleTable, longitude: float) -> dict[str, list[float]]:
    """Return what is compared, one value a particle: places at some minutes, and the footprint of each hour.

    Longitudes are counted from that of the release.
    """
    east = (table["long"] - longitude + 180.0) % 360.0 - 180.0
    table = table.with_columns(long=east)
    minutes, found = np.abs(table["time"]).astype(int), {}
    for minute in (10, 60, 180, 360):
        at = minutes == minute
        for name in ("long", "lati", "zagl"):
            found[f"{name} {minute} min"] = table[name][at].tolist()
        found[f"low {minute} min"] = (
            (table["zagl"][at] < 0.5 * table["mlht"][at]).astype(float).tolist()
        )
    particle = table["indx"].astype(int) - 1
    for hour in range(SPREAD_HOURS):
        within = (minutes > 60 * hour) & (minutes <= 60 * hour + 60)
        foot = np.bincount(particle[within], table["foot"][within], PARTICLES)
        found[f"foot hour {hour}"] = foot.tolist()
    return found


def scores(theirs: Iterable[Row], ours: Iterable[Row]) -> dict[str, float]:
    """Return the difference of each statistic in standard errors."""
    mine = {row["what"]: row for row in ours}
    found = {}
    for row in theirs:
        other = mine[row["what"]]
        error = float(np.hypot(float(row["error"]), float(other["error"])))
        if error > 0.0:
            found[row["what"]] = (float(other["mean"]) - float(row["mean"])) / error
    return found


def differ_by_more_than_chance(score: dict[str, float]) -> bool:
    """Tell whether scores are larger than chance makes them: one beyond 4.5, or two beyond 3.5."""
    sizes = sorted(map(abs, score.values()))
    return sizes[-1] > 4.5 or sizes[-2] > 3.5


def stored(path: Path) -> dict[str, list[Row]]:
    """Return the rows of a table by kind."""
    found: dict[str, list[Row]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["kind"], []).append(row)
    return found


def store(path: Path, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    """Write a table."""
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
