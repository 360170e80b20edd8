"""``stilt archive`` without the command line: who may pack, what would be packed, and packing."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.archive.bundle import BundleWriter
from stilt.backends.in_hand import WorkInHand
from stilt.backends.observe import fold_and_observe
from stilt.batch.lock import run_lock
from stilt.batch.queued import queued
from stilt.commands.pack import Intake, Packer, Packing, loose_outputs
from stilt.commands.rows import pack_rows
from stilt.foundations.errors import DamagedError, NotFinishedError
from stilt.log.index import OutputIndex
from stilt.status.opened import open_project
from stilt.status.outdated import find_outdated
from stilt.status.standing import read_manifests

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.archive.container import Entry
    from stilt.foundations.paths import Layout
    from stilt.log.fold import SimState, State

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
        state = _fold_what_rests(layout, fresh=True)
        packing = Packer(layout, on_packed).pack(state, _staleness(layout, state))
        packing.row_files = pack_rows(layout, state)
        return packing


def preview(layout: Layout) -> Packing:
    """Return what would be packed, writing nothing to the project; bytes are estimated from a sample."""
    state = _fold_what_rests(layout, fresh=False)
    packing = Packing(row_files=pack_rows(layout, state, dry_run=True))
    with loose_outputs(layout, state, packing, _staleness(layout, state)) as loose:
        for product in loose.products():
            packing.count(product, loose.of(product))
            every = -(-packing.outputs[product] // SAMPLED)
            sample = list(islice(loose.of(product), 0, None, every))
            share = _packed_bytes(layout, sample) / max(1, sum(entry.size for entry in sample))
            packing.after_bytes[product] = round(packing.before_bytes[product] * share)
    return packing


def _packed_bytes(layout: Layout, sample: list[Entry]) -> int:
    """Return what outputs take in an archive."""
    intake = Intake(layout)
    with tempfile.TemporaryDirectory(prefix="stilt-archive-") as folder:
        path = Path(folder) / "sample"
        with BundleWriter(path) as writer:
            for entry in sample:
                with suppress(DamagedError):  # it will be left as it is, and said so
                    intake.add(writer, entry)
        return path.stat().st_size


def _staleness(layout: Layout, state: State) -> Callable[[SimState], bool]:
    """Return what tells whether a result would not be made today as it was: as ``status`` tells it."""
    notes: list[str] = []
    manifests = read_manifests(layout, state, notes)
    return find_outdated(open_project(layout.project), state, manifests, notes).of_sim


def _fold_what_rests(layout: Layout, *, fresh: bool) -> State:
    """Return the log; refuse while a worker may write outputs, or read the particles that it makes footprints from."""
    index = OutputIndex(layout.log_dir)
    state, liveness = fold_and_observe(index, fresh=fresh)
    hands = WorkInHand(index, state, liveness)
    live = sum(hands.lives(batch, task) for batch, task in liveness.tasks)
    waiting = queued(layout, state, hands.keeps)
    if live or waiting:
        raise NotFinishedError(
            f"{layout.project} has {live:,} tasks running or queued, with {len(waiting):,} simulations left",
            "wait for them (`stilt status --watch`) or `stilt cancel`, then archive",
            code="WORK_IN_HAND",
        )
    return state
