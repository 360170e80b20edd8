"""``stilt archive`` without the command line: who may pack, what would be packed, and packing."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from stilt.archive.bundle import BundleWriter
from stilt.batch.lock import run_lock
from stilt.batch.queued import queued
from stilt.commands.pack import Intake, Packer, Packing, loose_outputs
from stilt.commands.rows import pack_rows
from stilt.foundations.errors import DamagedError, NotFinishedError
from stilt.status.opened import open_project
from stilt.status.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.archive.container import Entry
    from stilt.foundations.paths import Layout

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
        rests = _what_rests(layout, fresh=True)
        packing = Packer(layout, on_packed).pack(rests.state, rests.outdated.of_sim)
        packing.row_files = pack_rows(layout, rests.state)
        return packing


def preview(layout: Layout) -> Packing:
    """Return what would be packed, writing nothing to the project; bytes are estimated from a sample."""
    rests = _what_rests(layout, fresh=False)
    packing = Packing(row_files=pack_rows(layout, rests.state, dry_run=True))
    with loose_outputs(layout, rests.state, packing, rests.outdated.of_sim) as loose:
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


def _what_rests(layout: Layout, *, fresh: bool) -> Standing:
    """Return how all stands; refuse while a worker may write outputs, or read particles to make footprints from."""
    standing = Standing(open_project(layout.project), fresh=fresh)
    live, waiting = standing.tasks_live(), queued(layout, standing.state, standing.keeps)
    if live or waiting:
        raise NotFinishedError(
            f"{layout.project} has {live:,} tasks running or queued, with {len(waiting):,} simulations left",
            "wait for them (`stilt status --watch`) or `stilt cancel`, then archive",
            code="WORK_IN_HAND",
        )
    return standing
