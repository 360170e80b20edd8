"""Which results were weighted by another kernel than their receptor has now.

A table of kernels that grows, or in which others are edited, leaves the kernels of finished receptors as they are. And
kernels that are named by a label go to other receptors where that label is edited, though the table and the receptors'
places stay. So kernels are compared receptor by receptor: what a result was weighted by stands in the
chunk of its batch. Results of before each level's weight was that of its own particles are others where levels have
unlike numbers of these.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilt.batch.chunks import read_chunk
from stilt.batch.manifest import read_manifest
from stilt.foundations.errors import DamagedError
from stilt.log.states import SUCCESSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from stilt.batch.chunks import ChunkEntry
    from stilt.batch.manifest import Manifest
    from stilt.batch.today import Today
    from stilt.foundations.paths import Layout
    from stilt.log.fold import Life, State
    from stilt.receptors.sequence import Receptors
    from stilt.weighting.kernels import Kernels

_BATCHES_KEPT = 256


@dataclass(frozen=True, slots=True)
class Weighing:
    """What receptors are weighted by today.

    Attributes
    ----------
    receptors, digest
        All of them, and the digest of their file.
    kernels
        By footprint product.
    """

    receptors: Receptors
    digest: str
    kernels: Mapping[str, Kernels]


def reweighed(layout: Layout, state: State, today: Today, weighing: Weighing) -> frozenset[str]:
    """Return the simulations whose kernel is another one.

    Chunks are read only of batches with results that were made of another table of kernels, or of another file of
    receptors where kernels are named by a label. Where they cannot be read, another table is another kernel.

    Parameters
    ----------
    layout, state
        The project and its folded log.
    today, weighing
        What results are held against.
    """
    found: set[str] = set()
    lives = {life.batch: life for life, outcome, _ in state.tally() if outcome in SUCCESSES}
    looks = {
        batch: look
        for batch, life in lives.items()
        if (look := _look(layout, today, weighing, life))
    }
    done = _done_in(state, looks)
    for batch, look in looks.items():
        alike, listed = _compared(look, weighing)
        among = done[batch] if look.is_other_table else done[batch] & listed
        found |= among - alike
    return frozenset(found)


@dataclass(frozen=True)
class _Look:
    """Results of one batch to be compared: equal where chunks, tables, receptors and products are the same."""

    layout: Layout
    batch: str
    products: frozenset[str]
    former: frozenset[str]
    digests: tuple[str, ...]
    is_other_table: bool


_known: dict[_Look, tuple[frozenset[str], frozenset[str]]] = {}
"""What was compared before: whoever watches a project asks again and again."""


def _look(layout: Layout, today: Today, weighing: Weighing, life: Life) -> _Look | None:
    """Return what is to be compared of a batch; None where its kernels are surely those of today."""
    others = today.other_kernels(life) & weighing.kernels.keys()
    former = today.of_former_rule(life) & others
    former_alike = {name for name in former if not weighing.kernels[name].has_unlike}
    others, former = others - former_alike, former - former_alike
    former |= today.of_former_tables(life) & others
    labelled = {name for name, each in weighing.kernels.items() if each.by_label}
    labelled &= life.footprints.keys()
    with suppress(DamagedError):
        if labelled and read_manifest(layout.manifest(life.batch)).receptors == weighing.digest:
            labelled = set()
    products = frozenset(others | labelled)
    digests = (weighing.digest, *(weighing.kernels[name].digest for name in sorted(products)))
    if not products:
        return None
    return _Look(layout, life.batch, products, former, digests, bool(others))


def _done_in(state: State, batches: Iterable[str]) -> Mapping[str, set[str]]:
    """Return the simulations whose result is of each batch."""
    done: dict[str, set[str]] = defaultdict(set)
    wanted = frozenset(batches)
    for known in state.sims.values() if wanted else ():
        if known.is_done and known.life.batch in wanted:
            done[known.life.batch].add(known.sim)
    return done


def _compared(look: _Look, weighing: Weighing) -> tuple[frozenset[str], frozenset[str]]:
    """Return the simulations of a batch whose kernels are those of today, and all that could be compared."""
    if look not in _known:
        while len(_known) >= _BATCHES_KEPT:
            del _known[next(iter(_known))]
        _known[look] = _compare(look, weighing)
    return _known[look]


def _compare(look: _Look, weighing: Weighing) -> tuple[frozenset[str], frozenset[str]]:
    alike, listed = set(), set()
    places = _places(weighing)
    kernels = {name: weighing.kernels[name] for name in look.products}
    for entry in _entries(look.layout, look.batch):
        listed.add(entry.sim)
        place = places.get(entry.sim)
        # one that is no receptor any more is held against nothing
        if place is None or (
            _is_alike(entry, place, kernels)
            and not any(kernels[name].is_unlike(place) for name in look.former)
        ):
            alike.add(entry.sim)
    return frozenset(alike), frozenset(listed)


def _is_alike(entry: ChunkEntry, place: int, kernels: Mapping[str, Kernels]) -> bool:
    return all(entry.kernels.get(name) == each.of(place) for name, each in kernels.items())


def _places(weighing: Weighing) -> dict[str, int]:
    """Return the place of each simulation's receptor."""
    ids = weighing.receptors.ids()
    _, receptor, _ = weighing.receptors.apart(range(len(ids)))
    return dict(zip(ids, receptor.tolist(), strict=True))


def _entries(layout: Layout, batch: str) -> Iterator[ChunkEntry]:
    """Return what the chunks of a batch list, as far as they can be read."""
    with suppress(DamagedError):
        manifest: Manifest = read_manifest(layout.manifest(batch))
        for chunk in manifest.chunks:
            with suppress(DamagedError):
                yield from read_chunk(layout.chunk(batch, chunk.digest)).simulations
