"""Where intervals of entropy-coded GRIB values begin, kept with the indexes of met folders: found once by all tasks.

It is a cache as the index of messages is. What is wrong in it can't give wrong values in silence where a digest or the
file itself tells: it holds for a file of one size and time of change, and ends with its own digest.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from stilt.met.kept import keep, kept

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Starts = dict[int, NDArray[np.int64]]
    Key = tuple[str, int]

_FORMAT = 1
_DIGEST_BYTES = 8
_MOST_TIMES = 4

_known: OrderedDict[Key, tuple[tuple[int, int], Starts]] = OrderedDict()


class _Kept(msgspec.Struct, array_like=True):
    """Of a file of this size and time of change, by the place of a message's values: bits, each less the one before."""

    format: int
    size: int
    changed: int
    starts: dict[int, bytes]


@contextmanager
def starts_of(path: Path, minute: int, are_coded: bool) -> Iterator[Starts]:
    """Give what is known of a file's messages at a time, to be told more, which is kept."""
    if not are_coded:
        yield {}
        return
    status = path.stat()
    state = status.st_size, status.st_mtime_ns
    key = str(path), minute
    starts = _now(key, state)
    before = {place: len(bits) for place, bits in starts.items()}
    yield starts
    if any(len(bits) > before.get(place, 1) for place, bits in starts.items()):
        _add(starts, _read(key, state))
        keep(_name(key), _packed(state, starts))


def _now(key: Key, state: tuple[int, int]) -> Starts:
    if key not in _known or _known[key][0] != state:
        _known[key] = state, _read(key, state)
        while len(_known) > _MOST_TIMES:
            _known.popitem(last=False)
    _known.move_to_end(key)
    return _known[key][1]


def _name(key: Key) -> str:
    return f"{key[0]} GRIB starts {key[1]}"


def _add(starts: Starts, others: Starts) -> None:
    """Add what another task has found meanwhile."""
    for place, bits in others.items():
        if len(bits) > len(starts.get(place, ())):
            starts[place] = bits


def _packed(state: tuple[int, int], starts: Starts) -> bytes:
    steps = {
        place: np.diff(bits, prepend=0).astype("<u4").tobytes() for place, bits in starts.items()
    }
    data = msgspec.msgpack.encode(_Kept(_FORMAT, *state, steps))
    return data + blake2b(data, digest_size=_DIGEST_BYTES).digest()


def _read(key: Key, state: tuple[int, int]) -> Starts:
    """Return what was kept; nothing where it is damaged, not ours, or another file's."""
    whole = kept(_name(key), by_trusted=True)
    data, digest = whole[:-_DIGEST_BYTES], whole[-_DIGEST_BYTES:]
    if blake2b(data, digest_size=_DIGEST_BYTES).digest() != digest:
        return {}
    try:
        found = msgspec.msgpack.decode(data, type=_Kept)
    except msgspec.MsgspecError:
        return {}
    if (found.format, found.size, found.changed) != (_FORMAT, *state):
        return {}
    return {
        place: np.cumsum(np.frombuffer(steps, "<u4"), dtype=np.int64)
        for place, steps in found.starts.items()
        if steps and not len(steps) % 4
    }
