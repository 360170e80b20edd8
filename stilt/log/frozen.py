"""Simulations as columns: a million of them in a file that is read in a fraction of a second.

One row for each simulation and batch, sorted by id; of several rows of one id the last is the state of the
simulation, those before it are what older batches left. Text that few rows have (reasons and messages) lies
apart. Sums and counts need no object a simulation, and single ones are looked up by bisection.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections import Counter
from itertools import accumulate, compress, islice
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from msgspec import json

from stilt.log.states import OUTCOMES, SimState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from stilt.log.states import Life

BYTE_ORDER = sys.byteorder
_TYPES = {"end": "Q", "life": "I", "outcome": "B", "top": "B", "at": "d", "wall_s": "d", "rss": "Q"}
_BLOCK_ROWS = 1 << 16
_CODE = {outcome: code for code, outcome in enumerate(OUTCOMES)}


class Columns(NamedTuple):
    """What some simulations cost, in no particular order; the lists have the same length."""

    at: list[float]
    wall_s: list[float]
    peak_rss_bytes: list[int]


class Section(NamedTuple):
    """Where a column lies in the file, in bytes, and its CRC-32."""

    offset: int
    size: int
    checksum: int


class FrozenSims:
    """Reads the columns.

    Parameters
    ----------
    data
        The file's bytes.
    sections
        Where in them the columns are.
    lives
        What the column ``life`` counts in.

    Raises
    ------
    ValueError
        If a column is not what was written.
    """

    def __init__(self, data: bytes, sections: Mapping[str, Section], lives: Sequence[Life]) -> None:
        view = memoryview(data)
        columns: dict[str, Any] = {}
        for name, (offset, size, checksum) in sections.items():
            part = view[offset : offset + size]
            if len(part) != size or crc32(part) != checksum:
                raise ValueError(name)
            columns[name] = part.cast(_TYPES[name]) if name in _TYPES else part  # type: ignore[call-overload]
        self.lives = lives
        self._ids = columns["ids"]
        self._ends = columns["end"]
        self._life = columns["life"]
        self._outcome = bytes(columns["outcome"])
        self._at = columns["at"]
        self._wall_s = columns["wall_s"]
        self._rss = columns["rss"]
        self._raw_texts = columns["texts"]
        self._texts: dict[int, tuple[str, str]] | None = None
        # Bit by bit what still holds: rows are struck out when their simulation is thawed.
        self._tops = bytearray(columns["top"])
        self._lowers = bytearray(columns["top"].tobytes().translate(bytes([1, 0]) + bytes(254)))

    def __len__(self) -> int:
        return len(self._outcome)

    def take(self, sim: str) -> list[SimState]:
        """Strike out the rows of a simulation and return them as states, the lowest first."""
        key = sim.encode()
        first = bisect_left(range(len(self)), key, key=self._id)
        found = []
        for row in range(first, len(self)):
            if self._id(row) != key or not (self._tops[row] or self._lowers[row]):
                break
            found.append(self._state(row))
            self._tops[row] = self._lowers[row] = 0
        return found

    def take_all(self) -> Iterator[tuple[SimState, bool]]:
        """Strike out every row; yield its state and whether it is the one that holds."""
        tops, lowers = bytes(self._tops), bytes(self._lowers)
        self._tops, self._lowers = bytearray(len(tops)), bytearray(len(lowers))
        for row in range(len(self)):
            if tops[row] or lowers[row]:
                yield self._state(row), bool(tops[row])

    def count(self) -> int:
        """Return how many simulations there are."""
        return self._tops.count(1)

    def having(self, outcomes: Collection[str]) -> Iterator[SimState]:
        """Yield the states with one of these outcomes."""
        mask = self._mask(outcomes, self._tops)
        return map(self._state, compress(range(len(self)), mask))

    def columns(
        self, outcomes: Collection[str], lives: Collection[str] | None, *, earlier: bool
    ) -> Columns:
        """Return what those with one of these outcomes (in lives of these names) cost."""
        mask = self._mask(outcomes, self._lowers if earlier else self._tops)
        if lives is not None:
            wanted = bytes(life.name in lives for life in self.lives)
            mask = bytes(wanted[life] and bit for life, bit in zip(self._life, mask, strict=True))
        return Columns(
            list(compress(self._at, mask)),
            list(compress(self._wall_s, mask)),
            list(compress(self._rss, mask)),
        )

    def tally(self, *, earlier: bool) -> Counter[tuple[Life, str, str]]:
        """Count by life, outcome and reason."""
        mask = self._lowers if earlier else self._tops
        plain = Counter(zip(compress(self._life, mask), compress(self._outcome, mask), strict=True))
        counts = Counter(
            {(self.lives[life], OUTCOMES[code], ""): n for (life, code), n in plain.items()}
        )
        for row, (reason, _) in self._text_of().items():
            if reason and mask[row]:
                life, outcome = self.lives[self._life[row]], OUTCOMES[self._outcome[row]]
                counts[life, outcome, ""] -= 1
                counts[life, outcome, reason] += 1
        return +counts

    def _id(self, row: int) -> bytes:
        start = self._ends[row - 1] if row else 0
        return bytes(self._ids[start : self._ends[row]])

    def _state(self, row: int) -> SimState:
        reason, message = self._text_of().get(row, ("", ""))
        return SimState(
            sim=self._id(row).decode(),
            at=self._at[row],
            outcome=OUTCOMES[self._outcome[row]],
            wall_s=self._wall_s[row],
            peak_rss_bytes=self._rss[row],
            reason=reason,
            message=message,
            life=self.lives[self._life[row]],
        )

    def _mask(self, outcomes: Collection[str], base: bytearray) -> bytes:
        """Return a byte a row: 1 where ``base`` has it and the outcome is one of these."""
        wanted = bytes(outcome in outcomes for outcome in OUTCOMES)
        matching = self._outcome.translate(wanted.ljust(256, b"\0"))
        both = int.from_bytes(matching, "big") & int.from_bytes(base, "big")
        return both.to_bytes(len(matching), "big")

    def _text_of(self) -> dict[int, tuple[str, str]]:
        if self._texts is None:
            rows = json.decode(bytes(self._raw_texts), type=list[tuple[int, str, str]])
            self._texts = {row: (reason, message) for row, reason, message in rows}
        return self._texts


def columns_of(
    sims: Mapping[str, SimState],
    earlier: Mapping[str, Mapping[str, SimState]],
    lives: Mapping[int, int],
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield the columns, each by name and in blocks of bytes.

    ``lives`` goes from the ``id`` of a life to its number.
    """
    rows, tops = _rows(sims, earlier)
    ids = [state.sim.encode() for state in rows]
    yield "ids", (b"".join(block) for block in _blocks(ids))
    yield "end", iter([array("Q", accumulate(map(len, ids))).tobytes()])
    del ids
    yield "top", iter([bytes(tops)])
    yield "life", iter([array("I", [lives[id(state.life)] for state in rows]).tobytes()])
    yield "outcome", iter([bytes([_CODE[state.outcome] for state in rows])])
    yield "at", iter([array("d", [state.at for state in rows]).tobytes()])
    yield "wall_s", iter([array("d", [state.wall_s for state in rows]).tobytes()])
    yield "rss", iter([array("Q", [state.peak_rss_bytes for state in rows]).tobytes()])
    texts = [
        (row, state.reason, state.message)
        for row, state in enumerate(rows)
        if state.reason or state.message
    ]
    yield "texts", iter([json.encode(texts)])


def _rows(
    sims: Mapping[str, SimState], earlier: Mapping[str, Mapping[str, SimState]]
) -> tuple[list[SimState], bytes]:
    """Return the states by id, older batches' first, and for each whether it is the one that holds.

    Text sorts by code points, which is how its UTF-8 sorts.
    """
    below: dict[str, list[SimState]] = {}
    for older in earlier.values():
        for sim, state in older.items():
            below.setdefault(sim, []).append(state)
    if not below:
        return [sims[sim] for sim in sorted(sims)], b"\1" * len(sims)
    rows: list[SimState] = []
    tops = bytearray()
    for sim in sorted(sims):
        older_states = sorted(below.get(sim, ()), key=lambda state: state.rank)
        rows += [*older_states, sims[sim]]
        tops += b"\0" * len(older_states) + b"\1"
    return rows, bytes(tops)


def _blocks(items: list[bytes]) -> Iterator[list[bytes]]:
    iterator = iter(items)
    while block := list(islice(iterator, _BLOCK_ROWS)):
        yield block
