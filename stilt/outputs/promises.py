"""What the log promises of outputs: their paths, sizes and digests, as each ``done`` that holds lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilt.foundations.durable import digest_file
from stilt.foundations.inside import MisplacedError, opened_below
from stilt.foundations.paths import plain_and_imprint
from stilt.log.events import Done
from stilt.log.reader import read_segment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from stilt.foundations.paths import Layout
    from stilt.log.events import Output
    from stilt.log.index import OutputIndex
    from stilt.log.states import SimState


@dataclass(frozen=True, slots=True)
class Promise:
    """A simulation that is complete by the log, and the files that it promised."""

    state: SimState
    outputs: tuple[Output, ...]


def promised(index: OutputIndex, sims: Mapping[str, SimState]) -> Iterator[Promise]:
    """Yield what each complete simulation promised, reading the log segment by segment.

    Files are listed in the log only: a million of them in memory would be a gigabyte.
    """
    for path in index.segments():
        yield from promised_in(path, sims)


def promised_in(segment: Path, sims: Mapping[str, SimState]) -> Iterator[Promise]:
    """Yield what the simulations promised whose state comes from one segment."""
    name = f"{segment.parent.name}/{segment.name}"
    latest: dict[str, Promise] = {}
    for event in read_segment(segment).events:
        if not isinstance(event, Done):
            continue
        holds = sims.get(event.sim)
        if holds and holds.is_done and holds.life.name == name and holds.at == event.at:
            latest[event.sim] = Promise(holds, event.outputs)
    yield from latest.values()


def is_plain_there(layout: Layout, output: Output) -> bool:
    """Tell whether the file with an output's plain name is the one that was promised, under whatever name."""
    path = layout.output / output.path
    plain = layout.relative(path.with_name(plain_and_imprint(path.name)[0]))
    try:
        with opened_below(layout.output, plain) as file:
            return file.stat().st_size == output.size and digest_file(file)[1] == output.digest
    except (FileNotFoundError, NotADirectoryError, MisplacedError):
        return False
