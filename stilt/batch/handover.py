"""Hand work over: chunks, settings and manifest into place, then the ``pending`` events.

Each step is durable before the next, and each can be done again: the batch's folder is built under a
temporary name and renamed into place whole, its id is a digest of its content, and a ``pending`` event
more is harmless. A hand-over that died is taken up by the next one that has the same content; what else
was left of it is removed, or declared cancelled.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from stilt.batch.chunks import ChunkEntry, chunk_digest, deal, encode_chunk
from stilt.batch.claims import ClaimsWriter
from stilt.batch.manifest import ChunkRef, Manifest, batch_id, encode_manifest
from stilt.batch.numbers import unheard_of
from stilt.batch.rivals import may_still_start
from stilt.foundations.durable import (
    TEMPORARY_PREFIX,
    fsync_dir,
    made_folder,
    publish_with,
)
from stilt.foundations.errors import EnvironmentFailure
from stilt.foundations.writers import is_surely_gone, owned_name
from stilt.log.events import Cancelled, Pending
from stilt.log.index import OutputIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from stilt.batch.chunks import Task
    from stilt.batch.plan import Plan, Simulations
    from stilt.foundations.paths import Layout
    from stilt.log.events import Event
    from stilt.log.fold import State
    from stilt.log.writer import SegmentWriter
    from stilt.weighting.kernel import Kernel

_READ_ONLY = 0o444
_WRITERS = 8


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The newest batch of the log, if nothing was ever started or submitted for it."""

    batch: str
    seq: int


@dataclass(frozen=True, slots=True)
class Work:
    """What is handed over.

    Attributes
    ----------
    plan
        Which simulations, as indexes into ``simulations``.
    simulations
        All simulations of the project.
    settings
        The bytes of the settings snapshot.
    n_chunks
        How many chunks to deal to, at most.
    before
        From a simulation's id to ``ChunkEntry.before``.
    inputs
        The files to be copied that the engine reads, each with the path of its copy.
    kernels
        From a simulation's index to its kernels by footprint product.
    """

    plan: Plan
    simulations: Simulations
    settings: bytes
    n_chunks: int
    before: Callable[[str], tuple[str, ...]]
    inputs: dict[Path, Path] = field(default_factory=dict)
    kernels: Callable[[int], dict[str, Kernel]] = lambda _: {}


def write_batch(
    layout: Layout, work: Work, draft: Manifest, unfinished: Unfinished | None = None
) -> Manifest:
    """Put chunks, settings and manifest of a batch into place and return its manifest.

    ``draft`` is the manifest without chunks and id, its ``seq`` the next free one. ``unfinished`` is a
    hand-over that died: if it has the same content, this is it, and it keeps its sequence number.

    Raises
    ------
    EnvironmentFailure
        If the output root cannot be written.
    """
    try:
        with made_folder(layout.chunks_dir, layout.output) as chunks:
            _remove_leftovers(chunks)
            for source, copy in work.inputs.items():
                _freeze(source, copy, layout.output)
            return _write_folder(chunks, layout, work, draft, unfinished)
    except OSError as error:
        raise EnvironmentFailure(
            f"the batch cannot be written below {layout.chunks_dir}: {error.strerror}",
            "check space, quota and permissions of the output root, then run the same command again",
            code="OUTPUT_UNWRITABLE",
        ) from error


def name_batch(work: Work, draft: Manifest, unfinished: Unfinished | None = None) -> Manifest:
    """Return the manifest that ``write_batch`` would, without writing anything."""
    refs = tuple(ChunkRef(chunk_digest(data), len(ids)) for data, ids in _chunks(work))
    return _complete(draft, refs, unfinished)


def unfinished_batch(layout: Layout, state: State) -> Unfinished | None:
    """Return the newest batch if its hand-over died: nobody was asked to run it, and nobody is going to be."""
    unregistered = max(
        ((seq, name) for name, seq in unheard_of(layout, state).items()), default=(0, "")
    )
    if unregistered[0] > max((life.seq for life in state.lives.values()), default=0):
        return Unfinished(unregistered[1], unregistered[0])
    index = OutputIndex(layout.log_dir)
    newest = max(state.batches.values(), key=lambda batch: batch.seq, default=None)
    if newest is None or newest.submissions or newest.intents or newest.tasks:
        return None
    if not newest.chunks and any(life.closed == "finished" for life in newest.lives.values()):
        return None  # all that it was made for was refused
    if sum(batch.seq == newest.seq for batch in state.batches.values()) > 1:
        return None  # of two that were registered at once the other one may have gone on
    if newest.cancelled is not None or may_still_start(index, newest):
        return None
    return Unfinished(newest.id, newest.seq)


def register(
    writer: SegmentWriter, manifest: Manifest, abandoned: Unfinished | None = None
) -> None:
    """Append one ``pending`` event a chunk; they are durable on return.

    ``abandoned`` is a hand-over that died and has another content: no task of it is ever going to run.
    """
    now = time.time()
    events: list[Event] = [
        Pending(ref.digest, ref.count, manifest.batch, manifest.seq, now, task)
        for task, ref in enumerate(manifest.chunks)
    ]
    if abandoned is not None and abandoned.batch != manifest.batch:
        events.append(Cancelled(abandoned.batch, now))
    writer.append_all(events)


def _write_folder(
    chunks: Path, layout: Layout, work: Work, draft: Manifest, unfinished: Unfinished | None
) -> Manifest:
    building = chunks / owned_name()
    building.mkdir()
    claims = ClaimsWriter()
    refs = tuple(_write_chunks(building, work, claims))
    _write_file(building / layout.claims("").name, claims.encode())
    manifest = _complete(draft, refs, unfinished)
    _write_file(building / f"config-{manifest.config}.yaml", work.settings)
    _write_file(building / "batch.json", encode_manifest(manifest))
    fsync_dir(building)
    _put_into_place(building, chunks / manifest.batch)
    return manifest


def _write_chunks(folder: Path, work: Work, claims: ClaimsWriter) -> Iterator[ChunkRef]:
    """Write the chunks, several at a time: each waits for its own fsync, which is slow where it is far."""
    with ThreadPoolExecutor(_WRITERS if work.n_chunks > _WRITERS else 1) as writers:
        writing: deque[Future[None]] = deque()
        for data, ids in _chunks(work):
            digest = chunk_digest(data)
            writing.append(writers.submit(_write_file, folder / f"{digest}.json", data))
            claims.add(ids)
            yield ChunkRef(digest, len(ids))
            while len(writing) > _WRITERS:
                writing.popleft().result()
        for each in writing:
            each.result()


def _chunks(work: Work) -> Iterator[tuple[bytes, list[str]]]:
    """Yield the bytes of each chunk and the ids that it lists; one is in memory at a time."""
    for share in _shares(work.plan, work.n_chunks):
        indices = [index for index, _ in share]
        simulations = work.simulations.take(indices)
        labels = work.simulations.labels_of(indices)
        entries = (
            ChunkEntry.of(simulation, task, work.before(simulation.sim), own, work.kernels(index))
            for simulation, own, (index, task) in zip(simulations, labels, share, strict=True)
        )
        yield encode_chunk(entries), [simulation.sim for simulation in simulations]


def _shares(plan: Plan, n_chunks: int) -> Iterator[list[tuple[int, Task]]]:
    """Deal what costs a transport and what does not separately, so that every chunk costs alike."""
    n_chunks = max(1, min(n_chunks, len(plan.transport) + len(plan.footprints)))
    transport = deal(plan.transport, n_chunks) if plan.transport else []
    footprints = deal(plan.footprints, n_chunks) if plan.footprints else []
    # counted from the other end: where neither fills all chunks, they fill different ones
    footprints += [()] * (n_chunks - len(footprints))
    footprints.reverse()
    transport += [()] * (n_chunks - len(transport))
    for heavy, light in zip(transport, footprints, strict=True):
        share: list[tuple[int, Task]] = [(index, "transport") for index in heavy]
        share += [(index, "footprints") for index in light]
        if share:
            yield share


def _complete(
    draft: Manifest, refs: tuple[ChunkRef, ...], unfinished: Unfinished | None
) -> Manifest:
    full = msgspec.structs.replace(draft, chunks=refs, total=sum(ref.count for ref in refs))
    if unfinished is not None:
        same = msgspec.structs.replace(full, seq=unfinished.seq)
        if batch_id(same) == unfinished.batch:
            full = same
    return msgspec.structs.replace(full, batch=batch_id(full))


def _put_into_place(building: Path, folder: Path) -> None:
    try:
        building.rename(folder)
    except OSError:
        if not (folder / "batch.json").is_file():
            raise
        # the same content was put there before, by a hand-over that died after this step
        shutil.rmtree(building)
    fsync_dir(folder.parent)


def _write_file(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _READ_ONLY)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)


def _freeze(source: Path, copy: Path, root: Path) -> None:
    """Copy what an engine reads, under its digest: once, and the same bytes whoever does it."""
    if not copy.is_file():
        publish_with(copy, lambda new: _copy(source, new), root=root)


def _copy(source: Path, copy: Path) -> None:
    shutil.copyfile(source, copy)


def _remove_leftovers(chunks_dir: Path) -> None:
    """Remove what hand-overs left that died before their batch had a name.

    Not on the word of a lock, which may hold nothing: only where the process is surely gone that its name names.
    """
    for folder in chunks_dir.glob(f"{TEMPORARY_PREFIX}*"):
        if is_surely_gone(folder.name, folder):
            shutil.rmtree(folder, ignore_errors=True)
