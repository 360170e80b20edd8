"""From a million objects to the columns that ``stilt.log.frozen`` reads."""

from __future__ import annotations

import sys
from array import array
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING, TypeAlias

from msgspec import json

from stilt.log.costs import cost_where
from stilt.log.frozen import QUANTITIES, TYPES
from stilt.log.states import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from stilt.log.costs import Cost
    from stilt.log.states import SimState

    Block: TypeAlias = bytes | array[int] | array[float]

_BLOCK_ROWS = 1 << 16
_NO_RECEPTOR = "0" * 16
_CODE = {outcome: code for code, outcome in enumerate(OUTCOMES)}


class Freezing:
    """Makes the columns, one after the other.

    Parameters
    ----------
    sims, earlier
        Those of the folded state.
    lives
        From the ``id`` of a life to its number.

    Attributes
    ----------
    costs
        What the states that hold, and those that older batches left, have cost, by outcome: known when all
        columns were made.
    words
        What the columns ``met``, ``particles`` and ``fact_name`` count in: known then too.
    """

    def __init__(
        self,
        sims: Mapping[str, SimState],
        earlier: Mapping[str, Mapping[str, SimState]],
        lives: Mapping[int, int],
    ) -> None:
        self.costs: tuple[dict[str, Cost], dict[str, Cost]] = ({}, {})
        self._older = [state for states in earlier.values() for state in states.values()]
        self._rows = [*self._older, *sims.values()]
        self.words: dict[str, int] = {"": 0}
        self._lives = lives

    def columns(self) -> Iterator[tuple[str, Iterable[Block]]]:
        """Yield the columns, each by name and in blocks."""
        rows, older = self._rows, len(self._older)
        ids = [state.sim for state in rows]
        # Of equal ids the sort keeps the order: what older batches left comes before what holds.
        yield "order", [array("I", sorted(range(len(ids)), key=ids.__getitem__))]
        yield "top", [b"\0" * older + b"\1" * (len(rows) - older)]
        sizes = array("I")
        yield "ids", _ids(ids, sizes)
        yield "end", [array("Q", accumulate(sizes))]
        yield "life", [array("I", [self._lives[id(state.life)] for state in rows])]
        outcomes = bytes([_CODE[state.outcome] for state in rows])
        yield "outcome", [outcomes]
        quantities: list[memoryview] = []
        for name in QUANTITIES:
            column = array(TYPES[name], list(map(attrgetter(name), rows)))
            quantities.append(memoryview(column))
            yield name, [column]
        yield "receptor", [_numbers([state.receptor for state in rows])]
        yield "met", [self._numbered(state.met for state in rows)]
        yield "particles", [self._numbered(state.particles for state in rows)]
        yield from self._facts()
        text_rows = array(
            "I", [row for row, state in enumerate(rows) if state.reason or state.message]
        )
        yield "text_row", [text_rows]
        sizes = array("I")
        yield "texts", _texts(rows, text_rows, sizes)
        yield "text_end", [array("Q", accumulate(sizes))]
        self.costs = (
            _costs(outcomes[older:], [column[older:] for column in quantities]),
            _costs(outcomes[:older], [column[:older] for column in quantities]),
        )

    def _facts(self) -> Iterator[tuple[str, Iterable[Block]]]:
        """Yield what happened to receptors: for each fact its row, its name in ``words`` and its value."""
        facts, words = attrgetter("facts"), self.words
        told = [(row, each) for row, each in enumerate(map(facts, self._rows)) if each]
        names = [words.setdefault(name, len(words)) for _, each in told for name in each]
        yield "fact_row", [array("I", [row for row, each in told for _ in each])]
        yield "fact_name", [array("I", names)]
        yield "fact_value", [array("d", [value for _, each in told for value in each.values()])]

    def _numbered(self, texts: Iterable[str]) -> array[int]:
        """Return texts of which there are few different ones as their numbers in ``words``."""
        words = self.words
        return array("I", [words.setdefault(text, len(words)) for text in texts])


def _numbers(receptors: list[str]) -> array[int]:
    """Return digests of receptors as numbers, 0 where there is none.

    Raises
    ------
    ValueError
        If one would not come back as the text that it is.
    """
    digits = "".join([receptor or _NO_RECEPTOR for receptor in receptors])
    data = bytes.fromhex(digits)
    lengths = set(map(len, receptors)) - {0, len(_NO_RECEPTOR)}
    if lengths or data.hex() != digits or _NO_RECEPTOR in receptors:
        raise ValueError("receptor")
    numbers = array("Q", data)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _costs(outcomes: bytes, quantities: list[memoryview]) -> dict[str, Cost]:
    """Return what rows have cost, by outcome."""
    costs = {}
    for code in set(outcomes):
        mask = outcomes.translate(bytes(other == code for other in range(256)))
        costs[OUTCOMES[code]] = cost_where(mask, *quantities)
    return costs


def _texts(rows: list[SimState], text_rows: array[int], sizes: array[int]) -> Iterator[bytes]:
    """Yield reasons and messages of these rows in blocks, and note their sizes."""
    for first in range(0, len(text_rows), _BLOCK_ROWS):
        states = [rows[row] for row in text_rows[first : first + _BLOCK_ROWS]]
        block = [json.encode((state.reason, state.message)) for state in states]
        sizes.extend(map(len, block))
        yield b"".join(block)


def _ids(ids: list[str], sizes: array[int]) -> Iterator[bytes]:
    """Yield the ids in blocks, and note their sizes: all of them at once would double what they take."""
    for first in range(0, len(ids), _BLOCK_ROWS):
        block = ids[first : first + _BLOCK_ROWS]
        text = "".join(block)
        sizes.extend(map(len, block if text.isascii() else map(str.encode, block)))
        yield text.encode()
