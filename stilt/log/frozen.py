"""Simulations as columns: a million of them in a file that is read in a fraction of a second.

One row for each simulation and batch: first what older batches left, then the states that hold. Of batches that are
over what they left is not kept row by row: they are sealed, and only sums are known of it. Text that few rows have
(reasons and messages) lies apart. Sums and counts need no object a simulation, and single ones are
looked up by bisection in the column ``order``, which lists the rows by id.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from functools import cached_property
from itertools import chain, compress, groupby
from math import isfinite
from operator import itemgetter, or_
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from msgspec import MsgspecError, Struct, json

from stilt.foundations.errors import DamagedError
from stilt.log.bounds import ANY_NUMBER, MOST_OF_A_TEXT, TEXTS, column_fits, is_within
from stilt.log.costs import Cost, cost_where, merged
from stilt.log.states import OUTCOMES, SimState, latest_by_reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from stilt.log.costs import ColumnName
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
    "fact_row": "I",
    "fact_name": "I",
    "fact_value": "d",
    "text_row": "I",
    "text_end": "Q",
}

decode_text = json.Decoder(tuple[str, str]).decode

Count = tuple[int, str, str, int]
"""Number of the life, outcome, reason, and how many simulations there are of these."""

QUANTITIES: tuple[ColumnName, ...] = ("at", "wall_s", "peak_rss_bytes")


class Section(NamedTuple):
    """Where a column lies in the file, in bytes, and its CRC-32."""

    offset: int
    size: int
    checksum: int


def read_columns(data: bytes, sections: Mapping[str, Section]) -> dict[str, Any]:
    """Return the columns that a file has.

    Raises
    ------
    ValueError
        If one is not what was written.
    """
    view = memoryview(data)
    columns: dict[str, Any] = {}
    for name, (offset, size, checksum) in sections.items():
        part = view[offset : offset + size]
        if len(part) != size or crc32(part) != checksum:
            raise ValueError(name)
        columns[name] = part.cast(TYPES[name]) if name in TYPES else part  # type: ignore[call-overload]
    return columns


class OddCheckpointError(DamagedError):
    """The checkpoint has values that no stilt writes."""

    code = "CHECKPOINT_ODD"

    def __init__(self) -> None:
        super().__init__(
            "the log's checkpoint has values that no stilt writes",
            "remove the file log/checkpoint in the output root: it is a cache, and made anew",
        )

    def __reduce__(self) -> tuple[type[OddCheckpointError], tuple[()]]:
        return type(self), ()


class Sums(Struct):
    """What is told of all rows together.

    Attributes
    ----------
    tallies
        How many rows that hold, how many that older batches left, and how many that are sealed there are of each kind.
    costs
        What those that hold, those that older batches left, and those that are sealed have cost, by outcome.
    last_failed
        For each reason, the simulation that failed last.
    words
        What the columns ``met``, ``particles`` and ``fact_name`` count in.
    """

    tallies: tuple[list[Count], list[Count], list[Count]]
    costs: tuple[dict[str, Cost], dict[str, Cost], dict[str, Cost]]
    last_failed: list[str]
    words: list[str]


class FrozenSims:
    """Reads the columns.

    Parameters
    ----------
    columns
        By name, with elements as ``TYPES`` has them.
    lives
        What the column ``life`` counts in.
    sums
        What all rows come to.
    """

    def __init__(self, columns: dict[str, Any], lives: Sequence[Life], sums: Sums) -> None:
        self.columns = columns
        self.lives = lives
        self.sums = sums
        self.words = sums.words
        self._order = columns["order"]
        self._ids = columns["ids"]
        self._ends = columns["end"]
        self._life = columns["life"]
        self._outcome = bytes(columns["outcome"])
        self._at = columns["at"]
        self._wall_s = columns["wall_s"]
        self._rss = columns["peak_rss_bytes"]
        self._quantities = {name: columns[name] for name in QUANTITIES}
        self._receptors = columns["receptor"]
        self._mets, self._particles = columns["met"], columns["particles"]
        self._facts = columns["fact_row"], columns["fact_name"], columns["fact_value"]
        self._texts = columns["texts"]
        self._text_rows = columns["text_row"]
        self._text_ends = columns["text_end"]
        *self._tallies, self.sealed_tally = (_named(counts, lives) for counts in sums.tallies)
        self.batches = frozenset(life.batch for life, _, _ in chain(*self._tallies))
        # Without those of outcomes that rows were struck out of: sums and maxima are not taken back.
        *self._costs, self.sealed_costs = map(dict, sums.costs)
        self._last_failed: Sequence[str] | None = (
            sums.last_failed  # None once one of them was struck out
        )
        # Row by row whether it still counts: rows are struck out when their simulation is thawed.
        self._tops = bytearray(columns["top"])
        self._lowers = bytearray(columns["top"].tobytes().translate(bytes([1, 0]) + bytes(254)))

    def __len__(self) -> int:
        return len(self._outcome)

    @cached_property
    def sealed(self) -> frozenset[str]:
        """The batches that left more than there are rows of."""
        return frozenset(life.batch for life, _, _ in self.sealed_tally)

    def alive(self) -> bytes:
        """Return a byte a row: 1 where it is not struck out."""
        return bytes(map(or_, self._tops, self._lowers))

    def texts(self) -> Iterator[tuple[int, bytes]]:
        """Yield rows that have a reason or a message, and both as JSON."""
        start = 0
        for row, end in zip(self._text_rows, self._text_ends, strict=True):
            yield row, bytes(self._texts[start:end])
            start = end

    def all_facts(self) -> Iterator[tuple[int, dict[str, float]]]:
        """Yield rows to whose receptors something happened, and what."""
        for row, parts in groupby(zip(*self._facts, strict=True), itemgetter(0)):
            yield row, {self.words[name]: value for _, name, value in parts}

    def take(self, sim: str) -> list[SimState]:
        """Strike out the rows of a simulation, but for the one that holds, and return their states."""
        return self._strike([row for row in self._rows_of(sim) if self._lowers[row]])

    def take_top(self, sim: str) -> SimState | None:
        """Strike out the row of a simulation that holds, and return its state; None if there is none."""
        key = sim.encode()
        place = bisect_right(self._order, key, key=self._id) - 1
        row = self._order[place] if place >= 0 else 0
        if place < 0 or self._id(row) != key or not self._tops[row]:
            return None
        return self._strike([row])[0]

    def _strike(self, rows: list[int]) -> list[SimState]:
        states = self._states(rows)
        for row, state in zip(rows, states, strict=True):
            if self._tops[row] and self._last_failed and state.sim in self._last_failed:
                self._last_failed = None
            self._tallies[self._lowers[row]][state.life, state.outcome, state.reason] -= 1
            self._costs[self._lowers[row]].pop(state.outcome, None)
            self._tops[row] = self._lowers[row] = 0
        return states

    def take_all(self, *, earlier: bool) -> list[SimState]:
        """Strike out every row that holds, or every one that an older batch left, and return the states."""
        base = self._lowers if earlier else self._tops
        rows = array("I", compress(range(len(base)), base))
        base[:] = bytes(len(base))
        self._tallies[earlier].clear()
        self._costs[earlier].clear()
        if not earlier:
            self._last_failed = ()
        return self._states(rows)

    def count(self) -> int:
        """Return how many simulations there are."""
        return self._tops.count(1)

    def having(self, outcomes: Collection[str]) -> list[SimState]:
        """Return the states with one of these outcomes."""
        return self._states(self.rows(outcomes))

    def last_failed(self) -> Iterable[SimState]:
        """Return, for each reason, the simulation that failed last."""
        if self._last_failed is None:
            return latest_by_reason(self.having({"failed"})).values()
        return self._states([self._rows_of(sim)[-1] for sim in self._last_failed])

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
            told, costs = _by_outcome(self._tallies[earlier]), self._costs[earlier]
            for outcome in OUTCOMES:
                there = self._mask({outcome}, rows).count(1)
                if {told[outcome], costs[outcome].number if outcome in costs else there} != {there}:
                    raise ValueError(outcome)
        costs = self.sealed_costs
        if {outcome: cost.number for outcome, cost in costs.items()} != _by_outcome(
            self.sealed_tally
        ):
            raise ValueError("sealed")

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
        return merged(costs, self.sealed_costs) if earlier else costs

    def count_since(self, moment: float, outcomes: Collection[str], lives: Collection[str]) -> int:
        """Count those that hold, since a moment, with one of these outcomes in lives of these names."""
        mask = self._mask(outcomes, self._tops)
        wanted = bytes(life.name in lives for life in self.lives)
        recent = compress(range(len(mask)), map(moment.__le__, self._at))
        return sum(mask[row] and wanted[self._life[row]] for row in recent)

    def facts(
        self, names: Collection[str], outcomes: Collection[str]
    ) -> Iterator[tuple[str, float]]:
        """Yield name and value of what happened to those that hold and have one of these outcomes.

        Raises
        ------
        OddCheckpointError
            If there is a value that no stilt writes.
        """
        wanted = {place: word for place, word in enumerate(self.words) if word in names}
        mask = self._mask(outcomes, self._tops)
        rows, numbers, values = self._facts
        chosen = map(wanted.__contains__, numbers)
        for row, number, value in compress(zip(rows, numbers, values, strict=False), chosen):
            if not ANY_NUMBER[0] <= value <= ANY_NUMBER[1] or row >= len(mask):
                raise OddCheckpointError
            if mask[row]:
                yield wanted[number], value

    def tally(self, *, earlier: bool) -> Counter[tuple[Life, str, str]]:
        """Count by life, outcome and reason."""
        return self._tallies[earlier] + (self.sealed_tally if earlier else Counter())

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

    def _states(self, rows: Sequence[int]) -> list[SimState]:
        """Return rows as states.

        Raises
        ------
        OddCheckpointError
            If one has a value that no stilt writes: its checksum tells that it is as it was written, not by whom.
        """
        try:
            return self._read_states(rows)
        except (LookupError, ValueError, MsgspecError):
            raise OddCheckpointError from None

    def _read_states(self, rows: Sequence[int]) -> list[SimState]:
        ids = self._ids_of(rows)
        texts = {place: self._text(rows[place]) for place in self._with_text(rows)}
        if not (all(map(_is_short, texts.values())) and (not rows or column_fits("sim", ids))):
            raise OddCheckpointError
        reasons, messages = [""] * len(rows), [""] * len(rows)
        for place, text in texts.items():
            reasons[place], messages[place] = text
        words, receptors = self.words, map(self._receptors.__getitem__, rows)
        columns: list[Iterable[Any]] = [
            ids,
            self.of_rows("at", rows),
            [OUTCOMES[self._outcome[row]] for row in rows],
            self.of_rows("wall_s", rows),
            self.of_rows("peak_rss_bytes", rows),
            reasons,
            messages,
            [words[self._mets[row]] for row in rows],
            [f"{receptor:016x}" if receptor else "" for receptor in receptors],
            [words[self._particles[row]] for row in rows],
            self._facts_of(rows),
            [self.lives[self._life[row]] for row in rows],
        ]
        return list(map(SimState, *columns))

    def _ids_of(self, rows: Sequence[int]) -> list[str]:
        if len(rows) < len(self) // 20:
            return [self._id(row).decode() for row in rows]
        text = bytes(self._ids).decode()
        if not text.isascii():
            return [self._id(row).decode() for row in rows]
        ends = self._ends.tolist()
        return [text[ends[row - 1] if row else 0 : ends[row]] for row in rows]

    def _facts_of(self, rows: Sequence[int]) -> list[dict[str, float] | None]:
        """Return what happened to the receptors of rows, None where nothing did."""
        of_rows, names, values = self._facts
        places: Iterable[int] = range(len(of_rows))
        if len(rows) < len(self) // 20:
            places = [
                place
                for row in rows
                for place in range(bisect_left(of_rows, row), bisect_right(of_rows, row))
            ]
        found: dict[int, dict[str, float]] = {}
        for place in places:
            if not ANY_NUMBER[0] <= values[place] <= ANY_NUMBER[1]:
                raise OddCheckpointError
            found.setdefault(of_rows[place], {})[self.words[names[place]]] = values[place]
        return [found.get(row) for row in rows]

    def _mask(self, outcomes: Collection[str], base: bytearray) -> bytes:
        """Return a byte a row: 1 where ``base`` has it and the outcome is one of these."""
        wanted = bytes(outcome in outcomes for outcome in OUTCOMES)
        matching = self._outcome.translate(wanted.ljust(256, b"\0"))
        if base.count(1) == len(base):
            return matching
        both = int.from_bytes(matching, "big") & int.from_bytes(base, "big")
        return both.to_bytes(len(matching), "big")

    def _text(self, row: int) -> tuple[str, str]:
        """Return reason and message of a row that has them."""
        place = bisect_left(self._text_rows, row)
        start = self._text_ends[place - 1] if place else 0
        return decode_text(self._texts[start : self._text_ends[place]])

    def _with_text(self, rows: Sequence[int]) -> list[int]:
        """Return the places in ``rows`` of those that have a reason or a message."""
        if len(rows) > len(self) // 20:
            marked = set(self._text_rows)
            return [place for place, row in enumerate(rows) if row in marked]
        found = [bisect_left(self._text_rows, row) for row in rows]
        last = len(self._text_rows)
        return [n for n, at in enumerate(found) if at < last and self._text_rows[at] == rows[n]]


def _is_short(text: tuple[str, str]) -> bool:
    """Tell whether reason and message have a length that stilt writes: those of an invalid are path and why."""
    reason, message = text
    return len(reason) <= MOST_OF_A_TEXT and len(message) <= 2 * TEXTS["why"]


def _by_outcome(tally: Mapping[tuple[Life, str, str], int]) -> Counter[str]:
    told: Counter[str] = Counter()
    for (_, outcome, _), number in tally.items():
        told[outcome] += number
    return told


def _named(counts: Sequence[Count], lives: Sequence[Life]) -> Counter[tuple[Life, str, str]]:
    return Counter({(lives[life], outcome, reason): n for life, outcome, reason, n in counts})
