"""Projects whose log is written by hand, event by event."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import pytest

from stilt.batch.chunks import chunk_digest
from stilt.batch.claims import ClaimsWriter
from stilt.batch.manifest import ChunkRef, Manifest, encode_manifest
from stilt.config.digests import footprint_digest, transport_digest
from stilt.config.load import load_config
from stilt.example.starter import STARTER_CONFIG, STARTER_RECEPTORS
from stilt.foundations.paths import Layout
from stilt.foundations.writers import Writer, this_writer
from stilt.log.events import Closed, Done, Event, Pending, Started
from stilt.log.writer import SegmentWriter
from stilt.status.gather import gather
from stilt.status.opened import open_project

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stilt.status.summary import Summary

T0 = 1_900_000_000.0  # later than the headers, which carry the time of the test
ENGINE = "hysplit v5.1.0"

ELSEWHERE = Writer(role="worker", host="node17", pid=4711)
ALIVE = this_writer("worker")
DEAD = msgspec.structs.replace(ALIVE, pid_start=1)


def sim_id(number: int) -> str:
    return f"mymet_202407011800_-111.85_40.77_{number}"


@dataclass
class ProjectLog:
    """A project folder, its log written as the test says."""

    layout: Layout
    seq: int = 0
    writers: list[SegmentWriter] = field(default_factory=list)

    def batch(
        self,
        name: str,
        chunks: list[list[int]],
        *,
        project_total: int,
        backend: str = "local",
        closed: bool = True,
        refused: Sequence[int] = (),
        who: Writer = ALIVE,
    ) -> str:
        """Let ``who`` register a batch whose chunks list these simulations, by number; ``refused`` fail."""
        self.seq = int(name[:4])
        digests = []
        claims = ClaimsWriter()
        folder = self.layout.batch_dir(name)
        folder.mkdir(parents=True)
        for numbers in chunks:
            rows = [[sim_id(n), "mymet", "202407011800", [-111.85], [40.77], [n]] for n in numbers]
            content = msgspec.json.encode({"format": 1, "simulations": rows})
            digests.append(chunk_digest(content))
            self.layout.chunk(name, digests[-1]).write_bytes(content)
            claims.add(map(sim_id, numbers))
        self.layout.claims(name).write_bytes(claims.encode())
        manifest = Manifest(
            batch=name,
            seq=self.seq,
            config="c",
            engine=ENGINE,
            backend=backend,
            chunks=tuple(
                ChunkRef(digest, len(numbers))
                for digest, numbers in zip(digests, chunks, strict=True)
            ),
            total=sum(map(len, chunks)),
            project_total=project_total,
        )
        self.layout.manifest(name).write_bytes(encode_manifest(manifest))
        pending: list[Event] = [
            Pending(chunk=digest, count=len(numbers), batch=name, seq=self.seq, at=T0, task=task)
            for task, (digest, numbers) in enumerate(zip(digests, chunks, strict=True))
        ]
        at = 100.0 * self.seq
        pending += [msgspec.structs.replace(done(n, "failed", at, "X"), wall_s=0) for n in refused]
        if closed:
            pending.append(Closed(at=T0))
        whose = msgspec.structs.replace(who, role="run")
        writer = SegmentWriter(self.layout.log_dir, name, self.seq, whose)
        writer.append(*pending)
        self.writers.append(writer)
        return name

    def worker(
        self,
        batch: str,
        task: int,
        *events: Event,
        who: Writer = ALIVE,
        attempt: int = 1,
        outdated: bool = False,
    ) -> SegmentWriter:
        """Write a task's events, in the name of ``who``."""
        config = load_config(self.layout.config_file)
        transport = {"mymet": transport_digest(config, "mymet", ENGINE)}
        writer = SegmentWriter(
            self.layout.log_dir,
            batch,
            int(batch[:4]),
            msgspec.structs.replace(who, role="worker", task=task, attempt=attempt),
            transport={"mymet": "0" * 32} if outdated else transport,
            footprints={"default": footprint_digest(config, "default")},
        )
        writer.append(*events, sync=True)
        self.writers.append(writer)
        return writer

    def ask_for(self, *numbers: int) -> None:
        """Let receptors.csv have these simulations alone, later than all batches."""
        rows = "".join(f"2024-07-01 18:00,-111.85,40.77,{number}\n" for number in numbers)
        file = self.layout.receptors_file
        file.write_text(f"time,longitude,latitude,altitude\n{rows}")
        later = file.stat().st_mtime + 10
        os.utime(file, (later, later))

    def release(self) -> None:
        """Give up the segments, as a process does that is killed: of many projects there are many."""
        for writer in self.writers:
            writer._abandon()

    def summary(self, until: float | None = None) -> Summary:
        return gather(open_project(self.layout.project), until=until, ask_slurm=False)


def started(number: int, at: float = 0.0) -> Started:
    return Started(sim=sim_id(number), at=T0 + at)


def done(number: int, outcome: str = "complete", at: float = 20.0, reason: str = "") -> Done:
    message = f"because of {reason}" if reason else ""
    return Done(
        sim=sim_id(number),
        outcome=outcome,
        at=T0 + at,
        wall_s=20.0,
        peak_rss_bytes=2**28,
        reason=reason,
        message=message,
    )


@pytest.fixture
def project_log(tmp_path: Path) -> ProjectLog:
    project = tmp_path / "a project"
    project.mkdir()
    (project / "config.yaml").write_text(STARTER_CONFIG)
    (project / "receptors.csv").write_text(STARTER_RECEPTORS)
    return ProjectLog(Layout.of(project))
