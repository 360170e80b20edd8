"""Hot paths, one each, for ``tools/benchmarks``: small enough for a minute together, so that every change can be seen.

What whole runs cost, at size and beside other tools, the other scripts of this folder say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import stilt
from stilt.config.load import load_config
from stilt.config.schema import FootprintGrid
from stilt.example.starter import write_starter
from stilt.footprint.calc import calc_footprint
from stilt.foundations.simulation import Receptor, Simulation
from stilt.particles.parquet import read_particles, write_particles
from stilt.receptors import read_receptors
from stilt.status.gather import gather
from stilt.status.opened import open_project
from stilt.transport.engines import load_engine

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.config.schema import Config
    from stilt.particles.table import ParticleTable

SIMULATION = Simulation(
    "jet_202606162200_-111.9_40.5_30",
    "jet",
    Receptor("202606162200", (-111.9,), (40.5,), (30.0,)),
)
GRID = FootprintGrid(xmin=-122, xmax=-110, ymin=38, ymax=44, xres=0.05, yres=0.05)
RECEPTORS = 20_000


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the example."""
    folder = tmp_path_factory.mktemp("bench") / "example"
    write_starter(folder, example=True)
    stilt.Project(folder).run(say=lambda _line: None)
    return folder


@pytest.fixture(scope="module")
def config(project: Path) -> Config:
    """Its settings."""
    return load_config(project / "config.yaml")


@pytest.fixture(scope="module")
def particles(config: Config, tmp_path_factory: pytest.TempPathFactory) -> ParticleTable:
    """200 particles over 24 hours."""
    return run_native(config, tmp_path_factory.mktemp("run"))


def run_native(config: Config, folder: Path) -> ParticleTable:
    """Return the particles of one receptor."""
    return load_engine(config).run(SIMULATION, config, folder).particles


def test_settings(benchmark: Any, project: Path) -> None:
    """Read config.yaml."""
    benchmark(load_config, project / "config.yaml")


def test_receptors(benchmark: Any, tmp_path: Path) -> None:
    """Read a table of 20,000 rows."""
    table = tmp_path / "receptors.csv"
    rows = (f"2026-06-16 12:00,{-111 + 1e-4 * n:.4f},40.5,30\n" for n in range(RECEPTORS))
    table.write_text("time,longitude,latitude,altitude\n" + "".join(rows), encoding="utf-8")
    assert len(benchmark(read_receptors, table, ("jet",))) == RECEPTORS


def test_transport(benchmark: Any, config: Config, tmp_path: Path) -> None:
    """One receptor of native: 200 particles, 24 hours."""
    benchmark(run_native, config, tmp_path)


def test_footprint(benchmark: Any, particles: ParticleTable) -> None:
    """Spread them over 120 x 240 cells, an hour each."""
    benchmark(calc_footprint, particles, GRID, SIMULATION.receptor)


def test_particles_written(benchmark: Any, particles: ParticleTable, tmp_path: Path) -> None:
    """Store them."""
    benchmark(write_particles, tmp_path / "p.parquet", particles, provenance={})


def test_particles_read(benchmark: Any, particles: ParticleTable, tmp_path: Path) -> None:
    """Read them again."""
    write_particles(tmp_path / "p.parquet", particles, provenance={})
    benchmark(read_particles, tmp_path / "p.parquet")


def test_status(benchmark: Any, project: Path) -> None:
    """Say how a small project stands."""
    benchmark(lambda: gather(open_project(project), ask_slurm=False))


def test_matrix(benchmark: Any, project: Path) -> None:
    """Read six footprints into the matrix of an inversion."""
    opened = stilt.Project(project)
    benchmark(opened.jacobian, 0.5, "1D")
