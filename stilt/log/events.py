"""The events of the output index.

Fields are only ever added, and meanings never change. ``spec/log-format.md`` is normative.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from stilt.foundations.identity import EngineIdentity  # noqa: TC001 - msgspec reads the annotation
from stilt.foundations.writers import Role, Writer

__all__ = [
    "FORMAT_MAJOR",
    "FORMAT_MINOR",
    "Archived",
    "Cancelled",
    "Closed",
    "Done",
    "Event",
    "Identified",
    "Invalid",
    "Outcome",
    "Output",
    "Pending",
    "Role",
    "Segment",
    "Started",
    "Submitted",
    "Submitting",
    "Writer",
]

FORMAT_MAJOR = 1
FORMAT_MINOR = 4

Outcome = Literal["complete", "empty", "failed", "interrupted"]


class Segment(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="segment"):
    """The header: the first event of every segment.

    ``transport`` (met -> digest) and ``footprints`` (name -> digest) are the settings, and ``engine`` is the
    engine, that every simulation of this segment is made with, so no ``done`` repeats them. ``imprint`` is in
    the names of all outputs that this writer publishes (``stilt.outputs.names``); empty: they have plain names.
    ``ahead_s`` is by how much the writer's clock, which says when all this was, is ahead of the file server's.
    """

    major: int
    minor: int
    batch: str
    seq: int
    writer: Writer
    at: float
    stilt: str = ""
    transport: dict[str, str] = {}
    footprints: dict[str, str] = {}
    engine: EngineIdentity | None = None
    imprint: str = ""
    ahead_s: float = 0.0


class Pending(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="pending"):
    """A chunk of simulations was registered: ``count`` of them, listed in the chunk file of that digest."""

    chunk: str
    count: int
    batch: str
    seq: int
    at: float
    task: int = 0


class Submitting(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="submitting"):
    """The intent to submit, durable before ``sbatch`` is called. ``token`` is the job's name.

    ``clusters`` are those that it is offered to, with commas between them; empty where that is not known.
    """

    batch: str
    token: str
    at: float
    first_task: int = 0
    tasks: int = 0
    clusters: str = ""


class Submitted(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="submitted"):
    """``sbatch`` accepted: the job id, the cluster where it names one."""

    batch: str
    token: str
    job: str
    at: float
    cluster: str = ""
    backend: str = "slurm"


class Started(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="started"):
    """A simulation was begun by this segment's writer, for the receptor with this digest."""

    sim: str
    at: float
    met: str = ""
    receptor: str = ""


class Output(Struct, frozen=True):
    """A published file: path relative to the output root, size in bytes, BLAKE2b-128 of its bytes in hex."""

    path: str
    size: int
    digest: str


class Done(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="done"):
    """A simulation ended. Its outputs were in place before this was written.

    ``reason`` and ``message`` say why when it failed. ``receptor`` is the digest of the receptor that it was
    made for, ``particles`` the imprint in the name of its particles where that is not this writer's. ``facts`` are what
    happened to the receptor on the way, by name (``stilt.transport.facts``).
    """

    sim: str
    outcome: Outcome
    at: float
    wall_s: float = 0.0
    peak_rss_bytes: int = 0
    outputs: tuple[Output, ...] = ()
    reason: str = ""
    message: str = ""
    met: str = ""
    receptor: str = ""
    particles: str = ""
    facts: dict[str, float] = {}


class Cancelled(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="cancelled"):
    """The batch was cancelled: no task of it is going to run any more."""

    batch: str
    at: float
    jobs: tuple[str, ...] = ()


class Invalid(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="invalid"):
    """An output of a complete simulation was found missing or damaged.

    ``batch``, ``seq`` and ``attempt`` name the ``done`` that no longer holds: those of its segment.
    """

    sim: str
    path: str
    why: str
    batch: str
    seq: int
    at: float
    attempt: int = 0


class Identified(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="identified"):
    """What the output of a ``done`` that names no receptor says of itself: the digest of its receptor.

    ``batch``, ``seq`` and ``attempt`` name the ``done``: those of its segment.
    """

    sim: str
    receptor: str
    batch: str
    seq: int
    at: float
    attempt: int = 0


class Archived(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="archived"):
    """Outputs were packed into an archive file, which was read back before this was written.

    ``product`` is ``particles``, ``error_particles`` or ``footprints/<name>``, ``count`` the number of outputs in
    it, ``path`` relative to the output root, ``digest`` as in ``Output``. Only after it may the outputs' own
    files be removed.
    """

    product: str
    path: str
    count: int
    size: int
    digest: str
    at: float


class Closed(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="closed"):
    """The writer ended cleanly: nothing follows. ``why`` is ``finished`` or the signal that stopped it."""

    at: float
    why: str = "finished"


Event = (
    Segment
    | Pending
    | Submitting
    | Submitted
    | Started
    | Done
    | Cancelled
    | Invalid
    | Identified
    | Archived
    | Closed
)
