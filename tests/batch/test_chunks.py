"""Chunks: named by their bytes, and dealt so that all take equally long."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stilt.batch.chunks import (
    SPREAD,
    ChunkEntry,
    chunk_digest,
    deal,
    encode_chunk,
    read_chunk,
)
from stilt.foundations.errors import DamagedError
from stilt.foundations.simulation import Receptor, Simulation

if TYPE_CHECKING:
    from pathlib import Path

COLUMN = Simulation(
    "hrrr_201512100000_-112_40_X",
    "hrrr",
    Receptor("201512100000", (-112.0, -112.0), (40.0, 40.0), (0.0, 500.5), "asl"),
)


def test_an_entry_brings_its_simulation_back_unchanged(tmp_path: Path) -> None:
    path = write(tmp_path, encode_chunk([ChunkEntry.of(COLUMN, "footprints")]))
    (entry,) = read_chunk(path).simulations
    assert entry.simulation == COLUMN
    assert entry.work == "footprints"


def test_the_same_simulations_give_the_same_bytes() -> None:
    once, twice = (encode_chunk([ChunkEntry.of(COLUMN, "transport")]) for _ in range(2))
    assert once == twice


@pytest.mark.parametrize(
    "injury",
    [
        lambda data: data[:-20],
        lambda data: data.replace(b"500.5", b"500.6"),
        lambda _: b"",
        lambda data: data + data,
    ],
    ids=["truncated", "edited", "empty", "doubled"],
)
def test_a_chunk_with_other_bytes_than_its_name_says_is_refused(tmp_path: Path, injury) -> None:
    data = encode_chunk([ChunkEntry.of(COLUMN, "transport")])
    path = write(tmp_path, data)
    path.write_bytes(injury(data))
    with pytest.raises(DamagedError, match=path.name):
        read_chunk(path)


def test_a_missing_chunk_is_named(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match=r"nothing\.json.*No such file"):
        read_chunk(tmp_path / "nothing.json")


def test_a_chunk_of_a_later_format_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, b'{"format":2,"simulations":[]}')
    with pytest.raises(DamagedError, match="format 2"):
        read_chunk(path)


@given(count=st.integers(1, 500), chunks=st.integers(1, 60))
def test_dealing_gives_every_item_once_in_shares_of_one_size(count: int, chunks: int) -> None:
    dealt = deal(range(count), chunks)
    assert sorted(item for share in dealt for item in share) == list(range(count))
    assert len(dealt) == min(chunks, count)
    sizes = [len(share) for share in dealt]
    assert max(sizes) - min(sizes) <= 1


@given(count=st.integers(200, 2000), chunks=st.integers(2, 60))
def test_neighbours_go_to_different_chunks_and_a_chunk_stays_close_in_time(
    count: int, chunks: int
) -> None:
    dealt = deal(range(count), chunks)
    group = min(SPREAD, chunks)
    for share in dealt:
        if chunks >= SPREAD and chunks % SPREAD == 0:
            assert all(later - earlier > 1 for earlier, later in pairwise(share))
        assert share[-1] - share[0] <= group * (count / chunks + 2)


def write(folder: Path, data: bytes) -> Path:
    path = folder / f"{chunk_digest(data)}.json"
    path.write_bytes(data)
    return path
