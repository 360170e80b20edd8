"""Which results were weighted by another kernel than their receptor has now.

Kernels that are named by a label of the receptors go to other receptors where that label is edited, though the table
and the receptors' places stay. What a result was weighted by stands in the chunk of its batch.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from stilt.batch.chunks import read_chunk
from stilt.batch.manifest import read_manifest
from stilt.foundations.errors import DamagedError
from stilt.log.states import SUCCESSES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stilt.batch.chunks import ChunkEntry
    from stilt.foundations.paths import Layout
    from stilt.log.fold import State
    from stilt.receptors.sequence import Receptors
    from stilt.weighting.kernels import Kernels


def relabelled(
    layout: Layout, state: State, receptors: Receptors, digest: str, kernels: Mapping[str, Kernels]
) -> frozenset[str]:
    """Return the simulations whose kernel is another one.

    Chunks are read only of batches with results that were made of another file of receptors, and only where kernels
    are named by a label.

    Parameters
    ----------
    layout, state
        The project and its folded log.
    receptors, digest
        Today's, and the digest of their file.
    kernels
        By footprint product.
    """
    labelled = {name: each for name, each in kernels.items() if each.by_label}
    if not labelled:
        return frozenset()
    places = {sim: place for place, sim in enumerate(receptors.ids())}
    found = set()
    for batch in {life.batch for life, outcome, _ in state.tally() if outcome in SUCCESSES}:
        for entry in _entries(layout, batch, digest):
            known, place = state.find(entry.sim), places.get(entry.sim)
            if known is None or place is None or known.life.batch != batch or not known.is_done:
                continue
            if any(
                name in known.life.footprints and entry.kernels.get(name) != each.of(place)
                for name, each in labelled.items()
            ):
                found.add(entry.sim)
    return frozenset(found)


def _entries(layout: Layout, batch: str, digest: str) -> Iterator[ChunkEntry]:
    """Return what the chunks of a batch list, as far as they can be read; nothing of one of the same receptors."""
    with suppress(DamagedError):
        manifest = read_manifest(layout.manifest(batch))
        if manifest.receptors == digest:
            return
        for chunk in manifest.chunks:
            with suppress(DamagedError):
                yield from read_chunk(layout.chunk(batch, chunk.digest)).simulations
