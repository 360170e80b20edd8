"""What a transport engine is: the only thing a worker knows about transport."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.config.schema import Config
    from stilt.particles.table import ParticleTable
    from stilt.simulation import Simulation


class Reason(StrEnum):
    """Why a simulation failed."""

    MET_MISSING = "MET_MISSING"
    MET_COVERAGE = "MET_COVERAGE"
    MET_INTERVAL = "MET_INTERVAL"
    NO_PARTICLES = "NO_PARTICLES"
    TRUNCATED = "TRUNCATED"
    TIMEOUT = "TIMEOUT"
    KILLED = "KILLED"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    MODEL_ERROR = "MODEL_ERROR"
    DISK_FULL = "DISK_FULL"
    BAD_RECEPTOR = "BAD_RECEPTOR"
    INTERNAL = "INTERNAL"


class TransportError(Exception):
    """A simulation failed, for one of the known reasons.

    Parameters
    ----------
    reason
        The category that ``status`` counts.
    message
        One line: what happened, with the model's own words where there are any.
    log
        What the model printed, kept for the person who looks into it.
    """

    def __init__(self, reason: Reason, message: str, log: str = "") -> None:
        super().__init__(reason, message, log)
        self.reason = reason
        self.message = message
        self.log = log

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


@dataclass(frozen=True, slots=True)
class TransportResult:
    """What an engine returns for one simulation.

    Attributes
    ----------
    particles
        The main trajectories, before the hyper-near-field correction.
    log
        The engine's own words.
    met_files
        The meteorology that was read, in the order of use.
    error_particles
        The trajectories of a wind-error or mixed-layer-error run beside the main one.
    peak_rss_bytes
        Peak resident memory of the model's process; 0 where it ran in this one.
    """

    particles: ParticleTable
    log: str
    met_files: tuple[Path, ...] = ()
    error_particles: ParticleTable | None = None
    peak_rss_bytes: int = 0
    provenance: dict[str, str] = field(default_factory=dict)


class Engine(Protocol):
    """A transport model."""

    @property
    def name(self) -> str:
        """The name under which ``model:`` in config.yaml knows it."""

    @property
    def version(self) -> str:
        """What is written to outputs and into the transport digest."""

    def prepare(self, config: Config) -> None:
        """Check that the engine can run here with these settings; raise a ``StiltError`` that says what to do."""

    def run(self, simulation: Simulation, config: Config, workdir: Path) -> TransportResult:
        """Transport the particles of one receptor; raise ``TransportError`` if it fails.

        ``workdir`` is an empty folder on node-local scratch that the caller removes.
        """
