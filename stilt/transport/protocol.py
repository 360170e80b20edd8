"""What a transport engine is: the only thing a worker knows about transport."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from stilt.foundations.failures import Reason, TransportError

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.config.schema import Config
    from stilt.foundations.simulation import Simulation
    from stilt.particles.table import ParticleTable

__all__ = ["Engine", "Reason", "TransportError", "TransportResult"]


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
    provenance
        What else the outputs are to say of their making.
    facts
        What happened to the receptor that the particles do not tell (``stilt.transport.facts``).
    """

    particles: ParticleTable
    log: str
    met_files: tuple[Path, ...] = ()
    error_particles: ParticleTable | None = None
    peak_rss_bytes: int = 0
    provenance: dict[str, str] = field(default_factory=dict)
    facts: dict[str, float] = field(default_factory=dict)


class Engine(Protocol):
    """A transport model.

    One with code to compile may have ``compile_ahead()`` too, which is called once before workers start, unless
    machine code for the package of the engine's class is kept already (``stilt.kernels.compiled``). One that reads
    more than settings and meteorology has ``identity``, an ``EngineIdentity`` with the digests of that; else its
    version and the bytes of its module's file stand for it (``stilt.transport.engines.identity_of``).

    One that can tell from headers, settings and receptors which runs it refuses has ``refusals(starts, met, config)``,
    which returns ``Refusals`` (``stilt.transport.refusals`` has what makes them).
    ``check`` and ``run`` ask it for all receptors at once; its ``run`` is to raise the same for one.
    """

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

        Particle ``indx`` is released at ``receptor.release_points[(indx - 1) % n]``, or along the line of two heights
        at one place. Fewer particles than points are refused (``stilt.transport.shares``).

        ``workdir`` is an empty folder on node-local scratch that the caller removes.
        """
