"""What a live task has is not handed over again, whatever has happened to the files of its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stilt.batch.chunks import read_chunk
from stilt.batch.manifest import read_manifest
from stilt.batch.queued import queued
from stilt.foundations.paths import Layout
from tests.projects import make_project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("injured", ["chunk", "manifest"])
def test_a_damaged_file_of_a_batch_gives_up_no_other_tasks_simulations(
    tmp_path: Path, injured: str
) -> None:
    project = make_project(tmp_path, [5] * 6)
    assert project.stilt("run", "--n-workers", "3").code == 0
    for segment in project.output.glob("log/*/worker*.log"):
        segment.unlink()  # as if none had begun
    layout = Layout.of(project.path)
    (batch,) = project.batches()
    refs = read_manifest(layout.manifest(batch)).chunks
    chunks = [layout.chunk(batch, ref.digest) for ref in refs]
    expected = {sim.sim for chunk in chunks[1:] for sim in read_chunk(chunk).simulations}
    hurt = chunks[0] if injured == "chunk" else layout.manifest(batch)
    if injured == "manifest":
        expected |= {sim.sim for sim in read_chunk(chunks[0]).simulations}
    hurt.unlink()
    hurt.write_bytes(b"{")
    assert queued(layout, project.fold(), lambda _batch, _task: True).keys() == expected
