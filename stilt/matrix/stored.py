"""Rows that workers have made, one file for each process that made some.

A file begins with a line that says which matrix its rows are of. Each row stands behind the digest of its bytes: names
of its simulation and of the writer of its footprint, columns and values. A row counts that is whole, and whose
footprint is the one that the log vouches for. All others are as good as absent: what a row holds is in its footprint,
so nothing is synced, and nothing is lost with one.
"""

from __future__ import annotations

import mmap
import os
import secrets
import struct
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stilt.foundations.durable import made_folder, write_all
from stilt.foundations.inside import MisplacedError, open_regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from stilt.foundations.paths import Layout

ENDING = ".rows"
_MAGIC = b"stilt rows of H 1 "
_DIGEST_BYTES = 16
_HEAD = struct.Struct("<HHqQ")
"""Bytes of the two names, where the first bin begins, and how many entries there are."""


class StoredRow(NamedTuple):
    """A row.

    Attributes
    ----------
    sim, imprint
        The simulation, and what the name of its footprint carries.
    first_ns
        Where its first bin begins, since 1970; 0 where bins go with the receptor.
    column
        Bin x elements + element of each value, bins counted from the first one of the receptor.
    """

    sim: str
    imprint: str
    first_ns: int
    column: NDArray[np.uint32]
    value: NDArray[np.float64]

    def encode(self) -> bytes:
        """Return its bytes."""
        names = [name.encode() for name in (self.sim, self.imprint)]
        head = _HEAD.pack(*map(len, names), self.first_ns, len(self.column))
        arrays = self.column.astype("<u4").tobytes(), self.value.astype("<f8").tobytes()
        body = b"".join((head, *names, *arrays))
        return blake2b(body, digest_size=_DIGEST_BYTES).digest() + body


class RowWriter:
    """Appends rows to a file that nobody else has; there is none before the first row.

    Parameters
    ----------
    layout
        The project.
    matrix
        The digest of the matrix.
    imprint
        What the names of the writer's outputs carry.
    """

    def __init__(self, layout: Layout, matrix: str, imprint: str) -> None:
        self._layout = layout
        self._head = _head(matrix)
        self._imprint = imprint
        self._descriptor = -1

    def add(self, row: StoredRow) -> None:
        """Write a row; after one that was not written whole another file begins.

        Raises
        ------
        OSError
            As the filesystem gave it.
        """
        if self._descriptor < 0:
            self._descriptor = self._open()
        try:
            write_all(self._descriptor, row.encode())
        except OSError:
            os.close(self._descriptor)
            self._descriptor = -1
            raise

    def _open(self) -> int:
        name = f"{self._imprint}-{secrets.token_hex(4)}{ENDING}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with made_folder(self._layout.rows_dir, self._layout.output) as folder:
            descriptor = os.open(folder / name, flags, 0o666)
        write_all(descriptor, self._head)
        return descriptor


def row_files(layout: Layout) -> list[Path]:
    """Return the files that have rows, or may have."""
    return sorted(layout.rows_dir.glob(f"*{ENDING}"))


def matrix_of(path: Path) -> str:
    """Return the digest of the matrix that a file's rows are of; "" where it tells none."""
    size = len(_head("")) + 2 * _DIGEST_BYTES
    with os.fdopen(open_regular(path), "rb") as file:
        head = file.read(size)
    is_one = head.startswith(_MAGIC) and head.endswith(b"\n") and len(head) == size
    return head[len(_MAGIC) : -1].decode("ascii", "replace") if is_one else ""


def read_rows(path: Path) -> Iterator[StoredRow]:
    """Yield the rows of a file that are whole; their arrays are views of it.

    Raises
    ------
    OSError, MisplacedError
        If it is no regular file, or can't be read.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            return
        data = memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ))
    at = bytes(data[: 2 * len(_MAGIC) + 2 * _DIGEST_BYTES]).find(b"\n") + 1
    while at and at + _DIGEST_BYTES + _HEAD.size <= size:
        begin = at + _DIGEST_BYTES
        sim, imprint, first_ns, entries = _HEAD.unpack_from(data, begin)
        end = begin + _HEAD.size + sim + imprint + 12 * entries
        if end > size:
            return  # not whole
        body = data[begin:end]
        if blake2b(body, digest_size=_DIGEST_BYTES).digest() == data[at:begin]:
            names = bytes(body[_HEAD.size : _HEAD.size + sim + imprint])
            column = np.frombuffer(body, "<u4", entries, _HEAD.size + sim + imprint)
            value = np.frombuffer(body, "<f8", entries, len(body) - 8 * entries)
            yield StoredRow(names[:sim].decode(), names[sim:].decode(), first_ns, column, value)
        at = end


def rows_of(paths: Iterable[Path], matrix: str, wanted: dict[str, str]) -> dict[str, StoredRow]:
    """Return the rows of a matrix that are of the wanted footprints, by simulation.

    ``wanted`` has the imprint in the name of each simulation's footprint.
    """
    found: dict[str, StoredRow] = {}
    for path in paths:
        with suppress(OSError, MisplacedError):  # what can't be read is made again
            if matrix_of(path) == matrix:
                rows = read_rows(path)
                found |= {row.sim: row for row in rows if wanted.get(row.sim) == row.imprint}
    return found


def write_rows(path: Path, matrix: str, rows: Iterable[StoredRow]) -> None:
    """Write rows of a matrix into a new file."""
    with path.open("xb") as file:
        file.write(_head(matrix))
        for row in rows:
            file.write(row.encode())


def _head(matrix: str) -> bytes:
    return _MAGIC + matrix.encode() + b"\n"
