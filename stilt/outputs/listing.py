"""Which outputs are on disk: one listing for each dated folder, not one question for each file.

An output that `stilt archive` packed is there too: an archive lists what is in it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stilt.foundations.durable import TEMPORARY_PREFIX
from stilt.foundations.paths import plain_and_imprint
from stilt.outputs.products import folder_of
from stilt.outputs.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from stilt.foundations.paths import Layout

_FOLDERS_KEPT = 64


@dataclass(slots=True)
class _Folder:
    """What a dated folder of a product lists.

    Names with their inodes, those that archives have, how many were asked for, and writers by inode.
    """

    path: Path
    files: dict[str, int]
    archived: frozenset[str]
    asked_for: int = 0
    imprints: dict[int, str] | None = None


@dataclass(slots=True)
class Listing:
    """The outputs of a project as its dated folders list them; a folder is read when it is asked for.

    Attributes
    ----------
    layout
        The project.
    leftovers
        Temporary files, and names that carry a writer and were not asked for.
    """

    layout: Layout
    leftovers: list[Path] = field(default_factory=list)
    _folders: dict[tuple[str, str], _Folder] = field(default_factory=dict)
    _shelf: Shelf | None = None
    _assumed: dict[str, list[str]] = field(default_factory=dict)

    def assume(self, paths: Iterable[str]) -> None:
        """Count outputs as there of which files with the plain names are those: they only lack their own."""
        for path in paths:
            folder, _, name = path.rpartition("/")
            self._assumed.setdefault(folder, []).append(name)

    def has(self, product: str, date: str, file: str) -> bool:
        """Tell whether there is a file of that name, of its own or in an archive."""
        folder = self._folder(product, date)
        if file in folder.files:
            folder.asked_for += file[0] == "."
            return True
        return file in folder.archived

    def has_own(self, product: str, date: str, file: str) -> bool:
        """Tell whether there is a file of that name in the dated folder."""
        return file in self._folder(product, date).files

    def imprint_of(self, product: str, date: str, plain: str) -> str:
        """Return the imprint that the file of a plain name has in its own; empty if it has no other name."""
        folder = self._folder(product, date)
        if folder.imprints is None:
            folder.imprints = {
                inode: plain_and_imprint(name)[1]
                for name, inode in folder.files.items()
                if name[0] == "."
            }
        return folder.imprints.get(folder.files.get(plain, 0), "")

    def is_exposed(self, product: str, date: str, file: str, plain: str) -> bool:
        """Tell whether a plain name is the file of that name; where that is in an archive, whether it is not there."""
        files = self._folder(product, date).files
        return files.get(plain) == files.get(file)

    def finish(self) -> list[Path]:
        """Return ``leftovers``, when all was asked for."""
        while self._folders:
            self._leave(next(iter(self._folders)))
        return self.leftovers

    def _folder(self, product: str, date: str) -> _Folder:
        key = (product, date)
        folder = self._folders.get(key)
        if folder is None:
            # simulations are asked for date by date, so few folders are ever needed again
            if len(self._folders) >= _FOLDERS_KEPT:
                self._leave(next(iter(self._folders)))
            folder = self._folders[key] = self._read(product, date)
        return folder

    def _leave(self, key: tuple[str, str]) -> None:
        folder = self._folders.pop(key)
        dotted = [file for file in folder.files if file[0] == "."]
        if len(dotted) > folder.asked_for:
            self.leftovers += [folder.path / file for file in dotted]

    def _read(self, product: str, date: str) -> _Folder:
        if self._shelf is None:
            self._shelf = Shelf(
                self.layout, skip_damaged=True
            )  # what is in those is to be made anew
        path = self.layout.output / folder_of(product, date)
        archived = frozenset(self._shelf.files(product, date))
        files = _names(path)
        for name in self._assumed.get(folder_of(product, date), ()):
            files[name] = files.get(plain_and_imprint(name)[0], 0)
        return _Folder(path, files, archived)


def _names(path: Path) -> dict[str, int]:
    """Return the names in a folder, each with its inode, as the folder itself has them."""
    try:
        with os.scandir(path) as entries:
            return {entry.name: _inode(entry) for entry in entries}
    except (FileNotFoundError, NotADirectoryError):
        return {}


def _inode(entry: os.DirEntry[str]) -> int:
    """Return which file a name is; a symbolic link is the one that it points to."""
    if entry.is_symlink():
        try:
            return entry.stat().st_ino
        except OSError:
            return 0
    return entry.inode()


def is_temporary(path: Path) -> bool:
    """Tell whether a file was never published."""
    return path.name.startswith(TEMPORARY_PREFIX)
