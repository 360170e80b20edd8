"""Which chunks are still as they were handed over, told without reading them all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stilt.batch.chunks import read_chunk
from stilt.foundations.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stilt.foundations.paths import Layout
    from stilt.log.fold import BatchState, State


class Wholeness:
    """Tells of chunks whether a worker could still begin with them.

    Parameters
    ----------
    layout
        The project.
    note
        Is told once of each chunk that is damaged, in words for the person at the terminal.
    """

    def __init__(self, layout: Layout, note: Callable[[str], None]) -> None:
        self._layout = layout
        self._note = note
        self._dates: dict[str, dict[str, int]] = {}
        self._known: dict[tuple[str, str], bool] = {}

    def __call__(self, batch: str, chunk: str) -> bool:
        """Tell whether a chunk is whole, by its batch and digest.

        A batch's folder is written once, its chunks first. So only a chunk that is younger than what was written
        after it is read; a disk that changes bytes and no date is noticed by `run` and `verify`, which read all.
        """
        key = batch, chunk
        if key not in self._known:
            self._known[key] = self._is_untouched(batch, chunk) or self._reads_well(batch, chunk)
        return self._known[key]

    def _is_untouched(self, batch: str, chunk: str) -> bool:
        if batch not in self._dates:
            self._dates[batch] = _dates(self._layout, batch)
        dates, file = self._dates[batch], self._layout.chunk(batch, chunk).name
        later = [dates[name] for name in ("batch.json", "claims") if name in dates]
        return file in dates and bool(later) and dates[file] <= min(later)

    def _reads_well(self, batch: str, chunk: str) -> bool:
        try:
            read_chunk(self._layout.chunk(batch, chunk))
        except DamagedError as error:
            self._note(damaged(error))
            return False
        return True


def _dates(layout: Layout, batch: str) -> dict[str, int]:
    """Return when the files in a batch's folder were last written, by the file server."""
    try:
        with os.scandir(layout.batch_dir(batch)) as entries:
            return {
                entry.name: entry.stat(follow_symlinks=False).st_mtime_ns
                for entry in entries
                if entry.is_file(follow_symlinks=False)
            }
    except OSError:
        return {}


def damaged(error: DamagedError) -> str:
    """Say of a chunk that cannot be read what that means."""
    return f"{error.message}; its task can begin nothing more, `stilt run` hands over what no other has"


def unregistered(batch: BatchState) -> set[int]:
    """Return the tasks that were begun and of whose registration the log has lost what it had."""
    lives = batch.lives.values()
    return {life.task for life in lives if life.task is not None} - {
        task for task, _ in batch.chunks
    }


def at_work(state: State, batch: str, task: int) -> list[str]:
    """Return the simulations that a task has begun and not ended: it goes on with these, whatever its chunk is."""
    life = state.batches[batch].tasks.get(task)
    if life is None:
        return []
    return [sim.sim for sim in state.having("running") if sim.life.name == life.name]
