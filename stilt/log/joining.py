"""From segments to a state: each is scanned, its life made known, and its events joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stilt.log import names
from stilt.log.facts import SegmentFacts
from stilt.log.lines import PREFIX_BYTES
from stilt.log.reader import Scan, Scanner, read_bytes
from stilt.log.states import LeanEvent, Life, lean_fit

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.log.bulk.rows import Rows
    from stilt.log.fold import State

WORTH_BULK = 32 << 20
"""So many bytes are read, or seem to be, before what follows is left to machine code, which takes 0.2 s to begin."""


class Joining:
    """Joins segments to a state.

    Parameters
    ----------
    state
        What is joined to.
    until
        Leave out events after this moment (seconds since 1970).
    in_bulk
        Whether machine code may read long logs.
    segments
        How many segments there are to be read; 0 where most of what they have is known.
    seal
        Whether of what batches that are over left to later ones only counts and sums are wanted.
    """

    def __init__(
        self,
        state: State,
        until: float | None = None,
        *,
        in_bulk: bool = True,
        segments: int = 0,
        seal: bool = True,
    ) -> None:
        self._state = state
        self._until = until
        self._seal = seal
        self._in_bulk = in_bulk and until is None
        self._scanner: Scanner[Any] = Scanner(LeanEvent, lean_fit)
        self._rows: Rows | None = None
        self._segments = segments
        self._read, self._bytes = 0, 0

    def add(self, name: str, data: bytes) -> None:
        """Join one segment, ``name`` being its path relative to the ``log`` folder."""
        scan = self._scanner_of(data).scan(data)
        life = life_of(name, scan)
        events = scan.events
        if self._until is not None:
            if life.at > self._until:
                return
            events = [event for event in events if event.at <= self._until]
        self._state.files[name] = SegmentFacts(
            name=name,
            size=len(data),
            line=scan.line,
            mark=_mark(data[scan.line :]),
            offset=scan.offset,
            number=scan.number,
            has_header=scan.header is not None,
            events=scan.count - len(scan.events) + len(events) + (scan.header is not None),
            unknown=len(scan.unknown),
            damage=scan.damage,
            ended=scan.closed is not None,
        )
        self._join(life, scan, events)

    def resume(self, file: SegmentFacts, path: Path) -> bool:
        """Join what was appended to a segment; False if it is not the one that was read before."""
        if file.ended or not file.has_header:
            # To an ended one nothing is ever appended, so its size tells enough, and a stat is cheaper than
            # reading. One whose header has come meanwhile may not be what its name said.
            return _size(path) == file.size
        # Opened in any case: on NFS only that is sure to see what another node has written.
        data = read_bytes(path, file.line)
        length = file.offset - file.line
        if len(data) < length or _mark(data) != file.mark:
            return False
        before: Scan[Any] = Scan(
            headed=True, line=file.line, number=file.number, offset=file.offset
        )
        scan = self._scanner_of(data).resume(before, data[length:])
        file.mark = _mark(data[scan.line - file.line :])
        file.size = file.line + len(data)
        file.line, file.offset, file.number = scan.line, scan.offset, scan.number
        file.events += scan.count
        file.unknown += len(scan.unknown)
        file.damage += scan.damage
        file.ended = scan.closed is not None
        self._join(self._state.lives[file.name], scan, scan.events)
        return True

    def end(self) -> bool:
        """Join what machine code has read; False if it cannot be, and all has to be read without.

        So it is if something came of what sealed batches left.
        """
        if self._rows is None or self._state.is_outgrown:
            return not self._state.is_outgrown
        try:
            self._state.freeze(self._rows, seal=self._seal)
        except ValueError:  # a receptor that is no digest
            return False
        return True

    def _scanner_of(self, data: bytes) -> Scanner[Any]:
        """Return what reads the next piece: machine code, as soon as there seems to be much and if it is here."""
        self._read, self._bytes = self._read + 1, self._bytes + len(data)
        if self._in_bulk and self._bytes * max(self._segments / self._read, 1) >= WORTH_BULK:
            from stilt.log.bulk.lines import BulkScanner, is_ready

            self._in_bulk = False  # asked once
            if is_ready():
                from stilt.log.bulk.rows import Rows

                self._scanner, self._rows = BulkScanner(), Rows()
        return self._scanner

    def _join(self, life: Life, scan: Scan[Any], events: list[Any]) -> None:
        self._state.add(life, events)
        if scan.block is not None and self._rows is not None:
            self._state.is_outgrown |= life.batch in self._state.sealed
            scan.block.add_to(self._rows, life)


def life_of(name: str, scan: Scan[Any]) -> Life:
    """Return the life that a segment is; from its name where the header does not hold."""
    folder, _, file = name.rpartition("/")
    header = scan.header
    if header is not None:
        return Life(
            name=name,
            batch=header.batch,
            seq=header.seq,
            role=header.writer.role,
            attempt=header.writer.attempt,
            task=header.writer.task,
            at=header.at,
            writer=header.writer,
            transport=header.transport,
            footprints=header.footprints,
            engine=header.engine,
            imprint=header.imprint,
            ahead_s=header.ahead_s,
        )
    parsed = names.parse_name(file)
    if parsed is None:
        return Life(name=name, batch=folder, seq=0)
    return Life(
        name=name,
        batch=folder,
        seq=parsed.seq,
        role=parsed.role,
        attempt=parsed.attempt,
        task=parsed.task,
    )


def _mark(line: bytes) -> str:
    """Return the checksum that a line begins with, as text: it tells whether the line is the one it was."""
    return line[: PREFIX_BYTES - 1].decode("ascii", "replace")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
