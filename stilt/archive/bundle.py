"""Archive files: outputs one after the other, and at the end which output each of them is, and where.

``spec/archive-format.md`` has the form. What is read of one output is one read of the disk, and for a footprint one
call that decompresses it.
"""

from __future__ import annotations

import os
import struct
import zlib
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec
from msgspec import Struct

from stilt.archive import container
from stilt.archive.container import ArchiveIndex, Entry, damaged, identity
from stilt.footprint.frame import deflate, inflate
from stilt.foundations.inside import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

SUFFIX = ".pack"
MAGIC = b"STILTPK2"
_END = struct.Struct("<QQQI8s")
_INDEXES_KEPT = 16
_MOST_TEXT = 1 << 30
ABOUTS_TOGETHER = 64
"""What so many footprints say of themselves is compressed together: it is alike."""

_SMALL_BYTES = 1 << 18
"""Up to here particle files are compressed: most of what they say is text."""

_TOGETHER_BYTES = 1 << 16
"""Outputs nearer to each other than this are read at once."""


class Member(Entry, frozen=True, array_like=True, gc=False):
    """An output in an archive: where its bytes are, and their CRC-32.

    Attributes
    ----------
    count
        How many values a footprint has that are not zero; how many bytes a table of particles has that is compressed, 0
        where it is as in its own file.
    layout
        Which of the shared texts says where a footprint's layers and cells are.
    receptor
        The digest of the receptor that it says it is of.
    block, place
        Where what a footprint says of itself is: in which block, as which of those in it.
    """

    at: int
    length: int
    crc: int
    count: int = 0
    layout: int = -1
    receptor: str = ""
    block: int = -1
    place: int = 0


class Block(Struct, frozen=True, array_like=True, gc=False):
    """Where a text is, compressed, and how long it is in truth."""

    at: int
    length: int
    text_bytes: int
    crc: int


class _Listed(Struct, frozen=True):
    outputs: list[Member]
    shared: tuple[str, ...]
    blocks: tuple[Block, ...]


class Said(NamedTuple):
    """What is known of a footprint besides its values; ``about`` is JSON."""

    number: int
    layout: int
    receptor: str
    about: bytes


class BundleWriter:
    """Writes an archive file in place; fsync and rename are the caller's.

    Attributes
    ----------
    count
        How many outputs were written.
    shared
        The texts that outputs have in common.
    digest
        Of all that was written so far.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self.digest = blake2b(digest_size=16)
        self._at = 0
        self._put(MAGIC)
        self._members: list[Member] = []
        self._blocks: list[Block] = []
        self._abouts: list[bytes] = []
        self.shared: list[str] = []

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
        self._file.close()

    @property
    def count(self) -> int:
        """How many outputs were written."""
        return len(self._members)

    def share(self, text: str) -> int:
        """Return the number of a text that outputs have in common; it is stored once."""
        if text not in self.shared:
            self.shared.append(text)
        return self.shared.index(text)

    def add(self, entry: Entry, data: bytes, said: Said | None = None) -> None:
        """Write an output; a footprint with what is known of it."""
        size = 0
        if said is None and len(data) <= _SMALL_BYTES:  # larger ones have nothing left to compress
            size, data = len(data), deflate(data)
        at, crc = self._put(data), zlib.crc32(data)
        own: dict[str, Any] = {
            **msgspec.structs.asdict(entry),
            "at": at,
            "length": len(data),
            "crc": crc,
        }
        if said is None:
            self._members.append(Member(**own, count=size))
            return
        number, layout, receptor, about = said
        block, place = len(self._blocks), len(self._abouts)
        self._members.append(
            Member(**own, count=number, layout=layout, receptor=receptor, block=block, place=place)
        )
        self._abouts.append(about)
        if len(self._abouts) == ABOUTS_TOGETHER:
            self._close_block()

    def _put(self, data: bytes) -> int:
        at = self._at
        self._file.write(data)
        self.digest.update(data)
        self._at += len(data)
        return at

    def _close_block(self) -> None:
        text = b"[" + b",".join(self._abouts) + b"]"
        packed = deflate(text)
        self._blocks.append(Block(self._put(packed), len(packed), len(text), zlib.crc32(packed)))
        self._abouts = []

    def close(self) -> None:
        """Write the index."""
        if self._abouts:
            self._close_block()
        listed = _Listed(self._members, tuple(self.shared), tuple(self._blocks))
        text = msgspec.json.encode(listed)
        packed = deflate(text)
        at = self._put(packed)
        self._put(_END.pack(at, len(packed), len(text), zlib.crc32(packed), MAGIC))


class Bundle:
    """An opened archive.

    Raises
    ------
    DamagedError
        If it can't be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._descriptor = open_regular(path)
        except OSError as error:
            raise damaged(path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def data(self, member: Member) -> bytes:
        """Return the bytes of an output.

        Raises
        ------
        DamagedError
            If they are not those that were written.
        """
        return bytes(next(self.many([member]))[1])

    def file(self, member: Member) -> bytes:
        """Return the bytes of the file that a table of particles was.

        Raises
        ------
        DamagedError
            If they are not those that were written.
        """
        data = self.data(member)
        if not member.count:
            return data
        if not 0 <= member.count <= _SMALL_BYTES:
            raise damaged(self.path, ValueError(f"{member.sim} has another size than stilt writes"))
        try:
            return bytes(inflate(data, member.count))
        except ValueError as error:
            raise damaged(self.path, error) from error

    def many(self, members: Iterable[Member]) -> Iterator[tuple[Member, memoryview]]:
        """Yield the bytes of several outputs, in any order; those near each other are read at once.

        Raises
        ------
        DamagedError
            If some are not those that were written.
        """
        for near in _near(sorted(members, key=lambda member: member.at)):
            first, last = near[0], near[-1]
            data = memoryview(self._read(first.at, last.at + last.length - first.at))
            for member in near:
                begin = member.at - first.at
                part = data[begin : begin + member.length]
                if len(part) != member.length or zlib.crc32(part) != member.crc:
                    raise damaged(
                        self.path, ValueError(f"the bytes of {member.sim} are not as written")
                    )
                yield member, part

    def block(self, block: Block) -> memoryview:
        """Return the text that stands in a block.

        Raises
        ------
        DamagedError
            If it is not that which was written.
        """
        packed = self._read(block.at, block.length)
        if zlib.crc32(packed) != block.crc or not 0 <= block.text_bytes <= _MOST_TEXT:
            raise damaged(self.path, ValueError("what footprints say is not as it was written"))
        try:
            return inflate(packed, block.text_bytes)
        except ValueError as error:
            raise damaged(self.path, error) from error

    def index(self) -> _Listed:
        """Return what it lists.

        Raises
        ------
        DamagedError
            If that is not as it was written.
        """
        size = os.fstat(self._descriptor).st_size
        end = self._read(max(size - _END.size, 0), _END.size)
        if len(end) < _END.size:
            raise damaged(self.path, ValueError("it has hardly a byte"))
        at, length, text_bytes, crc, magic = _END.unpack(end)
        is_end = magic == MAGIC and at + length + _END.size == size and text_bytes <= _MOST_TEXT
        packed = self._read(at, length) if is_end else b""
        if not is_end or zlib.crc32(packed) != crc:
            raise damaged(self.path, ValueError("its index is not as it was written"))
        try:
            return msgspec.json.decode(inflate(packed, text_bytes), type=_Listed)
        except ValueError as error:
            raise damaged(self.path, error) from error

    def _read(self, at: int, length: int) -> bytes:
        try:
            # not more than there is: room for all that is asked for would be taken first
            there = os.fstat(self._descriptor).st_size - at
            return os.pread(self._descriptor, min(length, max(there, 0)), at)
        except (OSError, OverflowError, ValueError) as error:
            raise damaged(self.path, error) from error


def _near(members: Sequence[Member]) -> Iterator[list[Member]]:
    together: list[Member] = []
    for member in members:
        if together:
            last = together[-1]
            if member.at - last.at - last.length > _TOGETHER_BYTES:
                yield together
                together = []
        together.append(member)
    if together:
        yield together


def read_index(path: Path) -> ArchiveIndex:
    """Return what an archive file holds, of whichever form it is.

    Raises
    ------
    DamagedError
        If its index can't be read.
    """
    if path.suffix != SUFFIX:
        return container.read_index(path)
    return _index(*identity(path))


@lru_cache(maxsize=_INDEXES_KEPT)
def _index(path: Path, _inode: int, _mtime_ns: int) -> ArchiveIndex:
    with Bundle(path) as bundle:
        listed = bundle.index()
    return container.index_of(listed.outputs, listed.shared, listed.blocks)
