"""Where a meteorology's files are found: by their names, or by what their headers say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from stilt.met.dataset.naming import Table, table_of_met
from stilt.met.files import NAMED, expected_name, holes, match, read_headers, unique
from stilt.met.folder import FolderIndex, folder_index
from stilt.met.listing import STALE_S, listing
from stilt.met.minutes import minute_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from stilt.config.schema import Met
    from stilt.met.arl import ArlFile
    from stilt.met.files import Span
    from stilt.met.folder import Product

    Minutes = NDArray[np.int64]

_FEW_KEYS = 2


@dataclass(frozen=True, slots=True)
class Choice:
    """The files of some runs.

    Attributes
    ----------
    files, headers
        As of a ``Supply``.
    missing
        Names of files that are due and not there.
    refusal
        Why these files are not taken together; empty if they are.
    words
        What is missing, but for the span of a run.
    holes
        Where files of a single time are further apart than they are as a rule.
    """

    files: tuple[Path, ...]
    headers: tuple[ArlFile, ...] | None
    missing: tuple[str, ...] = ()
    refusal: str = ""
    words: str = ""
    holes: tuple[Span, ...] = ()

    def missing_words(self, span: Span) -> str:
        """Say what a run lacks."""
        return f"{self.words}the run needs {span})"


class Source(Protocol):
    """Finds files of runs."""

    @property
    def left_out(self) -> tuple[Path, ...]:
        """Files that are there and not read, as far as they were come across."""

    def choices(self, begin: Minutes, end: Minutes) -> Iterator[tuple[Choice, Minutes]]:
        """Yield files and the places of the runs that need them, each run once."""


def source_of(met: Met) -> Source:
    """Return how the files of a meteorology are found."""
    if met.file_format is None or met.file_tres is None:
        return ByHeader(met)
    return ByName(met)


class ByName:
    """Finds files by ``file_format``, one every ``file_tres``."""

    def __init__(self, met: Met) -> None:
        self._met = met
        self._table = table_of_met(met)
        self._found: dict[int, tuple[Path, ...]] = {}
        self._left_out: dict[Path, None] = {}

    @property
    def left_out(self) -> tuple[Path, ...]:
        """Files whose name fits and that are not read."""
        return tuple(self._left_out)

    def choices(self, begin: Minutes, end: Minutes) -> Iterator[tuple[Choice, Minutes]]:
        """Yield files and the runs that need them: by the first and the last file time, then by neighbours."""
        step = max(1, self._met.step_s // 60)
        for (first, last), runs in grouped(begin // step, end // step):
            times = [int(time) * step for time in range(first, last + 1)]
            missing = self._look_for(times)
            files = unique(path for time in times for path in self._found[time])
            headers = read_headers(files, self._table)
            before, after = times[0] - step, times[-1] + step
            if not headers:
                more = unique((*files, *self._at(after)))
                yield self._choice(more, missing), runs
                continue
            early = begin[runs] < minute_of(min(header.times[0] for header in headers))
            late = end[runs] > minute_of(max(header.times[-1] for header in headers))
            for (is_early, is_late), rows in grouped(early.astype(int), late.astype(int)):
                beside = [(before, is_early), (after, is_late)]
                lacking = [time for time, is_needed in beside if is_needed and not self._at(time)]
                found = (
                    *(self._at(before) if is_early else ()),
                    *files,
                    *(self._at(after) if is_late else ()),
                )
                yield self._choice(unique(found), missing or sorted(lacking), times), runs[rows]

    def _look_for(self, times: Sequence[int]) -> list[int]:
        """Find the files of these times; return the times that have none, the folder looked at again."""
        missing = [time for time in times if not self._at(time)]
        if missing and listing(self._met.directory).refresh(older_than_s=STALE_S):
            for time in missing:
                del self._found[time]
            missing = [time for time in times if not self._at(time)]
        return missing

    def _at(self, time: int) -> tuple[Path, ...]:
        if time not in self._found:
            found = match(self._met, time_of(time))
            kept = _whole(found, self._table)
            self._left_out |= dict.fromkeys(path for path in found if path not in kept)
            self._found[time] = kept
        return self._found[time]

    def _choice(
        self, files: tuple[Path, ...], missing: Sequence[int], times: Sequence[int] = ()
    ) -> Choice:
        headers = read_headers(files, self._table)
        times = list(missing or times)
        names = list(dict.fromkeys(expected_name(self._met, time_of(time)) for time in times))
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        words = (
            f"{self._met.directory} has no {', '.join(names[:NAMED])}{more} "
            f"(one is due every {self._met.file_tres}; "
        )
        named = tuple(names) if missing else ()
        if not headers:
            return Choice(files, None, named, words=words)
        apart: tuple[Span, ...] = ()
        if _are_single(headers):
            known = np.unique([minute_of(time) for header in headers for time in header.times])
            apart = tuple(holes(known, self._met.step_s // 60))
        return Choice(files, tuple(headers), named, words=words, holes=apart)


def _whole(paths: tuple[Path, ...], table: Table) -> tuple[Path, ...]:
    """Leave out what is no ARL file, and copies that are cut off, where better ones are beside them."""
    if len(paths) <= 1:
        return paths
    read = {path: headers[0] for path in paths if (headers := read_headers((path,), table))}
    grids = {header.grid for header in read.values() if not header.cut}
    kept = [path for path, header in read.items() if not header.cut or header.grid not in grids]
    return tuple(kept) or paths


class ByHeader:
    """Finds files by the times, grids and models that their headers name."""

    def __init__(self, met: Met) -> None:
        self._met = met
        self._index: FolderIndex = folder_index(met)
        self._apart: dict[tuple[Product, ...], tuple[Span, ...]] = {}

    @property
    def left_out(self) -> tuple[Path, ...]:
        """Files of the folder that are no meteorology."""
        return tuple(Path(path) for path in self._index.left_out)

    def choices(self, begin: Minutes, end: Minutes) -> Iterator[tuple[Choice, Minutes]]:
        """Yield files and the runs that need them: of each product those in their hours, and next to them."""
        products = [product for product in self._index.products if not product.is_constant]
        if not products:
            yield self._nothing(), np.arange(len(begin))
            return
        spans = [product.span_of(begin, end) for product in products]
        inside = np.stack([low < high for low, high, _, _ in spans])
        any_inside = inside.any(axis=0)
        taken = [_of_family(product, products, inside) | ~any_inside for product in products]
        keys = [
            np.where(take, wide, -1)
            for (_, _, lowest, highest), take in zip(spans, taken, strict=True)
            for wide in (lowest, highest)
        ]
        for bounds, runs in grouped(*keys):
            pairs = list(zip(bounds[::2], bounds[1::2], strict=True))
            chosen = {
                product: range(low, high)
                for product, (low, high) in zip(products, pairs, strict=True)
                if low >= 0
            }
            yield self._choice(chosen), runs

    def _choice(self, chosen: dict[Product, range]) -> Choice:
        headers = [product.header(place) for product, places in chosen.items() for place in places]
        headers.sort(key=lambda header: header.times[0])
        refusal = "" if self._met.nested else _overlap(self._met, chosen)
        words = f"{self._met.directory} has {len(headers)} files for this (n_met_min is {self._met.n_met_min}; "
        families = {product.family for product in chosen}
        constant = [
            header.path
            for product in self._index.products
            if product.is_constant and product.family in families
            for header in product.headers()
        ]
        files = (*(header.path for header in headers), *constant)
        apart = self._holes(tuple(chosen)) if _are_single(headers) else ()
        return Choice(files, tuple(headers), refusal=refusal, words=words, holes=apart)

    def _holes(self, products: tuple[Product, ...]) -> tuple[Span, ...]:
        """Return where analyses of the whole folder are further apart than as a rule: a run sees too few to tell."""
        if products not in self._apart:
            known = np.unique(np.concatenate([product.minutes for product in products]))
            self._apart[products] = tuple(holes(known))
        return self._apart[products]

    def _nothing(self) -> Choice:
        fits = f" whose name fits {self._met.file_format!r}" if self._met.file_format else ""
        why = next(iter(self._index.why.values()), "")
        usable = f" that can be used: {why}" if why else ""
        words = f"{self._met.directory} has no ARL, NetCDF, Zarr or GRIB file{fits}{usable} ("
        return Choice((), None, words=words)


def _are_single(headers: Sequence[ArlFile]) -> bool:
    """Tell whether no file has a step of its own."""
    return bool(headers) and not any(header.step for header in headers)


def _of_family(
    product: Product, products: Sequence[Product], inside: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Tell for which runs a product, or one that complements it, has files in their hours."""
    rows = [place for place, other in enumerate(products) if other.family == product.family]
    return np.asarray(inside[rows].any(axis=0))


def _overlap(met: Met, chosen: dict[Product, range]) -> str:
    """Name two products that have the same hours, if there are any."""
    spans = [
        (product, product.starts[places[0]], product.ends[places[0] : places[-1] + 1].max())
        for product, places in chosen.items()
        if len(places)
    ]
    for number, (product, start, end) in enumerate(spans):
        for other, other_start, other_end in spans[number + 1 :]:
            if product.family == other.family:
                continue
            if max(start, other_start) < min(end, other_end):
                return (
                    f"{met.directory} has two products for the same hours, {product.name} and {other.name}: "
                    "pick one by file_format, or say `nested: true` if they nest"
                )
    return ""


def grouped(*keys: Minutes) -> Iterator[tuple[tuple[int, ...], Minutes]]:
    """Yield each combination of keys, and the places that have it, ascending; shape (n,) each."""
    if not len(keys[0]):
        return
    code = np.zeros(len(keys[0]), np.int64)
    for key in keys:
        low, high = int(key.min()), int(key.max())
        code = code * (high - low + 1) + (key - low)
        if len(keys) > _FEW_KEYS:  # of many products the numbers would not fit
            code = np.unique(code, return_inverse=True)[1]
    order = np.argsort(code, kind="stable")
    bounds = np.flatnonzero(np.diff(code[order], prepend=-1))
    for start, stop in zip(bounds, [*bounds[1:], len(order)], strict=True):
        rows = order[start:stop]
        yield tuple(int(key[rows[0]]) for key in keys), rows
