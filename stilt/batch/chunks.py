"""Chunks: immutable files that each list one worker's share of a batch.

A chunk is one line of JSON, ``{"format": 1, "simulations": [...]}``, and each simulation is an array of
the fields of ``ChunkEntry`` in order. Its file is named by the BLAKE2b-128 of its bytes, so that a worker
can tell the chunk it was given from one that was damaged or edited.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from stilt.foundations.errors import DamagedError
from stilt.foundations.inside import read_regular
from stilt.foundations.simulation import HeightReference, Receptor, Simulation
from stilt.log.bounds import entry_misfit
from stilt.weighting.kernel import Kernel  # noqa: TC001 - msgspec reads the annotation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

CHUNK_FORMAT = 1
MOST_BYTES = 1 << 30
"""Of a chunk: a million simulations are 110 MB, those with a hundred levels each 2.5 GB in several chunks."""

SPREAD = 8
"""Neighbouring receptors cost alike: this many chunks share a stretch of time among them."""

Task = Literal["transport", "footprints"]
Label = str | int | float | None


class ChunkEntry(Struct, frozen=True, array_like=True):
    """A simulation and what is to be done for it.

    Attributes
    ----------
    sim, met
        The simulation's id and its meteorology.
    time, longitudes, latitudes, heights_m, reference
        The receptor, as ``stilt.foundations.simulation.Receptor``.
    work
        ``transport``: everything. ``footprints``: footprints from the stored particles, if those were
        made with the batch's transport settings, and everything if not.
    before
        The imprints of what the log had of it when this was planned: its particles may be used again, and its
        files are removed when there are new ones. ``plain``: files with plain names.
    labels
        What ``receptors.csv`` has of it besides, by name: written into outputs, and without effect on them.
    kernels
        By footprint product what the levels of its column count; a product that has none of it is unweighted.
    """

    sim: str
    met: str
    time: str
    longitudes: tuple[float, ...]
    latitudes: tuple[float, ...]
    heights_m: tuple[float, ...]
    reference: HeightReference = "agl"
    work: Task = "transport"
    before: tuple[str, ...] = ()
    labels: dict[str, Label] = {}
    kernels: dict[str, Kernel] = {}

    @classmethod
    def of(
        cls,
        simulation: Simulation,
        work: Task,
        before: tuple[str, ...] = (),
        labels: dict[str, Label] | None = None,
        kernels: dict[str, Kernel] | None = None,
    ) -> ChunkEntry:
        """Return the entry for a simulation."""
        receptor = simulation.receptor
        return cls(
            simulation.sim,
            simulation.met,
            receptor.time,
            receptor.longitudes,
            receptor.latitudes,
            receptor.heights_m,
            receptor.reference,
            work,
            before,
            labels or {},
            kernels or {},
        )

    @property
    def receptor(self) -> Receptor:
        """The receptor of the simulation that the entry lists."""
        return Receptor(self.time, self.longitudes, self.latitudes, self.heights_m, self.reference)

    @property
    def simulation(self) -> Simulation:
        """The simulation that the entry lists."""
        return Simulation(self.sim, self.met, self.receptor)


class Chunk(Struct, frozen=True):
    """One worker's share of a batch."""

    format: int
    simulations: tuple[ChunkEntry, ...]


def encode_chunk(entries: Iterable[ChunkEntry]) -> bytes:
    """Return the canonical bytes of a chunk."""
    return msgspec.json.encode(Chunk(CHUNK_FORMAT, tuple(entries))) + b"\n"


def chunk_digest(data: bytes) -> str:
    """Return the name that a chunk's bytes give it, 32 hexadecimal digits."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def read_chunk(path: Path) -> Chunk:
    """Read a chunk and check its bytes against its name.

    Raises
    ------
    DamagedError
        If the file is missing, or its bytes are not those it was named for.
    """
    try:
        data = read_regular(path, MOST_BYTES)
    except OSError as error:
        raise DamagedError(
            f"chunk {path} cannot be read: {error.strerror}",
            "`stilt run` hands its work over again",
            code="HANDOVER_DAMAGED",
        ) from error
    digest = chunk_digest(data)
    if digest != path.stem:
        raise DamagedError(
            f"chunk {path} is damaged: its bytes hash to {digest}",
            "delete nothing; `stilt run` hands its work over again in a new chunk",
            code="HANDOVER_DAMAGED",
        )
    return _decode(data, path)


def _decode(data: bytes, path: Path) -> Chunk:
    try:
        chunk = msgspec.json.decode(data, type=Chunk)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedError(
            f"chunk {path} is no chunk: {error}",
            "`stilt run` hands its work over again",
            code="HANDOVER_DAMAGED",
        ) from error
    if chunk.format > CHUNK_FORMAT:
        raise DamagedError(
            f"chunk {path} has format {chunk.format}, this stilt reads up to {CHUNK_FORMAT}",
            "use the stilt that wrote it",
            code="FORMAT_NEWER",
        )
    why = next(filter(None, map(entry_misfit, chunk.simulations)), "")
    if why:
        raise DamagedError(
            f"chunk {path} is no chunk: {why}",
            "`stilt run` hands its work over again",
            code="HANDOVER_DAMAGED",
        )
    return chunk


def deal(ordered: Sequence[int], chunks: int) -> list[Sequence[int]]:
    """Deal items that are ordered by time to chunks of nearly equal size.

    Each run of ``SPREAD`` chunks gets one stretch of time and takes turns in it: a chunk stays within few
    meteorology files, and receptors that are neighbours go to different workers.
    """
    count = len(ordered)
    chunks = max(1, min(chunks, count))
    dealt: list[Sequence[int]] = []
    for first in range(0, chunks, SPREAD):
        group = min(SPREAD, chunks - first)
        stretch = ordered[count * first // chunks : count * (first + group) // chunks]
        dealt += [stretch[turn::group] for turn in range(group)]
    return dealt
