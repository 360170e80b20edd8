"""Met files of one grid that hold the same hours, not as copies of each other: which of them is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilt.foundations.quantities import counted
from stilt.met.files import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from stilt.met.arl import ArlFile

_FEW = 2


@dataclass(frozen=True, slots=True)
class Overlap:
    """Hours that two files hold, not with the same values.

    Attributes
    ----------
    used, other
        The file that is read in these hours, and the one that is not.
    fields
        Of other files than ARL, whose headers tell nothing of values: what both of them have.
    """

    span: Span
    used: Path
    other: Path
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        both = f"{self.used.name} and {self.other.name} both hold"
        if not self.fields:
            return f"{both} {self.span}, with other values"
        more = f" and {counted(len(self.fields) - 1, 'more field')}" if self.fields[1:] else ""
        return f"{both} {self.fields[0]}{more} of {self.span}"


def overlaps(headers: Iterable[ArlFile]) -> list[Overlap]:
    """Return where files overlap whose fields, as the checksums in their headers tell, are not the same.

    That a file ends with the hour with which the next begins is none. Between two analyses that both files hold the
    one is read that begins last, of those that begin together the last as they are given (found by trial with
    hycs_std, and what ``native`` does). Of ARL files without checksums nothing is known. Of other files, which have
    none, each is told that has a field of another one in the same hours: the first by name is read.
    """
    files = sorted(headers, key=lambda each: each.times[0])
    found: list[Overlap] = []
    begun: dict[object, list[ArlFile]] = {}
    for file in files:
        if not file.contents:
            continue
        earlier = begun.setdefault((file.model, file.grid), [])
        earlier[:] = [each for each in earlier if each.times[-1] > file.times[0]]
        found += _with_others(file, earlier)
        earlier.append(file)
    return [*found, *_of_datasets([file for file in files if file.format != "ARL"])]


def overlap_words(found: Iterable[Overlap]) -> str:
    """Say which files overlap and which is used; nothing where none do."""
    some = list(found)
    if not some:
        return ""
    rule = "first by name" if some[0].fields else "one that begins last"
    alike = sum(bool(each.fields) == bool(some[0].fields) for each in some) - 1
    more = f", and of {counted(alike, 'more pair')} likewise the {rule}" if alike else ""
    others = overlap_words(some[alike + 1 :])
    return f"{some[0]}: {some[0].used.name} is used{more}{'; ' if others else ''}{others}"


def _with_others(file: ArlFile, earlier: Iterable[ArlFile]) -> Iterator[Overlap]:
    for other in earlier:
        span = Span(file.times[0], min(file.times[-1], other.times[-1]))
        if span.start < span.end and _content(file, span) != _content(other, span):
            yield Overlap(span, file.path, other.path)


def _content(file: ArlFile, span: Span) -> list[tuple[datetime, int]]:
    pairs = zip(file.times, file.contents, strict=True)
    return [(time, content) for time, content in pairs if span.start <= time <= span.end]


def _of_datasets(files: Iterable[ArlFile]) -> Iterator[Overlap]:
    """Yield pairs with a field in common, as ``DatasetReader`` takes it; ``files`` in the order of their first time."""
    begun: dict[object, list[ArlFile]] = {}
    shared: dict[tuple[Path, Path], list[str]] = {}
    by_path: dict[Path, ArlFile] = {}
    for file in files:
        if file.is_constant:
            continue
        by_path[file.path] = file
        for name, is_aloft in _fields(file):
            earlier = begun.setdefault((file.grid, name, is_aloft), [])
            earlier[:] = [each for each in earlier if each.times[-1] >= file.times[0]]
            for other in earlier:
                shared.setdefault((other.path, file.path), []).append(name)
            earlier.append(file)
    for pair, names in shared.items():
        used, other = sorted((by_path[path] for path in pair), key=_rank)
        common = sorted(set(used.times) & set(other.times))
        is_single = min(len(used.times), len(other.times)) < _FEW
        if len(common) >= _FEW or (common and is_single):
            yield Overlap(Span(common[0], common[-1]), used.path, other.path, tuple(names))


def _fields(file: ArlFile) -> dict[tuple[str, bool], None]:
    """Return the fields of a file, each with whether it is aloft, but for the height of the ground."""
    return {
        (name, number > 0): None
        for number, level in enumerate(file.levels)
        for name in level.variables
        if name != "SHGT"
    }


def _rank(file: ArlFile) -> tuple[bool, Path]:
    return len(file.levels) == 1, file.path
