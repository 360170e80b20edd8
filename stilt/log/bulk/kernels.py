"""The lines that workers write by the million, read by machine code.

Only what a writer makes of a plain ``started`` or ``done`` is read here: its fields in their order, without a space,
text of printable ASCII without escapes, numbers that a double holds as they are written. All else is left to
``stilt.log.reader``, so that what a line says is the same whoever reads it.

A *place* is a byte's position in the data; as what a function returns -1 is no place: it is not as expected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stilt.kernels.compiled import I8, INT, OUT_F8, OUT_I8, U1, Bundle, exact
from stilt.log.bulk.checksum import crc32

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Int64s = NDArray[np.int64]
    Floats = NDArray[np.float64]

(START, SIM, SIM_SIZE, HASH, OUTCOME, RSS, RECEPTOR, MET, PARTICLES, REASON, REASON_SIZE, MESSAGE, MESSAGE_SIZE, FACTS,
 FACTS_SIZE, KIND) = range(16)  # fmt: skip
FIELDS = 16
"""Whole numbers that are told of a line: places and sizes of texts, words by number, an outcome by number."""

MOST_WORDS = 16
"""Different meteorologies, and different imprints, of one piece of data."""

OTHER, STARTED, DONE, ENDED = range(4)
"""Kinds of lines: to be read elsewhere, begun, ended, and begun where an end follows."""

FRAGMENTS = (
    b',{"event":"started","sim":"',
    b',{"event":"done","sim":"',
    b'","outcome":"',
    b'complete","at":',
    b'empty","at":',
    b'failed","at":',
    b'interrupted","at":',
    b'","at":',
    b',"met":"',
    b',"receptor":"',
    b',"wall_s":',
    b',"peak_rss_bytes":',
    b',"outputs":[',
    b'{"path":"',
    b'","size":',
    b',"digest":"',
    b'"}',
    b',"reason":"',
    b',"message":"',
    b',"particles":"',
    b',"facts":{',
    b"}]",
)
TEXT = np.frombuffer(b"".join(FRAGMENTS), np.uint8)
EDGES = tuple(len(b"".join(FRAGMENTS[:count])) for count in range(len(FRAGMENTS) + 1))
(_STARTED, _DONE, _OUTCOME, _COMPLETE, _EMPTY, _FAILED, _INTERRUPTED, _AT, _MET, _RECEPTOR, _WALL, _RSS, _OUTPUTS,
 _PATH, _SIZE, _DIGEST, _OUTPUT_END, _REASON, _MESSAGE, _PARTICLES, _FACTS, _END) = range(22)  # fmt: skip

_QUOTE, _BACKSLASH, _SLASH, _DOT, _COMMA, _BRACKET, _CLOSING, _SPACE = b'"\\/.,[] '
_BRACE_END, _ZERO, _NINE, _LOWER_A, _LOWER_F, _NEWLINE, _LAST = b"}09af\n~"
_PREFIX, _DIGITS, _BLOCK = 9, 8, 32
_MOST_OF_A_NAME = 255
_MOST_OF_A_REASON = 4096
_MOST_OF_A_MESSAGE = 1 << 20
_MOST_DIGITS = 18
_LATEST, _LONGEST_S, _MOST_BYTES = 1e11, 1e9, 10**16
_POWERS = tuple(10.0**power for power in range(_MOST_DIGITS + 1))
_HASH_SEED, _HASH_FACTOR = 1469598103934665603, 1099511628211
_SPLITTER = 134217729.0


class Page(NamedTuple):
    """What is read, and where to.

    Attributes
    ----------
    data
        Bytes that end with a newline.
    text, tables
        ``TEXT``, and ``TABLES`` of ``stilt.log.bulk.checksum``.
    fields
        ``FIELDS`` numbers for each line, to be filled.
    moments
        Two numbers for each line: gets when it was, and how long it took, in seconds.
    words
        Zeros: gets place and size of ``MOST_WORDS`` meteorologies, and of as many imprints.
    seen
        -1, a power of two of them and twice as many as lines.
    figures
        One number, to work with.
    """

    data: Bytes
    text: Bytes
    tables: Int64s
    fields: Int64s
    moments: Floats
    words: Int64s
    seen: Int64s
    figures: Int64s


@exact.inline
def _hexadecimal(data: Bytes, place: int, digits: int) -> int:
    """Return lower-case hexadecimal digits as the bits of a number; -1 also if one is none."""
    value = 0
    for offset in range(digits):
        byte = int(data[place + offset])
        if _ZERO <= byte <= _NINE:
            digit = byte - _ZERO
        elif _LOWER_A <= byte <= _LOWER_F:
            digit = byte - _LOWER_A + 10
        else:
            return -1
        value = (value << 4) | digit
    return value


@exact.inline
def _after(page: Page, place: int, fragment: int) -> int:
    """Return the place after a fragment that is expected here."""
    data, text = page.data, page.text
    first, last = EDGES[fragment], EDGES[fragment + 1]
    if place < 0 or place + last - first > len(data):
        return -1
    for offset in range(last - first):
        if data[place + offset] != text[first + offset]:
            return -1
    return place + last - first


@exact.inline
def _line_end(data: Bytes, place: int) -> int:
    """Return the place of the newline; blocks are looked at as a whole, as the processor likes it."""
    while place + _BLOCK <= len(data):
        hits = False
        for byte in data[place : place + _BLOCK]:
            hits |= byte == _NEWLINE
        if hits:
            break
        place += _BLOCK
    while data[place] != _NEWLINE:
        place += 1
    return place


@exact.inline
def _is_plain(line: Bytes) -> bool:
    """Tell whether text is printable ASCII without a backslash."""
    odd = False
    for byte in line:
        odd |= (byte < _SPACE) | (byte > _LAST) | (byte == _BACKSLASH)
    return not odd


@exact.inline
def _text_end(data: Bytes, place: int, most: int) -> int:
    """Return the place of the quote that ends a text of a plain line."""
    end = place
    while data[end] != _QUOTE and data[end] != _NEWLINE:
        end += 1
    return end if data[end] == _QUOTE and end <= place + most else -1


@exact.inline
def _name_end(data: Bytes, place: int) -> int:
    """Return the place of the quote that ends what can be part of a file's name."""
    if place < 0:
        return -1
    end = _text_end(data, place, _MOST_OF_A_NAME)
    if end <= place or (data[place] == _DOT and end <= place + 2):
        return -1
    for each in range(place, end):
        if data[each] == _SLASH:
            return -1
    return end


@exact.inline
def _whole(data: Bytes, place: int, figures: Int64s) -> int:
    """Put a whole number into ``figures``; return the place after it."""
    if place < 0:
        return -1
    value, at = 0, place
    while _ZERO <= data[at] <= _NINE:
        value = 10 * value + (int(data[at]) - _ZERO)
        at += 1
        if at - place > _MOST_DIGITS:
            return -1
    if at == place or (data[place] == _ZERO and at > place + 1):
        return -1
    figures[0] = value
    return at


@exact.inline
def _quotient(whole: int, power: int, moments: Floats, slot: int) -> bool:
    """Put the double that is nearest to ``whole / 10**power`` into ``moments``; tell whether it surely is."""
    high = float(whole)
    low = float(whole - int(high))
    divisor = _POWERS[power]
    first = high / divisor
    # The remainder, without an error: the product of two doubles as the sum of two.
    left = first * _SPLITTER
    left = left - (left - first)
    right = divisor * _SPLITTER
    right = right - (right - divisor)
    product = first * divisor
    error = (((left * right - product) + left * (divisor - right)) + (first - left) * right) + (
        first - left
    ) * (divisor - right)
    second = (((high - product) - error) + low) / divisor
    slack = abs(first) * 2.0**-88
    moments[slot] = first + second
    return first + (second - slack) == first + (second + slack)


@exact.inline
def _real(page: Page, place: int, slot: int) -> int:
    """Put a number without exponent into ``moments``; return the place after it."""
    data, figures = page.data, page.figures
    at = _whole(data, place, figures)
    if at < 0:
        return -1
    whole, point = figures[0], at
    if data[at] == _DOT:
        at += 1
        while _ZERO <= data[at] <= _NINE and at - place <= _MOST_DIGITS:
            whole = 10 * whole + (int(data[at]) - _ZERO)
            at += 1
        point += 1
        if at == point or at - place > _MOST_DIGITS:
            return -1
    if not _quotient(whole, at - point, page.moments, slot):
        return -1
    return at


@exact.inline
def _word(page: Page, place: int, end: int, first: int) -> int:
    """Return the number of a text among those seen before, counted from 1; -1 if there are too many."""
    data, words, size = page.data, page.words, end - place
    for number in range(MOST_WORDS):
        slot = 2 * (first + number)
        if words[slot + 1] == 0:
            words[slot], words[slot + 1] = place, size
            return number + 1
        if words[slot + 1] == size and _alike(data, words[slot], place, size):
            return number + 1
    return -1


@exact.inline
def _alike(data: Bytes, one: int, other: int, size: int) -> bool:
    """Tell whether two texts of one size are the same."""
    same = 0
    while same < size and data[one + same] == data[other + same]:
        same += 1
    return same == size


@exact.inline
def _outputs_end(page: Page, place: int) -> int:
    """Return the place after the list of outputs, of which nothing is wanted."""
    data = page.data
    while True:
        place = _after(page, place, _PATH)
        if place < 0:
            return -1
        place = _after(page, _text_end(data, place, _MOST_OF_A_REASON), _SIZE)
        place = _after(page, _whole(data, place, page.figures), _DIGEST)
        if place < 0:
            return -1
        place = _after(page, _text_end(data, place, _MOST_OF_A_NAME), _OUTPUT_END)
        if place < 0:
            return -1
        if data[place] == _CLOSING:
            return place + 1
        if data[place] != _COMMA:
            return -1
        place += 1


@exact.inline
def _optional(page: Page, place: int, fragment: int, most: int, field: int) -> int:
    """Put place and size of a plain text into the fields if it is there; return the place after it."""
    begin = _after(page, place, fragment)
    if begin < 0:
        return place
    end = _text_end(page.data, begin, most)
    if end < 0:
        return -1
    page.fields[field], page.fields[field + 1] = begin, end - begin
    return end + 1


@exact.inline
def _optional_word(page: Page, place: int, fragment: int, first: int, field: int) -> int:
    """Put the number of a word into the fields if it is there; return the place after it."""
    begin = _after(page, place, fragment)
    if begin < 0:
        return place
    end = _name_end(page.data, begin)
    if end < 0:
        return -1
    page.fields[field] = _word(page, begin, end, first)
    return end + 1 if page.fields[field] > 0 else -1


@exact.inline
def _made_for(page: Page, place: int, row: int) -> int:
    """Read meteorology and receptor, if they are there; return the place after them."""
    place = _optional_word(page, place, _MET, 0, row + MET)
    begin = _after(page, place, _RECEPTOR)
    if begin < 0:
        return place
    if _name_end(page.data, begin) != begin + 2 * _DIGITS:
        return -1
    high = _hexadecimal(page.data, begin, _DIGITS)
    low = _hexadecimal(page.data, begin + _DIGITS, _DIGITS)
    page.fields[row + RECEPTOR] = (high << 32) | low
    return begin + 2 * _DIGITS + 1 if high >= 0 and low >= 0 and (high > 0 or low > 0) else -1


@exact.inline
def _sim(page: Page, place: int, row: int) -> int:
    """Read an id; return the place of the quote after it."""
    end = _name_end(page.data, place)
    if end < 0:
        return -1
    value = _HASH_SEED
    for each in range(place, end):
        value = (value ^ int(page.data[each])) * _HASH_FACTOR
    fields = page.fields
    fields[row + SIM], fields[row + SIM_SIZE] = place, end - place
    fields[row + HASH] = value ^ (value >> 29)
    return end


@exact.inline
def _outcome(page: Page, place: int, row: int) -> int:
    """Read how a simulation ended; return the place after it."""
    place = _after(page, place, _OUTCOME)
    for fragment, number in ((_COMPLETE, 4), (_EMPTY, 3), (_FAILED, 2), (_INTERRUPTED, 1)):
        after = _after(page, place, fragment)
        if after >= 0:
            page.fields[row + OUTCOME] = number
            return after
    return -1


@exact.inline
def _amounts(page: Page, place: int, row: int, slot: int) -> int:
    """Read what a simulation cost and what it left; return the place after it."""
    begin = _after(page, place, _WALL)
    if begin >= 0:
        place = _real(page, begin, slot)
        if page.moments[slot] > _LONGEST_S:
            return -1
    begin = _after(page, place, _RSS)
    if begin >= 0:
        place = _whole(page.data, begin, page.figures)
        if page.figures[0] > _MOST_BYTES:
            return -1
        page.fields[row + RSS] = page.figures[0]
    begin = _after(page, place, _OUTPUTS)
    return place if begin < 0 else _outputs_end(page, begin)


@exact.inline
def _facts(page: Page, place: int, row: int) -> int:
    """Note where facts are, if there are some; return the place after them."""
    begin = _after(page, place, _FACTS)
    if begin < 0:
        return place
    data, end = page.data, begin
    while data[end] != _BRACE_END:
        if data[end] == _NEWLINE:
            return -1
        end += 1
    page.fields[row + FACTS], page.fields[row + FACTS_SIZE] = begin - 1, end + 2 - begin
    return end + 1


@exact.inline
def _rest_of_done(page: Page, place: int, row: int, slot: int) -> int:
    place = _outcome(page, _sim(page, place, row), row)
    place = _amounts(page, _real(page, place, slot), row, slot + 1)
    place = _optional(page, place, _REASON, _MOST_OF_A_REASON, row + REASON)
    place = _optional(page, place, _MESSAGE, _MOST_OF_A_MESSAGE, row + MESSAGE)
    place = _made_for(page, place, row)
    place = _optional_word(page, place, _PARTICLES, MOST_WORDS, row + PARTICLES)
    page.fields[row + KIND] = DONE
    return _facts(page, place, row)


@exact.inline
def _rest_of_started(page: Page, place: int, row: int, slot: int) -> int:
    place = _after(page, _sim(page, place, row), _AT)
    page.fields[row + KIND] = STARTED
    return _made_for(page, _real(page, place, slot), row)


@exact.inline
def _of_one(page: Page, row: int, other: int) -> bool:
    """Tell whether two lines are about one simulation."""
    fields = page.fields
    size = fields[row + SIM_SIZE]
    if fields[row + HASH] != fields[other + HASH] or size != fields[other + SIM_SIZE]:
        return False
    return _alike(page.data, fields[row + SIM], fields[other + SIM], size)


@exact.inline
def _pair(page: Page, line: int) -> None:
    """Mark a beginning whose end is known as such; ``seen`` has the first line of each simulation."""
    fields, table, row = page.fields, page.seen, FIELDS * line
    slot = fields[row + HASH] & (len(table) - 1)
    while table[slot] >= 0:
        other = FIELDS * table[slot]
        if _of_one(page, row, other):
            if fields[row + KIND] == DONE and fields[other + KIND] == STARTED:
                fields[other + KIND] = ENDED
            elif fields[row + KIND] == STARTED and fields[other + KIND] != STARTED:
                fields[row + KIND] = ENDED
            return
        slot = (slot + 1) & (len(table) - 1)
    table[slot] = line


@exact.inline
def _body(page: Page, place: int, end: int, number: int) -> int:
    """Return the place after the number of a line; -1 if the line does not hold or has another number."""
    data = page.data
    if (
        end - place <= _PREFIX
        or data[place + _PREFIX - 1] != _SPACE
        or data[place + _PREFIX] != _BRACKET
        or _hexadecimal(data, place, _DIGITS) != crc32(data, place + _PREFIX, end, page.tables)
    ):
        return -1
    at = _whole(data, place + _PREFIX + 1, page.figures)
    return at if page.figures[0] == number else -1


@exact.inline
def _event(page: Page, at: int, end: int, line: int) -> bool:
    """Read the event of a plain line; tell whether it is one that is read here."""
    row, slot = FIELDS * line, 2 * line
    if not _is_plain(page.data[at:end]):
        return False
    begin = _after(page, at, _STARTED)
    if begin >= 0:
        at = _rest_of_started(page, begin, row, slot)
    else:
        begin = _after(page, at, _DONE)
        at = _rest_of_done(page, begin, row, slot) if begin >= 0 else -1
    return _after(page, at, _END) == end and page.moments[slot] <= _LATEST


@exact.kernel(Bundle(Page, (U1, U1, I8, OUT_I8, OUT_F8, OUT_I8, OUT_I8, OUT_I8)), INT, INT)
def read_lines(page: Page, first: int, number: int) -> int:
    """Read lines; return how many there are.

    It is -1 if one does not hold or has not the number it should have, or if there are more than there is space for.

    Parameters
    ----------
    page
        What is read, and where to.
    first, number
        The place of the first line, and the number that it should have.
    """
    fields, moments = page.fields, page.moments
    line, place = 0, first
    while place < len(page.data):
        row, slot = FIELDS * line, 2 * line
        if slot >= len(moments):
            return -1
        fields[row : row + FIELDS] = 0
        moments[slot], moments[slot + 1] = 0.0, 0.0
        fields[row + START] = place
        end = _line_end(page.data, place)
        at = _body(page, place, end, number + line)
        if at < 0:
            return -1
        if _event(page, at, end, line):
            _pair(page, line)
        else:
            fields[row + KIND] = OTHER
        line += 1
        place = end + 1
    return line
