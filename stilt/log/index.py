"""The output index: all segments of a project, folded."""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stilt.errors import EnvironmentFailure
from stilt.log import names
from stilt.log.fold import LeanEvent, LeanEventWithOutputs, Life, State
from stilt.log.reader import Damage, Scan, Scanner, read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class OutputIndex:
    """Reads the log of one output root. Takes no lock and needs no write permission.

    Parameters
    ----------
    log_dir
        The ``log`` folder; it need not exist.
    """

    def __init__(self, log_dir: Path) -> None:
        self.log_dir = log_dir

    def batches(self) -> list[str]:
        """Return the ids of all batches that have a folder, sorted."""
        return sorted(entry.name for entry in self._scandir(self.log_dir) if entry.is_dir())

    def segments(self, batch: str | None = None) -> list[Path]:
        """Return the segments of a batch, or of all, sorted by name."""
        return [
            self.log_dir / folder / name
            for folder in ([batch] if batch else self.batches())
            for name in self._segment_names(folder)
        ]

    def next_attempt(self, batch: str, task: int) -> int:
        """Return the number of the attempt of a task that begins now, counted from 1."""
        return names.next_attempt(self._segment_names(batch), task)

    def fold(
        self,
        until: float | None = None,
        *,
        use_checkpoint: bool = True,
        with_outputs: bool = False,
    ) -> State:
        """Fold the whole log.

        Parameters
        ----------
        until
            Leave out events after this moment (seconds since 1970).
        use_checkpoint
            Start from the checkpoint if it fits the segments.
        with_outputs
            Keep the outputs that ``done`` names: then its states are ``DoneWithOutputs``.

        Raises
        ------
        EnvironmentFailure
            If a segment can't be read or was written by a newer major version.
        """
        del use_checkpoint
        return self._fold(self.segments(), until=until, with_outputs=with_outputs)

    def fold_task(self, batch: str, task: int) -> State:
        """Fold what the attempts of one task wrote, which costs the same in a log of any size."""
        own = [
            self.log_dir / batch / name
            for name in self._segment_names(batch)
            if (parsed := names.parse_name(name)) and parsed.task == task
        ]
        return self._fold(own)

    def _fold(
        self, paths: Iterable[Path], *, until: float | None = None, with_outputs: bool = False
    ) -> State:
        state = State()
        scanner: Scanner[Any] = Scanner(LeanEventWithOutputs if with_outputs else LeanEvent)
        with _no_garbage_collection():
            for path in paths:
                name = path.relative_to(self.log_dir).as_posix()
                add_segment(state, name, scanner.scan(read_bytes(path)), until)
        return state

    def _segment_names(self, batch: str) -> list[str]:
        entries = self._scandir(self.log_dir / batch)
        return sorted(entry.name for entry in entries if entry.name.endswith(names.SUFFIX))

    def _scandir(self, folder: Path) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                return list(entries)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise EnvironmentFailure(
                f"{folder} can't be listed: {error.strerror or error}",
                "check its permissions and that the filesystem is mounted",
            ) from error


def add_segment(state: State, name: str, scan: Scan[Any], until: float | None = None) -> None:
    """Join one segment, ``name`` being its path relative to the ``log`` folder."""
    life = life_of(name, scan)
    events = scan.events
    if until is not None:
        if life.at > until:
            return
        events = [event for event in events if event.at <= until]
    state.segments += 1
    state.events += len(events) + (scan.header is not None)
    state.unknown += len(scan.unknown)
    state.damaged += bool(scan.damage)
    state.damages += [Damage(name, offset, what) for offset, what in scan.damage]
    state.add(life, events)


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
        )
    parsed = names.parse_name(file)
    if parsed is None:
        return Life(name=name, batch=folder, seq=0)
    return Life(name=name, batch=folder, seq=parsed.seq, attempt=parsed.attempt, task=parsed.task)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Millions of small objects without cycles: collecting them costs more than reading them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
