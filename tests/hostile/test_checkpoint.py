"""A checkpoint whose checksums hold, with values that no stilt writes: dropped, or an error with a next step."""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from stilt.foundations.errors import StiltError
from stilt.kernels.compiled import compile_ahead
from stilt.log import checkpoint, index, joining
from stilt.log.bulk import kernels
from stilt.log.checkpoint import Footer
from stilt.log.frozen import OddCheckpointError
from stilt.log.index import OutputIndex
from tests.hostile.asking import ask
from tests.hostile.checkpoints import rewrite
from tests.hostile.generators import encoded, of_type, spoiled
from tests.hostile.logs import AT, done, header, pending, write_segment
from tests.projects import FOOTPRINT, Project, make_project

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = (
    header(transport={"fake": "d"}),
    pending(),
    {"event": "submitted", "batch": "0002-b", "token": "t", "job": "1", "at": AT},
    done("fake_x", wall_s=2.0, facts={"lifted_m": 3.0}),
    done("fake_y", "failed", reason="R", message="M"),
    {"event": "started", "sim": "fake_z", "at": AT},
)  # fmt: skip


@pytest.fixture
def saved(tmp_path) -> Path:
    """A log with a checkpoint."""
    write_segment(tmp_path, *EVENTS)
    path: Path = tmp_path / "checkpoint"
    checkpoint.save(path, OutputIndex(tmp_path).fold(use_checkpoint=False))
    assert checkpoint.load(path) is not None
    return path


def changed(*keys: Any, to: Any) -> Any:
    """Return what changes a value of a footer."""

    def change(footer: dict[str, Any]) -> dict[str, Any]:
        place: Any = footer
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = to
        return footer

    return change


FOOTERS = {
    "a time of the far future": changed("lives", 0, "at", to=1e300),
    "a batch that leads away": changed("lives", 0, "batch", to="../.."),
    "a number below zero": changed("files", 0, "offset", to=-5),
    "no lives": changed("lives", to=[]),
    "a life that is counted from behind": changed("sums", "tallies", 0, 0, 0, to=-1),
    "an outcome that is none": changed("sums", "tallies", 0, 0, 1, to="\x1b[2J"),
    "a count below zero": changed("sums", "tallies", 0, 0, 3, to=-1),
    "seconds without end": changed("sums", "costs", 0, "complete", 1, to=1e300),
    "a moment without end": changed("sums", "costs", 0, "complete", 4, to=1e300),
    "more simulations than there are": changed("sums", "tallies", 0, 0, 3, to=7),
    "the cost of more simulations than there are": changed("sums", "costs", 0, "complete", 0, to=7),
    "the cost of simulations that are not there": changed("sums", "costs", 0, "empty", to=[1, 1.0, 1.0, 1, 1.0]),
    "a simulation that is not there": changed("sums", "last_failed", to=["fake_nowhere"]),
    "a word that leads away": changed("sums", "words", 0, to="../x"),
    "an identified name with a slash": changed("identified", to=[[["a/b", "0002-b", 2, 1], "d" * 16]]),
    "a job that is an option": changed("batch_events", 1, "job", to="--user=root"),
}  # fmt: skip


@pytest.mark.parametrize("change", FOOTERS.values(), ids=FOOTERS)
def test_a_footer_with_an_odd_value_is_as_good_as_none(saved, change) -> None:
    rewrite(saved, change)
    assert checkpoint.load(saved) is None


def test_a_footer_that_is_written_anew_as_it_was_is_read(saved) -> None:
    rewrite(saved)
    assert checkpoint.load(saved) is not None


COLUMNS = {
    "a name with a slash": {"ids": lambda data: b"/" + data[1:]},
    "a name with an escape": {"ids": lambda data: b"\x1b" + data[1:]},
    "a name that is no text": {"ids": lambda data: b"\xff" + data[1:]},
    "a life that is not there": {"life": lambda data: b"\xff" * len(data)},
    "an outcome that is none": {"outcome": lambda data: b"\x63" * len(data)},
    "a time of the far future": {"at": lambda data: struct.pack("=d", 1e300) * (len(data) // 8)},
    "no time": {"at": lambda data: struct.pack("=d", float("nan")) * (len(data) // 8)},
    "seconds without end": {"wall_s": lambda data: struct.pack("=d", float("inf")) * (len(data) // 8)},
    "words that are not there": {"met": lambda data: b"\xff" * len(data)},
    "a fact without end": {"fact_value": lambda data: struct.pack("=d", float("nan")) * (len(data) // 8)},
    "a fact of no name": {"fact_name": lambda data: b"\xff" * len(data)},
    "a message that is none": {"texts": lambda data: b"\xff" * len(data)},
}  # fmt: skip


@pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS)
def test_a_column_with_an_odd_value_is_told_of(saved, columns) -> None:
    rewrite(saved, columns=columns)
    state = checkpoint.load(saved)
    if state is None:  # what failed last was looked up by then
        return
    with pytest.raises(OddCheckpointError, match="remove the file log/checkpoint"):
        _ = state.sims


@pytest.mark.parametrize("worth_bulk", [0, 1 << 60], ids=["by machine code", "by Python"])
@pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS)
def test_what_is_joined_to_an_odd_column_is_right_or_told_of(
    saved, columns, worth_bulk, monkeypatch
) -> None:
    rewrite(saved, columns=columns)
    write_segment(
        saved.parent, *EVENTS[:1], done("fake_new"), name="worker-t00001-a01-s00002-h-1-aa.log"
    )
    monkeypatch.setattr(index, "WORTH_A_CHECKPOINT", 0)
    monkeypatch.setattr(joining, "WORTH_BULK", worth_bulk)
    compile_ahead(kernels)
    expected = OutputIndex(saved.parent).fold(use_checkpoint=False)
    with suppress(OddCheckpointError):
        assert OutputIndex(saved.parent).fold().sims.keys() == expected.sims.keys()


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Project:
    project = make_project(
        tmp_path_factory.mktemp("ran") / "p", (5, 9001), footprints=f"{{fine: {FOOTPRINT}}}"
    )
    project.stilt("run")
    return project


TOLD = (
    "a name with an escape",
    "an outcome that is none",
    "no time",
    "seconds without end",
    "a fact without end",
)


@pytest.mark.parametrize("columns", [COLUMNS[name] for name in TOLD], ids=TOLD)
def test_no_command_is_taken_down_by_a_checkpoint(ran, columns) -> None:
    path = ran.output / "log" / "checkpoint"
    for command in ("status --no-slurm", "status --failed", "report", "verify", "run --dry-run"):
        checkpoint.save(path, OutputIndex(path.parent).fold(use_checkpoint=False))
        rewrite(path, columns=columns)
        answer = ask(ran, *command.split())
        assert answer.code in {0, 1, 5}, (command, answer.err)
        assert answer.code != 5 or "log/checkpoint" in answer.err


@settings(
    max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
@given(part=st.sampled_from(Footer.__struct_fields__), data=st.data())
def test_no_footer_of_any_kind_is_more_than_dropped(tmp_path, part, data) -> None:
    write_segment(tmp_path, *EVENTS)
    path = tmp_path / "checkpoint"
    checkpoint.save(path, OutputIndex(tmp_path).fold(use_checkpoint=False))
    kinds = {field.name: field.type for field in inspect.type_info(Footer).fields}
    odd = data.draw(spoiled(of_type(kinds[part], part)))
    rewrite(path, changed(part, to=odd), encode=encoded)
    try:
        state = OutputIndex(tmp_path).fold()
        json.dumps([[sim.sim, sim.at, sim.wall_s] for sim in state.sims.values()])
        state.tally()
    except StiltError:
        pass
