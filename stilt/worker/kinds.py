"""One simulator for each kind of simulations that a task has, which share the engine and what it has decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.batch.claims import Claims
from stilt.config.digests import ROWS
from stilt.config.variants import products_of, settings_of
from stilt.worker.own_engine import own_engine
from stilt.worker.simulate import Simulator

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.batch.chunks import ChunkEntry
    from stilt.log.events import Done
    from stilt.matrix.asked import Asked
    from stilt.matrix.stored import RowWriter
    from stilt.worker.loop import Share


class Simulators:
    """Simulates each entry with the settings of its kind.

    Parameters
    ----------
    share
        What the worker is given.
    scratch
        The worker's folder on node-local scratch.
    """

    def __init__(self, share: Share, scratch: Path) -> None:
        self._share = share
        self._scratch = scratch
        self._engine = own_engine(share.layout, share.manifest, share.config)
        self._rows = self._row_writer()
        self._known: dict[str, Simulator] = {}

    def __call__(self, entry: ChunkEntry) -> Done:
        """Run one simulation; see ``Simulator``."""
        if entry.met not in self._known:
            self._known[entry.met] = self._simulator(entry.met)
        return self._known[entry.met](entry)

    def _row_writer(self) -> tuple[Asked, RowWriter] | None:
        """Return what makes rows of the matrix that is asked for: one matrix, whose hours are those of all kinds."""
        share = self._share
        if share.config.jacobian is None:
            return None
        from stilt.matrix.asked import Asked
        from stilt.matrix.stored import RowWriter

        digest = share.manifest.footprints.get(ROWS, "")
        asked = Asked(share.config, share.config.jacobian)
        return asked, RowWriter(share.layout, digest, share.imprint)

    def _simulator(self, kind: str) -> Simulator:
        share = self._share
        recorded = share.manifest.footprints
        return Simulator(
            self._engine,
            settings_of(share.config, kind),
            share.layout,
            self._scratch,
            imprint=share.imprint,
            claims=Claims(share.layout, share.manifest.seq),
            transports=share.manifest.transports,
            footprints=recorded
            and {name: recorded[own] for name, own in products_of(share.config, kind).items()},
            rows=self._rows,
        )
