"""A matrix that was killed on the way goes on where it was, and is the same to the byte."""

from __future__ import annotations

import os
import random
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array

import stilt
from stilt.api import jacobian as module
from stilt.api.jacobian import jacobian
from stilt.api.kept_rows import KeptRows
from stilt.cli.program import main
from stilt.foundations.errors import InputError, NotFinishedError
from tests.house.test_jacobian import footprints
from tests.projects import FOOTPRINT, make_project

ROOT = Path(__file__).parents[2]
WIDTH, COUNT = 50, 1000


def blocks(count: int) -> list[csr_array]:
    chance = np.random.default_rng(1)
    return [csr_array(random_array((3, WIDTH), density=0.3, rng=chance)) for _ in range(count)]


def same(ours: list[csr_array], theirs: list[csr_array]) -> bool:
    return all((a != b).nnz == 0 for a, b in zip(ours, theirs, strict=True))


def test_a_file_that_is_cut_anywhere_has_its_whole_blocks_and_takes_more(tmp_path) -> None:
    made, path = blocks(3), tmp_path / "rows"
    ends = []
    with KeptRows(path, "m", WIDTH, COUNT) as kept:
        assert list(kept.blocks()) == []
        for block in made:
            ends.append(path.stat().st_size)
            kept.add(block)
    whole = path.read_bytes()
    for size in (*range(0, len(whole), 37), *ends, *(end - 1 for end in ends), len(whole)):
        path.write_bytes(whole[:size])
        with KeptRows(path, "m", WIDTH, COUNT) as kept:
            known = list(kept.blocks())
            assert len(known) == sum(size >= end for end in (*ends[1:], len(whole)))
            assert same(known, made[: len(known)])
            for block in made[len(known) :]:
                kept.add(block)
        assert path.read_bytes() == whole


def test_a_damaged_block_and_all_after_it_are_made_again(tmp_path) -> None:
    made, path = blocks(3), tmp_path / "rows"
    with KeptRows(path, "m", WIDTH, COUNT) as kept:
        list(kept.blocks())
        for block in made:
            kept.add(block)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with KeptRows(path, "m", WIDTH, COUNT) as kept:
        assert same(list(kept.blocks()), made[:1])


def test_rows_of_another_matrix_are_not_taken(tmp_path) -> None:
    path = tmp_path / "rows"
    with KeptRows(path, "m", WIDTH, COUNT) as kept:
        list(kept.blocks())
        kept.add(blocks(1)[0])
    with KeptRows(path, "other", WIDTH, COUNT) as kept:
        assert list(kept.blocks()) == []


def test_two_commands_do_not_make_one_matrix(tmp_path) -> None:
    path = tmp_path / "rows"
    with (
        KeptRows(path, "m", WIDTH, COUNT),
        pytest.raises(NotFinishedError, match="another command makes the matrix"),
    ):
        KeptRows(path, "m", WIDTH, COUNT)


@pytest.mark.parametrize(
    ("begin", "column"),
    [
        ([0, 1, 2], [3, WIDTH]),
        ([0, 1, 2], [3, -1]),
        ([0, 2, 1], [3, 4]),
        ([1, 1, 2], [3, 4]),
        ([0] * (COUNT + 2), []),
    ],
)
def test_rows_that_are_none_are_made_again_though_their_checksum_holds(
    tmp_path, begin, column
) -> None:
    path = tmp_path / "rows"
    data = np.array([*begin, *column], "<i8").tobytes() + np.ones(len(column)).tobytes()
    with KeptRows(path, "m", WIDTH, COUNT):
        head = struct.pack("<QQI", len(begin) - 1, len(column), zlib.crc32(data))
    path.write_bytes(path.read_bytes() + head + data)
    with KeptRows(path, "m", WIDTH, COUNT) as kept:
        assert list(kept.blocks()) == []


def test_rows_of_what_may_change_under_its_name_are_not_kept(tmp_path) -> None:
    with pytest.raises(InputError, match="rows can be kept of results of a project alone"):
        jacobian(footprints(), resume=tmp_path / "rows")


def test_only_what_is_left_is_read_again(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 1)
    array = footprints()
    asked: list[int] = []

    def read(first: int, last: int) -> csr_array:
        asked.append(first)
        if asked == [0, 1]:
            raise KeyboardInterrupt
        values = array[first:last].to_numpy().astype(float)
        return csr_array(values.reshape(-1, array[0, 0].size))

    read.identity = "these"  # type: ignore[attr-defined]
    path = tmp_path / "rows"
    with pytest.raises(KeyboardInterrupt):
        jacobian(array, read=read, resume=path)
    found = jacobian(array, read=read, resume=path)
    assert asked == [0, 1, 1, 2]
    assert (found.matrix != jacobian(array).matrix).nnz == 0
    doubled = jacobian(array, 0.5, read=read, resume=path)  # another matrix
    assert asked[4:] == [0, 1, 2]
    assert (doubled.matrix != jacobian(array, 0.5).matrix).nnz == 0


def command(project: Path, output: Path, number: int) -> int:
    """Make a matrix, killed before that effect on the disk; return the exit code."""
    words = [sys.executable, "-m", "tests.house.killed_jacobian", project, output, str(number)]
    answer = subprocess.run(
        list(map(str, words)), cwd=ROOT, env=os.environ, capture_output=True, check=False
    )
    assert answer.returncode in (0, -signal.SIGKILL), answer.stderr
    return answer.returncode


def test_killed_at_any_moment_and_rerun_it_is_the_same_to_the_byte(tmp_path) -> None:
    made = make_project(tmp_path / "p", range(5, 45, 5), footprints=f"{{near: {FOOTPRINT}}}")
    assert made.stilt("run", "--cpus", "2").code == 0
    assert made.stilt("archive").code == 0
    whole, output = tmp_path / "whole.nc", tmp_path / "H.nc"
    assert command(made.path, whole, 10**6) == 0
    chance = random.Random(19)
    kills = 0
    while command(made.path, output, chance.randrange(1, 9)):
        kills += 1
    assert kills > 1
    assert output.read_bytes() == whole.read_bytes()
    assert not (tmp_path / ".H.nc.rows").exists()
    assert stilt.Jacobian.open(output).shape[0] == 8


def test_ctrl_c_says_that_the_same_command_goes_on(tmp_path, monkeypatch, capsys) -> None:
    made = make_project(tmp_path / "p", [5], footprints=f"{{near: {FOOTPRINT}}}")
    assert made.stilt("run").code == 0

    def stopped(_what: str, _make: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stilt.cli.jacobian.with_bar", stopped)
    with pytest.raises(SystemExit) as ended:
        main(["jacobian", str(made.path), "-o", str(tmp_path / "H.nc")])
    assert ended.value.code == 3
    said = " ".join(capsys.readouterr().err.split())
    assert "was whole [MATRIX_INTERRUPTED]" in said
    assert "the same command goes on: rows that are made are kept beside it" in said
