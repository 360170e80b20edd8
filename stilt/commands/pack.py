"""Pack the outputs of a project into archives, and remove what an archive holds.

The order of effects: an archive is written under a temporary name, synced, read back and compared with the outputs'
own files; renamed into place; an ``archived`` event is durable; only then are the files removed. Wherever that ends,
each output is in a file of its own or in a whole archive, and the same command goes on: what an archive has already
is compared once more before its file is removed.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stilt.archive import footprints, particles
from stilt.archive.container import ArchiveWriter, Entry, are_columns, read_index
from stilt.foundations.durable import TEMPORARY_PREFIX, digest_file, publish_with, sync_file
from stilt.foundations.errors import DamagedError
from stilt.foundations.inside import (
    MisplacedError,
    is_file_below,
    opened_below,
    remove_below,
)
from stilt.foundations.paths import plain_and_imprint
from stilt.foundations.writers import this_writer
from stilt.log.events import Archived
from stilt.log.index import OutputIndex
from stilt.log.writer import SegmentWriter
from stilt.outputs.products import FOOTPRINTS, PARTICLES, product_and_date
from stilt.outputs.promises import promised
from stilt.outputs.recorded import BATCH, recorded
from stilt.outputs.shelf import ArchiveName, Found, Shelf
from stilt.particles.parquet import read_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator
    from pathlib import Path
    from typing import Any

    import pyarrow as pa

    from stilt.archive.container import Packed
    from stilt.foundations.paths import Layout
    from stilt.log.fold import State

MOST_OUTPUTS = 4096
MOST_BYTES = 2 << 30
"""So much goes into one archive, by the sizes of the outputs' own files."""


@dataclass(slots=True)
class Packing:
    """What was packed, or would be.

    Attributes
    ----------
    outputs, before_bytes
        By product: how many outputs, and the bytes of their own files.
    after_bytes
        By product: the bytes of the archives that they went into.
    archives
        The archives made, relative to the output root.
    removed
        How many files were removed, those left by a command that was killed included.
    left
        Outputs that stay as they are, each with the reason.
    """

    outputs: dict[str, int] = field(default_factory=dict)
    before_bytes: dict[str, int] = field(default_factory=dict)
    after_bytes: dict[str, int] = field(default_factory=dict)
    archives: list[str] = field(default_factory=list)
    removed: int = 0
    left: list[tuple[str, str]] = field(default_factory=list)

    def count(self, product: str, entries: Iterable[Entry]) -> None:
        """Add outputs of a product."""
        sizes = [entry.size for entry in entries]
        self.outputs[product] = self.outputs.get(product, 0) + len(sizes)
        self.before_bytes[product] = self.before_bytes.get(product, 0) + sum(sizes)


class Packer:
    """Packs the outputs of one project. The caller holds ``run.lock`` and knows that no task lives.

    Parameters
    ----------
    layout
        The project.
    on_packed
        Is told how many outputs are done, of how many.
    """

    def __init__(self, layout: Layout, on_packed: Callable[[int, int], None] | None = None) -> None:
        self.layout = layout
        self.packing = Packing()
        self._on_packed = on_packed
        self._shelf = Shelf(layout, skip_damaged=True)
        self._log = SegmentWriter(layout.log_dir, BATCH, 0, this_writer("archive"))
        self._done = 0
        self._total = 0

    def pack(self, state: State) -> Packing:
        """Pack what is complete and has files of its own.

        Raises
        ------
        DamagedError
            If an archive does not read back as it was written; then nothing that went into it is removed.
        EnvironmentFailure
            If the log can't be written.
        """
        _remove_temporaries(self.layout)
        loose = loose_outputs(self.layout, state, self.packing.left)
        self._total = sum(map(len, loose.values()))
        known = recorded(OutputIndex(self.layout.log_dir))
        for product, entries in loose.items():
            held, new = self._divide(entries)
            self._settle(product, held, known)
            for group in _groups(self.layout, new):
                self._pack_group(product, group)
        self._log.close()
        _remove_empty_folders(self.layout)
        return self.packing

    def _divide(self, entries: list[Entry]) -> tuple[list[Found], list[Entry]]:
        """Return which outputs an archive has already, as they are, and which have to be packed."""
        held, new = [], []
        for entry in entries:
            found = self._shelf.find(entry.path)
            if found and found.entry.digest == entry.digest and is_same(self.layout, found):
                held.append(found)
            else:
                new.append(entry)
        return held, new

    def _settle(self, product: str, held: list[Found], known: Container[str]) -> None:
        """Go on where a command was killed: see that the log knows the archives, and remove the files."""
        by_archive: dict[Path, list[Entry]] = {}
        for found in held:
            by_archive.setdefault(found.archive, []).append(found.entry)
        for archive, entries in by_archive.items():
            if self.layout.relative(archive) not in known:
                self._record(product, archive)
            self._remove(entries)

    def _pack_group(self, product: str, group: list[Entry]) -> None:
        """Make one archive of outputs, sorted by path, that have the same columns."""
        dates = [product_and_date(entry.path)[1] for entry in group]
        number = 1 + max((name.number for name in Shelf(self.layout).names(product)), default=0)
        archive = self.layout.archives(product) / ArchiveName(number, dates[0], dates[-1]).file
        try:
            root = self.layout.output
            publish_with(archive, lambda temporary: self._write(temporary, group), root=root)
        except _NothingToWriteError:
            return
        entries = [entry for _, entry in read_index(archive).entries.values()]
        self._record(product, archive)
        self.packing.count(product, entries)
        self._remove(entries)

    def _write(self, temporary: Path, group: list[Entry]) -> None:
        """Write outputs, sync, and hold every one that was read back against its own file."""
        try:
            columns = columns_of(self.layout, group[0])
        except DamagedError as error:
            for entry in group:
                self._leave(entry, error.message)
            raise _NothingToWriteError from None
        with ArchiveWriter(temporary, columns) as writer:
            for entry in group:
                try:
                    packed = pack_output(self.layout, entry, writer)
                except DamagedError as error:
                    self._leave(entry, error.message)
                else:
                    writer.add(entry, packed)
            written = writer.count
        if not written:
            raise _NothingToWriteError
        sync_file(temporary)
        for row_group, entry in read_index(temporary).entries.values():
            if not is_same(self.layout, Found(temporary, row_group, entry)):
                raise DamagedError(
                    f"an archive of {len(group):,} outputs does not read back as it was written, "
                    f"at {entry.path}; nothing of it was removed",
                    "`stilt doctor` tests the filesystem",
                    code="ARCHIVE_NOT_MADE",
                )

    def _record(self, product: str, archive: Path) -> None:
        size, digest = digest_file(archive)
        relative = self.layout.relative(archive)
        count = len(read_index(archive).entries)
        self._log.append(Archived(product, relative, count, size, digest, time.time()), sync=True)
        self.packing.archives.append(relative)
        self.packing.after_bytes[product] = self.packing.after_bytes.get(product, 0) + size

    def _remove(self, entries: list[Entry]) -> None:
        for entry in entries:
            _remove_plain(self.layout.output, entry)
            remove_below(self.layout.output, entry.path)
        self.packing.removed += len(entries)
        self._advance(len(entries))

    def _leave(self, entry: Entry, why: str) -> None:
        self.packing.left.append((entry.path, why))
        self._advance(1)

    def _advance(self, outputs: int) -> None:
        self._done += outputs
        if self._on_packed is not None:
            self._on_packed(self._done, self._total)


class _NothingToWriteError(Exception):
    """No output of a group can be packed."""


def _remove_plain(root: Path, entry: Entry) -> None:
    """Remove the plain name of an output, if it is that: as another name of the file, or in a copied project."""
    path = root / entry.path
    plain = path.with_name(plain_and_imprint(path.name)[0])
    with contextlib.suppress(FileNotFoundError):
        if plain == path or plain.stat().st_size != entry.size:
            return
        if plain.samefile(path) or digest_file(plain) == (entry.size, entry.digest):
            remove_below(root, plain.relative_to(root).as_posix())


def loose_outputs(
    layout: Layout, state: State, left: list[tuple[str, str]]
) -> dict[str, list[Entry]]:
    """Return, by product, the outputs of all that is complete or empty that have files of their own, by path.

    What is no place of an output goes to ``left``, with the reason.
    """
    found: dict[str, list[Entry]] = {}
    for promise in promised(OutputIndex(layout.log_dir), state.sims):
        for output in promise.outputs:
            if _is_loose(layout, output.path, left):
                product, _ = product_and_date(output.path)
                entry = Entry(output.path, promise.state.sim, output.size, output.digest)
                found.setdefault(product, []).append(entry)
    return {
        product: sorted(found[product], key=lambda entry: entry.path) for product in sorted(found)
    }


def _is_loose(layout: Layout, path: str, left: list[tuple[str, str]]) -> bool:
    if not path.startswith((f"{PARTICLES}/", f"{FOOTPRINTS}/")):
        left.append((path, "it is no place of an output"))
        return False
    try:
        return is_file_below(layout.output, path)
    except MisplacedError as error:
        left.append((path, error.message))
        return False


def pack_output(layout: Layout, entry: Entry, writer: ArchiveWriter) -> Packed:
    """Return an output as rows, from which it can be had back.

    Raises
    ------
    DamagedError
        If its file is not what the log says, or cannot be had back from rows.
    """
    with opened_below(layout.output, entry.path) as path:
        if digest_file(path) != (entry.size, entry.digest):
            raise DamagedError(
                "it is not what the log says: stilt verify, then stilt run",
                code="RESULT_OF_ANOTHER",
            )
        if not entry.path.startswith(FOOTPRINTS):
            return particles.pack(path)
        packed = footprints.pack(path, writer.share)
        if not footprints.equal(footprints.unpack(packed, tuple(writer.shared)), path):
            raise DamagedError("it has more in it than stilt writes", code="RESULT_ODD")
        return packed


def is_same(layout: Layout, found: Found) -> bool:
    """Return whether an archive gives an output as its own file does."""
    try:
        with opened_below(layout.output, found.entry.path) as path:
            if found.entry.path.startswith(FOOTPRINTS):
                return footprints.equal(found.footprint(), path)
            return particles.equal(found.packed(), path)
    except DamagedError:
        return False


def columns_of(layout: Layout, entry: Entry) -> pa.Schema:
    """Return names and types of the columns that an output has in an archive.

    Raises
    ------
    DamagedError
        If it can't be read, or has columns that stilt does not write.
    """
    if plain_and_imprint(entry.path.rpartition("/")[2])[0].endswith(".nc"):
        return footprints.SCHEMA
    with opened_below(layout.output, entry.path) as path:
        schema = read_schema(path)
    if not are_columns(schema):
        raise DamagedError(
            "it has columns that stilt does not write",
            "stilt verify, then stilt run",
            code="RESULT_ODD",
        )
    return schema


def _groups(layout: Layout, entries: list[Entry]) -> Iterator[list[Entry]]:
    """Yield outputs that go into one archive: of the same columns, and not too many."""
    by_columns: dict[Any, list[Entry]] = {}
    for entry in entries:
        try:
            schema = columns_of(layout, entry)
            key: tuple[Any, ...] = tuple((column.name, str(column.type)) for column in schema)
        except DamagedError:
            key = (entry.path,)  # alone, where it is found out what it is
        by_columns.setdefault(key, []).append(entry)
    for alike in by_columns.values():
        group: list[Entry] = []
        size = 0
        for entry in alike:
            if group and (len(group) == MOST_OUTPUTS or size + entry.size > MOST_BYTES):
                yield group
                group, size = [], 0
            group.append(entry)
            size += entry.size
        yield group


def _remove_temporaries(layout: Layout) -> None:
    """Remove what a command that was killed left."""
    for path in layout.archive_dir.rglob(f"{TEMPORARY_PREFIX}*"):
        remove_below(layout.output, layout.relative(path))


def _remove_empty_folders(layout: Layout) -> None:
    for folder in (layout.particles_dir, layout.footprints_dir):
        for path, _, _ in os.walk(folder, topdown=False):
            with contextlib.suppress(OSError):  # it has files
                os.rmdir(path)  # noqa: PTH106 - os.walk gives texts
