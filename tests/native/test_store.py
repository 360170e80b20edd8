"""Columns in files that the processes of a node share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stilt.transport.native.store import ColumnStore


def test_what_one_stores_another_finds(tmp_path):
    first, second = (ColumnStore(tmp_path).open("key", 20, 30, 5) for _ in range(2))
    with first.filling():
        first.columns.flow[3, 4, 2] = 7.0
        first.ready[0, 0] = 1
    assert np.array_equal(second.columns.flow[3, 4, 2], np.full(4, 7.0))
    assert second.ready[0, 0] == 1
    assert second.ready.sum() == 1


def test_a_fault_in_stored_columns_reads_no_pages_around_it(tmp_path):
    """Particles are far apart: around a page of theirs there are holes, each of which the kernel would fill."""
    stored = ColumnStore(tmp_path).open("key", 20, 30, 5)
    mapped = Path("/proc/self/smaps").read_text().partition(f"{tmp_path}/key.columns")[2]
    flags = mapped.partition("VmFlags:")[2].splitlines()[0].split()
    assert "rr" in flags  # read at random
    assert not stored.ready.any()
