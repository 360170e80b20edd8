"""Simulations as rows, from wherever they come, joined as ``stilt.log.fold`` joins objects.

What holds of a simulation is the greatest of its rows under ``SimState.rank``; here columns are compared, and objects
only where columns do not decide.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from itertools import chain, groupby, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import MsgspecError, json

from stilt.log.bounds import NUMBERS
from stilt.log.costs import Cost, merged
from stilt.log.frozen import QUANTITIES, TYPES, FrozenSims, Sums, decode_text
from stilt.log.states import ENDED, OUTCOMES, PHASE, SimState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray

    from stilt.log.frozen import Count
    from stilt.log.states import Life

    Column = NDArray[Any]

_COLUMNS = {
    "life": "u4",
    "outcome": "u1",
    "at": "f8",
    "wall_s": "f8",
    "peak_rss_bytes": "u8",
    "receptor": "u8",
    "met": "u4",
    "particles": "u4",
    "reason": "u4",
}
_FAILED, _FIRST_SUCCESS = PHASE["failed"], PHASE["empty"]
_HAVE_ENDED = np.array([outcome in ENDED for outcome in OUTCOMES])
_SUMMED = ("life", "outcome", "reason", *QUANTITIES)
_HEX_DIGITS = 16
_NO_RECEPTOR = "0" * _HEX_DIGITS


class Rows:
    """Collects rows, and joins them."""

    def __init__(self) -> None:
        self._ids: list[Column] = []
        self._blocks: dict[str, list[Column]] = {name: [] for name in _COLUMNS}
        self._lives: list[Life] = []
        self._life_numbers: dict[int, int] = {}
        self._words: dict[str, int] = {"": 0}
        self._reasons: dict[str, int] = {"": 0}
        self._texts: list[tuple[int, bytes]] = []
        self._facts: list[tuple[int, dict[str, float]]] = []
        self._sealed: Counter[tuple[Life, str, str]] = Counter()
        self._sealed_costs: dict[str, Cost] = {}
        self._count = 0
        self._whole = 0  # blocks that are large

    def __len__(self) -> int:
        return self._count

    def add_block(
        self,
        life: Life,
        ids: Column,
        columns: dict[str, Column],
        texts: Iterable[tuple[int, str, str]],
        facts: Iterable[tuple[int, dict[str, float]]],
    ) -> None:
        """Add what one life says of simulations.

        Parameters
        ----------
        life
            Who says it.
        ids
            As bytes of one size, with zeros behind.
        columns
            All but life and reason.
        texts, facts
            With the row that they are of, counted in this block.
        """
        reasons = np.zeros(len(ids), "u4")
        for row, reason, message in texts:
            reasons[row] = self._reason(reason)
            self._texts.append((self._count + row, json.encode((reason, message))))
        self._facts += [(self._count + row, told) for row, told in facts]
        self._append(
            ids, columns | {"life": np.full(len(ids), self._number_of(life)), "reason": reasons}
        )

    def add_states(self, states: Sequence[SimState]) -> None:
        """Add states as they are as objects.

        Raises
        ------
        ValueError
            If the digest of a receptor would not come back as the text that it is.
        """
        if not states:
            return
        ids = np.array([state.sim.encode() for state in states])
        columns = {
            "life": np.array([self._number_of(state.life) for state in states]),
            "outcome": np.array([PHASE[state.outcome] for state in states]),
            "receptor": _numbers([state.receptor for state in states]),
            "met": np.array([self.word(state.met) for state in states]),
            "particles": np.array([self.word(state.particles) for state in states]),
            "reason": np.array([self._reason(state.reason) for state in states]),
        }
        for name in QUANTITIES:
            columns[name] = np.array([getattr(state, name) for state in states], _COLUMNS[name])
        for row, state in enumerate(states, self._count):
            if state.reason or state.message:
                self._texts.append((row, json.encode((state.reason, state.message))))
            if state.facts:
                self._facts.append((row, state.facts))
        self._append(ids, columns)

    def add_frozen(self, frozen: FrozenSims) -> None:
        """Add the rows of another table that are not struck out.

        Raises
        ------
        ValueError
            If it has values that no stilt writes: its checksum tells that it is as it was written, not by whom.
        """
        try:
            self._add_frozen(frozen)
        except (LookupError, OverflowError, MsgspecError) as error:
            raise ValueError("frozen") from error

    def _add_frozen(self, frozen: FrozenSims) -> None:
        columns = {name: np.asarray(column) for name, column in frozen.columns.items()}
        rows = np.flatnonzero(np.frombuffer(frozen.alive(), "u1"))
        words = np.array([self.word(word) for word in frozen.words], "u4")
        lives = np.array([self._number_of(life) for life in frozen.lives], "u4")
        taken = {name: columns[name][rows] for name in _COLUMNS if name in columns}
        taken |= {"life": lives[taken["life"]], "met": words[taken["met"]]}
        taken |= {"particles": words[taken["particles"]], "reason": np.zeros(len(rows), "u4")}
        if not _are_plain(frozen.columns["ids"], taken):
            raise ValueError("frozen")
        place = np.full(len(frozen), -1, "i4")
        place[rows] = np.arange(len(rows))
        for row, blob in frozen.texts():
            if place[row] >= 0:
                taken["reason"][place[row]] = self._reason(decode_text(blob)[0])
                self._texts.append((self._count + int(place[row]), blob))
        for row, told in frozen.all_facts():
            if place[row] >= 0:
                self._facts.append((self._count + int(place[row]), told))
        self._sealed += frozen.sealed_tally
        self._sealed_costs = merged(self._sealed_costs, frozen.sealed_costs)
        ids = _unpacked(frozen.columns["ids"], columns["end"])
        self._append(ids if len(rows) == len(ids) else ids[rows], taken)

    def join(self, lives: Sequence[Life], over: Collection[str] = ()) -> FrozenSims:
        """Return what holds of each simulation, and what older batches left of it.

        Parameters
        ----------
        lives
            Those that are numbered first; others come after them.
        over
            The batches that are to be sealed: of what ended in them, and a later batch took up, sums are kept.
        """
        sealed_lives = (life for life, _, _ in self._sealed)
        named = {id(life): life for life in chain(lives, self._lives, sealed_lives)}
        number = {key: place for place, key in enumerate(named)}
        columns = {name: _concatenated(self._blocks[name], kind) for name, kind in _COLUMNS.items()}
        ids = _concatenated(self._ids, "S1")
        order = np.argsort(ids, kind="stable").astype("u4")
        rows, older = self._holding(ids, order, columns)
        rows, older = self._seal(rows, older, columns, over)
        if len(rows) < len(ids) or older:
            ids = ids[rows]
            for name in columns:  # one by one: all twice are much
                columns[name] = columns[name][rows]
        final = np.array([number[id(life)] for life in self._lives], "u4")
        columns["life"] = final[columns["life"]] if len(final) else columns["life"]
        tops = np.ones(len(ids), "u1")
        tops[:older] = 0
        made = self._packed(ids, columns, tops, rows)
        made["order"] = _typed(
            np.argsort(ids, kind="stable") if older else _left_of(order, rows), TYPES["order"]
        )
        sums = Sums(
            tallies=(
                self._tally(columns, tops == 1),
                self._tally(columns, tops == 0),
                [
                    (number[id(life)], outcome, reason, n)
                    for (life, outcome, reason), n in self._sealed.items()
                ],
            ),
            costs=(_costs(columns, tops == 1), _costs(columns, tops == 0), self._sealed_costs),
            last_failed=_last_failed(ids, columns, tops),
            words=list(self._words),
        )
        return FrozenSims(made, list(named.values()), sums)

    def word(self, text: str) -> int:
        """Return the number of a text of which there are few different ones."""
        return self._words.setdefault(text, len(self._words))

    def _append(self, ids: Column, columns: dict[str, Column]) -> None:
        self._ids.append(ids)
        for name, kind in _COLUMNS.items():
            self._blocks[name].append(columns[name].astype(kind, copy=False))
        self._count += len(ids)
        if sum(map(len, self._ids[self._whole :])) >= _PIECE:
            # Thousands of small arrays leave holes in memory, as much again.
            for blocks in (self._ids, *self._blocks.values()):
                blocks[self._whole :] = [np.concatenate(blocks[self._whole :])]
            self._whole += 1

    def _number_of(self, life: Life) -> int:
        number = self._life_numbers.setdefault(id(life), len(self._lives))
        if number == len(self._lives):
            self._lives.append(life)
        return number

    def _reason(self, text: str) -> int:
        return self._reasons.setdefault(text, len(self._reasons))

    def _holding(
        self, ids: Column, order: Column, columns: dict[str, Column]
    ) -> tuple[Column, int]:
        """Return the rows that stay, and how many of them, the first ones, older batches left."""
        same = _as_before(ids, order)
        if not same.any():
            return np.arange(len(ids), dtype="u4"), 0
        contested = same.copy()
        contested[:-1] |= same[1:]
        tops, older = [order[~contested]], []
        rows, begins = order[contested], ~same[contested]
        firsts = np.flatnonzero(begins)
        cuts = [*firsts[:: _PIECE // 2].tolist(), len(rows)]
        for first, last in pairwise(cuts):
            group = np.cumsum(begins[first:last])
            holding, left = self._ranked(rows[first:last], group, ids, columns)
            tops.append(holding)
            older.append(left)
        left = np.concatenate(older)
        return np.concatenate([left, np.sort(np.concatenate(tops))]), len(left)

    def _seal(
        self, rows: Column, older: int, columns: dict[str, Column], over: Collection[str]
    ) -> tuple[Column, int]:
        """Take those of the first ``older`` rows that sealed batches ended out, and add them to the sums."""
        is_over = np.array([life.batch in over for life in self._lives], bool)
        left = rows[:older]
        mask = _HAVE_ENDED[columns["outcome"][left]]
        mask &= is_over[columns["life"][left]] if older else False
        if not mask.any():
            return rows, older
        sealed = {name: columns[name][left[mask]] for name in _SUMMED}
        for life, outcome, reason, number in self._tally(sealed):
            self._sealed[self._lives[life], outcome, reason] += number
        self._sealed_costs = merged(self._sealed_costs, _costs(sealed))
        return np.concatenate([left[~mask], rows[older:]]), older - int(mask.sum())

    def _ranked(
        self, rows: Column, group: Column, ids: Column, columns: dict[str, Column]
    ) -> tuple[Column, Column]:
        """Return of each group of rows the one that holds, and of each other batch the one that it left."""
        keys = self._rank_keys(rows, columns)
        ranked = np.lexsort((*reversed(keys), group))
        rows, group, keys = rows[ranked], group[ranked], [key[ranked] for key in keys]
        batch = keys[_BATCH_KEY]
        rows = self._untied(rows, [group, *keys], ids, columns)
        by_batch = np.lexsort((np.arange(len(rows)), batch, group))
        is_last = np.ones(len(rows), bool)
        is_last[by_batch[:-1]] = (np.diff(group[by_batch]) != 0) | (np.diff(batch[by_batch]) != 0)
        is_top = np.append(np.diff(group) != 0, True)
        return rows[is_top], rows[is_last & ~is_top]

    def _rank_keys(self, rows: Column, columns: dict[str, Column]) -> list[Column]:
        """Return what orders rows as ``SimState.rank`` does, the first first, up to the life's name."""
        life, outcome = columns["life"][rows], columns["outcome"][rows]
        seq, attempt, batch, name = (values[life] for values in self._by_life)
        return [seq, outcome >= _FIRST_SUCCESS, attempt, outcome, columns["at"][rows], batch, name]

    @cached_property
    def _by_life(self) -> list[Column]:
        lives = self._lives
        return [
            np.array([life.seq for life in lives]),
            np.array([life.attempt for life in lives]),
            _places([life.batch for life in lives]),
            _places([life.name for life in lives]),
        ]

    def _untied(
        self, rows: Column, keys: list[Column], ids: Column, columns: dict[str, Column]
    ) -> Column:
        """Order by the whole rank those rows which no key orders."""
        tied = np.logical_and.reduce([key[1:] == key[:-1] for key in keys])
        places = np.flatnonzero(tied)
        texts, facts = (dict(self._texts), dict(self._facts)) if len(places) else ({}, {})
        for _, pairs in groupby(enumerate(places.tolist()), lambda pair: pair[1] - pair[0]):
            run = [place for _, place in pairs]
            alike = rows[run[0] : run[-1] + 2].tolist()
            states = {row: self._state(row, ids, columns, texts, facts) for row in alike}
            rows[run[0] : run[-1] + 2] = sorted(alike, key=lambda row: states[row].rank)
        return rows

    def _state(
        self,
        row: int,
        ids: Column,
        columns: dict[str, Column],
        texts: dict[int, bytes],
        facts: dict[int, dict[str, float]],
    ) -> SimState:
        words, told = (
            list(self._words),
            {name: column[row].item() for name, column in columns.items()},
        )
        reason, message = decode_text(texts[row]) if row in texts else ("", "")
        return SimState(
            ids[row].decode(),
            told["at"],
            OUTCOMES[told["outcome"]],
            told["wall_s"],
            told["peak_rss_bytes"],
            reason,
            message,
            words[told["met"]],
            f"{told['receptor']:016x}" if told["receptor"] else "",
            words[told["particles"]],
            facts.get(row),
            self._lives[told["life"]],
        )

    def _tally(self, columns: dict[str, Column], mask: Any = slice(None)) -> list[Count]:
        reasons = list(self._reasons)
        several = columns["life"][mask].astype("u8") * len(OUTCOMES) + columns["outcome"][mask]
        kinds, counts = np.unique(
            several * len(reasons) + columns["reason"][mask], return_counts=True
        )
        found = []
        for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True):
            life_and_outcome, reason = divmod(kind, len(reasons))
            life, outcome = divmod(life_and_outcome, len(OUTCOMES))
            found.append((life, OUTCOMES[outcome], reasons[reason], count))
        return found

    def _packed(
        self, ids: Column, columns: dict[str, Column], tops: Column, rows: Column
    ) -> dict[str, memoryview]:
        """Return the columns as ``FrozenSims`` takes them; ``rows`` are those that stay, as they were added."""
        place = np.full(self._count, -1, "i4")
        place[rows] = np.arange(len(rows))
        texts = sorted((new, blob) for row, blob in self._texts if (new := int(place[row])) >= 0)
        facts = sorted(
            ((new, told) for row, told in self._facts if (new := int(place[row])) >= 0),
            key=lambda pair: pair[0],
        )
        made: dict[str, Any] = {name: columns[name] for name in TYPES if name in columns} | {
            "end": np.cumsum(np.strings.str_len(ids), dtype="u8") if len(ids) else np.zeros(0),
            "top": tops,
            "fact_row": [row for row, told in facts for _ in told],
            "fact_name": [self.word(name) for _, told in facts for name in told],
            "fact_value": [value for _, told in facts for value in told.values()],
            "text_row": [row for row, _ in texts],
            "text_end": np.cumsum([len(blob) for _, blob in texts]),
        }
        packed = {name: _typed(values, TYPES[name]) for name, values in made.items()}
        # Piece by piece: all of them as objects would take more than all columns.
        pieces = range(0, len(ids), _PIECE)
        packed["ids"] = memoryview(
            b"".join(b"".join(ids[at : at + _PIECE].tolist()) for at in pieces)
        )
        packed["texts"] = memoryview(b"".join(blob for _, blob in texts))
        return packed


_PIECE = 1 << 16

_BATCH_KEY = 5
"""Which of the keys of the rank is the batch."""


def _typed(values: Any, kind: str) -> memoryview:
    column: memoryview = np.ascontiguousarray(values, kind).data.cast("B").cast(kind)  # type: ignore[call-overload]
    return column


def _concatenated(blocks: list[Column], kind: str) -> Column:
    """Return blocks as one, and let go of them."""
    column = np.concatenate(blocks) if blocks else np.zeros(0, kind)
    blocks.clear()
    return column


def _places(texts: Sequence[str]) -> Column:
    """Return where each text comes when they are sorted, equal ones at one place."""
    place = {text: number for number, text in enumerate(sorted(set(texts)))}
    return np.array([place[text] for text in texts])


def _numbers(receptors: list[str]) -> Column:
    """Return digests of receptors as numbers, 0 where there is none."""
    digits = "".join([receptor or _NO_RECEPTOR for receptor in receptors])
    data = bytes.fromhex(digits)
    lengths = set(map(len, receptors)) - {0, _HEX_DIGITS}
    if lengths or data.hex() != digits or _NO_RECEPTOR in receptors:
        raise ValueError("receptor")
    return np.frombuffer(data, ">u8")


def _are_plain(ids: memoryview, columns: dict[str, Column]) -> bool:
    """Tell whether ids are text, and outcomes and quantities such as stilt writes."""
    text = str(ids, "utf-8")
    return (
        text.isprintable()
        and "/" not in text
        and bool((columns["outcome"] < len(OUTCOMES)).all())
        and all(
            bool(((columns[name] >= least) & (columns[name] <= most)).all())
            for name, (least, most) in ((name, NUMBERS[name]) for name in QUANTITIES)
        )
    )


def _unpacked(text: memoryview, ends: Column) -> Column:
    """Return ids that lie one behind the other as bytes of one size."""
    pieces, begin = [], 0
    for first in range(0, len(ends), _PIECE):
        stops = ends[first : first + _PIECE].tolist()
        starts = [begin, *stops[:-1]]
        pieces.append(np.array([bytes(text[a:b]) for a, b in zip(starts, stops, strict=True)]))
        begin = stops[-1]
    return _concatenated(pieces, "S1")


def _left_of(order: Column, rows: Column) -> Column:
    """Return the order of these rows alone, as they are counted then."""
    place = np.full(len(order), -1, "i4")
    place[rows] = np.arange(len(rows))
    places = place[order]
    return places[places >= 0]


def _as_before(ids: Column, order: Column) -> Column:
    """Tell for each id, in this order, whether it is the one before."""
    same = np.zeros(len(ids), bool)
    for first in range(1, len(ids), _PIECE):
        piece = ids[order[first - 1 : first + _PIECE]]
        same[first : first + _PIECE] = piece[1:] == piece[:-1]
    return same


def _costs(columns: dict[str, Column], mask: Any = True) -> dict[str, Cost]:
    """Return what rows have cost, by outcome."""
    costs = {}
    for code, outcome in enumerate(OUTCOMES):
        chosen = mask & (columns["outcome"] == code)
        if chosen.any():
            at, wall_s, most = (columns[name][chosen] for name in QUANTITIES)
            total, longest = float(wall_s.sum()), float(wall_s.max())
            costs[outcome] = Cost(len(at), total, longest, int(most.max()), float(at.max()))
    return costs


def _last_failed(ids: Column, columns: dict[str, Column], tops: Column) -> list[str]:
    """Return, for each reason, the simulation that failed last; of several the one with the greatest id."""
    failed = np.flatnonzero((tops == 1) & (columns["outcome"] == _FAILED))
    reasons, moments = columns["reason"][failed], columns["at"][failed]
    found = []
    for reason in np.unique(reasons):
        chosen = failed[reasons == reason]
        latest = chosen[moments[reasons == reason] == moments[reasons == reason].max()]
        found.append(max(ids[latest].tolist()).decode())
    return found
