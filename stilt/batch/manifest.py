"""The manifest of a batch: ``batch.json`` beside its chunks."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from stilt.foundations.errors import DamagedError
from stilt.foundations.identity import EngineIdentity, parse_label
from stilt.foundations.inside import read_regular
from stilt.log.bounds import misfit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    from stilt.foundations.paths import Layout

    Manifests: TypeAlias = dict[str, "Manifest"]

MANIFEST_FORMAT = 1
MOST_BYTES = 256 << 20
"""Of a manifest: a million chunks are 45 MB."""

_ID_DIGITS = 10


class ChunkRef(Struct, frozen=True, array_like=True):
    """A chunk of the batch: the digest that names its file, and how many simulations it lists."""

    digest: str
    count: int


class Manifest(Struct, frozen=True, kw_only=True):
    """What was handed over. Nothing in it depends on when or where that was.

    Attributes
    ----------
    batch, seq
        The id, a digest of the content, and the sequence number.
    config
        Digest of the settings, which names their snapshot.
    engine
        Name, version and setting of the transport engine, in one line.
    identity
        The same with the digests of what it reads; None in older manifests.
    programs
        Where those of its inputs are that are executed; the others are copied into the output root.
    receptors
        Digest of the file with the receptors; empty in older manifests.
    chunks
        In task order: task k works on ``chunks[k]``.
    total
        Simulations in all chunks.
    cpus
        Simulations that a worker runs at the same time.
    transports, footprints
        Settings digests: of the transport by meteorology, of each footprint product.
    project_total
        Simulations that the project had when this was planned, those already complete included.
    likely_wall_s
        What a simulation took at most of the time in earlier batches; 0 where nothing is known.
    levels
        ``own particles``: by what levels weigh. In older manifests empty: those with a particle more counted more.
    """

    batch: str
    seq: int
    config: str
    engine: str
    backend: str
    chunks: tuple[ChunkRef, ...]
    total: int
    cpus: int = 1
    transports: dict[str, str] = {}
    footprints: dict[str, str] = {}
    project_total: int = 0
    likely_wall_s: float = 0.0
    max_fails: int = 0
    identity: EngineIdentity | None = None
    programs: dict[str, str] = {}
    receptors: str = ""
    levels: str = ""
    format: int = MANIFEST_FORMAT

    @property
    def made_by(self) -> EngineIdentity:
        """The engine, as far as the manifest tells."""
        return self.identity or parse_label(self.engine)

    def inputs(self, layout: Layout) -> dict[str, Path]:
        """Return the files that the engine reads besides settings and meteorology, by name."""
        if self.identity is None:
            return {}
        return {
            name: Path(self.programs[name]) if name in self.programs else layout.input(digest, name)
            for name, digest in self.identity.inputs.items()
        }


def batch_id(manifest: Manifest) -> str:
    """Return the id: the sequence number for people, and a digest of what is handed over."""
    content = msgspec.structs.replace(manifest, batch="", likely_wall_s=0.0)
    digest = hashlib.blake2b(msgspec.json.encode(content), digest_size=_ID_DIGITS // 2).hexdigest()
    return f"{manifest.seq:04d}-{digest}"


def sequence_number(batch: str) -> int:
    """Return the sequence number that a batch's id begins with; 0 if the id is none of ours."""
    number = batch.partition("-")[0]
    return int(number) if number.isdecimal() else 0


def newest_first(layout: Layout) -> list[str]:
    """Return the names in the folder of chunks, those of batches first, by their numbers."""
    try:
        names = [path.name for path in layout.chunks_dir.iterdir()]
    except OSError:
        return []
    return sorted(names, key=sequence_number, reverse=True)


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the bytes of ``batch.json``."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def read_manifest(path: Path) -> Manifest:
    """Read ``batch.json``.

    Raises
    ------
    DamagedError
        If it is missing, torn or of a newer format.
    """
    try:
        manifest = msgspec.json.decode(read_regular(path, MOST_BYTES), type=Manifest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise DamagedError(
            f"the batch's manifest {path} cannot be read: {why}",
            "`stilt run` hands its work over again",
            code="HANDOVER_DAMAGED",
        ) from error
    if manifest.format > MANIFEST_FORMAT:
        raise DamagedError(
            f"{path} has format {manifest.format}, this stilt reads up to {MANIFEST_FORMAT}",
            "use the stilt that wrote it",
            code="FORMAT_NEWER",
        )
    why = misfit(manifest)
    if why:
        raise DamagedError(
            f"the batch's manifest {path} cannot be read: {why}",
            "`stilt run` hands its work over again",
            code="HANDOVER_DAMAGED",
        )
    return manifest


def newest_of(manifests: Iterable[Manifest]) -> Manifest | None:
    """Return the manifest of the newest batch; None if there is none."""
    return max(manifests, key=lambda manifest: manifest.seq, default=None)


def total_of(manifests: Manifests) -> int:
    """Return how many simulations the project had when its newest batch was planned; 0 where none tells."""
    newest = newest_of(manifests.values())
    return newest.project_total if newest else 0
