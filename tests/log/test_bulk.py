"""What machine code reads of a log is what Python reads of it."""

import json
import random
import zlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stilt.kernels.compiled import compile_ahead
from stilt.log import joining
from stilt.log.bulk import kernels
from stilt.log.bulk.lines import BulkScanner
from stilt.log.bulk.rows import Rows
from stilt.log.events import Done, Output, Started
from stilt.log.index import OutputIndex
from stilt.log.lines import encode_line
from stilt.log.reader import Scanner
from stilt.log.states import LeanEvent, lean_fit
from tests.log.random_logs import RECEPTORS, header, line, write
from tests.log.test_checkpoint import everything

HEADER = line(0, header(random.Random(1), "x", 1))
BEGUN = Started("a_1", 1764456625.1234567, "a", RECEPTORS[0])
ENDED = Done(
    "a_1",
    "failed",
    1764456700.5,
    12.25,
    123456789,
    (Output("particles/.a_1.parquet", 12, "0f" * 16), Output("footprints/x", 0, "d")),
    "MET_MISSING",
    "no met file for 2022",
    "a",
    RECEPTORS[1],
    "plain",
    {"lifted_m": 12.5, "b": 3.0},
)


@pytest.fixture(autouse=True, scope="module")
def _compiled():
    compile_ahead(kernels)


def folded(log_dir, worth_bulk, monkeypatch, **options):
    monkeypatch.setattr(joining, "WORTH_BULK", worth_bulk)
    return everything(OutputIndex(log_dir).fold(**options))


@pytest.mark.parametrize("part", range(4))
def test_a_log_says_the_same_whoever_reads_it(tmp_path, part, monkeypatch):
    folds, blocks = Rows.join, []
    monkeypatch.setattr(
        Rows, "join", lambda rows, *rest: blocks.append(len(rows)) or folds(rows, *rest)
    )
    read = 0
    for seed in range(part * 100, (part + 1) * 100):
        log_dir = write(random.Random(seed), tmp_path / str(seed))
        expected = folded(log_dir, 1 << 60, monkeypatch, use_checkpoint=False)
        assert folded(log_dir, 0, monkeypatch, use_checkpoint=False) == expected, f"seed {seed}"
        for path in log_dir.glob("*/*.log"):
            scan = BulkScanner().scan(path.read_bytes())
            read += scan.block.count if scan.block else 0
    assert read > 10
    assert sum(blocks) >= read  # by the folds themselves


def block_of(*events):
    data = HEADER + b"".join(encode_line(number, [event]) for number, event in enumerate(events, 1))
    return BulkScanner().scan(data).block


def test_all_of_an_event_is_read():
    block = block_of(BEGUN, ENDED)
    begun, ended = block.fields.tolist()
    assert [begun[kernels.KIND], ended[kernels.KIND]] == [kernels.ENDED, kernels.DONE]
    assert block.moments.tolist() == [[BEGUN.at, 0], [ENDED.at, ENDED.wall_s]]
    assert (ended[kernels.OUTCOME], ended[kernels.RSS]) == (2, ENDED.peak_rss_bytes)
    assert np.uint64(ended[kernels.RECEPTOR] % (1 << 64)) == int(RECEPTORS[1], 16)
    assert block.texts(0) == ["a"]
    assert block.texts(kernels.MOST_WORDS) == ["plain"]
    assert block.facts == [(1, ENDED.facts)]


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e11), min_size=1, max_size=40))
@example([0.1, 1e11, 5e-324, 1764456625.1234567, 9007199254740993.0 / 1e6, 0.30000000000000004])
def test_a_moment_is_the_same_double_or_left_to_python(moments):
    block = block_of(*(Started(f"s{n}", at) for n, at in enumerate(moments)))
    for at, row, (read, _) in zip(moments, block.fields, block.moments, strict=True):
        assert row[kernels.KIND] == kernels.OTHER or read == at


def test_moments_as_clocks_give_them_are_all_read():
    rng = random.Random(5)
    moments = [rng.uniform(1.7e9, 1.9e9) for _ in range(20_000)]
    block = block_of(*(Started(f"s{n}", at) for n, at in enumerate(moments)))
    assert block.count == len(moments)
    assert block.moments[:, 0].tolist() == moments


def said(scanner, data):
    """Return what a scanner says, objects and columns alike as (kind, simulation, moment, ...)."""
    scan = scanner.scan(data)
    told = [(type(event).__name__, str(event)) for event in scan.events]
    rows = [] if scan.block is None else scan.block.fields[:, kernels.KIND].tolist()
    facts = (
        scan.header,
        scan.unknown,
        scan.strange,
        scan.damage,
        scan.line,
        scan.number,
        scan.offset,
        scan.closed,
    )
    return facts, scan.count, told if not rows else None


def test_whatever_is_changed_in_a_line_the_verdict_is_the_same():
    rng = random.Random(3)
    python, machine = Scanner(LeanEvent, lean_fit), BulkScanner()
    payload = encode_line(2, [ENDED])[9:-1]
    refused = 0
    for _ in range(4_000):
        changed = bytearray(payload)
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(changed))
            match rng.randrange(3):
                case 0:
                    changed[place] = rng.choice(b'\x00\x1f\x7f\xff"\\/.,:[]{}09-eE aZ')
                case 1:
                    del changed[place : place + rng.randint(1, 9)]
                case _:
                    changed[place:place] = rng.choice([b"0", b'"', b"e5", b"}", b" ", "é".encode()])
        changed = bytes(changed).replace(b"\n", b"")
        data = HEADER + encode_line(1, [BEGUN]) + b"%08x %b\n" % (zlib.crc32(changed), changed)
        ours, theirs = said(machine, data), said(python, data)
        assert ours[:2] == theirs[:2], changed
        refused += machine.scan(data).block is None
    assert 0 < refused < 4_000


def test_every_form_of_a_line_that_is_not_as_written_is_left_to_python():
    plain = json.loads(encode_line(1, [BEGUN])[9:])[1]
    for odd in (
        {"at": "5"},
        {"sim": "a/b"},
        {"sim": ".."},
        {"at": -1},
        {"at": 1e12},
        {"receptor": "0" * 16},
    ):
        scan = BulkScanner().scan(HEADER + line(1, plain | odd))
        assert scan.block is None or scan.block.count == 0, odd


def test_an_end_before_the_last_line_is_told_of_though_that_line_is_empty():
    closed = {"event": "closed", "at": 1.0}
    data = HEADER + line(1, closed) + encode_line(2, [BEGUN]) + line(3)
    python, machine = Scanner(LeanEvent, lean_fit).scan(data), BulkScanner().scan(data)
    assert machine.damage == python.damage != []
