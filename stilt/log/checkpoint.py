"""A cache of the fold: what was read so far, and how far that was, segment by segment.

The file is the columns of ``stilt.log.frozen``, then a footer of JSON, then where the footer begins (20
bytes). It can be deleted at any time, and whatever is odd about it makes it as good as absent.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING
from zlib import crc32

from msgspec import MsgspecError, Struct, json

from stilt.foundations.durable import TEMPORARY_PREFIX, publish_with
from stilt.foundations.errors import StiltError
from stilt.foundations.inside import read_regular
from stilt.log.bounds import MOST_OF_A_TEXT, all_fit, misfit
from stilt.log.costs import cost_fits
from stilt.log.events import FORMAT_MAJOR, FORMAT_MINOR, Identified, Started
from stilt.log.facts import SegmentFacts  # noqa: TC001 - msgspec reads the annotations
from stilt.log.fold import State
from stilt.log.frozen import (
    BYTE_ORDER,
    FrozenSims,
    Section,
    Sums,
    read_columns,
)
from stilt.log.states import OUTCOMES, BatchEvent, Life

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stilt.log.batches import BatchState

CHECKPOINT_FORMAT = (7, FORMAT_MAJOR, FORMAT_MINOR)

MOST_BYTES = 4 << 30

_TRAILER_BYTES = 20
_SURELY_DEAD_S = 3600.0


class Footer(Struct):
    """What the columns mean, and all that is not a column.

    ``lives`` begins with those of ``files``, in their order.
    """

    format: tuple[int, int, int]
    byte_order: str
    sections: dict[str, Section]
    lives: list[Life]
    files: list[SegmentFacts]
    batch_events: list[BatchEvent]
    sums: Sums
    identified: list[tuple[tuple[str, str, int, int], str]]
    settled: dict[str, int]


def save(path: Path, state: State) -> None:
    """Write a checkpoint.

    Raises
    ------
    OSError
        If the filesystem refuses.
    """
    files = list(state.files.values())
    frozen = state.freeze()
    footer = Footer(
        format=CHECKPOINT_FORMAT,
        byte_order=BYTE_ORDER,
        sections={},
        lives=list(frozen.lives),
        files=files,
        batch_events=[event for batch in state.batches.values() for event in _events_of(batch)],
        sums=frozen.sums,
        identified=list(state.identified.items()),
        settled=state.settled,
    )
    _remove_leftovers(path)
    # Not synced: it is a cache, and what a crash leaves of it has not the checksums that it should have.
    root = path.parent.parent
    publish_with(path, lambda new: _write(new, frozen.columns, footer), root=root, durable=False)


def load(path: Path) -> State | None:
    """Read a checkpoint; ``None`` if there is none or it is not exactly what was written."""
    try:
        data = read_regular(path, MOST_BYTES)
        start = int(data[-_TRAILER_BYTES:])
        checksum, payload = data[start : start + 8], data[start + 8 : -_TRAILER_BYTES]
        if int(checksum, 16) != crc32(payload):
            return None
        footer = json.decode(payload, type=Footer)
        if (footer.format, footer.byte_order) != (CHECKPOINT_FORMAT, BYTE_ORDER):
            return None
        return _state_of(footer, data) if _fits(footer) else None
    except (OSError, ValueError, LookupError, RecursionError, MsgspecError, StiltError):
        return None


def _remove_leftovers(path: Path) -> None:
    """Remove what commands left that were killed while they wrote a checkpoint: it can be as large as the log."""
    for leftover in path.parent.glob(f"{TEMPORARY_PREFIX}*-{path.name}"):
        with suppress(OSError):
            if time.time() - leftover.stat().st_mtime > _SURELY_DEAD_S:
                leftover.unlink()


def _fits(footer: Footer) -> bool:
    """Return whether what is not a column has values as stilt writes them: a checksum does not tell by whom."""
    files, sums = footer.files, footer.sums
    costs = chain(*(by_outcome.values() for by_outcome in sums.costs))
    counts = list(chain(*sums.tallies))
    return (
        [life.name for life in footer.lives[: len(files)]] == [file.name for file in files]
        and all(min(f.size, f.line, f.offset, f.number, f.events, f.unknown) >= 0 for f in files)
        and all_fit(chain(footer.lives, files, footer.batch_events))
        and all(cost_fits(cost) for cost in costs)
        and all(0 <= life < len(footer.lives) and n >= 0 for life, _, _, n in counts)
        and all(outcome in OUTCOMES and len(why) <= MOST_OF_A_TEXT for _, outcome, why, _ in counts)
        and not any(misfit(Started(word, 0.0)) for word in sums.words if word)
        and all_fit(
            Identified(sim, receptor, batch, seq, 0.0, attempt)
            for (sim, batch, seq, attempt), receptor in footer.identified
        )
    )


def _state_of(footer: Footer, data: bytes) -> State:
    sims = FrozenSims(read_columns(data, footer.sections), footer.lives, footer.sums)
    sims.check_sums()
    state = State(sims)
    state.identified = dict(footer.identified)
    state.settled = footer.settled
    for file, life in zip(footer.files, footer.lives, strict=False):
        state.files[file.name] = file
        state.add_life(life)
    for event in footer.batch_events:
        state.batch(event.batch).add(event)
    return state


def _events_of(batch: BatchState) -> list[BatchEvent]:
    return [
        *batch.chunks.values(),
        *batch.intents.values(),
        *batch.submissions.values(),
        *batch.cancellations,
    ]


def _write(path: Path, columns: Mapping[str, memoryview], footer: Footer) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with os.fdopen(descriptor, "wb") as file:
        for name, column in columns.items():
            footer.sections[name] = Section(file.tell(), column.nbytes, crc32(column))
            file.write(column)
            # memoryview.cast wants nothing of alignment, but the processor likes it
            file.write(b"\0" * (-file.tell() % 8))
        start = file.tell()
        payload = json.encode(footer)
        file.write(b"%08x%b%020d" % (crc32(payload), payload, start))
