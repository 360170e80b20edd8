"""A scanner that leaves the plain lines of simulations to machine code, and decodes the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from stilt.kernels.machine_code import has_kept
from stilt.log.bounds import NO_NAMES, is_imprint
from stilt.log.bulk import kernels
from stilt.log.bulk.checksum import TABLES
from stilt.log.events import Closed, Segment
from stilt.log.lines import PREFIX_BYTES, payload_of
from stilt.log.reader import Scan, Scanner, are_of_a_body, refuse_newer
from stilt.log.states import Facts, LeanEvent, lean_fit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from stilt.log.bulk.rows import Rows
    from stilt.log.states import Life


_LEAST_BYTES = 48
"""Lines are longer on average: the shortest that tells of a simulation has 52."""


def is_ready() -> bool:
    """Tell whether the machine code is here: to make it takes longer than it saves with most logs."""
    return has_kept(Path(__file__).parent)


@dataclass(frozen=True, slots=True)
class Block:
    """What machine code read of one piece of a segment.

    ``fields`` has a row for each line, as in ``stilt.log.bulk.kernels``; ``moments`` when that was and how long it
    took, in seconds; ``words`` the different meteorologies and imprints; ``facts`` what happened to receptors, by line.
    """

    data: bytes
    fields: NDArray[np.int64]
    moments: NDArray[np.float64]
    words: NDArray[np.int64]
    facts: list[tuple[int, dict[str, float]]]

    @property
    def count(self) -> int:
        """How many events there are."""
        return int(np.count_nonzero(self.fields[:, kernels.KIND] != kernels.OTHER))

    def add_to(self, rows: Rows, life: Life) -> None:
        """Add what holds of each simulation in this life, and all ends."""
        kinds = self.fields[:, kernels.KIND]
        lines = np.flatnonzero((kinds == kernels.STARTED) | (kinds == kernels.DONE))
        fields = self.fields[lines]
        columns = {
            "outcome": fields[:, kernels.OUTCOME],
            "at": self.moments[lines, 0],
            "wall_s": self.moments[lines, 1],
            "peak_rss_bytes": fields[:, kernels.RSS],
            "receptor": fields[:, kernels.RECEPTOR].copy().view("u8"),
            "met": self._words(0, rows)[fields[:, kernels.MET]],
            "particles": self._words(kernels.MOST_WORDS, rows)[fields[:, kernels.PARTICLES]],
        }
        row_of = {line: row for row, line in enumerate(lines.tolist())} if self.facts else {}
        facts = [(row_of[line], told) for line, told in self.facts if told]
        rows.add_block(life, self._ids(fields), columns, self._texts(fields), facts)

    def _ids(self, fields: NDArray[np.int64]) -> NDArray[Any]:
        """Return the ids as bytes of one size, with zeros behind."""
        places, sizes = fields[:, kernels.SIM], fields[:, kernels.SIM_SIZE]
        width = int(sizes.max(initial=1))
        is_inside = places.max(initial=0) + width <= len(self.data)
        data = self.data if is_inside else self.data + bytes(width)
        # A view of all that begins anywhere, of which rows are copied as they lie.
        found = np.ndarray((len(data) - width + 1, width), "u1", data, strides=(1, 1))[places]
        if sizes.min(initial=width) < width:
            found[np.arange(width) >= sizes[:, None]] = 0
        ids: NDArray[Any] = found.view(f"S{width}").ravel()
        return ids

    def _texts(self, fields: NDArray[np.int64]) -> Iterator[tuple[int, str, str]]:
        sizes = fields[:, kernels.REASON_SIZE] + fields[:, kernels.MESSAGE_SIZE]
        for row in np.flatnonzero(sizes).tolist():
            told = fields[row].tolist()
            yield (
                row,
                self._text(told[kernels.REASON], told[kernels.REASON_SIZE]),
                self._text(told[kernels.MESSAGE], told[kernels.MESSAGE_SIZE]),
            )

    def _text(self, place: int, size: int) -> str:
        return self.data[place : place + size].decode()

    def _words(self, first: int, rows: Rows) -> NDArray[np.int64]:
        return np.array([0, *map(rows.word, self.texts(first))])

    def fits(self) -> bool:
        """Tell whether imprints, and names of facts, are such as stilt writes; all else was looked at on the way."""
        names = {name for _, told in self.facts for name in told}
        return (
            all(map(is_imprint, self.texts(kernels.MOST_WORDS)))
            and NO_NAMES.isdisjoint(names)
            and "/" not in "".join(names)
        )

    def others(self, end: int) -> Iterator[tuple[int, int]]:
        """Yield where the lines begin, and where they end, that are to be decoded; ``end`` is that of all lines."""
        starts = np.append(self.fields[:, kernels.START], end)
        for line in np.flatnonzero(self.fields[:, kernels.KIND] == kernels.OTHER):
            yield int(starts[line]), int(starts[line + 1]) - 1

    def texts(self, first: int) -> list[str]:
        """Return the words from a number on, as many as there are."""
        pairs = self.words.reshape(-1, 2)[first : first + kernels.MOST_WORDS].tolist()
        return [self._text(place, size) for place, size in pairs if size]


class BulkScanner(Scanner[Any]):
    """Reads segments as ``Scanner`` does, but what it can as a ``Block``."""

    def __init__(self) -> None:
        super().__init__(LeanEvent, lean_fit)
        self._decode_facts: Callable[[bytes], dict[str, float]] = msgspec.json.Decoder(Facts).decode

    def _scan_whole(self, data: bytes, start: Scan[Any]) -> Scan[Any] | None:
        try:
            found = self._scan_block(data, start)
        except (msgspec.MsgspecError, UnicodeDecodeError, IndexError, RecursionError):
            found = None
        return found or super()._scan_whole(data, start)

    def _scan_block(self, data: bytes, start: Scan[Any]) -> Scan[Any] | None:
        """Take lines that all hold, else return ``None``."""
        first = 0 if start.headed else data.find(b"\n") + 1
        end = data.rfind(b"\n") + 1
        if first >= end or start.closed is not None:
            return None
        header, others, lines = self._header(data[:first])
        if header is None and not start.headed:
            return None
        block = self._block(data, first, end, start.number + (not start.headed))
        if block is None:
            return None
        begin, events = -1, []
        for begin, stop in block.others(end):
            events = self._decode(data[begin + PREFIX_BYTES : stop])[1:]
            others += events
            lines += data[begin:stop]
        closed = others[-1] if others and isinstance(others[-1], Closed) else None
        is_last = begin == block.fields[-1, kernels.START] and bool(events)
        if not (
            are_of_a_body(others, is_whole=end == len(data))
            and (closed is None or is_last)
            and self._fit(others, lines)
        ):
            return None
        return Scan(
            header=header or start.header,
            headed=True,
            events=others,
            block=block,
            line=start.offset + int(block.fields[-1, kernels.START]),
            number=start.number + (not start.headed) + len(block.fields),
            offset=start.offset + end,
            closed=closed,
        )

    def _header(self, line: bytes) -> tuple[Segment | None, list[Any], bytes]:
        """Return the header, what else its line has, and the line; None where it is none."""
        payload = payload_of(line[:-1]) if line else None
        if payload is None:
            return None, [], b""
        number, header, *others = self._decode(payload)
        if number != 0 or not isinstance(header, Segment):
            return None, [], b""
        refuse_newer(header.major)
        # It is looked at with the others, as one of them.
        return (header, others, line) if self._fit([header], line) else (None, [], b"")

    def _block(self, data: bytes, first: int, end: int, number: int) -> Block | None:
        """Let machine code read all lines from a place on; None if it does not take one."""
        space = (end - first) // _LEAST_BYTES + 1
        fields, moments = np.empty((space, kernels.FIELDS), np.int64), np.empty((space, 2))
        words = np.zeros(4 * kernels.MOST_WORDS, np.int64)
        page = kernels.Page(
            np.frombuffer(data, np.uint8, end),
            kernels.TEXT,
            TABLES,
            fields.reshape(-1),
            moments.reshape(-1),
            words,
            np.full(1 << (2 * space).bit_length(), -1),
            np.zeros(1, np.int64),
        )
        count = kernels.read_lines(page, first, number)
        if count < 1:
            return None
        fields, moments = fields[:count], moments[:count]
        facts = [
            (line, self._decode_facts(data[place : place + size]))
            for line, place, size in _with_facts(fields)
        ]
        block = Block(data, fields, moments, words, facts)
        return block if block.fits() else None


def _with_facts(fields: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """Yield line, place and size of all facts."""
    is_read = fields[:, kernels.KIND] != kernels.OTHER
    for line in np.flatnonzero(is_read & (fields[:, kernels.FACTS_SIZE] > 0)).tolist():
        yield line, int(fields[line, kernels.FACTS]), int(fields[line, kernels.FACTS_SIZE])
