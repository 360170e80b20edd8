"""Archive files: Parquet, one row group for each output, and in the footer which output each of them is.

Column ``sim`` is the simulation id in every row. Column ``about`` has, in the first row of a row group only, what an
output is made of besides its rows.
"""

from __future__ import annotations

import os
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple, Self

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from stilt.foundations.errors import DamagedError
from stilt.foundations.inside import opened
from stilt.particles.parquet import COMPRESSION_LEVEL, PAGE_BYTES, check_rows, encoding_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

SIM, ABOUT = _OWN = ["sim", "about"]
OUTPUTS, SHARED = b"stilt.outputs", b"stilt.shared"

_ROWS_A_PAGE = 1 << 30
_INDEXES_KEPT = 64
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


class ArchiveWriter:
    """Writes an archive file in place; fsync and rename are the caller's.

    Parameters
    ----------
    path
        A new file, usually under a temporary name.
    schema
        Names and types of the columns of all outputs, without ``sim`` and ``about``.

    Attributes
    ----------
    count
        How many outputs were written.
    shared
        The texts that outputs have in common.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        own = [pa.field(SIM, pa.string()), pa.field(ABOUT, pa.binary())]
        self._schema = pa.schema([*own, *(pa.field(f.name, f.type) for f in schema)])
        self.count = 0
        self._entries: list[Entry] = []
        self.shared: list[str] = []
        self._writer = pq.ParquetWriter(
            path,
            self._schema,
            compression="zstd",
            compression_level=COMPRESSION_LEVEL,
            use_dictionary=[SIM],
            column_encoding={f.name: encoding_of(f.type) for f in schema},
            data_page_size=PAGE_BYTES,
            max_rows_per_page=_ROWS_A_PAGE,
            write_statistics=False,
            write_page_checksum=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._writer.close()

    def close(self) -> None:
        """Write the footer."""
        self._writer.add_key_value_metadata(
            {OUTPUTS: msgspec.json.encode(self._entries), SHARED: msgspec.json.encode(self.shared)}
        )
        self._writer.close()

    def share(self, text: str) -> int:
        """Return the number of a text that outputs have in common; it is stored once."""
        if text not in self.shared:
            self.shared.append(text)
        return self.shared.index(text)

    def add(self, entry: Entry, packed: Packed) -> None:
        """Write an output, of one row at least, as the next row group."""
        rows = packed.rows
        count = rows.num_rows
        own = [
            pa.repeat(pa.scalar(entry.sim, pa.string()), count),
            pa.concat_arrays(
                [pa.array([packed.about], pa.binary()), pa.nulls(count - 1, pa.binary())]
            ),
        ]
        table = pa.table([*own, *rows.columns], schema=self._schema)
        self._writer.write_table(table, row_group_size=count)
        self._entries.append(entry)
        self.count += 1


def are_columns(schema: pa.Schema) -> bool:
    """Return whether an archive can have these columns: numbers, each under a name of its own."""
    names = [SIM, ABOUT, *schema.names]
    return len(set(names)) == len(names) and all(
        pa.types.is_floating(field.type) or pa.types.is_integer(field.type) for field in schema
    )


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
    """

    entries: dict[str, tuple[int, Entry]]
    folders: dict[str, list[str]]
    shared: tuple[str, ...]


def read_index(path: Path) -> ArchiveIndex:
    """Return what an archive file holds.

    Raises
    ------
    DamagedError
        If its footer can't be read.
    """
    return _index(*_identity(path))


def read_packed(path: Path, row_group: int, entry: Entry, *, rows: bool = True) -> Packed:
    """Return an output from an archive file; without ``rows`` its table has none of its columns.

    Raises
    ------
    DamagedError
        If it is not there as a whole.
    """
    try:
        footer = _footer(*_identity(path))
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
        raise _damaged(path, error) from error
    if about is None or sim != entry.sim:
        raise _damaged(path, ValueError(f"row group {row_group} is not that of {entry.sim}"))
    return Packed(about, table)


def read_many(path: Path, row_groups: Sequence[int]) -> list[Packed]:
    """Return several outputs from an archive file, without looking whose they are: their ``about`` says so.

    Raises
    ------
    DamagedError
        If one is not there as a whole.
    """
    try:
        footer = _footer(*_identity(path))
        counts = [footer.row_group(number).num_rows for number in row_groups]
        # as a dictionary: a text that is stored once can be that of every row
        with (
            opened(path) as place,
            pq.ParquetFile(
                place, metadata=footer, page_checksum_verification=True, read_dictionary=[ABOUT]
            ) as file,
        ):
            check_rows(path, sum(counts), file.schema_arrow, place, _OWN)
            names = [name for name in file.schema_arrow.names if name != SIM]
            table = file.read_row_groups(row_groups, columns=names, use_threads=False)
        first = list(accumulate(counts, initial=0))[:-1]
        abouts = table.column(ABOUT).take(pa.array(first)).to_pylist()
    except (pa.ArrowException, OSError, ValueError, LookupError) as error:
        raise _damaged(path, error) from error
    if None in abouts:
        raise _damaged(path, ValueError("it has an output that does not say what it is"))
    rows = table.drop_columns([ABOUT]).combine_chunks()
    parts = (rows.slice(start, count) for start, count in zip(first, counts, strict=True))
    return [Packed(about, part) for about, part in zip(abouts, parts, strict=True)]


def _identity(path: Path) -> tuple[Path, int, int]:
    try:
        facts = path.stat()
    except OSError as error:
        raise _damaged(path, error) from error
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
        raise _damaged(path, error) from error
    if len(entries) != footer.num_row_groups:
        raise _damaged(path, ValueError("it lists other outputs than it has"))
    folders: dict[str, list[str]] = {}
    for entry in entries:
        folder, _, file = entry.path.rpartition("/")
        folders.setdefault(folder, []).append(file)
    return ArchiveIndex(
        {entry.path: (n, entry) for n, entry in enumerate(entries)}, folders, shared
    )


def _damaged(path: Path, error: Exception) -> DamagedError:
    why = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DamagedError(
        f"the archive {path} can't be read: {why}",
        "'stilt verify', then 'stilt run', makes it again",
        code="ARCHIVE_DAMAGED",
    )
