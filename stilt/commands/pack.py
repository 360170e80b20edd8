"""Pack the outputs of a project into archives, and remove what an archive holds.

The order of effects: an archive is written under a temporary name, synced, read back and compared with the outputs'
own files; renamed into place; an ``archived`` event is durable; only then are the files removed. Wherever that ends,
each output is in a file of its own or in a whole archive, and the same command goes on: what an archive has already
is compared once more before its file is removed.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from stilt.archive import footprints
from stilt.archive.bundle import BundleWriter, read_index
from stilt.archive.container import Entry
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

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

    from stilt.archive.footprints import Content, Known
    from stilt.foundations.paths import Layout
    from stilt.log.fold import SimState, State

MOST_OUTPUTS = 4096
MOST_BYTES = 2 << 30
"""So much goes into one archive, by the sizes of the outputs' own files."""

_FULLY_COMPARED = 256
"""Of so many footprints that were made alike one is written again, to see that its file can be had back."""

_LISTED_AT_ONCE = 1 << 16


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
    stale
        How many simulations of these would not be made today as they were: an archive keeps what `run` replaces.
    row_files
        How many files had rows of a matrix, and have them now.
    """

    outputs: dict[str, int] = field(default_factory=dict)
    before_bytes: dict[str, int] = field(default_factory=dict)
    after_bytes: dict[str, int] = field(default_factory=dict)
    archives: list[str] = field(default_factory=list)
    removed: int = 0
    left: list[tuple[str, str]] = field(default_factory=list)
    stale: int = 0
    row_files: tuple[int, int] = (0, 0)

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
        self._written = 0, ""

    def pack(self, state: State, is_stale: Callable[[SimState], bool]) -> Packing:
        """Pack what is complete and has files of its own, and count what of it is stale.

        Raises
        ------
        DamagedError
            If an archive does not read back as it was written; then nothing that went into it is removed.
        EnvironmentFailure
            If the log can't be written.
        """
        _remove_temporaries(self.layout)
        known = recorded(OutputIndex(self.layout.log_dir))
        with loose_outputs(self.layout, state, self.packing, is_stale) as loose:
            self._total = loose.count
            for product in loose.products():
                for group in _groups(loose.of(product)):
                    held, new = self._divide(group)
                    self._settle(product, held, known)
                    if new:
                        self._pack_group(product, new)
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
                self._record(product, archive, *digest_file(archive))
            self._remove(entries)

    def _pack_group(self, product: str, group: list[Entry]) -> None:
        """Make one archive of outputs, sorted by path."""
        dates = [product_and_date(entry.path)[1] for entry in group]
        number = 1 + max((name.number for name in Shelf(self.layout).names(product)), default=0)
        archive = self.layout.archives(product) / ArchiveName(number, dates[0], dates[-1]).file
        try:
            root = self.layout.output
            publish_with(archive, lambda temporary: self._write(temporary, group), root=root)
        except _NothingToWriteError:
            return
        entries: list[Entry] = [entry for _, entry in read_index(archive).entries.values()]
        self._record(product, archive, *self._written)
        self.packing.count(product, entries)
        self._remove(entries)

    def _write(self, temporary: Path, group: list[Entry]) -> None:
        """Write outputs, sync, and see that all reads back as it was written."""
        intake = Intake(self.layout)
        with BundleWriter(temporary) as writer:
            for entry in group:
                try:
                    intake.add(writer, entry)
                except DamagedError as error:
                    self._leave(entry, error.message)
            written = writer.count
        if not written:
            raise _NothingToWriteError
        sync_file(temporary)
        size, digest = digest_file(temporary)
        if digest != writer.digest.hexdigest() or len(read_index(temporary).entries) != written:
            raise DamagedError(
                f"an archive of {len(group):,} outputs does not read back as it was written; nothing of it was "
                "removed",
                "`stilt doctor` tests the filesystem",
                code="ARCHIVE_NOT_MADE",
            )
        self._written = size, digest

    def _record(self, product: str, archive: Path, size: int, digest: str) -> None:
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


class Loose:
    """Outputs that have files of their own, by product and dated folder: on disk, as they may be millions.

    Attributes
    ----------
    count
        How many there are.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="stilt-archive-")
        self._new: dict[tuple[str, str], list[bytes]] = {}
        self._files: dict[tuple[str, str], Path] = {}
        self._waiting = 0
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def add(self, entry: Entry) -> None:
        """Take one more."""
        self._new.setdefault(product_and_date(entry.path), []).append(msgspec.json.encode(entry))
        self.count += 1
        self._waiting += 1
        if self._waiting == _LISTED_AT_ONCE:
            self._put_down()

    def products(self) -> list[str]:
        """Return the products that there are."""
        self._put_down()
        return sorted({product for product, _ in self._files})

    def of(self, product: str) -> Iterator[Entry]:
        """Yield those of a product by their paths."""
        for key in sorted(key for key in self._files if key[0] == product):
            lines = self._files[key].read_bytes().splitlines()
            yield from sorted(
                (msgspec.json.decode(line, type=Entry) for line in lines),
                key=lambda entry: entry.path,
            )

    def _put_down(self) -> None:
        for key, lines in self._new.items():
            path = self._files.setdefault(key, Path(self._folder.name) / str(len(self._files)))
            with path.open("ab") as file:
                file.writelines(line + b"\n" for line in lines)
        self._new, self._waiting = {}, 0


def loose_outputs(
    layout: Layout, state: State, packing: Packing, is_stale: Callable[[SimState], bool]
) -> Loose:
    """Return the outputs of all that is complete or empty that have files of their own.

    What is no place of an output goes to what is left of a packing, with the reason; what is stale is counted there.
    """
    found = Loose()
    for promise in promised(OutputIndex(layout.log_dir), state.sims):
        before = found.count
        for output in promise.outputs:
            if _is_loose(layout, output.path, packing.left):
                found.add(Entry(output.path, promise.state.sim, output.size, output.digest))
        packing.stale += found.count > before and is_stale(promise.state)
    return found


def _is_loose(layout: Layout, path: str, left: list[tuple[str, str]]) -> bool:
    if not path.startswith((f"{PARTICLES}/", f"{FOOTPRINTS}/")):
        left.append((path, "it is no place of an output"))
        return False
    try:
        return is_file_below(layout.output, path)
    except MisplacedError as error:
        left.append((path, error.message))
        return False


class Intake:
    """Takes outputs of a project into an archive."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._grids: Known = {}
        self._alike: dict[tuple[object, ...], int] = {}

    def add(self, writer: BundleWriter, entry: Entry) -> None:
        """Write an output.

        Raises
        ------
        DamagedError
            If its file is not what the log says, or cannot be had back.
        """
        with opened_below(self._layout.output, entry.path) as path:
            data = path.read_bytes() if path.stat().st_size == entry.size else b""
            if (len(data), blake2b(data, digest_size=16).hexdigest()) != (entry.size, entry.digest):
                raise DamagedError(
                    "it is not what the log says: stilt verify, then stilt run",
                    code="RESULT_OF_ANOTHER",
                )
            if entry.path.startswith(FOOTPRINTS):
                content = footprints.content_of(path, self._grids)
                if self._is_due(content) and not footprints.equal(
                    footprints.unpacked(content), path
                ):
                    raise DamagedError("it has more in it than stilt writes", code="RESULT_ODD")
                footprints.add(writer, entry, content)
            else:
                writer.add(entry, data)

    def _is_due(self, content: Content) -> bool:
        """Tell whether a footprint is to be written again: the first of those made alike, and some of the others.

        Their digests say already that they are what stilt wrote.
        """
        about = content.about
        said = about.provenance
        made_by = (said.get("stilt_version"), said.get("footprint_digest"), *sorted(said))
        key = (about.form, about.is_integrated, len(about.receptor.heights_m), *made_by)
        number = self._alike.get(key, 0)
        self._alike[key] = number + 1
        return number % _FULLY_COMPARED == 0


def is_same(layout: Layout, found: Found) -> bool:
    """Return whether an archive gives an output as its own file does."""
    try:
        with opened_below(layout.output, found.entry.path) as path:
            return found.is_as(path)
    except DamagedError:
        return False


def _groups(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Yield outputs that go into one archive."""
    group: list[Entry] = []
    size = 0
    for entry in entries:
        if group and (len(group) == MOST_OUTPUTS or size + entry.size > MOST_BYTES):
            yield group
            group, size = [], 0
        group.append(entry)
        size += entry.size
    if group:
        yield group


def _remove_temporaries(layout: Layout) -> None:
    """Remove what a command that was killed left."""
    for folder in (layout.archive_dir, layout.rows_dir):
        for path in folder.rglob(f"{TEMPORARY_PREFIX}*"):
            remove_below(layout.output, layout.relative(path))


def _remove_empty_folders(layout: Layout) -> None:
    for folder in (layout.particles_dir, layout.footprints_dir):
        for path, _, _ in os.walk(folder, topdown=False):
            with contextlib.suppress(OSError):  # it has files
                os.rmdir(path)  # noqa: PTH106 - os.walk gives texts
