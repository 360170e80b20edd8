"""What is given has bounds, and what quotes it is cut."""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma
import resource
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from stilt.config.load import parse_config
from stilt.config.rules import file_format_problem, time_step
from stilt.foundations.errors import ProblemsError
from stilt.foundations.failures import TransportError
from stilt.foundations.inside import read_input, read_regular
from stilt.foundations.text import MOST_SHOWN
from stilt.met.arl import ArlError, read_arl
from stilt.met.listing import Listing
from stilt.migrate import r_tables
from stilt.migrate.r_receptors import receptors_csv
from stilt.migrate.r_values import Frame, UnreadableError
from stilt.receptors import read_receptors
from stilt.transport.native.arl import read_index
from tests.hostile.asking import ask
from tests.projects import make_project

CONFIG = """mets: {{m: {{directory: d, file_format: '{file_format}', file_tres: {file_tres}}}}}
n_hours: {n_hours}
numpar: {numpar}
footprints: {{a: {{xmin: -113, xmax: -111, ymin: 40, ymax: 41, xres: {xres}}}}}
{more}
"""
USUAL = {
    "file_format": "%Y",
    "file_tres": "6h",
    "n_hours": "-1",
    "numpar": "10",
    "xres": "0.1",
    "more": "",
}
LONG, LONGER = "9" * 4300, "9" * 5000

REFUSED = {
    "n_hours of 4,300 digits": {"n_hours": LONG},
    "n_hours of 5,000 digits": {"n_hours": LONGER},
    "n_hours of a million million": {"n_hours": "-999999999999"},
    "n_hours of more than ten years": {"n_hours": "87601"},
    "a hexadecimal number": {"n_hours": "0x" + "f" * 6000},
    "a time of 3,000 parts": {"n_hours": "1:" + ":".join(["59"] * 3000)},
    "numpar of 21 digits": {"numpar": "9" * 21},
    "numpar of 12 digits": {"numpar": "9" * 12},
    "file_tres of 400 digits": {"file_tres": "'" + "9" * 400 + "h'"},
    "file_tres of 5,000 digits": {"file_tres": "'" + LONGER + "h'"},
    "file_tres of a million days": {"file_tres": "1000000d"},
    "cells of nothing": {"xres": "1e-300"},
    "a great float": {"more": "veght: 1e300"},
    "workers": {"more": "execution: {n_workers: " + LONG + "}"},
    "a timeout": {"more": "execution: {timeout: 1e300}"},
    "ziscale of as many hours": {"n_hours": "999999999999", "more": "ziscale: 2\nzicontroltf: 1"},
    "a value that is nested": {"more": "model: " + "[" * 400 + "]" * 400},
    "a nested pattern": {"file_format": "(" * 5000 + ")" * 5000},
    "a long pattern": {"file_format": "x" * 5_000_000},
    "a pattern that looks back": {"file_format": "(?<=a)b"},
    "a pattern that refers to a group": {"file_format": r"(a)\1"},
    "a key of a megabyte": {"more": "? " + "k" * 1_000_000 + "\n: 1"},
    "20,000 keys": {"more": "\n".join(f"k{n}: 1" for n in range(20_000))},
    "a text of megabytes": {"more": "model: " + "m" * 3_000_000},
}


@pytest.mark.parametrize("given", REFUSED.values(), ids=REFUSED)
def test_settings_have_bounds(given) -> None:
    began = time.process_time()
    with pytest.raises(ProblemsError) as caught:
        parse_config(CONFIG.format(**{**USUAL, **given}), "config.yaml")
    assert time.process_time() - began < 5
    problems = caught.value.problems
    assert len(problems) < 200
    assert max(map(len, problems)) <= MOST_SHOWN
    assert all(text.isprintable() for text in problems)


def test_what_is_usual_is_within_them() -> None:
    settings = USUAL | {"n_hours": "-87600", "numpar": "10000000", "file_tres": "366d"}
    assert parse_config(CONFIG.format(**settings), "c").n_hours == -87_600
    assert time_step("1440 min") == "1d"
    assert time_step("1 week") == "7d"
    assert file_format_problem(r"hrrr_%Y%m%d.*\.arl$") is None
    assert file_format_problem(r"(a|b)+?\\1") is None


@contextmanager
def memory_of(size: int):
    """Let this process have so many bytes more than it has."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_reading_takes_memory_for_what_is_there(tmp_path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 1000)
    with memory_of(100 << 20):
        assert read_regular(file, 4 << 30) == read_input(file, 4 << 30) == b"x" * 1000


def test_an_index_record_takes_memory_for_what_is_there(tmp_path) -> None:
    file = tmp_path / "file.arl"
    label = "26 61510 0 0\xff\xffINDX   0 0.0 0.0".ljust(50)
    grid = "".join(
        f"{number:7.2f}" for number in [90.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    )
    head = f"GFS1  0 0{grid}999999  2 2 108".ljust(108)
    file.write_text((label + head).ljust(400), encoding="latin-1")
    with memory_of(100 << 20):
        with pytest.raises(ArlError):
            read_arl(file)
        with pytest.raises(TransportError):
            read_index(file)


def test_no_pattern_keeps_a_search_going(tmp_path) -> None:
    for name in ("a" * 200 + "!", "b.arl", "caf\udce9.arl"):
        (tmp_path / name).touch()
    listing = Listing(str(tmp_path))
    listing.refresh()
    began = time.process_time()
    for pattern in ("(a+)+$", "(a|aa)+$", "(.*)*(.*)*(.*)*x!y", "((a{1,9}){1,9}){1,9}$"):
        assert file_format_problem(pattern) is None
        listing.search(pattern)
    assert time.process_time() - began < 2
    assert [path[-5:] for path in listing.search(r"[b]\.arl$")] == ["b.arl"]
    assert len(listing.search(r".*\.arl$")) == 2
    assert listing.search("(") == ()


def test_a_header_of_a_million_columns_is_told_in_a_line(tmp_path) -> None:
    file = tmp_path / "receptors.csv"
    file.write_text(",".join(f"column{n}" for n in range(1_000_000)) + "\n")
    began = time.process_time()
    with pytest.raises(ProblemsError) as caught:
        read_receptors(file, ["m"])
    assert time.process_time() - began < 10
    assert caught.value.problems == ("header: 1,000,000 columns, more than 10,000",)


@pytest.mark.parametrize("number", [LONG, "-" + LONGER, "1e999999", "1e300", "9" * 100_000])
@pytest.mark.parametrize("column", range(4))
def test_numbers_of_receptors_are_quoted_in_part(tmp_path, number, column) -> None:
    row = ["2024-07-01 18:00", "-111.85", "40.77", "5"]
    row[column] = number
    file = tmp_path / "receptors.csv"
    file.write_text("time,longitude,latitude,altitude\n" + ",".join(row) + "\n")
    with pytest.raises(ProblemsError) as caught:
        read_receptors(file, ["m"])
    assert max(map(len, caught.value.problems)) <= MOST_SHOWN


def test_a_command_says_little_about_much(tmp_path) -> None:
    project = make_project(tmp_path / "p", (5,))
    (project.path / "receptors.csv").write_text(",".join(f"c{n}" for n in range(1_000_000)) + "\n")
    answer = ask(project, "run")
    assert answer.code == 2
    assert len(answer.err) < 5000


COMPRESSED = {"gzip": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("compress", COMPRESSED.values(), ids=COMPRESSED)
def test_an_rds_file_is_not_inflated_without_end(tmp_path, monkeypatch, compress) -> None:
    pytest.importorskip("rdata")
    monkeypatch.setattr(r_tables, "MOST_BYTES", 4 << 20)
    file = tmp_path / "receptors.rds"
    file.write_bytes(compress(bytes(200 << 20)))
    with memory_of(150 << 20), pytest.raises(UnreadableError, match="when it is inflated"):
        r_tables.read_rds(file)
    file.write_bytes(compress(compress(bytes(1000))))
    with pytest.raises(UnreadableError, match="twice"):
        r_tables.read_rds(file)


def test_a_sequence_that_is_stored_as_its_length_is_not_laid_out() -> None:
    of = r_tables._bounded_sequences()
    _, values = of[b"compact_intseq"](SimpleNamespace(value=[3.0, 1.0, 1.0]))
    assert list(values) == [1, 2, 3]
    for kind in (b"compact_intseq", b"compact_realseq"):
        with pytest.raises(UnreadableError, match="longer than a table"):
            of[kind](SimpleNamespace(value=[4294967295.0, 1.0, 1.0]))


def test_what_r_saved_adds_no_line_to_receptors() -> None:
    frame = Frame(
        {
            "run_time": ["2024-07-01"],
            "long": [1.0],
            "lati": [2.0],
            "zagl": [3.0],
            "r_idx": ["a,b\nx"],
        }
    )
    lines = receptors_csv(frame, ids=['i"\n2024-07-02,1,2,3']).splitlines()
    assert len(lines) == 2
    (row,) = csv.reader(lines[1:])
    assert row[:5] == ["2024-07-01 00:00", "1", "2", "3", "a,b\\nx"]
