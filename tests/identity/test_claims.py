"""Whether a newer batch claims a simulation: registered, lists it, not cancelled, not given up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from stilt.batch.chunks import ChunkEntry, chunk_digest, encode_chunk
from stilt.batch.claims import Claims, ClaimsWriter
from stilt.batch.manifest import ChunkRef, Manifest, encode_manifest
from stilt.foundations.paths import Layout
from stilt.foundations.writers import this_writer
from stilt.log.batches import GAVE_WAY, REFUSED
from stilt.log.events import Cancelled, Pending
from stilt.log.writer import SegmentWriter

if TYPE_CHECKING:
    from pathlib import Path

NAME = "0002-aaaaaaaaaa"


class Newer:
    """A batch with sequence number 2 that lists two simulations."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.data = encode_chunk(
            ChunkEntry(sim, "m", "202401010000", (0.0,), (0.0,), (5.0,)) for sim in ("m_a", "m_b")
        )

    def put(self, *, index: bool = True) -> None:
        digest = chunk_digest(self.data)
        folder = self.layout.batch_dir(NAME)
        folder.mkdir(parents=True)
        self.layout.chunk(NAME, digest).write_bytes(self.data)
        manifest = Manifest(
            batch=NAME,
            seq=2,
            config="c",
            engine="e 1",
            backend="slurm",
            chunks=(ChunkRef(digest, 2),),
            total=2,
        )
        self.layout.manifest(NAME).write_bytes(encode_manifest(manifest))
        if index:
            claims = ClaimsWriter()
            claims.add(["m_a", "m_b"])
            self.layout.claims(NAME).write_bytes(claims.encode())

    def register(self, why: str = "") -> None:
        writer = SegmentWriter(self.layout.log_dir, NAME, 2, this_writer("run"))
        writer.append(Pending(chunk_digest(self.data), 2, NAME, 2, time.time()))
        if why:
            writer.close(why)

    def cancel(self) -> None:
        writer = SegmentWriter(self.layout.log_dir, NAME, 2, this_writer("cancel"))
        writer.append(Cancelled(NAME, time.time()))
        writer.close()


@pytest.fixture
def newer(tmp_path: Path) -> Newer:
    layout = Layout.of(tmp_path)
    layout.chunks_dir.mkdir(parents=True)
    return Newer(layout)


@pytest.mark.parametrize("index", [True, False], ids=["with its index", "of an older version"])
def test_a_registered_batch_claims_what_it_lists_and_nothing_else(
    newer: Newer, *, index: bool
) -> None:
    claims = Claims(newer.layout, 1)
    assert claims.holder("m_a") == ""
    newer.put(index=index)
    assert claims.holder("m_a") == "", "a hand-over that died before it registered claims nothing"
    newer.register()
    assert claims.holder("m_a") == NAME
    assert claims.holder("m_c") == ""


def test_a_batch_claims_nothing_of_its_own_and_of_newer_ones(newer: Newer) -> None:
    newer.put()
    newer.register()
    assert Claims(newer.layout, 2).holder("m_a") == ""


def test_a_cancelled_batch_claims_nothing(newer: Newer) -> None:
    newer.put()
    newer.register()
    newer.cancel()
    assert Claims(newer.layout, 1).holder("m_a") == ""


@pytest.mark.parametrize("why", [GAVE_WAY, REFUSED])
def test_a_batch_that_nobody_will_run_claims_nothing(newer: Newer, why: str) -> None:
    newer.put()
    newer.register(why)
    assert Claims(newer.layout, 1).holder("m_a") == ""


def test_ids_of_one_checksum_are_told_apart(newer: Newer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stilt.batch.claims.crc32", lambda _: 7)
    newer.put()
    newer.register()
    claims = Claims(newer.layout, 1)
    assert (claims.holder("m_b"), claims.holder("m_c")) == (NAME, "")
