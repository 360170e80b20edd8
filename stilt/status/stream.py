"""The events of a log as lines for a person, once or as they are written."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from stilt.foundations.page import Page
from stilt.foundations.quantities import counted, duration, size
from stilt.foundations.text import shown
from stilt.log.index import OutputIndex
from stilt.log.reader import Growing
from stilt.status.moments import clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stilt.log.events import Event
    from stilt.log.reader import Scan

POLL_S = 1.0


class Tail:
    """Reads what segments have gained since the last look."""

    def __init__(self, log_dir: Path) -> None:
        self._index = OutputIndex(log_dir)
        self._growing = Growing()
        self._begun: set[Path] = set()
        self._reported: set[tuple[Path, int]] = set()

    def new_lines(self) -> list[str]:
        """Return a line for each event (and each damaged place) that was not there before, by time."""
        timed: list[tuple[float, str]] = []
        for path in self._index.segments():
            timed += self._of_segment(path)
        timed.sort(key=lambda item: item[0])
        return [shown(line) for _, line in timed]

    def _of_segment(self, path: Path) -> Iterator[tuple[float, str]]:
        scan = self._growing.scan(path)
        if scan is None:
            return
        who = _who(path, scan)
        header = scan.header
        if path not in self._begun and header is not None:
            self._begun.add(path)
            yield header.at, f"{clock(header.at)}  {who}  begins, stilt {header.stilt}"
        for event in scan.events:
            yield event.at, f"{clock(event.at)}  {who}  {describe(event)}"
        last = scan.events[-1].at if scan.events else header.at if header else 0.0
        for offset, what in scan.damage:
            if (path, offset) not in self._reported:
                self._reported.add((path, offset))
                yield last, f"{clock(last)}  {who}  DAMAGED at byte {offset}: {what} ({path.name})"
        for raw, (offset, why) in zip(scan.unknown, scan.strange, strict=True):
            what = f"unknown event {raw.get('event')} at byte {offset}: {why}"
            yield last, f"{clock(last)}  {who}  {what} ({path.name})"


def events(log_dir: Path) -> Iterator[str]:
    """Yield a line for each event, by time."""
    yield from Tail(log_dir).new_lines()


def follow_events(log_dir: Path) -> Iterator[str]:
    """Yield a line for each event that there is, and then as they are written, without end."""
    tail = Tail(log_dir)
    while True:
        yield from tail.new_lines()
        time.sleep(POLL_S)


def wrapped(line: str, width: int) -> str:
    """Return an event's line as it stands on a terminal of that width; what goes on is indented."""
    page = Page(width)
    page.prose(line, indent=0, hanging=4)
    return page.text()


def _who(path: Path, scan: Scan[Any]) -> str:
    if scan.header is None:
        return f"{path.parent.name} ?"
    writer = scan.header.writer
    task = writer.role if writer.task is None else f"task {writer.task}"
    again = f".{writer.attempt}" if writer.attempt > 1 else ""
    return f"{scan.header.batch} {task}{again} on {writer.node or writer.host}"


def describe(event: Event) -> str:
    """Say in a few words what happened."""
    return str(_SAID[type(event).__name__](event))


def _done(event: Any) -> str:
    reason = "".join(f": {words}" for words in (event.reason, event.message) if words)
    return f"{event.outcome} {event.sim} after {duration(event.wall_s)}{reason}"


_SAID: dict[str, Any] = {
    "Started": lambda event: f"started {event.sim}",
    "Done": _done,
    "Pending": lambda event: f"registered task {event.task}: {event.count} simulations",
    "Submitting": lambda event: f"submitting {event.tasks} tasks as {event.token}",
    "Submitted": lambda event: f"submitted to {event.backend}: job {event.job or '-'}",
    "Cancelled": lambda event: f"cancelled {' '.join(event.jobs)}".rstrip(),
    "Invalid": lambda event: f"invalid {event.sim}: {event.path} {event.why}",
    "Identified": lambda event: f"identified {event.sim}: receptor {event.receptor}",
    "Archived": lambda event: (
        f"archived {counted(event.count, 'output')} of {event.product} in {event.path} ({size(event.size)})"
    ),
    "Closed": lambda event: f"ends: {event.why}",
    "Segment": lambda event: f"begins, stilt {event.stilt}",
}
