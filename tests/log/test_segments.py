"""A segment is written, read and folded."""

import time

import pytest

from stilt.foundations.writers import this_writer
from stilt.log.events import Done, Invalid, Output, Pending, Started, Submitted, Submitting
from stilt.log.index import OutputIndex
from stilt.log.reader import Verdict, read_segment
from stilt.log.writer import SegmentWriter


@pytest.fixture
def log_dir(tmp_path):
    return tmp_path / "log"


def worker(log_dir, *, batch="b1", seq=1, task=0, attempt=1):
    writer = this_writer("worker", task=task, attempt=attempt)
    return SegmentWriter(
        log_dir, batch, seq, writer, transport={"hrrr": "t1"}, footprints={"d": "f1"}
    )


def outcomes(log_dir):
    return {sim: state.outcome for sim, state in OutputIndex(log_dir).fold().sims.items()}


def test_what_was_appended_is_read_back(log_dir):
    events = (
        Started("hrrr_1", 1.0),
        Done("hrrr_1", "complete", 2.0, outputs=(Output("p", 1, "d"),)),
    )
    writer = worker(log_dir)
    writer.append(*events)
    path = writer.path
    writer.close()
    content = read_segment(path)
    assert content.events[:2] == events
    assert content.verdict is Verdict.CLEAN
    assert content.header.writer.attempt == 1
    assert content.offset == path.stat().st_size


def test_a_segment_without_an_end_is_unfinished_not_damaged(log_dir):
    writer = worker(log_dir)
    writer.append(Started("hrrr_1", 1.0))
    content = read_segment(writer.path)
    assert (content.verdict, content.damage) == (Verdict.UNFINISHED, ())


def test_a_simulation_is_where_its_greatest_event_says(log_dir):
    first = worker(log_dir, attempt=1)
    first.append(Started("hrrr_1", 1.0), Started("hrrr_2", 1.0), Started("hrrr_3", 1.0))
    first.append(Done("hrrr_1", "complete", 2.0), Done("hrrr_2", "failed", 2.0, reason="KILLED"))
    first.close("SIGTERM")
    second = worker(log_dir, attempt=2)
    second.append(Done("hrrr_2", "empty", 0.5), Done("hrrr_1", "failed", 9.0))
    second.close()
    assert outcomes(log_dir) == {"hrrr_1": "complete", "hrrr_2": "empty", "hrrr_3": "running"}


def test_a_later_batch_counts_and_the_earlier_state_is_kept(log_dir):
    worker(log_dir, batch="b1", seq=1).append(
        Done("hrrr_1", "failed", 5.0, reason="KILLED"), sync=True
    )
    worker(log_dir, batch="b2", seq=2).append(Done("hrrr_1", "complete", 1.0), sync=True)
    state = OutputIndex(log_dir).fold()
    assert state.sims["hrrr_1"].outcome == "complete"
    assert state.sims["hrrr_1"].life.transport == {"hrrr": "t1"}
    assert state.earlier["b1"]["hrrr_1"].reason == "KILLED"


def test_invalid_takes_back_the_done_it_names_and_no_later_one(log_dir):
    worker(log_dir).append(
        Done("hrrr_1", "complete", 5.0), Done("hrrr_2", "complete", 5.0), sync=True
    )
    verify = SegmentWriter(log_dir, "verify", 0, this_writer("verify"))
    for sim in ("hrrr_1", "hrrr_2"):
        verify.append(Invalid(sim, "p", "missing", batch="b1", seq=1, at=6.0, attempt=1))
    verify.close()
    worker(log_dir, attempt=2).append(Done("hrrr_2", "complete", 4.0), sync=True)
    assert outcomes(log_dir) == {"hrrr_1": "invalid", "hrrr_2": "complete"}


def test_a_batch_knows_its_chunks_jobs_and_tasks(log_dir):
    planner = SegmentWriter(log_dir, "b1", 1, this_writer("run"))
    planner.append(Pending("c0", 30, "b1", 1, 1.0, task=0), Pending("c1", 12, "b1", 1, 1.0, task=1))
    planner.append(Submitting("b1", "token", 2.0, tasks=2))
    planner.append(Submitted("b1", "token", "77", 3.0))
    planner.close()
    for attempt in (1, 2):
        worker(log_dir, task=1, attempt=attempt).append(Started("hrrr_1", time.time()))
    state = OutputIndex(log_dir).fold().batches["b1"]
    assert (state.total, state.jobs, state.tasks[1].attempt) == (42, ["77"], 2)
    assert OutputIndex(log_dir).next_attempt("b1", 1) == 3


def test_an_absent_log_is_an_empty_one(log_dir):
    assert OutputIndex(log_dir).fold().sims == {}
