"""The output index: all segments of a project, folded."""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from stilt.foundations.errors import EnvironmentFailure
from stilt.log import checkpoint, names
from stilt.log.fold import State
from stilt.log.joining import Joining
from stilt.log.reader import read_bytes
from stilt.log.silence import Silence

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

CHECKPOINT = "checkpoint"
WORTH_A_CHECKPOINT = 20_000
"""So many events read after the last checkpoint, and a hundredth of all, call for another one."""

_SETTLED_NS = 60 * 10**9
"""A folder's time can be coarse, and be shown late: a younger one tells nothing."""


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
    ) -> State:
        """Fold the whole log.

        Parameters
        ----------
        until
            Leave out events after this moment (seconds since 1970).
        use_checkpoint
            Start from the checkpoint if it fits the segments, and leave a new one where the folder can be
            written and it is worth it.

        Raises
        ------
        EnvironmentFailure
            If a segment can't be read or was written by a newer major version.
        """
        if until is not None or not use_checkpoint:
            return self._fold(self.segments(), until=until)
        with _no_garbage_collection():
            state = checkpoint.load(self.log_dir / CHECKPOINT)
            saved = state.events if state else 0
            if state is None or not self._catch_up(state):
                saved, state = 0, self._fold(self.segments(), seal=True)
            self._save_if_worth_it(state, saved)
            return state

    def fold_task(self, batch: str, task: int) -> State:
        """Fold what the attempts of one task wrote, which costs the same in a log of any size."""
        own = [
            self.log_dir / batch / name
            for name in self._segment_names(batch)
            if (parsed := names.parse_name(name)) and parsed.task == task
        ]
        return self._fold(own)

    def fold_said(self, batches: Iterable[str]) -> State:
        """Fold what was said of these batches as wholes: by those who handed over and who cancelled."""
        return self._fold(
            [
                path
                for batch in batches
                for path in self.segments(batch)
                if (parsed := names.parse_name(path.name)) and parsed.role in {"run", "cancel"}
            ]
        )

    def _fold(
        self,
        paths: Collection[Path],
        *,
        until: float | None = None,
        in_bulk: bool = True,
        seal: bool = False,
    ) -> State:
        state = State()
        joining = Joining(state, until, in_bulk=in_bulk, segments=len(paths), seal=seal)
        with _no_garbage_collection():
            for path in paths:
                joining.add(self._name(path), read_bytes(path))
            if not joining.end():
                return self._fold(paths, until=until, in_bulk=False)
        for name in self._irregular():
            joining.add(name, b"")
            state.files[name].damage.append((0, "it is no regular file"))
        return state

    def unseen(self, state: State) -> list[Path]:
        """Return the segments that a state was not made from; folders that did not change are not listed for it."""
        paths = (
            path for batch in self._changed(state, self.batches()) for path in self.segments(batch)
        )
        return [path for path in paths if self._name(path) not in state.files]

    def _changed(self, state: State, batches: Iterable[str]) -> list[str]:
        """Return those of the batches whose folders may hold other segments than a state was made from."""
        known = state.settled
        return [
            batch
            for batch in batches
            if batch not in known or self._changed_ns(batch) != known[batch]
        ]

    def _catch_up(self, state: State) -> bool:
        """Read what was appended since; False if the segments are not those that the state was made from."""
        batches = self.batches()
        changed = self._changed(state, batches)
        if not state.settled.keys() <= set(batches) or self._irregular(changed):
            return False
        paths = {self._name(path): path for batch in changed for path in self.segments(batch)}
        listed = set(changed)
        for name, file in state.files.items():
            batch, _, own = name.partition("/")
            if (batch in listed and name not in paths) or "/" in own:
                return False
            if batch not in listed and not file.ended:
                if batch not in state.settled:
                    return False
                paths[name] = self.log_dir / name
        joining = Joining(state)
        for name, path in sorted(paths.items()):
            known = state.files.get(name)
            if known is None:
                joining.add(name, read_bytes(path))
            elif not joining.resume(known, path):
                return False
        return joining.end()

    def _settle(self, state: State) -> None:
        """Note when the folders of batches were changed last, of those that this was not just now.

        As long as that is so no segment comes or goes there, and one that has ended is what it was. What a person
        does to one in place shows when the whole log is read.
        """
        settled_ns = int(1e9 * (Silence(self.log_dir).ask_clock() or 0)) - _SETTLED_NS
        changed = {batch: self._changed_ns(batch) for batch in self.batches()}
        state.settled = {batch: at for batch, at in changed.items() if 0 <= at < settled_ns}

    def _changed_ns(self, batch: str) -> int:
        """Return when a folder was changed last, in nanoseconds; a negative number if it is not there."""
        try:
            return (self.log_dir / batch).stat().st_mtime_ns
        except OSError:
            return -1

    def _save_if_worth_it(self, state: State, saved: int) -> None:
        """Leave a checkpoint if enough was read for it."""
        fresh = state.events - saved
        if fresh < max(WORTH_A_CHECKPOINT, state.events // 100):
            return
        if not os.access(self.log_dir, os.W_OK) or self._irregular():
            return
        self._settle(state)
        # A receptor may be no digest, a number out of range.
        with suppress(OSError, OverflowError, ValueError):
            checkpoint.save(self.log_dir / CHECKPOINT, state)

    def _name(self, path: Path) -> str:
        return f"{path.parent.name}/{path.name}"

    def _segment_names(self, batch: str) -> list[str]:
        entries = self._scandir(self.log_dir / batch)
        return sorted(
            entry.name
            for entry in entries
            if entry.name.endswith(names.SUFFIX) and entry.is_file(follow_symlinks=False)
        )

    def _irregular(self, batches: Iterable[str] | None = None) -> list[str]:
        """Return what has the name of a segment and is none: links, pipes, folders."""
        return sorted(
            f"{batch}/{entry.name}"
            for batch in (self.batches() if batches is None else batches)
            for entry in self._scandir(self.log_dir / batch)
            if entry.name.endswith(names.SUFFIX) and not entry.is_file(follow_symlinks=False)
        )

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
                code="LOG_UNREADABLE",
            ) from error


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
