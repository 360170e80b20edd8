"""What this machine gives a worker, and what the cluster's limits are."""

from __future__ import annotations

import os
import platform
import resource
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.check.finding import Finding, fine, note, warning
from stilt.foundations.linux import usable_cpus
from stilt.foundations.memory import limit_bytes, machine_bytes
from stilt.foundations.neighbours import WAY_OUT, pystilt_beside, words
from stilt.foundations.quantities import size

if TYPE_CHECKING:
    from collections.abc import Iterator

FEW_FILES = 256
LITTLE_SCRATCH_BYTES = 1 << 30


def examine() -> Iterator[Finding]:
    """Look at processors, memory, limits and scratch space."""
    usable, there = usable_cpus(), os.cpu_count() or 1
    cores = f"{usable} of {there} cores" if usable != there else f"{there} cores"
    yield fine(
        "machine",
        f"{platform.system()} {platform.release()} {platform.machine()}, Python "
        f"{platform.python_version()} at {sys.executable}; {cores}, {_memory()}",
    )
    if found := pystilt_beside():
        yield warning("packages", words(found), WAY_OUT, code="PYSTILT_BESIDE")
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files != resource.RLIM_INFINITY and files < FEW_FILES:
        yield warning(
            "machine",
            f"a process may open only {files} files",
            "ulimit -n 1024",
            code="OPEN_FILES_LIMIT",
        )
    yield _scratch()


def _memory() -> str:
    all_of_it, limit = machine_bytes(), limit_bytes()
    of_it = f"{size(limit)} of " if limit < all_of_it else ""
    return f"{of_it}{size(all_of_it)} memory"


def _scratch() -> Finding:
    folder = Path(tempfile.gettempdir())
    facts = os.statvfs(folder)
    free = facts.f_bavail * facts.f_frsize
    words = f"{folder}: {size(free)} free"
    if facts.f_flag & os.ST_NOEXEC:
        words += ", no programs run from there"
    if free < LITTLE_SCRATCH_BYTES:
        return warning(
            "scratch",
            words,
            "set execution.scratch or TMPDIR to a larger folder",
            code="DISK_SHORT",
        )
    return fine("scratch", words)


def examine_slurm() -> Iterator[Finding]:
    """Ask Slurm for its limits."""
    from stilt.backends.slurm import commands

    if not commands.has_slurm():
        yield note("slurm", "there is none on this machine", "runs are local here")
        return
    try:
        limits = commands.show_limits()
    except commands.SlurmError as error:
        yield warning(
            "slurm", error.message, "is its controller up? try again later", code="SLURM_SILENT"
        )
        return
    named = f"cluster {limits.cluster}: " if limits.cluster else ""
    yield fine(
        "slurm",
        f"{named}arrays of up to {_or_unknown(limits.max_array_size)} tasks (MaxArraySize), "
        f"{_or_unknown(limits.max_job_count)} jobs at once (MaxJobCount)",
    )
    if limits.private_jobs:
        yield note("slurm", "it shows nobody other users' jobs", "only you see what your tasks do")


def _or_unknown(limit: int | None) -> str:
    return f"{limit:,}" if limit is not None else "an unknown number of"
