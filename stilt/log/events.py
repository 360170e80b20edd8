"""The events of the output index.

Fields are only ever added, and meanings never change. ``spec/log-format.md`` is normative.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

FORMAT_MAJOR = 1
FORMAT_MINOR = 0

Outcome = Literal["complete", "empty", "failed", "interrupted"]
Role = Literal["run", "worker", "verify", "cancel"]


class Writer(Struct, frozen=True, omit_defaults=True):
    """Which process wrote a segment.

    ``pid_start`` (clock ticks since boot) and ``boot`` tell a process from a later one with its pid.
    """

    role: Role
    host: str
    pid: int
    user: str = ""
    node: str = ""
    boot: str = ""
    pid_start: int = 0
    task: int | None = None
    attempt: int = 0
    job: str = ""
    restarts: int = 0


class Segment(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="segment"):
    """The header: the first event of every segment."""

    major: int
    minor: int
    batch: str
    seq: int
    writer: Writer
    at: float
    stilt: str = ""


class Pending(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="pending"):
    """A chunk of simulations was registered: ``count`` of them, listed in the chunk file of that digest."""

    chunk: str
    count: int
    batch: str
    seq: int
    at: float
    task: int = 0


class Submitting(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="submitting"):
    """The intent to submit, durable before ``sbatch`` is called. ``token`` is the job's name."""

    batch: str
    token: str
    at: float
    first_task: int = 0
    tasks: int = 0


class Submitted(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="submitted"):
    """``sbatch`` accepted: the job id, the cluster where it names one."""

    batch: str
    token: str
    job: str
    at: float
    cluster: str = ""
    backend: str = "slurm"


class Started(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="started"):
    """A simulation was begun by this segment's writer."""

    sim: str
    at: float


class Output(Struct, frozen=True):
    """A published file: path relative to the output root, size in bytes, BLAKE2b-128 of its bytes in hex."""

    path: str
    size: int
    digest: str


class Done(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="done"):
    """A simulation ended. Its outputs were in place before this was written.

    ``transport`` and ``footprints`` are the settings digests that it was made with.
    """

    sim: str
    outcome: Outcome
    at: float
    wall_s: float = 0.0
    peak_rss_bytes: int = 0
    outputs: tuple[Output, ...] = ()
    reason: str = ""
    message: str = ""
    transport: str = ""
    footprints: dict[str, str] = {}


class Cancelled(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="cancelled"):
    """The batch was cancelled: no task of it is going to run any more."""

    batch: str
    at: float
    jobs: tuple[str, ...] = ()


class Invalid(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="invalid"):
    """An output of a complete simulation was found missing or damaged.

    ``batch``, ``seq`` and ``attempt`` name the ``done`` that no longer holds.
    """

    sim: str
    path: str
    why: str
    seq: int
    at: float
    attempt: int = 0


class Closed(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="closed"):
    """The writer ended cleanly: nothing follows. ``why`` is ``finished`` or the signal that stopped it."""

    at: float
    why: str = "finished"


Event = Segment | Pending | Submitting | Submitted | Started | Done | Cancelled | Invalid | Closed
