"""A transport engine for tests: fast, deterministic, and as badly behaved as a test asks it to be.

Name it in config.yaml as ``model: <path>/tests/engines.py:FakeEngine``. What it does is steered by the
release height of a receptor (see ``Behaviour``) and by the environment:

``FAKE_SLEEP``    seconds that each run takes (default 0)
``FAKE_TURNS``    a file with a number: that many runs each process ends, and waits in the next one until the number
                  has grown or the file is gone. So a test has runs at work for exactly as long as it needs them
``FAKE_RUNS``     a file to which each run appends one line ``<sim> <pid> begin|end``
``FAKE_MODEL``    1: the time is spent in a process of its own, as hycs_std does (its pid goes to FAKE_RUNS)
``FAKE_HEAL``     a file: while it does not exist, heights misbehave; once it exists, all runs are good
``FAKE_MEGABYTES`` what BIG_MEMORY takes (default 300)
``FAKE_BROKEN``   1: ``prepare`` refuses
``FAKE_DEATH``    a number: the worker is killed when a process of its pool has begun so many runs
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from enum import IntEnum
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.foundations.errors import EnvironmentFailure
from stilt.foundations.identity import EngineIdentity
from stilt.transport.protocol import Reason, TransportError, TransportResult

if TYPE_CHECKING:
    from stilt.config.schema import Config
    from stilt.foundations.simulation import Simulation
    from stilt.particles.table import ParticleTable


class Behaviour(IntEnum):
    """Release heights (m) that make a run misbehave; any other height is a good run."""

    MODEL_ERROR = 9001
    KILL_CHILD = 9002
    HANG = 9003
    BIG_MEMORY = 9004
    CRASH = 9005
    EMPTY = 9006
    DISK_FULL = 9007
    SEGFAULT = 9008
    MET_MISSING = 9009
    MODEL_KILLED = 9010


class FakeEngine:
    """Twenty particles that drift west, one row a minute for the hours asked for (at most 60 rows each)."""

    name = "fake"
    version = "1"

    def __init__(self) -> None:
        self.turn = 0

    def prepare(self, config: Config) -> None:  # noqa: ARG002 - the protocol's signature
        if os.environ.get("FAKE_BROKEN"):
            raise EnvironmentFailure("the fake engine is broken", "unset FAKE_BROKEN")

    def run(self, simulation: Simulation, config: Config, workdir: Path) -> TransportResult:
        _note(simulation.sim, "begin")
        (workdir / "PARTICLE.DAT").write_text("as a model leaves behind\n")
        self.turn += 1
        if os.environ.get("FAKE_DEATH") == str(self.turn):
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)  # it dies with its worker
        _await(self.turn)
        _spend(float(os.environ.get("FAKE_SLEEP", "0")))
        height = int(simulation.receptor.heights_m[0])
        if not _healed():
            _misbehave(height)
        table = particles(simulation, config, touching=height != Behaviour.EMPTY)
        errors = table.with_columns(long=table["long"] + 0.01) if config.has_wind_error else None
        _note(simulation.sim, "end")
        return TransportResult(
            particles=table,
            error_particles=errors,
            log="the fake model ran\n",
            met_files=(Path("/met/fake.arl"),),
            provenance={"fake": "yes"},
        )


class EngineAtHome(FakeEngine):
    """The same, and it reads a table that another home has another one of (``ENGINE_HOME``)."""

    @property
    def identity(self) -> EngineIdentity:
        digest = sha256(os.environ.get("ENGINE_HOME", "").encode()).hexdigest()
        return EngineIdentity(self.name, self.version, inputs={"table": digest})


def particles(simulation: Simulation, config: Config, *, touching: bool) -> ParticleTable:
    """Return a table with STILT's columns; ``foot`` is zero when nothing touches the surface."""
    import numpy as np

    from stilt.particles.table import ParticleTable

    receptor = simulation.receptor
    count = min(config.numpar, 20)
    minutes = min(abs(config.n_hours) * 60, 60)
    sign = -1.0 if config.n_hours < 0 else 1.0
    time_min, index = (
        grid.ravel()
        for grid in np.meshgrid(
            np.arange(1.0, minutes + 1), np.arange(1.0, count + 1), indexing="ij"
        )
    )
    rows = time_min.size
    return ParticleTable(
        {
            "time": sign * time_min,
            "indx": index,
            "long": receptor.longitudes[0] + sign * time_min * 2e-3 + index * 1e-4,
            "lati": receptor.latitudes[0] + index * 1e-3,
            "zagl": np.full(rows, 100.0),
            "foot": np.full(rows, 1e-3 if touching else 0.0),
            "mlht": np.full(rows, 1000.0),
            "dens": np.full(rows, 1.1),
            "samt": np.full(rows, 1.0 if touching else 0.0),
            "sigw": np.full(rows, 0.5),
            "tlgr": np.full(rows, 100.0),
        }
    )


def runs(path: Path, what: str = "end") -> list[str]:
    """Return the simulations that ``FAKE_RUNS`` says were begun or ended, in order, repeats included."""
    if not path.exists():
        return []
    return [line.split()[0] for line in path.read_text().splitlines() if line.endswith(what)]


def _healed() -> bool:
    heal = os.environ.get("FAKE_HEAL")
    return heal is not None and Path(heal).exists()


def _note(sim: str, what: str, pid: int = 0) -> None:
    path = os.environ.get("FAKE_RUNS")
    if path:
        line = f"{sim} {pid or os.getpid()} {what}\n".encode()
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)


def _await(turn: int) -> None:
    path = os.environ.get("FAKE_TURNS")
    with contextlib.suppress(FileNotFoundError):
        while path and int(Path(path).read_text()) < turn:
            time.sleep(0.02)


def _spend(seconds: float) -> None:
    if not seconds:
        return
    if not os.environ.get("FAKE_MODEL"):
        time.sleep(seconds)
        return
    with subprocess.Popen(["sleep", str(seconds)], start_new_session=True) as model:
        _note("model", "model", model.pid)
        code = model.wait()
    if code < 0:
        raise TransportError(Reason.KILLED, f"the fake model was killed by signal {-code}")


def _misbehave(height: int) -> None:
    if height == Behaviour.MODEL_ERROR:
        raise TransportError(Reason.MODEL_ERROR, "the fake model said no", "line 1\nsaid no\n")
    if height == Behaviour.MET_MISSING:
        raise TransportError(Reason.MET_MISSING, "no met file /met/fake.arl")
    if height == Behaviour.MODEL_KILLED:
        raise TransportError(Reason.KILLED, "the fake model was killed by signal 9")
    if height == Behaviour.DISK_FULL:
        raise TransportError(Reason.DISK_FULL, "no space left on the work disk")
    if height == Behaviour.CRASH:
        raise ZeroDivisionError("a bug in the fake model")
    if height == Behaviour.KILL_CHILD:
        os.kill(os.getpid(), signal.SIGKILL)
    if height == Behaviour.SEGFAULT:
        os.kill(os.getpid(), signal.SIGSEGV)
    if height == Behaviour.HANG:
        time.sleep(3600)
    if height == Behaviour.BIG_MEMORY:
        megabytes = int(os.environ.get("FAKE_MEGABYTES", "300"))
        held = [b"x" * 1_000_000 for _ in range(megabytes)]
        sys.stderr.write(f"{len(held)} MB taken\n")
