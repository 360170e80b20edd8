"""Folding the log and asking who lives fit each other, as the model in ``spec/protocol.pml`` demands."""

import time

import msgspec
import pytest

from stilt.backends import observe
from stilt.backends.liveness import Fate, Liveness, TaskFate
from stilt.foundations.writers import this_writer
from stilt.log.events import Done, Pending, Started
from stilt.log.index import OutputIndex
from stilt.log.names import new_name
from stilt.log.writer import SegmentWriter


def worker(log_dir):
    return SegmentWriter(log_dir, "b1", 1, this_writer("worker", task=0, attempt=1))


@pytest.mark.parametrize("begun_before", [True, False])
def test_what_a_task_wrote_between_fold_and_answer_is_seen(tmp_path, monkeypatch, begun_before):
    planner = SegmentWriter(tmp_path, "b1", 1, this_writer("run"))
    planner.append(Pending("c0", 1, "b1", 1, 1.0))
    planner.close()
    writer = worker(tmp_path)
    if begun_before:
        writer.append(Started("hrrr_1", 1.0), sync=True)

    def ended_meanwhile(_index, _state, **_options):
        writer.append(Done("hrrr_1", "complete", 2.0))
        writer.close()
        return Liveness(time.time(), {("b1", 0): TaskFate(Fate.GONE)})

    monkeypatch.setattr(observe, "observe", ended_meanwhile)
    state, liveness = observe.fold_and_observe(OutputIndex(tmp_path))
    assert liveness.of("b1", 0).fate is Fate.GONE
    assert state.find("hrrr_1").is_done


@pytest.mark.parametrize("content", [b"", bytes(300), b"00000000 [0,{}]\n"])
@pytest.mark.parametrize("host", ["here", "another"])
def test_a_worker_that_left_no_header_is_judged_by_the_name_of_its_segment(tmp_path, content, host):
    """As after a kill just as the segment was made, or a power loss; its pid is another program's now."""
    planner = SegmentWriter(tmp_path, "b1", 1, this_writer("run"))
    planner.append(Pending("c0", 1, "b1", 1, 1.0))
    planner.close()
    writer = this_writer("worker", task=0, attempt=1)
    if host == "another":
        writer = msgspec.structs.replace(writer, host="another")
    (tmp_path / "b1" / new_name(writer, 1)).write_bytes(content)
    _, liveness = observe.fold_and_observe(OutputIndex(tmp_path))
    assert liveness.of("b1", 0).fate is (Fate.GONE if host == "here" else Fate.UNKNOWN)
