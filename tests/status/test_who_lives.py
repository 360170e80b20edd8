"""Who lives, where processes can't be seen: by the touches of segments, and the file server's clock."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from stilt.foundations.writers import is_alive
from stilt.log.silence import SILENCE_S, TOUCH_S, Silence
from stilt.log.writer import SegmentWriter
from tests.status.conftest import ALIVE, ELSEWHERE, started

if TYPE_CHECKING:
    from pathlib import Path

    from tests.status.conftest import ProjectLog

NEWER_ELSEWHERE = replace(ELSEWHERE, space="f0000000")


def touched(segment: Path | None, seconds_ago: float) -> None:
    assert segment is not None
    moment = time.time() - seconds_ago
    os.utime(segment, (moment, moment))


@pytest.mark.parametrize(
    ("writer", "seconds_ago", "state"),
    [
        (NEWER_ELSEWHERE, 0, "running"),
        (NEWER_ELSEWHERE, SILENCE_S - 60, "running"),
        (NEWER_ELSEWHERE, SILENCE_S + 60, "interrupted"),
        (ELSEWHERE, SILENCE_S + 60, "running"),  # of a version that does not touch
        (replace(ALIVE, space="1"), 0, "running"),  # in another namespace of pids
        (replace(ALIVE, space="1"), SILENCE_S + 60, "interrupted"),
        (replace(ALIVE, host="before-it-died", boot="x"), SILENCE_S + 60, "interrupted"),
    ],
)
def test_a_silent_writer_has_gone(
    project_log: ProjectLog, writer, seconds_ago: float, state: str
) -> None:
    batch = project_log.batch("0001-a", [[1]], project_total=1)
    touched(project_log.worker(batch, 0, started(1), who=writer).path, seconds_ago)
    summary = project_log.summary()
    assert getattr(summary, state) == 1
    assert summary.in_hand == (state == "running")


def test_a_clock_that_is_wrong_here_takes_nobody_for_dead(
    project_log: ProjectLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = project_log.batch("0001-a", [[1]], project_total=1)
    project_log.worker(batch, 0, started(1), who=NEWER_ELSEWHERE)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 86_400)
    assert project_log.summary().running == 1


def test_who_may_not_write_goes_by_the_newest_time_in_the_project(
    project_log: ProjectLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Silence, "ask_clock", lambda _: None)
    batch = project_log.batch("0001-a", [[1], [2]], project_total=2)
    first = project_log.worker(batch, 0, started(1), who=NEWER_ELSEWHERE)
    second = project_log.worker(batch, 1, started(2), who=NEWER_ELSEWHERE)
    touched(first.path, 2 * SILENCE_S)
    summary = project_log.summary()
    assert (summary.running, summary.interrupted, summary.tasks_unknown) == (1, 1, 1)
    touched(second.path, 2 * SILENCE_S)
    for path in project_log.layout.log_dir.glob("*/*"):
        touched(path, 2 * SILENCE_S)
    summary = project_log.summary()
    assert (summary.running, summary.interrupted, summary.tasks_unknown) == (2, 0, 2)


def test_a_writer_touches_its_segment_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touches: list[int] = []
    monkeypatch.setattr(os, "utime", touches.append)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    writer = SegmentWriter(tmp_path, "0001-a", 1, ALIVE)
    writer.tick()
    assert touches == []
    writer.append(started(1), sync=True)
    for _ in range(5):
        writer.tick()
    assert len(touches) == 1
    now += TOUCH_S
    writer.tick()
    writer.tick()
    assert len(touches) == 2


def test_a_process_of_somebody_else_that_is_hidden_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stilt.foundations.writers._life", lambda _pid: (0, ""))
    assert is_alive(ALIVE) is None  # a signal would reach it
    assert is_alive(replace(ALIVE, pid=2**22 - 3)) is False
