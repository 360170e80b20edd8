"""Simulations as columns: a million of them in a file that is read in a fraction of a second.

One row for each simulation and batch: first what older batches left, then the states that hold. Text that few
rows have (reasons and messages) lies apart. Sums and counts need no object a simulation, and single ones are
looked up by bisection in the column ``order``, which lists the rows by id.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections import Counter
from itertools import compress
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from msgspec import MsgspecError, json

from stilt.foundations.errors import DamagedError
from stilt.log.bounds import frozen_fits, is_within
from stilt.log.costs import cost_where
from stilt.log.states import OUTCOMES, SimState, latest_by_reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from stilt.log.costs import ColumnName, Cost
    from stilt.log.states import Life

BYTE_ORDER = sys.byteorder
TYPES = {
    "order": "I",
    "end": "Q",
    "life": "I",
    "outcome": "B",
    "top": "B",
    "at": "d",
    "wall_s": "d",
    "peak_rss_bytes": "Q",
    "receptor": "Q",
    "met": "I",
    "particles": "I",
    "text_row": "I",
    "text_end": "Q",
}

_decode_text = json.Decoder(tuple[str, str]).decode

Count = tuple[int, str, str, int]
"""Number of the life, outcome, reason, and how many simulations there are of these."""

QUANTITIES: tuple[ColumnName, ...] = ("at", "wall_s", "peak_rss_bytes")


class Section(NamedTuple):
    """Where a column lies in the file, in bytes, and its CRC-32."""

    offset: int
    size: int
    checksum: int


class OddCheckpointError(DamagedError):
    """The checkpoint has values that no stilt writes."""

    def __init__(self) -> None:
        super().__init__(
            "the log's checkpoint has values that no stilt writes",
            "remove the file log/checkpoint in the output root: it is a cache, and made anew",
        )

    def __reduce__(self) -> tuple[type[OddCheckpointError], tuple[()]]:
        return type(self), ()


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
    tallies
        How many rows that hold, and how many that older batches left, there are of each kind.
    costs
        What those that hold, and those that older batches left, have cost, by outcome.
    last_failed
        For each reason, the simulation that failed last.
    words
        What the columns ``met`` and ``particles`` count in.

    Raises
    ------
    ValueError
        If a column is not what was written.
    """

    def __init__(
        self,
        data: bytes,
        sections: Mapping[str, Section],
        lives: Sequence[Life],
        *,
        tallies: tuple[Sequence[Count], Sequence[Count]],
        costs: tuple[dict[str, Cost], dict[str, Cost]],
        last_failed: Sequence[str],
        words: Sequence[str],
    ) -> None:
        view = memoryview(data)
        columns: dict[str, Any] = {}
        for name, (offset, size, checksum) in sections.items():
            part = view[offset : offset + size]
            if len(part) != size or crc32(part) != checksum:
                raise ValueError(name)
            columns[name] = part.cast(TYPES[name]) if name in TYPES else part  # type: ignore[call-overload]
        self.lives = lives
        self._order = columns["order"]
        self._ids = columns["ids"]
        self._ends = columns["end"]
        self._life = columns["life"]
        self._outcome = bytes(columns["outcome"])
        self._at = columns["at"]
        self._wall_s = columns["wall_s"]
        self._rss = columns["peak_rss_bytes"]
        self._quantities = {name: columns[name] for name in QUANTITIES}
        self._receptors, self._words = columns["receptor"], words
        self._mets, self._particles = columns["met"], columns["particles"]
        self._texts = columns["texts"]
        self._text_rows = columns["text_row"]
        self._text_ends = columns["text_end"]
        self._tallies = tuple(_named(counts, lives) for counts in tallies)
        # Without those of outcomes that rows were struck out of: sums and maxima are not taken back.
        self._costs = costs
        self._last_failed: Sequence[str] | None = (
            last_failed  # None once one of them was struck out
        )
        # Row by row whether it still counts: rows are struck out when their simulation is thawed.
        self._tops = bytearray(columns["top"])
        self._lowers = bytearray(columns["top"].tobytes().translate(bytes([1, 0]) + bytes(254)))

    def __len__(self) -> int:
        return len(self._outcome)

    def take(self, sim: str) -> list[SimState]:
        """Strike out the rows of a simulation and return them as states, the lowest first."""
        found = []
        for row in self._rows_of(sim):
            state = self._state(row)
            found.append(state)
            if self._last_failed and sim in self._last_failed:
                self._last_failed = None
            self._tallies[self._lowers[row]][state.life, state.outcome, state.reason] -= 1
            self._costs[self._lowers[row]].pop(state.outcome, None)
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
        row = mask.find(1)
        while row >= 0:
            yield self._state(row)
            row = mask.find(1, row + 1)

    def last_failed(self) -> Iterable[SimState]:
        """Return, for each reason, the simulation that failed last."""
        if self._last_failed is None:
            return latest_by_reason(self.having({"failed"})).values()
        return [self._state(self._rows_of(sim)[-1]) for sim in self._last_failed]

    def check_sums(self) -> None:
        """Hold counts and costs, and the simulations that failed last, against the rows.

        Raises
        ------
        ValueError
            If they are those of others.
        """
        if not all(map(self._rows_of, self._last_failed or ())):
            raise ValueError("last_failed")
        for earlier, rows in enumerate((self._tops, self._lowers)):
            told: Counter[str] = Counter()
            for (_, outcome, _), number in self._tallies[earlier].items():
                told[outcome] += number
            for outcome in OUTCOMES:
                there = self._mask({outcome}, rows).count(1)
                cost = self._costs[earlier].get(outcome)
                if told[outcome] != there or (cost is not None and cost.number != there):
                    raise ValueError(outcome)

    def rows(self, outcomes: Collection[str]) -> array[int]:
        """Return the rows that hold and have one of these outcomes."""
        mask = self._mask(outcomes, self._tops)
        return array("I", compress(range(len(mask)), mask))

    def of_rows(self, name: ColumnName, rows: Iterable[int]) -> list[float]:
        """Return one quantity of some rows."""
        found = list(map(self._quantities[name].__getitem__, rows))
        if found and not (
            is_within(name, min(found)) and is_within(name, max(found)) and isfinite(sum(found))
        ):
            raise OddCheckpointError
        return found

    def costs(self, *, earlier: bool) -> dict[str, Cost]:
        """Return what simulations have cost, by outcome."""
        costs = self._costs[earlier]
        rows = self._lowers if earlier else self._tops
        for outcome in {outcome for (_, outcome, _), n in self._tallies[earlier].items() if n}:
            if outcome not in costs:
                costs[outcome] = cost_where(self._mask({outcome}, rows), *self._quantities.values())
        return costs

    def count_since(self, moment: float, outcomes: Collection[str], lives: Collection[str]) -> int:
        """Count those that hold, since a moment, with one of these outcomes in lives of these names."""
        mask = self._mask(outcomes, self._tops)
        wanted = bytes(life.name in lives for life in self.lives)
        recent = compress(range(len(mask)), map(moment.__le__, self._at))
        return sum(mask[row] and wanted[self._life[row]] for row in recent)

    def tally(self, *, earlier: bool) -> Counter[tuple[Life, str, str]]:
        """Count by life, outcome and reason."""
        return +self._tallies[earlier]

    def _rows_of(self, sim: str) -> list[int]:
        """Return the rows of a simulation that are not struck out, the lowest first."""
        key = sim.encode()
        rows = []
        for place in range(bisect_left(self._order, key, key=self._id), len(self)):
            row = self._order[place]
            if self._id(row) != key or not (self._tops[row] or self._lowers[row]):
                break
            rows.append(row)
        return rows

    def _id(self, row: int) -> bytes:
        start = self._ends[row - 1] if row else 0
        return bytes(self._ids[start : self._ends[row]])

    def _state(self, row: int) -> SimState:
        """Return a row as a state.

        Raises
        ------
        OddCheckpointError
            If it has a value that no stilt writes: its checksum tells that it is as it was written, not by whom.
        """
        try:
            state = self._read_state(row)
        except (LookupError, ValueError, MsgspecError):
            raise OddCheckpointError from None
        if not frozen_fits(state):
            raise OddCheckpointError
        return state

    def _read_state(self, row: int) -> SimState:
        reason, message = self._text(row)
        return SimState(
            sim=self._id(row).decode(),
            at=self._at[row],
            outcome=OUTCOMES[self._outcome[row]],
            wall_s=self._wall_s[row],
            peak_rss_bytes=self._rss[row],
            reason=reason,
            message=message,
            met=self._words[self._mets[row]],
            receptor=f"{receptor:016x}" if (receptor := self._receptors[row]) else "",
            particles=self._words[self._particles[row]],
            life=self.lives[self._life[row]],
        )

    def _mask(self, outcomes: Collection[str], base: bytearray) -> bytes:
        """Return a byte a row: 1 where ``base`` has it and the outcome is one of these."""
        wanted = bytes(outcome in outcomes for outcome in OUTCOMES)
        matching = self._outcome.translate(wanted.ljust(256, b"\0"))
        if base.count(1) == len(base):
            return matching
        both = int.from_bytes(matching, "big") & int.from_bytes(base, "big")
        return both.to_bytes(len(matching), "big")

    def _text(self, row: int) -> tuple[str, str]:
        """Return reason and message."""
        place = bisect_left(self._text_rows, row)
        if place == len(self._text_rows) or self._text_rows[place] != row:
            return "", ""
        start = self._text_ends[place - 1] if place else 0
        return _decode_text(self._texts[start : self._text_ends[place]])


def counts_of(tally: Mapping[tuple[Life, str, str], int], lives: Mapping[int, int]) -> list[Count]:
    """Return a tally with lives by number, as ``FrozenSims`` wants it back."""
    return [(lives[id(life)], outcome, reason, n) for (life, outcome, reason), n in tally.items()]


def _named(counts: Sequence[Count], lives: Sequence[Life]) -> Counter[tuple[Life, str, str]]:
    return Counter({(lives[life], outcome, reason): n for life, outcome, reason, n in counts})
