"""What the tables hold, and computing them anew: a few particles of the example's idealised atmosphere for each engine.

Whoever has a seed and a simulation's id has its particles: papers and reruns rely on it. So the numbers are kept,
with the version of the algorithm that they are of.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stilt.config.load import parse_config
from stilt.foundations.simulation import Receptor, Simulation
from stilt.particles.columns import COLUMNS
from stilt.transport.engines import load_engine
from stilt.transport.hysplit.namelist import render_setup
from stilt.transport.native.engine import ALGORITHM
from stilt.transport.native.randomness import Stream, first_uniforms, normal, stream_keys

if TYPE_CHECKING:
    from stilt.particles.table import ParticleTable

HERE = Path(__file__).parent
ENGINES = ("native", "hysplit")

SETTINGS = """\
mets: {{jet: {{directory: {met}, file_format: jet_%Y%m%d.arl, file_tres: 1d}}}}
model: {engine}
roughness: 0.2
n_hours: -1
numpar: 4
seed: {seed}
"""
WIND_ERRORS = "siguverr: 2\ntluverr: 60\nzcoruverr: 500\nhorcoruverr: 40\n"

MINUTES = (1, 2, 5, 10, 30, 60)
VALUES = ("long", "lati", "zagl", "foot")
UNIT = np.array([10.0 ** -COLUMNS[name].decimals for name in VALUES])
UNITS_APART = 5
"""Processors round differently, which shows in the last decimal. Another stream is thousands of these apart."""


class Case(NamedTuple):
    """A run: the simulation's id and heights (m), the project's seed, and whether the wind has errors.

    All are of one place and time, so that nothing but their random numbers tells runs of one height apart.
    """

    sim: str
    heights_m: tuple[float, ...] = (50.0,)
    seed: int = 0
    error: bool = False

    @property
    def simulation(self) -> Simulation:
        count = len(self.heights_m)
        receptor = Receptor("202606161900", (-111.9,) * count, (40.5,) * count, self.heights_m)
        return Simulation(self.sim, "jet", receptor)


CASES = {
    "plain": Case("jet_one"),
    "another simulation": Case("jet_two"),
    "another seed": Case("jet_one", seed=7),
    "wind errors": Case("jet_one", error=True),
    "column": Case("jet_one", heights_m=(10.0, 800.0)),
}
SEEDED = ((0, "jet_one"), (0, "jet_two"), (7, "jet_one"), (0, "jet_202606161900_-111.9_40.5_50"))


@dataclass(frozen=True)
class Table:
    """Numbers of one engine, the version that they are of, and what each line is about."""

    version: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def read(cls, name: str) -> Table:
        """Read a table of this folder."""
        head, _, rest = (HERE / f"{name}.csv").read_text().partition("\n")
        columns, *rows = csv.reader(io.StringIO(rest))
        return cls(head.removeprefix("# version "), tuple(columns), tuple(map(tuple, rows)))

    def write(self, name: str) -> None:
        """Write a table to this folder."""
        lines = [f"# version {self.version}", ",".join(self.columns), *map(",".join, self.rows)]
        (HERE / f"{name}.csv").write_text("\n".join(lines) + "\n")

    def agrees(self, other: Table) -> bool:
        """Return whether all is the same but for what rounding does; texts must be equal."""
        if (self.version, self.columns) != (other.version, other.columns):
            return False
        exact = len(self.columns) - len(VALUES) if self.columns[-len(VALUES) :] == VALUES else None
        if [row[:exact] for row in self.rows] != [row[:exact] for row in other.rows]:
            return False
        return exact is None or bool(np.all(self.units_apart(other) < UNITS_APART + 0.5))

    def units_apart(self, other: Table, case: str = "", other_case: str = "") -> np.ndarray:
        """Return how far particles are apart, in units of the last decimal, of all cases or of two."""
        return np.abs(self._numbers(case) - other._numbers(other_case or case)) / UNIT

    def _numbers(self, case: str) -> np.ndarray:
        return np.array(
            [row[-len(VALUES) :] for row in self.rows if not case or row[0] == case], float
        )


def particles(engine: str, met: Path) -> Table:
    """Run an engine for each case; native needs no HYSPLIT, and its table is of one without."""
    rows: list[tuple[str, ...]] = []
    version = ""
    for name, case in CASES.items():
        text = SETTINGS.format(met=met, engine=engine, seed=case.seed)
        config = parse_config(text + WIND_ERRORS * case.error, "the golden tables' settings")
        model = load_engine(config)
        version = ALGORITHM if engine == "native" else model.version
        with tempfile.TemporaryDirectory() as folder:
            workdir = Path(folder, "work")
            workdir.mkdir()
            result = model.run(case.simulation, config, workdir)
        table = result.error_particles if case.error else result.particles
        assert table is not None
        rows += [(name, *row) for row in _some(table)]
    return Table(version, ("case", "time", "indx", *VALUES), tuple(rows))


def _some(table: ParticleTable) -> list[tuple[str, ...]]:
    """Return the rows of some minutes, as text with the decimals that hycs_std prints."""
    names = ("time", "indx", *VALUES)
    chosen = np.flatnonzero(np.isin(-table["time"], MINUTES))
    order = chosen[np.lexsort((-table["time"][chosen], table["indx"][chosen]))]
    return [
        tuple(f"{table[name][row]:.{COLUMNS[name].decimals}f}" for name in names) for row in order
    ]


def seeds(engine: str) -> Table:
    """Derive the seeds of some simulations, as far as the model gets them."""
    if engine == "hysplit":
        rows = [(str(seed), sim, *_namelist(seed, sim)) for seed, sim in SEEDED]
        return Table(_hysplit_version(), ("seed", "sim", "krand", "seed_cfg"), tuple(rows))
    rows = [
        (str(seed), sim, run, *_stream(Stream(seed, sim, run)))
        for seed, sim in SEEDED
        for run in ("main", "error")
    ]
    columns = ("seed", "sim", "run", "start", "increment", "uniform", "normal_1", "normal_2")
    return Table(ALGORITHM, columns, tuple(rows))


def _hysplit_version() -> str:
    from stilt.transport.hysplit.install import VERSION
    from stilt.transport.hysplit.namelist import SEEDING

    return f"{VERSION} seeding {SEEDING}" if SEEDING > 1 else VERSION


def _namelist(seed: int, sim: str) -> tuple[str, ...]:
    """Return KRAND and SEED of SETUP.CFG."""
    config = parse_config(SETTINGS.format(met="met", engine="hysplit", seed=seed), "settings")
    text = render_setup(Simulation(sim, "jet", CASES["plain"].simulation.receptor), config)
    found = dict(re.findall(r"^(KRAND|SEED)=(.*),$", text, re.MULTILINE))
    return found["KRAND"], found["SEED"]


def _stream(stream: Stream) -> tuple[str, ...]:
    """Return where the stream of the second particle begins, and the first numbers that it gives."""
    keys = stream_keys(stream, 2)
    start, increment = keys[1]
    with np.errstate(over="ignore"):
        first, state = normal(start, increment)
        second, _ = normal(state, increment)
    numbers = (float(first_uniforms(keys)[1]), first, second)
    return f"{start:016x}", f"{increment:016x}", *(f"{number:.9f}" for number in numbers)
