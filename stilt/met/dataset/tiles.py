"""Numbers of a variable at one time, read by tiles that a process keeps: compressed chunks are decoded once.

A tile covers whole chunks of the file, so that none is decoded for two tiles, and all levels.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stilt.met.dataset.axes import BORDER, COLUMN, EXPVER, LEVEL, MEMBER, ROW, TIME
from stilt.met.dataset.content import open_raw

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from stilt.met.dataset.axes import Axes
    from stilt.met.dataset.content import Content
    from stilt.met.dataset.quantities import Found
    from stilt.met.dataset.raw import Dataset, Variable

    Span = tuple[int, int]

_TILE = 64
"""Rows and columns of a tile where the file is not in chunks, or in smaller ones."""

_CODED_ROWS = 16
"""Rows of a tile of entropy-coded values, of which all columns are decoded together."""

_MOST_BYTES = 384 * 1024**2
_MOST_OF_A_BAND = 8 * 1024**2
_MOST_OPEN = 16


@dataclass(frozen=True, slots=True)
class _Window:
    """A tile of a variable: position of the time, first row and column from south and west, rows and columns."""

    position: int
    corner: tuple[int, int]
    size: tuple[int, int]


class Tiles:
    """What a process keeps of files: open ones, and tiles in the order of their last use."""

    def __init__(self) -> None:
        self._tiles: OrderedDict[tuple[object, ...], NDArray[np.float32]] = OrderedDict()
        self._files: OrderedDict[tuple[object, ...], Dataset] = OrderedDict()
        self._bytes = 0
        self._process = os.getpid()
        self.bytes_read = 0

    def read(
        self, content: Content, name: str, position: int, rows: Span, columns: Span
    ) -> NDArray[np.float32]:
        """Return a canonical field at a time, on rows and columns counted from south and west.

        Shape (levels, rows, columns), the lowest level first; one level of what has none. NaN where it is missing.
        """
        path, found = content.header.path, content.fields[name]
        if content.messages is not None:
            wide, end = _widths(content, name, position)[1], content.axes.grid.nx
            first = columns[0] // wide * wide
            spans = [(west, min(west + wide, end)) for west in range(first, columns[1], wide)]
            parts = [self._of_messages(content, name, position, rows, each) for each in spans]
            whole = np.concatenate(parts, axis=2)
            return whole[:, :, columns[0] - first : columns[1] - first]
        tall, wide = self._tile_of(path, found, content)
        count = _count(content, name)
        out = np.empty((count, rows[1] - rows[0], columns[1] - columns[0]), np.float32)
        for south in range(rows[0] // tall * tall, rows[1], tall):
            for west in range(columns[0] // wide * wide, columns[1], wide):
                window = _Window(position, (south, west), (tall, wide))
                tile = self._tile(content, found, window)
                top, right = south + tile.shape[1], west + tile.shape[2]
                r0, r1 = max(rows[0], south), min(rows[1], top)
                c0, c1 = max(columns[0], west), min(columns[1], right)
                part = tile[:, r0 - south : r1 - south, c0 - west : c1 - west]
                out[:, r0 - rows[0] : r1 - rows[0], c0 - columns[0] : c1 - columns[0]] = part
        return out

    def _of_messages(
        self, content: Content, name: str, position: int, rows: Span, columns: Span
    ) -> NDArray[np.float32]:
        """Return rows of a GRIB file's field by bands: of messages that are decoded as a whole no more is kept, too."""
        path, tall = content.header.path, _widths(content, name, position)[0]
        first, end = rows[0] // tall * tall, content.axes.grid.ny
        state = path.stat()
        facts = (
            path,
            state.st_size,
            state.st_mtime_ns,
            content.header.table,
            name,
            position,
            columns,
        )
        spans = [(south, min(south + tall, end)) for south in range(first, rows[1], tall)]
        bands = {span: self._tiles[*facts, span] for span in spans if (*facts, span) in self._tiles}
        lacking = [span for span in spans if span not in bands]
        made = _bands(content, (name, position), lacking, columns)
        bands |= dict(zip(lacking, made, strict=True))
        for span in spans:
            if span in lacking:
                self._keep((*facts, span), bands[span])
            elif (*facts, span) in self._tiles:
                self._tiles.move_to_end((*facts, span))
        whole = np.concatenate([bands[span] for span in spans], axis=1)
        return whole[:, rows[0] - first : rows[1] - first]

    def _keep(self, key: tuple[object, ...], tile: NDArray[np.float32]) -> None:
        self._tiles[key] = tile
        self._bytes += tile.nbytes
        self.bytes_read += tile.nbytes
        while self._bytes > _MOST_BYTES and len(self._tiles) > 1:
            self._bytes -= self._tiles.popitem(last=False)[1].nbytes

    def _tile_of(self, path: Path, found: Found, content: Content) -> tuple[int, int]:
        """Return rows and columns of the tiles of a variable: multiples of its chunks, or all of a small grid."""
        variable = self._open(path)[found.variable]
        chunks = variable.chunks
        sizes = []
        for axis, whole in ((ROW, content.axes.grid.ny), (COLUMN, content.axes.grid.nx)):
            place = [content.axes.role.get(str(dim)) for dim in variable.dims].index(axis)
            chunk = int(chunks[place]) if chunks else _TILE
            sizes.append(min(whole, -(-_TILE // chunk) * chunk))
        return sizes[0], sizes[1]

    def _tile(self, content: Content, found: Found, window: _Window) -> NDArray[np.float32]:
        path = content.header.path
        status = path.stat()
        key = (path, status.st_size, status.st_mtime_ns, content.axes.member, found, window)
        if key in self._tiles:
            self._tiles.move_to_end(key)
            return self._tiles[key]
        tile = _read(self._open(path), content.axes, found, window)
        self._keep(key, tile)
        return tile

    def _open(self, path: Path) -> Dataset:
        if self._process != os.getpid():  # the library's handles are not those of a child
            self._files.clear()
            self._process = os.getpid()
        status = path.stat()
        key = (path, status.st_size, status.st_mtime_ns)
        if key not in self._files:
            self._files[key] = open_raw(path, decoded=True)
            while len(self._files) > _MOST_OPEN:
                self._files.popitem(last=False)[1].close()
        self._files.move_to_end(key)
        return self._files[key]


def _count(content: Content, name: str) -> int:
    """Return how many levels a field has."""
    return len(content.axes.levels.heights) if content.fields[name].quantity.is_aloft else 1


def _widths(content: Content, name: str, position: int) -> Span:
    """Return rows and columns of what is kept of a GRIB file's field: all of a small one.

    Of a large one all columns where messages are decoded as a whole.
    """
    grid, messages, count = content.axes.grid, content.messages, _count(content, name)
    place = name, position, count
    if messages is None or 4 * count * grid.ny * grid.nx <= _MOST_OF_A_BAND:
        return grid.ny, grid.nx
    if not messages.are_in_rows(place):
        return _TILE, grid.nx
    return (_CODED_ROWS, grid.nx) if messages.are_coded(place) else (_TILE, _TILE)


def _bands(
    content: Content, which: tuple[str, int], spans: list[Span], columns: Span
) -> list[NDArray[np.float32]]:
    """Read bands of a field: of messages whose rows lie alone these, of others all bands at once."""
    messages, path, axes = content.messages, content.header.path, content.axes
    assert messages is not None  # noqa: S101 - what makes it GRIB
    place = *which, _count(content, which[0])
    if messages.are_in_rows(place):
        return [messages.part(path, place, axes, (span, columns)) for span in spans]
    if not spans:
        return []
    south, north = spans[0][0], spans[-1][1]
    values = messages.decode(path, place, axes, (south, north))
    return [values[:, first - south : last - south] for first, last in spans]


TILES = Tiles()
"""Those of this process."""


def _read(dataset: Dataset, axes: Axes, found: Found, window: _Window) -> NDArray[np.float32]:
    """Read a tile in the file's order and turn it: levels from below, rows from the south, columns from the west."""
    names = (found.variable, *found.parts)
    each = [_part(dataset[name], axes, found, window) for name in names]
    values = each[0] if found.make is None else found.make(*each)
    turned = values[:, :: -1 if axes.is_from_north else 1, :: -1 if axes.is_from_east else 1]
    return np.ascontiguousarray(found.convert.of(turned), np.float32)


def _part(variable: Variable, axes: Axes, found: Found, window: _Window) -> NDArray[np.float64]:
    """Read a tile of one variable; of values at the sides of cells the last ones are beyond the grid."""
    (south, west), (tall, wide) = window.corner, window.size
    places: dict[str, int | slice] = {
        ROW: _span(south, tall, axes.grid.ny, is_turned=axes.is_from_north),
        COLUMN: _span(west, wide, axes.grid.nx, is_turned=axes.is_from_east),
        TIME: window.position,
        LEVEL: slice(None) if found.quantity.is_aloft else 0,
        BORDER: slice(None),
        EXPVER: slice(None),
        MEMBER: axes.member or 0,
    }
    chosen = variable.isel(
        {str(dim): places.get(axes.role.get(str(dim), ""), 0) for dim in variable.dims}
    )
    order = [
        dim
        for kind in (EXPVER, LEVEL, BORDER, ROW, COLUMN)
        for dim in chosen.dims
        if axes.role[str(dim)] == kind
    ]
    values = np.asarray(chosen.transpose(*order).to_numpy(), np.float64)
    if any(axes.role[str(dim)] == EXPVER for dim in order):
        values = _of_versions(values, axes.expver_order)
    if any(axes.role[str(dim)] == BORDER for dim in order):
        values = 0.5 * (values[1:] + values[:-1])
    return values[list(axes.levels.order)] if found.quantity.is_aloft else values[None]


def _span(first: int, count: int, whole: int, *, is_turned: bool) -> slice:
    stop = min(first + count, whole)
    return slice(whole - stop, whole - first) if is_turned else slice(first, stop)


def _of_versions(values: NDArray[np.float64], order: tuple[int, ...]) -> NDArray[np.float64]:
    """Take ERA5 where it has values, else the preliminary ones: each hour is of one of them."""
    merged = np.asarray(values[order[0]])
    for version in order[1:]:
        merged = np.where(np.isnan(merged), values[version], merged)
    return merged
