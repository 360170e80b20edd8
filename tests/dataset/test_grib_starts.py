"""Where intervals of entropy-coded values begin is found once, and kept as long as the file stays as it is."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

import eccodes
import numpy as np
import pytest

from stilt.foundations.paths import Layout
from stilt.met import kept
from stilt.met.dataset import grib_starts
from stilt.met.dataset.aec import Coding, decoded
from stilt.met.dataset.grib_packed import packed_at, values_of
from stilt.met.dataset.grib_starts import starts_of
from stilt.met.dataset.levels import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WIDE, TALL, MINUTE = 300, 200, 27_000_000
FROM_THE_FIRST = np.zeros(1, np.int64)


def message(bits: int, seed: int = 3) -> tuple[bytes, np.ndarray]:
    """Return a field, with a part where nothing changes, and its values as the library decodes them."""
    handle = eccodes.codes_grib_new_from_samples("regular_ll_pl_grib2")
    keys = {"Ni": WIDE, "Nj": TALL, "packingType": "grid_ccsds", "bitsPerValue": bits}
    for key, value in keys.items():
        eccodes.codes_set(handle, key, value)
    values = np.cumsum(np.random.default_rng(seed).normal(size=WIDE * TALL))
    values[9_000:19_000] = 3.0
    eccodes.codes_set_values(handle, values)
    found = eccodes.codes_get_message(handle), eccodes.codes_get_values(handle)
    eccodes.codes_release(handle)
    return found


class Stream:
    """The coded values of a message, with how many bytes were read of them."""

    def __init__(self, whole: bytes, bits: int) -> None:
        place = 16
        while whole[place + 4] != 7:
            if whole[place + 4] == 5:
                flags, block, interval = struct.unpack_from(">BBH", whole, place + 21)
            place += int.from_bytes(whole[place : place + 4])
        self.data = whole[place + 5 : -4]
        self.coding = Coding(bits, flags, block, interval, len(self.data), WIDE * TALL)
        self.bytes_read = 0

    def read(self, start: int, stop: int) -> bytes:
        """Return a part."""
        self.bytes_read += stop - start
        return self.data[start:stop]


@pytest.mark.parametrize("bits", [5, 12, 16, 24])
def test_any_part_of_a_stream_is_decoded_alone(bits: int) -> None:
    stream = Stream(message(bits)[0], bits)
    every, starts = decoded(stream.read, stream.coding, FROM_THE_FIRST, (0, WIDE * TALL))
    assert len(starts) == -(-WIDE * TALL // stream.coding.values) == 15
    known = FROM_THE_FIRST
    for first, last in ((100, 900), (41_000, 45_056), (20_000, 20_001), (59_990, 60_000)):
        part, known = decoded(stream.read, stream.coding, known, (first, last))
        np.testing.assert_array_equal(part, every[first:last])
        np.testing.assert_array_equal(known, starts[: len(known)])
    stream.bytes_read = 0
    part, _ = decoded(stream.read, stream.coding, known, (41_000, 45_056))
    np.testing.assert_array_equal(part, every[41_000:45_056])
    assert 0 < stream.bytes_read < len(stream.data) / 5


def test_a_stream_that_does_not_decode_or_is_another_one_is_refused() -> None:
    stream, other = (Stream(message(bits)[0], bits) for bits in (12, 16))
    _, starts = decoded(stream.read, stream.coding, FROM_THE_FIRST, (0, WIDE * TALL))
    with pytest.raises(DatasetError, match=r"other values|do not decode"):
        decoded(other.read, other.coding, starts, (9_000, 19_000))
    with pytest.raises(DatasetError, match="do not decode"):
        decoded(lambda *_: stream.data[:500], stream.coding, FROM_THE_FIRST, (0, WIDE * TALL))


def test_no_interval_is_decoded_from_a_place_where_none_begins() -> None:
    stream, other = (Stream(message(16, seed)[0], 16) for seed in (3, 4))
    every, starts = decoded(stream.read, stream.coding, FROM_THE_FIRST, (0, WIDE * TALL))
    _, others = decoded(other.read, other.coding, FROM_THE_FIRST, (0, WIDE * TALL))
    for number in range(1, len(starts)):
        place = number * stream.coding.values
        part, _ = decoded(stream.read, stream.coding, starts, (place, place + 9))
        np.testing.assert_array_equal(part, every[place : place + 9])
        for shift in (*range(-64, 0), *range(1, 65)):  # some of which decode
            wrong = others.copy()
            wrong[number] = starts[number] + shift
            with pytest.raises(DatasetError, match=r"other values|do not decode"):
                decoded(stream.read, stream.coding, wrong, (place, place + 9))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which things are kept."""
    layout = Layout.of(tmp_path)
    layout.output.mkdir()
    monkeypatch.setattr(kept, "_roots", [layout])
    grib_starts._known.clear()
    yield layout.met_dir
    grib_starts._known.clear()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with one field."""
    found = tmp_path / "x.grib"
    found.write_bytes(message(16)[0])
    return found


def last_row(path: Path) -> np.ndarray:
    """Return the last row of the field."""
    with path.open("rb") as file, starts_of(path, MINUTE, are_coded=True) as known:
        packed = packed_at(file.fileno(), 0)
        assert packed is not None
        return values_of(file.fileno(), packed, WIDE, ((TALL - 1, TALL), (0, WIDE)), known)


def counts(path: Path) -> list[int]:
    """Return of how many intervals is known, as another process finds it."""
    grib_starts._known.clear()
    with starts_of(path, MINUTE, are_coded=True) as known:
        return [len(bits) for bits in known.values()]


def test_what_one_process_finds_others_need_not(root: Path, path: Path) -> None:
    assert counts(path) == []
    first = last_row(path)
    assert counts(path) == [15]
    np.testing.assert_array_equal(last_row(path), first)
    np.testing.assert_array_equal(first[0], message(16)[1][-WIDE:])
    assert len(list(root.iterdir())) == 1


def test_what_is_kept_is_nothing_if_damaged_not_ours_or_of_another_file(
    root: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last_row(path)
    (place,) = root.iterdir()
    good = place.read_bytes()
    for spoilt in (b"", good[:20], bytes([good[0], good[1] ^ 1]) + good[2:], good[:-1] + b"x"):
        place.write_bytes(spoilt)
        assert counts(path) == []
    place.write_bytes(good)
    assert counts(path) == [15]
    monkeypatch.setattr(kept, "trusted_users", frozenset)
    assert counts(path) == []
    monkeypatch.undo()
    os.utime(path, (1e9, 1e9))
    assert counts(path) == []
