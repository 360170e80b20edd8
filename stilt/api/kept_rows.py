"""Rows of a matrix that are kept while it is made, so that what was killed goes on where it was.

The file begins with a line that says which matrix it is of; after it come blocks of rows: three numbers (rows, entries,
CRC-32 of what follows), and the arrays of their compressed sparse rows. A block that is not whole ends what is known.
"""

from __future__ import annotations

import fcntl
import os
import struct
import zlib
from typing import TYPE_CHECKING, Self

import numpy as np

from stilt.foundations.durable import write_all
from stilt.foundations.errors import NotFinishedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

_BLOCK = struct.Struct("<QQI")
_NUMBER_BYTES = 8


class KeptRows:
    """The file that rows are kept in.

    Parameters
    ----------
    path
        The file; one of another matrix is begun anew.
    matrix
        What tells the matrix from every other one.
    width, count
        Its columns and its rows.

    Raises
    ------
    NotFinishedError
        If another process has the file.
    OSError
        If it can't be written.
    """

    def __init__(self, path: Path, matrix: str, width: int, count: int) -> None:
        self.path = path
        self._width, self._count = width, count
        self._head = f"stilt rows 1 {matrix}\n".encode()
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(path, flags, 0o666)
        try:
            self._claim()
            if os.pread(self._descriptor, len(self._head), 0) != self._head:
                os.ftruncate(self._descriptor, 0)
                write_all(self._descriptor, self._head)
        except BaseException:
            os.close(self._descriptor)
            raise

    def _claim(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotFinishedError(
                f"another command makes the matrix whose rows are in {self.path}",
                "wait for it, or give another output",
                code="PROJECT_BUSY",
            ) from None
        except OSError:
            return  # a filesystem without locks

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def blocks(self) -> Iterator[csr_array]:
        """Yield the blocks that are there as a whole; what comes after them is removed."""
        from scipy.sparse import csr_array

        at, left = len(self._head), self._count
        while (found := self._block(at)) is not None:
            rows, number, data = found
            begin = np.frombuffer(data, "<i8", rows + 1)
            column = np.frombuffer(data, "<i8", number, begin.nbytes)
            value = np.frombuffer(data, "<f8", number, begin.nbytes + column.nbytes)
            left -= rows
            if left < 0 or not _is_sound(begin, column, self._width):
                break
            yield csr_array((value, column, begin), shape=(rows, self._width))
            at += _BLOCK.size + len(data)
        os.ftruncate(self._descriptor, at)
        os.lseek(self._descriptor, at, os.SEEK_SET)

    def _block(self, at: int) -> tuple[int, int, bytes] | None:
        head = os.pread(self._descriptor, _BLOCK.size, at)
        if len(head) < _BLOCK.size:
            return None
        rows, number, crc = _BLOCK.unpack(head)
        needed = _NUMBER_BYTES * (rows + 1 + 2 * number)
        if at + _BLOCK.size + needed > os.fstat(self._descriptor).st_size:
            return None
        data = os.pread(self._descriptor, needed, at + _BLOCK.size)
        return (rows, number, data) if zlib.crc32(data) == crc else None

    def add(self, rows: csr_array) -> None:
        """Keep some rows more; after ``blocks``."""
        parts = (
            rows.indptr.astype("<i8"),
            rows.indices.astype("<i8"),
            rows.data.astype("<f8"),
        )
        data = b"".join(part.tobytes() for part in parts)
        head = _BLOCK.pack(rows.shape[0], len(rows.data), zlib.crc32(data))
        write_all(self._descriptor, head + data)


def _is_sound(begin: NDArray[np.int64], column: NDArray[np.int64], width: int) -> bool:
    """Tell whether rows are such: a checksum tells that they are as they were written, not by whom."""
    return bool(
        len(begin) > 1
        and begin[0] == 0
        and begin[-1] == len(column)
        and (np.diff(begin) >= 0).all()
        and (column >= 0).all()
        and (column < width).all()
    )
