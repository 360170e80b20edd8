"""Whether the met files that results were made from are today what they were then."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping


class OtherMet(Struct, frozen=True):
    """A met file that was another one when results were made from it; the signatures of both."""

    path: str
    was: str
    now: str
    results: int

    def __str__(self) -> str:
        was, now = _parts(self.was), _parts(self.now)
        if was[1] != now[1]:
            return f"{self.path} had {int(was[1]):,} bytes, has {int(now[1]):,}"
        return f"{self.path} has other {'values' if was[2] == now[2] else 'headers'}"


def _parts(signature: str) -> list[str]:
    """Return name, size, digest of headers, and digest of checksums, which is blank where none is known."""
    *facts, digest = signature.rsplit(" ", 2)
    headers, _, checksums = digest.partition(".")
    return [*facts, headers, checksums]


def _is_other(was: str, now: str) -> bool:
    """Tell whether two signatures are of different files; what one does not say is unknown, not different."""
    one, other = _parts(was), _parts(now)
    return one[:3] != other[:3] or (one[3] != other[3] and "" not in (one[3], other[3]))


class MetRead:
    """Which met files results were made from, as these say."""

    def __init__(self) -> None:
        self._results: dict[tuple[str, str], int] = {}

    def note(self, provenance: Mapping[str, str]) -> None:
        """Note those of one result; older ones have no signatures."""
        paths = provenance.get("met_files", "").splitlines()
        signatures = provenance.get("met_signatures", "").splitlines()
        for read in zip(paths, signatures, strict=False):
            self._results[read] = self._results.get(read, 0) + 1

    def others(self) -> list[OtherMet]:
        """Return those that are there and are not what they were; a file that is gone is no other one."""
        from stilt.met.header import signature

        now = {path: signature(Path(path)) for path in {path for path, _ in self._results}}
        return [
            OtherMet(path, was, now[path], results)
            for (path, was), results in sorted(self._results.items())
            if _is_other(was, now[path]) and not now[path].endswith(" - -")
        ]
