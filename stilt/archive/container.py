"""Archive files of form 1, as stilt wrote them once: Parquet, one row group for each output.

The footer has which output each of them is.

Column ``sim`` is the simulation id in every row. Column ``about`` has, in the first row of a row group only, what an
output is made of besides its rows.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from stilt.foundations.errors import DamagedError
from stilt.foundations.inside import opened
from stilt.particles.parquet import check_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SIM, ABOUT = _OWN = ["sim", "about"]
OUTPUTS, SHARED = b"stilt.outputs", b"stilt.shared"

_INDEXES_KEPT = 16
_FOOTERS_KEPT = 8


class Entry(Struct, frozen=True, array_like=True, gc=False):
    """An output that was packed: where its file was, relative to the output root, and its size and digest."""

    path: str
    sim: str
    size: int
    digest: str


class Packed(NamedTuple):
    """An output as rows, and what it is made of besides."""

    about: bytes
    rows: pa.Table


class ArchiveIndex(NamedTuple):
    """What an archive file holds.

    Attributes
    ----------
    entries
        By path, each with the number of its row group.
    folders
        The names of the outputs' own files, by their dated folder.
    shared
        The texts that outputs have in common.
    blocks
        Where it has what footprints say of themselves, in form 2.
    """

    entries: dict[str, tuple[int, Entry]]
    folders: dict[str, list[str]]
    shared: tuple[str, ...]
    blocks: tuple[Any, ...] = ()


def index_of(
    entries: Sequence[Entry], shared: tuple[str, ...], blocks: tuple[Any, ...] = ()
) -> ArchiveIndex:
    """Return the index of outputs in the order that they have in an archive."""
    folders: dict[str, list[str]] = {}
    for entry in entries:
        folder, _, file = entry.path.rpartition("/")
        folders.setdefault(folder, []).append(file)
    numbered = {entry.path: (n, entry) for n, entry in enumerate(entries)}
    return ArchiveIndex(numbered, folders, shared, blocks)


def read_index(path: Path) -> ArchiveIndex:
    """Return what an archive file holds.

    Raises
    ------
    DamagedError
        If its footer can't be read.
    """
    return _index(*identity(path))


def read_packed(path: Path, row_group: int, entry: Entry, *, rows: bool = True) -> Packed:
    """Return an output from an archive file; without ``rows`` its table has none of its columns.

    Raises
    ------
    DamagedError
        If it is not there as a whole.
    """
    try:
        footer = _footer(*identity(path))
        with (
            opened(path) as place,
            pq.ParquetFile(place, metadata=footer, page_checksum_verification=True) as file,
        ):
            announced = footer.row_group(row_group).num_rows
            check_rows(path, announced, file.schema_arrow, place, _OWN)
            columns = [name for name in file.schema_arrow.names if rows and name not in _OWN]
            table = file.read_row_group(row_group, columns=columns, use_threads=False)
            # of the first row alone: the others need not be as stilt writes them
            own = file.iter_batches(1, row_groups=[row_group], columns=_OWN)
            sim, about = (column[0].as_py() for column in next(own).columns)
    except (pa.ArrowException, OSError, ValueError, LookupError, StopIteration) as error:
        raise damaged(path, error) from error
    if about is None or sim != entry.sim:
        raise damaged(path, ValueError(f"row group {row_group} is not that of {entry.sim}"))
    return Packed(about, table)


def identity(path: Path) -> tuple[Path, int, int]:
    """Return what tells a file from every other one that has had its name."""
    try:
        facts = path.stat()
    except OSError as error:
        raise damaged(path, error) from error
    return path, facts.st_ino, facts.st_mtime_ns


@lru_cache(maxsize=_FOOTERS_KEPT)
def _footer(path: Path, _inode: int, _mtime_ns: int) -> pq.FileMetaData:
    with opened(path) as place:
        return pq.read_metadata(os.fspath(place))


@lru_cache(maxsize=_INDEXES_KEPT)
def _index(path: Path, inode: int, mtime_ns: int) -> ArchiveIndex:
    try:
        footer = _footer(path, inode, mtime_ns)
        texts = footer.metadata or {}
        entries = msgspec.json.decode(texts[OUTPUTS], type=list[Entry])
        shared = msgspec.json.decode(texts[SHARED], type=tuple[str, ...])
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise damaged(path, error) from error
    if len(entries) != footer.num_row_groups:
        raise damaged(path, ValueError("it lists other outputs than it has"))
    return index_of(entries, shared)


def damaged(path: Path, error: Exception) -> DamagedError:
    """Return what to raise where an archive can't be read."""
    why = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DamagedError(
        f"the archive {path} can't be read: {why}",
        "'stilt verify', then 'stilt run', makes it again",
        code="ARCHIVE_DAMAGED",
    )
