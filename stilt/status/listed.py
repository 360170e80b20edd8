"""Which simulations a chunk lists."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING
from zlib import crc32

import msgspec
from msgspec import Struct

from stilt.batch.chunks import MOST_BYTES, chunk_digest
from stilt.batch.claims import imprints_of
from stilt.foundations.errors import StiltError
from stilt.foundations.inside import read_regular

if TYPE_CHECKING:
    from stilt.foundations.paths import Layout
    from stilt.log.fold import State


class _Entry(Struct, array_like=True):
    """The first field of a chunk's entry: its id. The others are not decoded."""

    sim: str


class _Chunk(Struct):
    simulations: list[_Entry]


class Listed:
    """Reads the ids that chunks list.

    Parameters
    ----------
    layout, state
        The project and its folded log.
    notes
        Gets a line for each chunk of which not even the number of simulations is known.
    """

    def __init__(self, layout: Layout, state: State, notes: list[str]) -> None:
        self._layout = layout
        self._state = state
        self._notes = notes

    def __call__(self, batch: str, chunk: str) -> list[str]:
        """Return the ids of a chunk's simulations.

        Of a damaged one the batch's claims have the CRC-32 of each: ids that are known elsewhere are told by it,
        any other is one that was never begun, and gets a name of its own.
        """
        ids = self._read(batch, chunk)
        if ids is not None:
            return ids
        task = next((task for task, digest in self._state.batches[batch].chunks if digest == chunk))
        imprints = imprints_of(self._layout, batch, task)
        if not imprints:
            path = self._layout.chunk(batch, chunk)
            self._notes.append(f"chunk {path} can't be read: its simulations are not counted")
        return [self._known.get(each, f"{batch}/{task}/{each:08x}") for each in imprints]

    def _read(self, batch: str, chunk: str) -> list[str] | None:
        try:
            data = read_regular(self._layout.chunk(batch, chunk), MOST_BYTES)
            if chunk_digest(data) != chunk:
                return None
            entries = msgspec.json.decode(data, type=_Chunk).simulations
        except (OSError, StiltError, RecursionError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        return [entry.sim for entry in entries]

    @cached_property
    def _known(self) -> dict[int, str]:
        """The ids of the log and of all chunks that can be read, by their CRC-32."""
        ids = set(self._state.sims)
        for batch in self._state.batches.values():
            for _, chunk in batch.chunks:
                ids.update(self._read(batch.id, chunk) or ())
        return {crc32(sim.encode()): sim for sim in ids}
