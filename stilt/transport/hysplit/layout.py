"""Where the numbers of a fixed-width table stand, learnt from its first row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WORD = 8
"""Characters that are parsed at once: a 64-bit word, its lowest byte the first of them."""

EXACT = 2**53
"""Integers below this are exact doubles."""

_MOST_WORDS = 2  # sixteen digits are less than 2**63
_TELLING = 0x6060606060606060
_MOST_DECIMALS = 22  # 10**22 is the last power of ten that is an exact double


class Layout(NamedTuple):
    """The columns of a row whose numbers are right-justified, each with its point in the same place.

    Each number is cut into words of eight characters, from the right. All but ``width`` are arrays: ``first_word``
    and ``power`` per column, the others per word.

    Attributes
    ----------
    width
        Characters of a row, its newline included.
    first_word
        Where the words of a column begin; one more at the end.
    power
        What the digits are divided by.
    offset, shift
        Where the word is loaded, and by how many bits it moves left: a row's first number can begin with fewer than
        eight characters before its end.
    after, before
        Ones over the digits that stand after the decimal point (and those of a word without one), and before it.
    point, has_point
        The decimal point in its place, and ones over that place.
    not_numeric
        The two bits of each of its characters that tell digit, blank, minus and point from most other characters.
    scale
        What the digits of the word are multiplied by.
    """

    width: int
    first_word: NDArray[np.int64]
    power: NDArray[np.float64]
    offset: NDArray[np.int64]
    shift: NDArray[np.uint64]
    after: NDArray[np.uint64]
    before: NDArray[np.uint64]
    point: NDArray[np.uint64]
    has_point: NDArray[np.uint64]
    not_numeric: NDArray[np.uint64]
    scale: NDArray[np.int64]


class _Word(NamedTuple):
    offset: int
    shift: int
    after: int
    before: int
    point: int
    has_point: int
    not_numeric: int
    scale: int


def learn_layout(line: bytes, columns: int) -> Layout | None:
    """Return the layout of a row (newline included); None if it is not a row of fixed-point numbers."""
    tokens = list(re.finditer(rb"(?<!\S)-?\d*\.\d*(?=\s)", line))
    if len(tokens) != columns or len(line.split()) != columns or len(line) < WORD:
        return None
    points = [token.start() + token[0].index(b".") for token in tokens]
    ends = [token.end() for token in tokens]
    decimals = [end - point - 1 for end, point in zip(ends, points, strict=True)]
    if max(decimals) > _MOST_DECIMALS:
        return None
    numbers = [
        _words(begin, point, end)
        for begin, point, end in zip([0, *ends[:-1]], points, ends, strict=True)
    ]
    offset, shift, after, before, point, has_point, not_numeric, scale = zip(
        *(word for words in numbers for word in words), strict=True
    )
    return Layout(
        width=len(line),
        first_word=np.cumsum([0, *map(len, numbers)]),
        power=10.0 ** np.array(decimals),
        offset=np.array(offset),
        shift=np.array(shift, np.uint64),
        after=np.array(after, np.uint64),
        before=np.array(before, np.uint64),
        point=np.array(point, np.uint64),
        has_point=np.array(has_point, np.uint64),
        not_numeric=np.array(not_numeric, np.uint64),
        scale=np.array(scale),
    )


def _words(begin: int, point: int, end: int) -> list[_Word]:
    """Cut the characters from ``begin`` to ``end`` into words from the right."""
    words: list[_Word] = []
    scale = 1
    while end > begin and len(words) < _MOST_WORDS:
        start = end - WORD
        inside = start <= point < end
        words.append(
            _Word(
                offset=max(0, start),
                shift=8 * max(0, -start),
                after=_ones(point + 1 if inside else begin, end, start),
                before=_ones(begin, point, start) if inside else 0,
                point=ord(".") << 8 * (point - start) if inside else 0,
                has_point=_ones(point, point + 1, start) if inside else 0,
                not_numeric=_ones(begin, end, start) & _TELLING,
                scale=scale,
            )
        )
        end = start
        scale *= 10 ** (WORD - inside)
    if end > begin:
        words.append(_blank_before(end))
    return words


def _blank_before(end: int) -> _Word:
    """Return a word without digits that is as it should be if the character before ``end`` is a blank.

    It is looked at only where the digits go on to the left of all other words.
    """
    start = end - WORD
    last = 8 * (WORD - 1)
    return _Word(
        offset=max(0, start),
        shift=8 * max(0, -start),
        after=0,
        before=0,
        point=ord(" ") << last,
        has_point=0xFF << last,
        not_numeric=0,
        scale=0,
    )


def _ones(begin: int, end: int, start: int) -> int:
    """Return ones over characters from ``begin`` to ``end`` of the word that starts at ``start``."""
    return sum(0xFF << 8 * (place - start) for place in range(max(begin, start), end))
