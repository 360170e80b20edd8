"""Read a segment: every event, and a verdict on the file.

Reading needs neither a lock nor write permission, and nothing is ever repaired in place.
"""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from stilt.foundations.announced import check_room
from stilt.foundations.errors import EnvironmentFailure
from stilt.log.bounds import all_fit, misfit
from stilt.log.events import FORMAT_MAJOR, Closed, Event, Segment
from stilt.log.lines import PREFIX_BYTES, payload_of, payloads_if_whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

READ_TRIES = 3
READ_PAUSE_S = 0.2

_COPIES = 3  # the bytes, their lines, and what is made of them

_NOT_INSIDE = frozenset({int, Segment, Closed})
_PASSING = frozenset({errno.ESTALE, errno.EIO, errno.EINTR})

Kind = TypeVar("Kind")


class Verdict(StrEnum):
    """What a segment looks like as a whole."""

    CLEAN = "clean"
    UNFINISHED = "unfinished"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Damage:
    """A place where the log is not what its writer wrote."""

    path: str
    offset: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}, byte {self.offset}: {self.what}"


class NewerFormatError(EnvironmentFailure):
    """The segment was written in a format that this version can't know."""

    code = "FORMAT_NEWER"


@dataclass(slots=True)
class Scan(Generic[Kind]):
    """What the bytes of a segment hold, with the events decoded as ``Kind``.

    Attributes
    ----------
    header
        The header, or ``None`` where its line does not hold.
    headed
        Whether there is a header, in what was read now or before.
    events
        All others, in the order of the file.
    unknown
        Events of kinds, or with values, that this version does not know: kept as they are.
    strange
        For each of these, the byte offset of its line, and what is not known of it.
    damage
        Byte offset and what is wrong there.
    line, offset
        Where the last line that holds begins and ends, in bytes.
    number
        The number that the next line should have.
    block
        More events, as columns (``stilt.log.bulk.lines``); None where there are none.
    """

    header: Segment | None = None
    headed: bool = False
    events: list[Kind] = field(default_factory=list)
    unknown: list[dict[str, Any]] = field(default_factory=list)
    strange: list[tuple[int, str]] = field(default_factory=list)
    damage: list[tuple[int, str]] = field(default_factory=list)
    line: int = 0
    number: int = 0
    offset: int = 0
    closed: Closed | None = None
    block: Any = None

    @property
    def count(self) -> int:
        """How many events were read, without the header."""
        return len(self.events) + (self.block.count if self.block is not None else 0)

    @property
    def verdict(self) -> Verdict:
        """Clean, unfinished (its writer lives or was killed) or damaged."""
        if self.damage:
            return Verdict.DAMAGED
        return Verdict.CLEAN if self.closed is not None else Verdict.UNFINISHED


@dataclass(frozen=True, slots=True)
class SegmentContent:
    """A segment as it was read; see ``Scan``."""

    path: Path
    header: Segment | None
    events: tuple[Event, ...]
    verdict: Verdict
    damage: tuple[Damage, ...]
    unknown: tuple[dict[str, Any], ...]
    offset: int


class Scanner(Generic[Kind]):
    """Decodes segments; made once, as building the decoder costs more than a small segment.

    Parameters
    ----------
    kinds
        The union of Structs to decode events as. It has to know ``Segment`` and ``Closed``.
    fit
        Tells of events, and the lines that they were decoded from, whether all values are such as stilt writes; left
        out: ``stilt.log.bounds.all_fit`` of the events.
    """

    def __init__(self, kinds: Any, fit: Callable[[list[Any], bytes], bool] | None = None) -> None:
        self._kinds = kinds
        self._fit = fit or (lambda events, _: all_fit(events))
        self._decode: Callable[[bytes], list[Any]] = msgspec.json.Decoder(list[int | kinds]).decode
        self._decode_any: Callable[[bytes], Any] = msgspec.json.Decoder().decode

    def scan(self, data: bytes) -> Scan[Kind]:
        """Read the bytes of a segment, from its start.

        Raises
        ------
        NewerFormatError
            If the header names a newer major version.
        """
        return self._scan_whole(data, Scan()) or self._scan_by_line(data, Scan())

    def resume(self, scan: Scan[Kind], data: bytes) -> Scan[Kind]:
        """Read what follows ``scan.offset``; the result has only the new events, unknown and damage."""
        start = Scan[Kind](
            header=scan.header,
            headed=scan.headed,
            line=scan.line,
            number=scan.number,
            offset=scan.offset,
            closed=scan.closed,
        )
        return self._scan_whole(data, start) or self._scan_by_line(data, start)

    def _scan_whole(self, data: bytes, start: Scan[Kind]) -> Scan[Kind] | None:
        """Take lines that all hold and are as a writer writes them, else return ``None``.

        What follows the last newline is left out: the writer is at it, or was killed while it was.
        """
        end = data.rfind(b"\n") + 1
        payloads = payloads_if_whole(data if end == len(data) else data[:end])
        if not payloads or start.closed is not None:
            return None
        try:
            numbers, events = _numbers_and_events(list(map(self._decode, payloads)))
        except (msgspec.MsgspecError, UnicodeDecodeError, IndexError, RecursionError):
            return None
        header = None if start.headed else next(iter(events), None)
        if (
            numbers != list(range(start.number, start.number + len(payloads)))
            or not (start.headed or isinstance(header, Segment))
            or not are_of_a_body(events[not start.headed :], is_whole=end == len(data))
            or not self._fit(events, data)
        ):
            return None
        if header is not None:
            refuse_newer(header.major)
            del events[0]
        last = events[-1] if events else None
        return Scan(
            header=header or start.header,
            headed=True,
            events=events,
            line=start.offset + end - len(payloads[-1]) - PREFIX_BYTES - 1,
            number=start.number + len(payloads),
            offset=start.offset + end,
            closed=last if isinstance(last, Closed) else None,
        )

    def _scan_by_line(self, data: bytes, scan: Scan[Kind]) -> Scan[Kind]:
        """Take what has damage or unknown events line by line, on top of ``scan``."""
        offset = scan.offset
        expected: int | None = scan.number
        bad: list[int] = []
        lines = data.split(b"\n")
        rest = lines.pop()
        for line in lines:
            array = self._array_of(line)
            if array is None:
                bad.append(offset)
                expected = None
            else:
                scan.damage += [(place, "the line does not hold") for place in bad]
                bad.clear()
                _check_order(scan, array[0], expected, offset)
                self._take(scan, array, offset)
                scan.line, scan.offset = offset, offset + len(line) + 1
                expected = scan.number = array[0] + 1
            offset += len(line) + 1
        if not scan.headed and scan.offset and not scan.damage:
            scan.damage.append((0, "the segment has no header"))
        if scan.closed is not None and (bad or rest):
            place = bad[0] if bad else offset
            scan.damage.append((place, "something follows the end of the segment"))
        return scan

    def _array_of(self, line: bytes) -> list[Any] | None:
        payload = payload_of(line)
        if payload is None:
            return None
        try:
            array = self._decode_any(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        is_line = isinstance(array, list) and array and type(array[0]) is int
        return array if is_line and all(isinstance(event, dict) for event in array[1:]) else None

    def _take(self, scan: Scan[Kind], array: list[Any], offset: int) -> None:
        if scan.closed is not None:
            scan.damage.append((offset, "something follows the end of the segment"))
        for raw in array[1:]:
            if raw.get("event") == "segment":
                _take_header(scan, raw, array[0], offset)
                continue
            try:
                event = msgspec.convert(raw, self._kinds)
            except msgspec.ValidationError as error:
                scan.unknown.append(raw)
                scan.strange.append((offset, _misfit_of_raw(raw) or str(error)))
                continue
            why = misfit(event)
            if why:
                scan.unknown.append(raw)
                scan.strange.append((offset, why))
                continue
            scan.events.append(event)
            if isinstance(event, Closed):
                scan.closed = event


def _misfit_of_raw(raw: dict[str, Any]) -> str:
    """Say what is wrong in the same words whatever the event was to be decoded as."""
    try:
        return misfit(msgspec.convert(raw, Event))
    except msgspec.ValidationError:
        return ""


def read_segment(path: Path) -> SegmentContent:
    """Read every event of one segment.

    Raises
    ------
    EnvironmentFailure
        If the file can't be read, or was written by a newer major version.
    """
    scan = _scanner().scan(read_bytes(path))
    return SegmentContent(
        path=path,
        header=scan.header,
        events=tuple(scan.events),
        verdict=scan.verdict,
        damage=tuple(Damage(str(path), offset, what) for offset, what in scan.damage),
        unknown=tuple(scan.unknown),
        offset=scan.offset,
    )


class Growing:
    """Reads what segments have gained since the last look."""

    def __init__(self) -> None:
        self._scans: dict[Path, Scan[Event]] = {}

    def scan(self, path: Path) -> Scan[Event] | None:
        """Return the events of a segment that were not there before; None if there are none, or it has ended.

        Raises
        ------
        EnvironmentFailure
            If the file can't be read just now, or was written by a newer major version.
        """
        known = self._scans.get(path)
        if known is not None and known.closed is not None:
            return None
        data = read_bytes(path, known.offset if known else 0)
        if known is not None and not data:
            return None
        scan = _scanner().resume(known, data) if known else _scanner().scan(data)
        self._scans[path] = scan
        return scan


@cache
def _scanner() -> Scanner[Event]:
    return Scanner(Event)


def read_bytes(path: Path, offset: int = 0) -> bytes:
    """Return the bytes of a file from ``offset``, trying again where an error can be a passing one.

    Raises
    ------
    EnvironmentFailure
        If it can't be read, or does not fit into memory.
    """
    for attempt in range(1, READ_TRIES + 1):
        try:
            with open(path, "rb", buffering=0, opener=_open_plainly) as file:
                left = os.fstat(file.fileno()).st_size - offset
                check_room(str(path), _COPIES * left)
                if offset:
                    file.seek(offset)
                return file.readall()
        except OSError as error:
            if error.errno not in _PASSING or attempt == READ_TRIES:
                raise EnvironmentFailure(
                    f"{path} can't be read: {error.strerror or error}",
                    "check its permissions and that the filesystem is mounted",
                    code="LOG_UNREADABLE",
                ) from error
            time.sleep(READ_PAUSE_S)
    raise AssertionError


def _open_plainly(path: str, flags: int) -> int:
    """Open a segment: never a link, and without waiting for the other end of a pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _numbers_and_events(lines: list[list[Any]]) -> tuple[list[Any], list[Any]]:
    """Return the first element of each line, and what follows it."""
    flat = list(chain.from_iterable(lines))
    if len(flat) == 2 * len(lines):  # an event a line, as tasks write them: done in C
        return flat[::2], flat[1::2]
    return [line[0] for line in lines], [event for line in lines for event in line[1:]]


def are_of_a_body(events: list[Any], *, is_whole: bool) -> bool:
    """Return whether there is no header and no number among the events, and nothing after an end."""
    ends = is_whole and events and type(events[-1]) is Closed
    return _NOT_INSIDE.isdisjoint(map(type, events[:-1] if ends else events))


def refuse_newer(major: int) -> None:
    """Refuse a segment of a newer major version.

    Raises
    ------
    NewerFormatError
        If it is one.
    """
    if major > FORMAT_MAJOR:
        raise NewerFormatError(
            f"the log was written in format {major}, this version reads {FORMAT_MAJOR}",
            "use the newer stilt that wrote it",
        )


def _check_order(scan: Scan[Any], number: int, expected: int | None, offset: int) -> None:
    if expected is not None and number != expected:
        scan.damage.append((offset, f"line {number} where line {expected} was expected"))


def _take_header(scan: Scan[Any], raw: dict[str, Any], number: int, offset: int) -> None:
    major = raw.get("major")
    if isinstance(major, int):
        refuse_newer(major)
    try:
        header = msgspec.convert(raw, Segment)
    except msgspec.ValidationError:
        scan.damage.append((offset, "the header is not valid"))
        return
    if misfit(header):
        scan.damage.append((offset, f"the header is not valid: {misfit(header)}"))
        return
    if scan.headed or number != 0:
        scan.damage.append((offset, "a header in the middle of the segment"))
        return
    scan.header, scan.headed = header, True
