"""Find outputs in a project's archives.

    archive/particles/<first date>_<last date>_<number>.pack
    archive/error_particles/...
    archive/footprints/<name>/...

An archive is under its name only when it is whole, so a listing tells what there is. Names have dates in them so
that one simulation is found without opening every archive. Of two archives with the same output the one with the
greater number counts; an output's own file, where there is one, counts more than any archive. Older ones end with
``.parquet``, and have another form.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from stilt.foundations.errors import DamagedError
from stilt.outputs.products import FOOTPRINTS, folder_of, product_and_date

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import xarray as xr

    from stilt.archive.bundle import Member
    from stilt.archive.container import ArchiveIndex, Entry, Packed
    from stilt.archive.footprints import About, Cellwise, PackedFootprint
    from stilt.foundations.paths import Layout
    from stilt.particles.table import ParticleTable

_NAME = re.compile(r"(\d{4}-\d\d-\d\d)_(\d{4}-\d\d-\d\d)_(\d{4,})(\.pack|\.parquet)")


class ArchiveName(NamedTuple):
    """What the name of an archive says: which dates it spans, and which of a product's archives it is."""

    number: int
    first: str
    last: str
    suffix: str = ".pack"

    @property
    def file(self) -> str:
        """The name of the file."""
        return f"{self.first}_{self.last}_{self.number:04d}{self.suffix}"


class Found(NamedTuple):
    """An output in an archive; ``place`` is the number that it has there."""

    archive: Path
    place: int
    entry: Entry

    @property
    def where(self) -> Path:
        """The file that it lies in."""
        return self.archive

    @property
    def is_footprint(self) -> bool:
        """Whether it is one; else it is a table of particles."""
        return self.entry.path.startswith(FOOTPRINTS)

    def particles(self) -> ParticleTable:
        """Return the particle table that it is."""
        member = self._member
        if member is None:
            from stilt.archive.particles import table_of

            return table_of(self._packed())
        from stilt.particles.parquet import read_particles

        return read_particles(self.archive, self._data(member))

    def provenance(self) -> dict[str, str]:
        """Return what it says of its making, without its values."""
        if self.is_footprint:
            return self._about().provenance
        member = self._member
        if member is None:
            from stilt.archive.particles import provenance_of

            return provenance_of(self._packed(rows=False))
        from stilt.particles.parquet import read_provenance

        return read_provenance(self.archive, self._data(member))

    def write(self, path: Path) -> None:
        """Write the file that it was: the same bytes, a footprint's with the same versions of the libraries.

        Raises
        ------
        DamagedError
            If it is not there as a whole.
        """
        member = self._member
        if self.is_footprint:
            self.footprint().write(path)
        elif member is not None:
            path.write_bytes(self._data(member))
        else:
            from stilt.archive.particles import stored_of
            from stilt.particles.parquet import write_stored

            write_stored(path, stored_of(self._packed()))

    def is_as(self, path: Path) -> bool:
        """Tell whether it gives what its own file has, which is at a path.

        Raises
        ------
        DamagedError
            If one of them is not there as a whole.
        """
        member = self._member
        if self.is_footprint:
            from stilt.archive.footprints import equal

            return equal(self.footprint(), path)
        if member is not None:
            return self._data(member) == path.read_bytes()
        from stilt.archive.particles import equal as equal_particles

        return equal_particles(self._packed(), path)

    def footprint(self) -> PackedFootprint:
        """Return the footprint that it is."""
        from stilt.archive.footprints import dense

        return dense(self._about(), self.cells())

    def cells(self) -> Cellwise:
        """Return the footprint that it is, as its values that are not zero."""
        return self.cells_of([self])[0]

    @classmethod
    def cells_of(cls, those: Sequence[Found]) -> list[Cellwise]:
        """Return the ``cells`` of several footprints of one archive, read together.

        Raises
        ------
        DamagedError
            If one is not there as a whole.
        """
        from stilt.archive.bundle import read_index
        from stilt.archive.footprints import cells_of, cells_packed

        archive = those[0].archive
        members = [found._member for found in those]  # noqa: SLF001 - its own
        shared = read_index(archive).shared
        whole = [member for member in members if member is not None]
        if whole:
            return cells_of(archive, whole, shared)
        return [cells_packed(found._packed(), shared) for found in those]  # noqa: SLF001 - its own

    def dataset(self) -> xr.Dataset:
        """Return the footprint that it is, as ``read_footprint`` would."""
        return self.footprint().to_dataset()

    def digest(self) -> tuple[int, str]:
        """Return size and digest of the file that it was."""
        return self.entry.size, self.entry.digest

    @property
    def _member(self) -> Member | None:
        """Where it is in an archive of form 2; None in one of form 1."""
        from stilt.archive.bundle import Member

        return self.entry if isinstance(self.entry, Member) else None

    def _data(self, member: Member) -> bytes:
        from stilt.archive.bundle import Bundle

        with Bundle(self.archive) as bundle:
            return bundle.file(member)

    def _packed(self, *, rows: bool = True) -> Packed:
        from stilt.archive.container import read_packed

        return read_packed(self.archive, self.place, self.entry, rows=rows)

    def _about(self) -> About:
        from stilt.archive.bundle import read_index
        from stilt.archive.footprints import about_of, about_packed

        member = self._member
        if member is None:
            about = about_packed(self._packed(rows=False))
        else:
            about = about_of(self.archive, member, read_index(self.archive).blocks)
        if about.sim != self.entry.sim:
            raise DamagedError(
                f"the archive {self.archive} has {about.sim} in the place of {self.entry.sim}",
                "'stilt verify', then 'stilt run', makes it again",
                code="ARCHIVE_DAMAGED",
            )
        return about


class Shelf:
    """The archives of a project, listed once, when they are asked for.

    Parameters
    ----------
    layout
        The project.
    skip_damaged
        Whether an archive that can't be read counts as none, rather than being an error.

    Attributes
    ----------
    damaged
        The archives that were skipped.
    """

    def __init__(self, layout: Layout, *, skip_damaged: bool = False) -> None:
        self._layout = layout
        self._skip_damaged = skip_damaged
        self.damaged: set[Path] = set()
        self._names: dict[str, list[ArchiveName]] = {}
        self._folders: dict[str, Path] = {}

    def find(self, path: Path | str) -> Found | None:
        """Return an output by the path of its own file, absolute or relative to the output root.

        Raises
        ------
        DamagedError
            If an archive that may hold it can't be read.
        """
        relative = path if isinstance(path, str) else self._layout.relative(path)
        product, date = product_and_date(relative)
        for archive, index in self._indexes(product, date):
            known = index.entries.get(relative)
            if known is not None:
                return Found(archive, *known)
        return None

    def find_all(self, relatives: Iterable[str]) -> list[Found | None]:
        """Return outputs by the paths of their own files, relative to the output root, with one look at each archive.

        Raises
        ------
        DamagedError
            As ``find``.
        """
        opened: dict[tuple[str, str], list[tuple[Path, ArchiveIndex]]] = {}
        found: list[Found | None] = []
        for relative in relatives:
            key = product_and_date(relative)
            if key not in opened:
                opened[key] = list(self._indexes(*key))
            known = (
                Found(archive, *index.entries[relative])
                for archive, index in opened[key]
                if relative in index.entries
            )
            found.append(next(known, None))
        return found

    def find_named(self, product: str, file: str) -> Found | None:
        """Return an output by the name of its own file, whatever its date.

        Raises
        ------
        DamagedError
            If an archive of that product can't be read.
        """
        for archive, index in self._indexes(product):
            for path, known in index.entries.items():
                if path.endswith(f"/{file}"):
                    return Found(archive, *known)
        return None

    def files(self, product: str, date: str) -> list[str]:
        """Return the names of the own files of the outputs of a date that are in archives.

        Raises
        ------
        DamagedError
            If an archive of that date can't be read.
        """
        return [
            file
            for _, index in self._indexes(product, date)
            for file in index.folders.get(folder_of(product, date), ())
        ]

    def names(self, product: str) -> list[ArchiveName]:
        """Return the archives of a product, the newest first."""
        if product not in self._names:
            self._folders[product] = self._layout.archives(product)
            self._names[product] = _list(self._folders[product])
        return self._names[product]

    def archives(self, product: str, date: str = "") -> Iterator[Path]:
        """Yield the archives that may hold outputs of a date (all without one)."""
        for name in self.names(product):
            if not date or name.first <= date <= name.last:
                yield self._folders[product] / name.file

    def _indexes(self, product: str, date: str = "") -> Iterator[tuple[Path, ArchiveIndex]]:
        """Yield the archives that may hold outputs of a date (all without one), each with what it holds."""
        from stilt.archive.bundle import read_index

        for archive in self.archives(product, date):
            try:
                index = read_index(archive)
            except DamagedError:
                if not self._skip_damaged:
                    raise
                self.damaged.add(archive)
            else:
                yield archive, index


def parse_name(file: str) -> ArchiveName | None:
    """Return what the name of an archive says; None if it is not one."""
    match = _NAME.fullmatch(file)
    return ArchiveName(int(match[3]), match[1], match[2], match[4]) if match else None


def _list(folder: Path) -> list[ArchiveName]:
    try:
        files = os.listdir(folder)  # noqa: PTH208 - names are all that is needed
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted((name for file in files if (name := parse_name(file))), reverse=True)
