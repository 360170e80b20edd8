"""Columns of analyses in files that all processes of a node map: one copy in memory, computed once.

The files lie in the task's scratch folder on node-local disk, sparse: as large as the grid and as full as
particles have asked for. The worker removes them with its scratch. A lock on node-local disk is the kernel's
own, so it can be relied on.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from stilt.transport.native.columns import (
    SURFACE_FIELDS,
    TURBULENCE,
    VALUES,
    Columns,
)
from stilt.transport.native.interpolation import BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_PAGE = mmap.PAGESIZE
_SPARE_BYTES = 256 * 1024 * 1024
"""Free space that must remain: a mapped file on a full disk would kill the process."""

_LARGEST_CHECKED_BYTES = 2 * 1024**3
"""Grids of more than this are never filled wholly, so their full size need not be free."""


class StoredColumns:
    """The arrays of one analysis, and which blocks of them are there.

    Attributes
    ----------
    columns
        The arrays; blocks that are not ready hold zeros.
    ready
        1 for each block that has been computed, shape (block rows, block columns).
    """

    def __init__(self, columns: Columns, ready: NDArray[np.uint8], lock_file: Path | None) -> None:
        self.columns = columns
        self.ready = ready
        self._lock_file = lock_file

    @contextmanager
    def filling(self) -> Iterator[None]:
        """Hold the right to compute blocks, so that no two processes do the same work."""
        if self._lock_file is None:
            yield
            return
        with self._lock_file.open("ab") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


class ColumnStore:
    """Stored columns, shared with the other processes of a task.

    Parameters
    ----------
    folder
        On node-local scratch, made when first needed. Without one, or where it can't be written or is too
        full, the columns stay in this process' memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def open(self, key: str, rows: int, columns: int, levels: int) -> StoredColumns:
        """Return the columns stored under a key, new and empty where there are none."""
        shapes = _shapes(rows, columns, levels)
        buffer, path = self._map(key, _offsets(shapes)[-1])
        if buffer is None:
            return _in_memory(shapes)
        arrays, ready = _views(buffer, shapes)
        return StoredColumns(arrays, ready, path)

    def _map(self, key: str, size: int) -> tuple[mmap.mmap | None, Path | None]:
        if self._folder is None:
            return None, None
        path = self._folder / f"{key}.columns"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            free = os.statvfs(self._folder)
            if free.f_bavail * free.f_frsize < min(size, _LARGEST_CHECKED_BYTES) + _SPARE_BYTES:
                return None, None
            with path.open("a+b") as file:
                if file.seek(0, os.SEEK_END) < size:
                    file.truncate(size)
                buffer = mmap.mmap(file.fileno(), size)
                buffer.madvise(mmap.MADV_RANDOM)  # else each hole is read with 31 pages around it
                return buffer, path
        except OSError:
            return None, None


def _shapes(rows: int, columns: int, levels: int) -> list[tuple[int, ...]]:
    volumes = [(rows, columns, levels, values) for values in (VALUES, VALUES, VALUES, TURBULENCE)]
    return [
        *volumes,
        (rows, columns, len(SURFACE_FIELDS)),
        (-(-rows // BLOCK), -(-columns // BLOCK)),
    ]


def _offsets(shapes: list[tuple[int, ...]]) -> list[int]:
    """Where each array starts, on page borders, and the end of the last."""
    offsets = [0]
    for shape in shapes:
        offsets.append(-(-(offsets[-1] + 4 * int(np.prod(shape))) // _PAGE) * _PAGE)
    return offsets


def _views(buffer: mmap.mmap, shapes: list[tuple[int, ...]]) -> tuple[Columns, NDArray[np.uint8]]:
    offsets = _offsets(shapes)
    arrays = [
        np.frombuffer(buffer, np.float32, int(np.prod(shape)), offset).reshape(shape)
        for shape, offset in zip(shapes[:-1], offsets, strict=False)
    ]
    last = shapes[-1]
    ready = np.frombuffer(buffer, np.uint8, int(np.prod(last)), offsets[-2]).reshape(last)
    return Columns(*arrays), ready


def _in_memory(shapes: list[tuple[int, ...]]) -> StoredColumns:
    arrays = [np.zeros(shape, np.float32) for shape in shapes[:-1]]
    return StoredColumns(Columns(*arrays), np.zeros(shapes[-1], np.uint8), None)
