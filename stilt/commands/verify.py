"""Hold the outputs on disk against their sizes and digests in the log.

What is missing or damaged gets an ``invalid`` event, which takes back the ``done`` that promised it: the
simulation is work again, and only it.
"""

from __future__ import annotations

import os
import socket
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from stilt.backends.in_hand import WorkInHand
from stilt.backends.observe import fold_and_observe
from stilt.batch.queued import queued
from stilt.commands.rows import missing_rows
from stilt.foundations.durable import digest_file
from stilt.foundations.errors import DamagedError, StiltError
from stilt.foundations.inside import MisplacedError, opened_below
from stilt.foundations.writers import this_writer
from stilt.log.events import Invalid
from stilt.log.index import OutputIndex
from stilt.log.writer import SegmentWriter
from stilt.outputs.met_read import MetRead
from stilt.outputs.products import product_and_date
from stilt.outputs.promises import is_plain_there, promised
from stilt.outputs.recorded import recorded
from stilt.outputs.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.foundations.paths import Layout
    from stilt.log.events import Output
    from stilt.log.states import SimState
    from stilt.outputs.met_read import OtherMet
    from stilt.outputs.promises import Promise
    from stilt.outputs.shelf import Found

BATCH = "verify"
SETTLING_S = 120.0
"""So long a file that another node has made may not be seen yet from here (NFS caches folders)."""

MISSING = "it is missing"

_THREADS = min(8, os.cpu_count() or 1)
_BLOCK = 512


class Broken(Struct, frozen=True):
    """An output that is not what the log says."""

    sim: str
    path: str
    why: str


@dataclass(slots=True)
class Findings:
    """What a verification found.

    Attributes
    ----------
    broken
        Missing or damaged, with the state of its simulation.
    unreadable
        Files of which nothing can be said, because the filesystem refuses.
    too_new
        Missing files that another node wrote so shortly ago that they may only not be visible here.
    other_met
        Met files that are not what they were when results were made from them: these stay done.
    chunks
        Chunks of tasks that wait or run that are not what was handed over, and what that means.
    rows
        Simulations whose row of the matrix that config.yaml asks for is not there as a whole: footprints have all.
    """

    simulations: int = 0
    files: int = 0
    size_bytes: int = 0
    broken: list[tuple[SimState, Broken]] = field(default_factory=list)
    unreadable: list[Broken] = field(default_factory=list)
    too_new: int = 0
    other_met: list[OtherMet] = field(default_factory=list)
    chunks: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)


def verify(
    layout: Layout, on_checked: Callable[[int, int], None] | None = None, matrix: str = ""
) -> Findings:
    """Read every output of every complete simulation, and the chunks in hand, and compare with the log. Writes nothing.

    Parameters
    ----------
    layout
        The project.
    on_checked
        Is told now and then how many simulations were checked, of how many.
    matrix
        The digest of the matrix whose rows workers make, if they do.
    """
    index = OutputIndex(layout.log_dir)
    state, liveness = fold_and_observe(index)
    sims = state.sims
    total = sum(state.is_done for state in sims.values())
    findings = Findings()
    queued(layout, state, WorkInHand(index, state, liveness).keeps, findings.chunks.append)
    promises = promised(index, sims)
    archives, met = _Archives(layout, index), MetRead()

    def check(promise: Promise) -> _Checked:
        problems = _problems(layout, archives, promise)
        return _Checked(problems, {} if problems else _provenance(layout, archives, promise))

    with ThreadPoolExecutor(_THREADS) as threads:
        while block := list(islice(promises, _BLOCK)):
            for promise, checked in zip(block, threads.map(check, block), strict=True):
                _note(findings, promise, checked.problems)
                met.note(checked.provenance)
            if on_checked is not None:
                on_checked(findings.simulations, total)
    findings.other_met = met.others()
    findings.rows = missing_rows(layout, state, matrix) if matrix else []
    return findings


def record(layout: Layout, findings: Findings) -> None:
    """Take back what the log says of broken outputs; durable on return.

    Raises
    ------
    EnvironmentFailure
        If the log can't be written.
    """
    now = time.time()
    writer = SegmentWriter(layout.log_dir, BATCH, 0, this_writer("verify"))
    events = [
        Invalid(
            sim=broken.sim,
            path=broken.path,
            why=broken.why,
            batch=state.batch,
            seq=state.seq,
            at=now,
            attempt=state.attempt,
        )
        for state, broken in findings.broken
    ]
    for first in range(0, len(events), _BLOCK):
        writer.append(*events[first : first + _BLOCK])
    writer.close()


class _Checked(NamedTuple):
    """What is wrong with the outputs of a simulation, and what its particles say of their making."""

    problems: list[tuple[Output, str | OSError]]
    provenance: dict[str, str]


def _provenance(layout: Layout, archives: _Archives, promise: Promise) -> dict[str, str]:
    from stilt.particles.parquet import read_provenance

    for output in promise.outputs[:1]:  # the particles
        with suppress(StiltError, OSError):
            try:
                with opened_below(layout.output, output.path) as path:
                    return read_provenance(path)
            except FileNotFoundError:
                return archives.provenance(output)
    return {}


def _problems(
    layout: Layout, archives: _Archives, promise: Promise
) -> list[tuple[Output, str | OSError]]:
    """Return the outputs that are not as promised: how they differ, or why they can't be read."""
    found: list[tuple[Output, str | OSError]] = []
    for output in promise.outputs:
        try:
            why = _problem(layout, output, archives)
        except MisplacedError as error:
            found.append((output, error.message))
        except OSError as error:
            found.append((output, error))
        else:
            if why:
                found.append((output, why))
    return found


def _problem(layout: Layout, output: Output, archives: _Archives) -> str:
    try:
        with opened_below(layout.output, output.path) as path:
            size = path.stat().st_size
            if size != output.size:
                return f"it has {size:,} bytes, not {output.size:,}"
            if digest_file(path)[1] != output.digest:
                return "its bytes are not those that were written"
    except FileNotFoundError:
        why = archives.problem(output)
        # a copy without names that begin with a dot has all: `run` gives them back
        return "" if why == MISSING and is_plain_there(layout, output) else why
    return ""


class _Archives:
    """The archives of a project, each held once against what the log says of it.

    One thread at a time: none reads what another one reads, and the NetCDF library is not made for several.
    """

    def __init__(self, layout: Layout, index: OutputIndex) -> None:
        self._layout = layout
        self._shelf = Shelf(layout, skip_damaged=True)
        self._recorded = recorded(index)
        self._whole: dict[Path, bool] = {}
        self._lock = Lock()

    def problem(self, output: Output) -> str:
        """Return what is wrong with an output that has no file of its own; nothing if an archive has it whole."""
        with self._lock:
            # the second look is for what was packed since archives were listed
            found = self._find(output) or self._find(output, afresh=True)
            if found is None:
                lost = self._shelf.damaged.intersection(
                    self._shelf.archives(*product_and_date(output.path))
                )
                return f"the archive {min(lost)} can't be read" if lost else MISSING
            if self._is_whole(found.archive):
                return ""
            try:
                is_same = _is_had_back(found)
            except DamagedError as error:
                return f"it is damaged: {error.message}"
        if is_same:
            return ""
        return f"it is damaged: the archive {found.archive} is not as it was written"

    def provenance(self, output: Output) -> dict[str, str]:
        """Return what an output says of its making; nothing if no archive has it."""
        with self._lock:
            found = self._find(output)
            return found.provenance() if found else {}

    def _find(self, output: Output, *, afresh: bool = False) -> Found | None:
        if afresh:
            self._shelf = Shelf(self._layout, skip_damaged=True)
        found = self._shelf.find(output.path)
        return found if found and found.entry.digest == output.digest else None

    def _is_whole(self, archive: Path) -> bool:
        if archive not in self._whole:
            known = self._recorded.get(self._layout.relative(archive), set())
            self._whole[archive] = digest_file(archive) in known
        return self._whole[archive]


def _is_had_back(found: Found) -> bool:
    """Return whether an archive that is not what the log says gives the very bytes of an output's own file.

    Pages have checksums, but the footer, which the grid of footprints is in, has none.
    """
    with tempfile.TemporaryDirectory(prefix="stilt-verify-") as scratch:
        path = Path(scratch) / "output"
        found.write(path)
        return digest_file(path) == (found.entry.size, found.entry.digest)


def _note(
    findings: Findings, promise: Promise, problems: list[tuple[Output, str | OSError]]
) -> None:
    state = promise.state
    findings.simulations += 1
    findings.files += len(promise.outputs)
    findings.size_bytes += sum(output.size for output in promise.outputs)
    for output, problem in problems:
        if isinstance(problem, OSError):
            why = problem.strerror or str(problem)
            findings.unreadable.append(Broken(state.sim, output.path, why))
        elif problem == MISSING and _may_be_on_its_way(state):
            findings.too_new += 1
        else:
            findings.broken.append((state, Broken(state.sim, output.path, problem)))


def _may_be_on_its_way(state: SimState) -> bool:
    writer = state.life.writer
    elsewhere = writer is None or writer.host != socket.gethostname()
    return elsewhere and time.time() - state.at < SETTLING_S
