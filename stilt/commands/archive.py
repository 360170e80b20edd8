"""``stilt archive`` without the command line: who may pack, what would be packed, and packing."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.archive.container import ArchiveWriter
from stilt.backends.liveness import Fate
from stilt.backends.observe import fold_and_observe
from stilt.batch.lock import run_lock
from stilt.batch.queued import queued
from stilt.commands.pack import Packer, Packing, columns_of, loose_outputs, pack_output
from stilt.foundations.errors import DamagedError, NotFinishedError
from stilt.log.index import OutputIndex

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.archive.container import Entry
    from stilt.backends.liveness import Liveness
    from stilt.foundations.paths import Layout
    from stilt.log.fold import State

SAMPLED = 16
"""So many outputs of a product are packed into a scratch file to tell what the whole would take."""


def archive(layout: Layout, on_packed: Callable[[int, int], None] | None = None) -> Packing:
    """Pack what is complete; ``run.lock`` is held all the while, so that no run begins meanwhile.

    Raises
    ------
    NotFinishedError
        If a task is queued or running, or it is not known whether one is.
    DamagedError
        If an archive does not read back as it was written.
    """
    with run_lock(layout):
        state, liveness = fold_and_observe(OutputIndex(layout.log_dir), fresh=True)
        _refuse_if_live(layout, state, liveness)
        return Packer(layout, on_packed).pack(state)


def preview(layout: Layout) -> Packing:
    """Return what would be packed, writing nothing to the project; bytes are estimated from a sample."""
    state, liveness = fold_and_observe(OutputIndex(layout.log_dir))
    _refuse_if_live(layout, state, liveness)
    packing = Packing()
    for product, entries in loose_outputs(layout, state, packing.left).items():
        packing.count(product, entries)
        sample = entries[:: -(-len(entries) // SAMPLED)]
        share = _packed_bytes(layout, sample) / max(1, sum(entry.size for entry in sample))
        packing.after_bytes[product] = round(packing.before_bytes[product] * share)
    return packing


def _packed_bytes(layout: Layout, sample: list[Entry]) -> int:
    """Return what outputs take in archives, each of those with other columns in one of its own."""
    with tempfile.TemporaryDirectory(prefix="stilt-archive-") as folder:
        writers: dict[str, ArchiveWriter] = {}
        for entry in sample:
            try:
                schema = columns_of(layout, entry)
                key = str(schema.remove_metadata())
                if key not in writers:
                    writers[key] = ArchiveWriter(Path(folder) / f"{len(writers)}.parquet", schema)
                writers[key].add(entry, pack_output(layout, entry, writers[key]))
            except DamagedError:
                continue  # it will be left as it is, and said so
        for writer in writers.values():
            writer.close()
        return sum(path.stat().st_size for path in Path(folder).iterdir())


def _refuse_if_live(layout: Layout, state: State, liveness: Liveness) -> None:
    """Refuse while a worker may write outputs, or read the particles that it makes footprints from."""
    live = [task for task, life in liveness.tasks.items() if life.fate is Fate.LIVE]
    waiting = queued(
        layout,
        state,
        lambda batch, task: (
            bool(state.batches[batch].submissions or state.batches[batch].tasks)
            and liveness.of(batch, task).fate is not Fate.GONE
        ),
    )
    if live or waiting:
        raise NotFinishedError(
            f"{layout.project} has {len(live):,} tasks running or queued, with {len(waiting):,} simulations left",
            "wait for them (`stilt status --watch`) or `stilt cancel`, then archive",
            code="WORK_IN_HAND",
        )
