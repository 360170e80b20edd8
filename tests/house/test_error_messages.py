"""What errors say that no other test meets: what is wrong, where, and what to do next."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pandas as pd
import pytest

import stilt as package
from stilt.backends.slurm import commands
from stilt.batch.chunks import ChunkEntry, chunk_digest, encode_chunk, read_chunk
from stilt.batch.manifest import read_manifest
from stilt.batch.rivals import give_way
from stilt.config.load import load_config, parse_config
from stilt.footprint.hnf import dilute_near_field
from stilt.footprint.rows import rows_of
from stilt.foundations.errors import (
    DamagedError,
    EnvironmentFailure,
    InputError,
    NotFinishedError,
    ProblemsError,
    StiltError,
)
from stilt.foundations.simulation import Receptor, Simulation
from stilt.foundations.writers import this_writer
from stilt.log.events import Submitted
from stilt.log.index import OutputIndex
from stilt.log.writer import SegmentWriter
from stilt.migrate.pystilt import read_pystilt
from stilt.particles.parquet import read_particles
from stilt.particles.table import ParticleTable
from stilt.plot import window
from stilt.plot.figure import _draw_heights, new_figure
from stilt.receptors import read_receptors
from stilt.transport.hysplit.locate import locate
from tests.projects import make_project
from tests.shared_data import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOWER = Simulation("hrrr_1", "hrrr", Receptor("201512100000", (-112.0,), (40.0,), (5.0,)))
MINIMAL = "mets: {m: {directory: d, file_format: '%Y', file_tres: 1d}}\nn_hours: -1\n"


def said(error: type[StiltError], provoke: Callable[[], object]) -> str:
    """Return the message and the hint of the error that is provoked, with the problems it lists."""
    with pytest.raises(error) as caught:
        provoke()
    problems = getattr(caught.value, "problems", ())
    assert caught.value.hint
    return " ".join([caught.value.message, *problems, "->", caught.value.hint])


def program(folder: Path, name: str, body: bytes) -> None:
    (folder / name).write_bytes(body)
    (folder / name).chmod(0o755)


# Slurm


def test_a_program_of_slurm_that_cannot_be_started(tmp_path: Path, monkeypatch) -> None:
    program(tmp_path, "squeue", b"\x7fELF and nothing more")
    monkeypatch.setenv("PATH", str(tmp_path))
    text = said(EnvironmentFailure, lambda: commands.run("squeue"))
    assert str(tmp_path / "squeue") in text
    assert "that is no working Slurm: ask the cluster's support" in text


@pytest.mark.parametrize(("what", "name"), [("squeue", "squeue"), ("show_limits", "scontrol")])
def test_a_program_of_slurm_that_fails_in_silence(
    tmp_path: Path, monkeypatch, what: str, name: str
) -> None:
    program(tmp_path, name, b"#!/bin/sh\nexit 1\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    text = said(commands.SlurmError, getattr(commands, what))
    assert text.startswith(name)
    assert "it printed nothing" in text
    assert "run the same command again when Slurm answers" in text


# batches and the log


@pytest.mark.parametrize(
    ("data", "name", "says"),
    [
        (None, "0", "cannot be read: No such file or directory -> `stilt run` hands its work over"),
        (b"{}", "0", "is damaged: its bytes hash to "),
        (b"[]", None, "is no chunk: Expected `object`"),
        (b"", None, "is no chunk: Input data was truncated -> `stilt run` hands its work over"),
    ],
    ids=["missing", "other bytes", "no chunk", "empty"],
)
def test_a_chunk_that_cannot_be_worked_on(tmp_path: Path, data, name, says: str) -> None:
    path = tmp_path / f"{name or chunk_digest(data)}.json"
    if data is not None:
        path.write_bytes(data)
    text = said(DamagedError, lambda: read_chunk(path))
    assert f"chunk {path} " in text
    assert says in text


def test_what_a_newer_stilt_handed_over(tmp_path: Path) -> None:
    newer = encode_chunk([ChunkEntry.of(TOWER, "transport")]).replace(b'"format":1', b'"format":9')
    chunk = tmp_path / f"{chunk_digest(newer)}.json"
    chunk.write_bytes(newer)
    for path in (chunk, tmp_path / "batch.json"):
        read = read_chunk if path is chunk else read_manifest
        if path is not chunk:
            made = make_project(tmp_path / "p")
            assert made.stilt("run").code == 0
            (manifest,) = (made.output / "chunks").glob("*/batch.json")
            path.write_bytes(manifest.read_bytes().replace(b'"format": 1', b'"format": 9'))
        text = said(DamagedError, lambda path=path, read=read: read(path))
        assert f"{path} has format 9, this stilt reads up to 1" in text
        assert "use the stilt that wrote it" in text


def test_a_manifest_that_cannot_be_read(tmp_path: Path) -> None:
    text = said(DamagedError, lambda: read_manifest(tmp_path / "batch.json"))
    assert f"the batch's manifest {tmp_path / 'batch.json'} cannot be read: No such file" in text
    assert "`stilt run` hands its work over again" in text


def test_a_log_that_a_newer_stilt_wrote() -> None:
    log = OutputIndex(REPOSITORY / "spec" / "vectors" / "newer-major" / "log")
    text = said(StiltError, lambda: log.fold(use_checkpoint=False))
    assert "the log was written in format " in text
    assert "use the newer stilt that wrote it" in text


def test_another_run_that_handed_over_at_the_same_moment(tmp_path: Path) -> None:
    index = OutputIndex(tmp_path)
    mine = this_writer("run")
    other = msgspec.structs.replace(mine, host="elsewhere")
    SegmentWriter(tmp_path, "0001-other", 1, other).append(Submitted("0001-other", "t", "7", 0.0))
    own = tmp_path / "0001-mine" / "run-t-a00-s00001-here-1-00000000.log"
    text = said(NotFinishedError, lambda: give_way(index, frozenset(), own))
    assert f"another `stilt run` (elsewhere, pid {mine.pid}) handed over at the same moment" in text
    assert "this one started nothing; run it again to see what is left" in text


# the command line


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["init", "p", "--example", "--from", "."], "a project starts from one of them"),
        (["run", ".", "--only", "BAD_LUCK"], "--only BAD_LUCK: there is no such reason"),
        (["push-worker", ".", "--batch", "{batch}", "--task", "7"], "has tasks 0 to 0, not 7"),
    ],
)
def test_a_command_line_that_makes_no_sense(tmp_path: Path, arguments, says: str) -> None:
    project = make_project(tmp_path)
    assert project.stilt("run", "--n-workers", "1").code == 0
    (batch,) = project.batches()
    answer = project.stilt(*(word.format(batch=batch) for word in arguments))
    assert answer.code == 2
    assert says in answer.err
    assert "->" in answer.err


def test_a_pool_whose_processes_die_before_they_can_work(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    engine = tmp_path / "dying.py"
    engine.write_text(
        "import os, signal, sys\n"
        "class Engine:\n"
        "    name, version = 'dying', '1'\n"
        "    def prepare(self, config):\n"
        "        if 'push-worker' in sys.argv: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    def run(self, simulation, config, workdir): raise RuntimeError\n"
    )
    config = tmp_path / "config.yaml"
    lines = [line for line in config.read_text().splitlines() if not line.startswith("model:")]
    config.write_text("\n".join([*lines, f"model: '{engine}:Engine'"]) + "\n")
    answer = project.stilt("run")
    assert answer.code == 4
    assert (
        "processes of the pool ended before they could work (was killed by SIGKILL)" in answer.err
    )
    assert "their words are in the output of this task" in answer.err
    assert project.outcomes() == {}


# files that people write


def test_yaml_that_is_no_yaml_and_a_list(tmp_path: Path) -> None:
    text = said(ProblemsError, lambda: parse_config("a: [1", "config.yaml"))
    assert "config.yaml: 1 problem" in text
    assert "mend it and try again" in text
    text = said(ProblemsError, lambda: parse_config("- 1\n", "config.yaml"))
    assert "line 1: expected `key: value` lines, found a list" in text
    assert "`stilt init` writes one to start from" in text
    (tmp_path / "config.yaml").write_text("mets: {}\nmets: {}\n")
    text = said(ProblemsError, lambda: read_pystilt(tmp_path / "config.yaml"))
    assert str(tmp_path / "config.yaml") in text
    assert "mend it there and try again" in text


def test_a_folder_where_a_file_is_needed(tmp_path: Path) -> None:
    text = said(InputError, lambda: read_receptors(tmp_path, ("hrrr",)))
    assert f"{tmp_path}: Is a directory -> a readable file is needed" in text
    text = said(InputError, lambda: load_config(tmp_path))
    assert f"{tmp_path}: Is a directory -> the project needs a readable file" in text


def test_a_hysplit_without_its_tables(tmp_path: Path) -> None:
    program(tmp_path, "hycs_std", b"#!/bin/sh\n")
    text = said(InputError, lambda: locate(str(tmp_path)))
    assert f"{tmp_path} has no ASCDATA.CFG" in text
    assert "put HYSPLIT's data tables beside hycs_std" in text


# particles and pictures


def test_particles_without_a_column_that_is_needed() -> None:
    bare = ParticleTable({"time": np.ones(1), "indx": np.ones(1)})
    text = said(InputError, lambda: rows_of(bare))
    assert "a footprint needs the particle columns long, lati, foot, which are not there" in text
    assert "add them to varsiwant" in text
    text = said(InputError, lambda: dilute_near_field(bare, TOWER.receptor, 0.5))
    assert "hnf_plume needs the particle columns " in text
    assert "or set hnf_plume: false" in text
    frame = pd.DataFrame({"time": [1.0]})
    text = said(InputError, lambda: _draw_heights(None, frame))  # type: ignore[arg-type]
    assert "the particles have no zagl, so heights can't be drawn -> add it to varsiwant" in text


@pytest.mark.parametrize(("data", "why"), [(None, "is missing"), (b"PAR1", "can't be read: ")])
def test_a_particle_file_that_is_gone_or_damaged(tmp_path: Path, data, why: str) -> None:
    path = tmp_path / "hrrr_1.parquet"
    if data is not None:
        path.write_bytes(data)
    text = said(DamagedError, lambda: read_particles(path))
    assert f"the particle file {path} {why}" in text
    assert "'stilt verify', then 'stilt run', makes it again" in text


def test_settings_that_yaml_cannot_hold() -> None:
    met = {"directory": ".", "file_format": "x", "file_tres": "1d"}
    text = said(InputError, lambda: package.run_trajectories(TOWER.receptor, met, numpar=object()))
    assert "give numbers, texts, lists and dictionaries" in text


def test_a_machine_without_matplotlib(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "stilt.plot.canvas", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    monkeypatch.setenv("DISPLAY", ":99")
    for picture in (new_figure, lambda: window.show(None)):  # type: ignore[arg-type]
        text = said(EnvironmentFailure, picture)
        assert "pictures need matplotlib, which is not installed" in text
        assert "pip install 'stilt-hpc[plot]'" in text


def test_a_display_and_no_toolkit_for_windows(monkeypatch) -> None:
    monkeypatch.setenv("DISPLAY", ":99")
    monkeypatch.setattr("matplotlib.pyplot.get_backend", lambda: "agg")
    text = said(EnvironmentFailure, lambda: window.show(None))  # type: ignore[arg-type]
    assert "matplotlib finds no toolkit to make a window with" in text
    assert "write a file: -o picture.png" in text
