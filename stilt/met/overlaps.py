"""Met files of one model and grid that hold the same hours with other values: which of them is read."""

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


@dataclass(frozen=True, slots=True)
class Overlap:
    """Hours that two files hold, not with the same values.

    Attributes
    ----------
    used, other
        The file that both engines read in these hours, and the one that they do not.
    """

    span: Span
    used: Path
    other: Path

    def __str__(self) -> str:
        return f"{self.used.name} and {self.other.name} both hold {self.span}, with other values"


def overlaps(headers: Iterable[ArlFile]) -> list[Overlap]:
    """Return where files overlap whose fields, as the checksums in their headers tell, are not the same.

    That a file ends with the hour with which the next begins is none. Between two analyses that both files hold the
    one is read that begins last, of those that begin together the last as they are given (found by trial with
    hycs_std, and what ``native`` does). Nothing is known of files without checksums.
    """
    found: list[Overlap] = []
    begun: dict[object, list[ArlFile]] = {}
    for file in sorted(headers, key=lambda each: each.times[0]):
        if not file.contents:
            continue
        earlier = begun.setdefault((file.model, file.grid), [])
        earlier[:] = [each for each in earlier if each.times[-1] > file.times[0]]
        found += _with_others(file, earlier)
        earlier.append(file)
    return found


def overlap_words(found: Iterable[Overlap]) -> str:
    """Say which files overlap and which is used; nothing where none do."""
    some = list(found)
    if not some:
        return ""
    more = f", and of {counted(len(some) - 1, 'more pair')} likewise the one that begins last"
    return f"{some[0]}: {some[0].used.name} is used{more if len(some) > 1 else ''}"


def _with_others(file: ArlFile, earlier: Iterable[ArlFile]) -> Iterator[Overlap]:
    for other in earlier:
        span = Span(file.times[0], min(file.times[-1], other.times[-1]))
        if span.start < span.end and _content(file, span) != _content(other, span):
            yield Overlap(span, file.path, other.path)


def _content(file: ArlFile, span: Span) -> list[tuple[datetime, int]]:
    pairs = zip(file.times, file.contents, strict=True)
    return [(time, content) for time, content in pairs if span.start <= time <= span.end]
