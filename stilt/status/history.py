"""What the log says about one simulation, from first to last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from stilt.foundations.errors import InputError
from stilt.foundations.inside import MisplacedError, is_file_below
from stilt.foundations.page import ENDLESS, Page
from stilt.foundations.quantities import duration, size
from stilt.log.events import Done, Invalid, Started
from stilt.log.index import OutputIndex
from stilt.log.reader import read_bytes, read_segment
from stilt.outputs.products import FOOTPRINTS, PARTICLES
from stilt.outputs.shelf import Shelf
from stilt.status.moments import clock
from stilt.status.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stilt.foundations.paths import Layout
    from stilt.log.events import Event, Output, Writer
    from stilt.status.opened import Opened


class Entry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event of a simulation, and whose it is.

    ``archived`` says of outputs that have no file of their own any more in which archive they are; paths are relative
    to the output root.
    """

    at: float
    event: str
    batch: str
    seq: int
    node: str = ""
    pid: int = 0
    task: int | None = None
    attempt: int = 0
    job: str = ""
    outcome: str = ""
    reason: str = ""
    message: str = ""
    wall_s: float = 0.0
    peak_rss_bytes: int = 0
    outputs: tuple[Output, ...] = ()
    facts: dict[str, float] = {}
    archived: dict[str, str] = {}


class History(Struct, frozen=True, kw_only=True):
    """A simulation's events by time, and the state that they fold to."""

    sim: str
    state: str
    batch: str
    events: tuple[Entry, ...]
    damaged: int


def history(project: Opened, sim: str, until: float | None = None) -> History:
    """Return what the log says about a simulation, up to a moment.

    Raises
    ------
    InputError
        If the log has never heard of it.
    """
    layout = project.layout
    index = OutputIndex(layout.log_dir)
    standing = Standing(project, until=until, use_checkpoint=until is None)
    state = standing.state
    known = state.find(sim)
    if known is None:
        raise InputError(
            f"the log of {layout.output} has no event of a simulation {sim!r}",
            "ids are met_YYYYMMDDHHMM_lon_lat_height: `stilt log show` lists those that were begun",
            code="SIMULATION_UNKNOWN",
        )
    entries = [
        entry
        for path in index.segments()
        for entry in _entries(path, sim)
        if until is None or entry.at <= until
    ]
    shelf = Shelf(layout, skip_damaged=True)
    entries = [_told_where(entry, layout, shelf) for entry in entries]
    entries.sort(key=lambda entry: (entry.seq, entry.at, entry.attempt, entry.event == "done"))
    return History(
        sim=sim,
        state=standing.of(known),
        batch=known.batch,
        events=tuple(entries),
        damaged=state.damaged,
    )


def _entries(path: Path, sim: str) -> Iterator[Entry]:
    """Read one segment, if the id stands in its bytes at all."""
    if msgspec.json.encode(sim)[1:-1] not in read_bytes(path):
        return
    content = read_segment(path)
    writer = content.header.writer if content.header else None
    seq = content.header.seq if content.header else 0
    for event in content.events:
        if isinstance(event, Started | Done | Invalid) and event.sim == sim:
            yield _entry(event, writer, path.parent.name, seq)


def _told_where(entry: Entry, layout: Layout, shelf: Shelf) -> Entry:
    """Add where the outputs of an event are that were archived."""
    found = {out.path: shelf.find(out.path) for out in entry.outputs if _is_gone(layout, out.path)}
    archived = {path: layout.relative(each.archive) for path, each in found.items() if each}
    return msgspec.structs.replace(entry, archived=archived) if archived else entry


def _is_gone(layout: Layout, path: str) -> bool:
    """Tell whether an output has no file of its own; a log from elsewhere may name what is no place of one."""
    try:
        is_output = path.startswith((f"{PARTICLES}/", f"{FOOTPRINTS}/"))
        return is_output and not is_file_below(layout.output, path)
    except (MisplacedError, OSError, ValueError):
        return False


def _entry(event: Event, writer: Writer | None, batch: str, seq: int) -> Entry:
    where: dict[str, Any] = (
        {
            "node": writer.node or writer.host,
            "pid": writer.pid,
            "task": writer.task,
            "attempt": writer.attempt,
            "job": writer.job,
        }
        if writer
        else {}
    )
    if isinstance(event, Done):
        said: dict[str, Any] = {name: getattr(event, name) for name in _DONE_FIELDS}
        return Entry(at=event.at, event="done", batch=batch, seq=seq, **where, **said)
    if isinstance(event, Invalid):
        message = f"{event.path}: {event.why}"
        return Entry(
            at=event.at, event="invalid", batch=event.batch, seq=event.seq, message=message
        )
    return Entry(at=event.at, event="started", batch=batch, seq=seq, **where)


_DONE_FIELDS = ("outcome", "reason", "message", "wall_s", "peak_rss_bytes", "outputs", "facts")


def render(found: History, width: int = ENDLESS) -> str:
    """Return the history for a person."""
    page = Page(width)
    page.line(f"{found.sim}: {found.state}")
    for entry in found.events:
        page.prose(f"{clock(entry.at)}  {_what(entry)}  {_who(entry)}", hanging=6)
        page.prose(entry.message, indent=6)
        page.prose(", ".join(f"{name} {value:g}" for name, value in entry.facts.items()), indent=6)
        for out in entry.outputs:
            page.prose(f"{out.path}  {size(out.size)}  {out.digest}", indent=6, hanging=2)
            if archive := entry.archived.get(out.path):
                page.prose(f"in {archive}", indent=8)
    return page.text()


def _what(entry: Entry) -> str:
    if entry.event != "done":
        return entry.event
    reason = f" {entry.reason}" if entry.reason else ""
    if entry.task is None:
        return f"{entry.outcome}{reason}, not begun"
    memory = f", {size(entry.peak_rss_bytes)}" if entry.peak_rss_bytes else ""
    return f"{entry.outcome}{reason} after {duration(entry.wall_s)}{memory}"


def _who(entry: Entry) -> str:
    task = "" if entry.task is None else f" task {entry.task}"
    attempt = f" attempt {entry.attempt}" if entry.attempt > 1 else ""
    node = f" on {entry.node}" if entry.node else ""
    job = f" job {entry.job}" if entry.job else ""
    return f"(batch {entry.batch}{task}{attempt}{node}{job})"
