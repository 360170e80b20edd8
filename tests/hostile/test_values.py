"""Lines that hold, with values that no stilt writes: counted, shown with their place, and passed over."""

from __future__ import annotations

import json
import time
from typing import Any, get_args

import msgspec
import pytest
from msgspec import inspect

from stilt.batch.chunks import chunk_digest, read_chunk
from stilt.batch.manifest import read_manifest
from stilt.foundations.errors import DamagedError
from stilt.log import states
from stilt.log.bounds import all_fit, misfit
from stilt.log.events import Event
from stilt.log.index import OutputIndex
from stilt.status.stream import describe
from tests.hostile.asking import ask
from tests.hostile.generators import drawn, of_type
from tests.hostile.logs import AT, done, header, pending, write_segment

DEEP: Any = json.loads("[" * 900 + "]" * 900)

ODD = {
    "a time of the far future": done(at=1e300),
    "a time before all time": done(at=-1e300),
    "seconds without end": done(wall_s=1e300),
    "bytes without end": done(peak_rss_bytes=10**30),
    "a million million tasks": {
        "event": "submitting", "batch": "0002-b", "token": "t", "at": AT, "tasks": 10**12,
    },
    "a task of that number": pending(task=10**12),
    "a count of that number": pending(count=10**12),
    "a negative count": pending(count=-5),
    "NUL in a name": done("a\0b"),
    "a slash in a name": done("../../x"),
    "a name of nothing": done(""),
    "a name of two megabytes": done("x" * 2_000_000),
    "a message of two megabytes": done(outcome="failed", message="M" * 2_000_000),
    "a batch that leads away": pending(batch="../.."),
    "a chunk that leads away": pending(chunk="../../../etc/passwd"),
    "an option for a job": {
        "event": "submitted", "batch": "0002-b", "token": "t", "job": "--user=root", "at": AT,
    },
    "an output of no size": done(outputs=[{"path": "p", "size": 10**30, "digest": "d"}]),
    "nesting": done(message=DEEP),
    "another nesting": {"event": "later", "deep": DEEP},
}  # fmt: skip
UNSEEN = {"a batch of which nothing is known": {
    "event": "invalid", "sim": "s", "path": "p", "why": "w", "batch": "0009-z", "seq": 9, "at": AT,
}, "a cancelled one": {"event": "cancelled", "batch": "0009-z", "at": AT},
   "a name as long as can be": done("n" * 255, "failed"), "a name of more bytes": done("\u00e9" * 255),
   "a submission of one": {"event": "submitted", "batch": "0009-z", "token": "t", "job": "1", "at": AT}}  # fmt: skip
COMMANDS = (
    "status --no-slurm",
    "status --failed",
    "log show",
    "log replay",
    "logs fake_2015",
    "verify",
    "report",
    "run --dry-run --no-skip",
    "archive --dry-run",
)


FOLDED = {name: event for name, event in ODD.items() if "outputs" not in event}
"""The fold reads no outputs: those who do see that these are odd."""


@pytest.mark.parametrize("event", FOLDED.values(), ids=FOLDED)
def test_an_odd_value_is_unknown_and_the_rest_is_read(tmp_path, event) -> None:
    path = write_segment(
        tmp_path, header(), event, done("fake_good"), {"event": "closed", "at": AT}
    )
    state = OutputIndex(tmp_path).fold()
    assert state.unknown == 1
    assert set(state.sims) == {"fake_good"}
    assert state.damaged == 0
    path.write_bytes(path.read_bytes()[:-4])  # its last line is torn: line by line now
    assert set(OutputIndex(tmp_path).fold().sims) == {"fake_good"}


@pytest.mark.parametrize("event", [*ODD.values(), *UNSEEN.values()], ids=[*ODD, *UNSEEN])
def test_no_command_is_taken_down_by_one_line(ran, event) -> None:
    path = write_segment(ran.output / "log", header(), event)
    try:
        for command in COMMANDS:
            began = time.process_time()
            answer = ask(ran, *command.split())
            assert answer.code in {0, 5}, (command, answer.err)
            assert time.process_time() - began < 20
            if command == "log show" and event in list(ODD.values()):
                assert f"unknown event {event['event']} at byte " in answer.out
                assert path.name in answer.out
    finally:
        path.unlink()


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
def test_every_kind_of_event_can_be_shown(kind) -> None:
    for number in range(5):
        event = msgspec.convert(drawn(of_type(inspect.type_info(kind)), number), kind)
        assert describe(event)


@pytest.mark.parametrize(
    "change",
    [{"seq": 10**30}, {"seq": -1}, {"batch": "a/b"}, {"at": 1e300}, {"stilt": "x" * 10_000}],
)
def test_an_odd_header_is_damage(tmp_path, change) -> None:
    write_segment(tmp_path, {**header(), **change}, done("fake_good"))
    state = OutputIndex(tmp_path).fold()
    assert state.damaged
    assert set(state.sims) == {"fake_good"}


def test_what_stilt_writes_fits(ran) -> None:
    index = OutputIndex(ran.output / "log")
    assert index.fold(use_checkpoint=False).unknown == 0
    for batch in (ran.output / "chunks").iterdir():
        manifest = read_manifest(batch / "batch.json")
        assert misfit(manifest) == ""
        for ref in manifest.chunks:
            assert read_chunk(batch / f"{ref.digest}.json").simulations


MANIFEST = {
    "seq": -1, "batch": "../x", "total": 10**12, "cpus": 0, "config": "../../x", "likely_wall_s": 1e300,
    "chunks": [["../../x", 1]], "project_total": -1,
}  # fmt: skip


@pytest.mark.parametrize("key", MANIFEST)
def test_an_odd_manifest_is_damage(ran, tmp_path, key) -> None:
    (batch,) = (ran.output / "chunks").iterdir()
    known = json.loads((batch / "batch.json").read_text())
    file = tmp_path / "batch.json"
    file.write_text(json.dumps({**known, key: MANIFEST[key]}))
    with pytest.raises(DamagedError, match="cannot be read: "):
        read_manifest(file)


ENTRY = ["fake_x", "fake", "201512100000", [-112.0], [40.5], [5.0]]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, "../../x"), (0, ""), (1, "a/b"), (2, "../../../x"), (2, "209913010000"), (2, ""),
        (3, []), (3, [1e300]), (4, [91.0]), (4, [40.5, 40.5]), (5, [1e12]),
    ],
)  # fmt: skip
def test_an_odd_chunk_is_damage(tmp_path, place, value) -> None:
    entry = [value if n == place else known for n, known in enumerate(ENTRY)]
    data = json.dumps({"format": 1, "simulations": [ENTRY, entry]}).encode()
    file = tmp_path / f"{chunk_digest(data)}.json"
    file.write_bytes(data)
    with pytest.raises(DamagedError, match="is no chunk"):
        read_chunk(file)


def test_looking_at_all_together_finds_what_looking_at_each_finds() -> None:
    good = [states.Started(f"fake_{n}", 1.0) for n in range(100)]
    assert all_fit(good)
    for bad in (
        states.Started("a/b", 1.0),
        states.Started("", 1.0),
        states.Started("..", 1.0),
        states.Started("x" * 256, 1.0),
        states.Started("a\x7f", 1.0),
        states.Started("fake", 1e12),
        states.Started("fake", -1.0),
        states.Done(sim="fake", at=1.0, outcome="failed", message="m" * (1 << 21)),
    ):
        assert misfit(bad)
        assert not all_fit([*good, bad])
