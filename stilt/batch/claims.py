"""Which simulations a batch claims, and whether a newer one claims what an older one is at.

A batch claims a simulation when it is registered, lists it and is not cancelled. A worker asks before each begin
and before each publication, so asking has to be cheap: one look at a folder's time while there is no newer batch,
and a bisection in a file where there is one.
"""

from __future__ import annotations

import os
import sys
import time
from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING
from zlib import crc32

from stilt.batch.chunks import read_chunk
from stilt.batch.manifest import read_manifest, sequence_number
from stilt.foundations.errors import StiltError
from stilt.foundations.inside import MisplacedError, read_regular
from stilt.log.index import OutputIndex

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stilt.foundations.paths import Layout

_CHUNK_BITS = 32
_TASK = (1 << _CHUNK_BITS) - 1
_MOST_BYTES = 1 << 32
_ASK_AGAIN_S = 1.0


class ClaimsWriter:
    """Makes the file ``claims`` of a batch: for each simulation the CRC-32 of its id and the task that has it."""

    def __init__(self) -> None:
        self._keys = array("Q")
        self._task = 0

    def add(self, ids: Iterable[str]) -> None:
        """Add the ids of the next task's chunk."""
        task = self._task
        self._keys.extend(crc32(sim.encode()) << _CHUNK_BITS | task for sim in ids)
        self._task += 1

    def encode(self) -> bytes:
        """Return the bytes: the keys in order, each of eight bytes, the least first."""
        import numpy as np

        return np.sort(np.asarray(self._keys, np.uint64)).astype("<u8").tobytes()


def read_claims(layout: Layout, batch: str) -> array[int]:
    """Return the keys of a batch.

    Raises
    ------
    OSError, ValueError, MisplacedError
        If the file cannot be read, is cut off, or is no file.
    """
    keys = array("Q")
    keys.frombytes(read_regular(layout.claims(batch), _MOST_BYTES))
    if sys.byteorder == "big":
        keys.byteswap()
    return keys


def imprints_of(layout: Layout, batch: str, task: int) -> list[int]:
    """Return the CRC-32 of each id that a task has, where its chunk does not tell them any more; none if lost too."""
    try:
        keys = read_claims(layout, batch)
    except (OSError, ValueError, MisplacedError):
        return []
    return [key >> _CHUNK_BITS for key in keys if key & _TASK == task]


class _Claimant:
    """A newer batch, as far as it was looked at."""

    def __init__(self, layout: Layout, batch: str) -> None:
        self.batch = batch
        self._layout = layout
        self._keys: array[int] | None = None
        self._chunks: dict[int, frozenset[str]] = {}

    def lists(self, sim: str) -> bool:
        """Tell whether the batch lists a simulation; what cannot be read lists nothing."""
        if self._keys is None:
            self._keys = self._read()
        key = crc32(sim.encode()) << _CHUNK_BITS
        place = bisect_left(self._keys, key)
        while place < len(self._keys) and self._keys[place] >> _CHUNK_BITS == key >> _CHUNK_BITS:
            if sim in self._ids(self._keys[place] & _TASK):
                return True
            place += 1
        return False

    def _read(self) -> array[int]:
        try:
            return read_claims(self._layout, self.batch)
        except (OSError, ValueError, MisplacedError):
            return self._from_chunks()

    def _from_chunks(self) -> array[int]:
        """Return the keys of a batch that an older version handed over."""
        writer = ClaimsWriter()
        try:
            tasks = range(len(read_manifest(self._layout.manifest(self.batch)).chunks))
        except StiltError:
            return array("Q")
        for task in tasks:
            writer.add(self._ids(task))
        keys = array("Q")
        keys.frombytes(writer.encode())
        return keys

    def _ids(self, task: int) -> frozenset[str]:
        if task not in self._chunks:
            try:
                digest = read_manifest(self._layout.manifest(self.batch)).chunks[task].digest
                chunk = read_chunk(self._layout.chunk(self.batch, digest))
            except (StiltError, IndexError):
                self._chunks[task] = frozenset()
            else:
                self._chunks[task] = frozenset(entry.sim for entry in chunk.simulations)
        return self._chunks[task]


class Claims:
    """What newer batches claim of the simulations of one.

    Parameters
    ----------
    layout
        The project.
    seq
        The sequence number of the batch that asks.
    """

    def __init__(self, layout: Layout, seq: int) -> None:
        self._layout = layout
        self._seq = seq
        self._seen: tuple[int, int] | None = None
        self._newer: dict[str, _Claimant] = {}
        self._registered: frozenset[str] = frozenset()
        self._asked = 0.0

    def holder(self, sim: str) -> str:
        """Return the newer batch that claims a simulation; empty if there is none."""
        self._look()
        if not self._newer:
            return ""
        if time.monotonic() - self._asked > _ASK_AGAIN_S or not self._registered:
            self._ask()
        for batch in sorted(self._registered, reverse=True):
            if self._newer[batch].lists(sim):
                return batch
        return ""

    def _look(self) -> None:
        """See whether a batch has come: each is a folder that is renamed into place whole."""
        folder = self._layout.chunks_dir
        try:
            facts = folder.stat()
            seen = facts.st_mtime_ns, facts.st_nlink
            if seen == self._seen:
                return
            names = os.listdir(folder)  # noqa: PTH208 - plain names
        except OSError:
            return  # asked again before the next one
        self._seen = seen
        self._newer = {
            name: self._newer.get(name) or _Claimant(self._layout, name)
            for name in names
            if sequence_number(name) > self._seq
        }
        self._asked = 0.0

    def _ask(self) -> None:
        """Find out which newer batches are registered and not cancelled."""
        said = OutputIndex(self._layout.log_dir).fold_said(self._newer)
        self._asked = time.monotonic()
        self._registered = frozenset(
            name
            for name in self._newer
            if (known := said.batches.get(name)) is not None
            and known.chunks
            and known.cancelled is None
            and not known.was_given_up
        )
