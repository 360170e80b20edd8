"""A segment that was cut, flipped, mixed or repeated: nothing is invented, and only what was hit is lost."""

import pytest

from stilt.log.events import Event
from stilt.log.reader import Scanner, Verdict
from tests.log.random_logs import line

SCANNER = Scanner(Event)
WRITER = {"role": "worker", "host": "n1", "pid": 1, "task": 0, "attempt": 1}
HEADER = {
    "event": "segment",
    "major": 1,
    "minor": 0,
    "batch": "b",
    "seq": 1,
    "writer": WRITER,
    "at": 1.0,
}


def segment(*, sims=3, closed):
    """Return the lines of a segment, two events in each."""
    found = [line(0, HEADER)]
    for number in range(1, sims + 1):
        sim = f"hrrr_{number}"
        started = {"event": "started", "sim": sim, "at": 1.0}
        done = {"event": "done", "sim": sim, "outcome": "complete", "at": 2.0, "message": "grüße"}
        found.append(line(number, started, done))
    if closed:
        found.append(line(sims + 1, {"event": "closed", "at": 3.0}))
    return found


def events_in(lines):
    return SCANNER.scan(b"".join(lines)).events


@pytest.mark.parametrize("closed", [True, False])
def test_a_cut_at_any_byte_keeps_every_whole_line_and_is_no_damage(closed):
    lines = segment(closed=closed)
    data = b"".join(lines)
    for cut in range(len(data)):
        scan = SCANNER.scan(data[:cut])
        whole = data[:cut].count(b"\n")
        assert scan.events == (events_in(lines[:whole]) if whole else [])
        assert scan.offset == sum(map(len, lines[:whole]))
        assert scan.verdict is Verdict.UNFINISHED


@pytest.mark.parametrize("closed", [True, False])
def test_a_flip_of_any_bit_loses_no_more_than_the_lines_it_touches(closed):
    lines = segment(closed=closed)
    data = b"".join(lines)
    sound = events_in(lines)
    for bit in range(len(data) * 8):
        place = bit // 8
        flipped = data[:place] + bytes([data[place] ^ (1 << bit % 8)]) + data[place + 1 :]
        hit = data[:place].count(b"\n")
        last_hit = hit + (data[place : place + 1] == b"\n")
        scan = SCANNER.scan(flipped)
        kept = [e for n, found in enumerate(lines) if not hit <= n <= last_hit for e in own(found)]
        assert scan.events == kept
        assert all(event in sound for event in scan.events)
        expected = Verdict.UNFINISHED if last_hit >= len(lines) - 1 else Verdict.DAMAGED
        assert scan.verdict is expected


def own(found):
    """Return the events of one line, the header excepted."""
    return SCANNER.scan(found).events


def test_a_block_of_zeros_anywhere_keeps_the_lines_it_does_not_touch():
    lines = segment(closed=True)
    data = b"".join(lines)
    ends = [sum(map(len, lines[: n + 1])) for n in range(len(lines))]
    for start in range(len(data) - 16):
        zeroed = data[:start] + b"\0" * 16 + data[start + 16 :]
        scan = SCANNER.scan(zeroed)
        untouched = [
            found
            for found, end in zip(lines, ends, strict=True)
            if end <= start or end - len(found) - 1 >= start + 16
        ]
        assert scan.events == [event for found in untouched for event in own(found)]
        assert scan.verdict is not Verdict.CLEAN


def test_two_writers_in_one_file_are_seen():
    mine, others = segment(closed=True), segment(sims=2, closed=True)
    mixed = [found for pair in zip(mine, others, strict=False) for found in pair]
    scan = SCANNER.scan(b"".join(mixed))
    assert scan.verdict is Verdict.DAMAGED
    assert all(event in scan.events for event in events_in(others))


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_a_line_that_comes_twice_is_seen_and_harmless(number):
    lines = segment(closed=True)
    scan = SCANNER.scan(b"".join(lines[: number + 1] + lines[number:]))
    assert scan.verdict is Verdict.DAMAGED
    assert {repr(event) for event in scan.events} == {repr(event) for event in events_in(lines)}


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_a_line_that_is_missing_is_seen(number):
    lines = segment(closed=True)
    del lines[number]
    assert SCANNER.scan(b"".join(lines)).verdict is Verdict.DAMAGED


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\0" * 64, b"\r", b"[1]", b"00000000 []", b"\xff\xfe", b"0" * 5000, b"d202ef8d\n"],
    ids=["empty", "zeros", "return", "bare array", "zero checksum", "not utf-8", "long", "short"],
)
def test_garbage_between_lines_is_reported_and_skipped(garbage):
    lines = segment(closed=True)
    for place in range(1, len(lines)):
        data = b"".join([*lines[:place], garbage, b"\n", *lines[place:]])
        scan = SCANNER.scan(data)
        assert scan.events == events_in(lines)
        assert scan.damage[0][0] == sum(map(len, lines[:place]))
