"""Outputs and archives that announce far more than they have are refused before memory is taken for it."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from netCDF4 import Dataset

from stilt.api.project import Project as Opened
from stilt.archive.container import Entry, read_packed
from stilt.archive.footprints import About, Content, Grid, unpacked
from stilt.footprint.frame import encode
from stilt.footprint.netcdf import read_footprint
from stilt.foundations.errors import DamagedError, EnvironmentFailure, InputError, StiltError
from stilt.foundations.simulation import Receptor
from stilt.met.arl import ArlError
from stilt.met.header import read_header
from stilt.migrate.r_tables import read_parquet
from stilt.migrate.r_values import UnreadableError
from stilt.particles.parquet import read_particles
from stilt.weighting.table import read_rows
from tests.hostile.asking import ask
from tests.hostile.logs import done, header, write_segment
from tests.hostile.test_limits import memory_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> Path:
    """A Parquet file of 600 million rows in a few hundred kilobytes."""
    path: Path = tmp_path_factory.mktemp("rows") / "x.parquet"
    write_zeros(path, 2_000_000, ("time", "indx", "foot"))
    footer, one = pq.read_metadata(path), pq.read_metadata(path)
    for _ in range(299):  # the same bytes over and over
        footer.append_row_groups(one)
    footer.write_metadata_file(path.with_name("footer"))
    path.write_bytes(path.read_bytes() + path.with_name("footer").read_bytes()[4:])
    return path


def write_zeros(path: Path, rows: int, names: tuple[str, ...]) -> None:
    """Write zeros, packed as tightly as can be."""
    pq.write_table(
        pa.table({name: pa.array(np.zeros(rows, np.int64)) for name in names}),
        path,
        compression="zstd",
        use_dictionary=False,
        column_encoding="DELTA_BINARY_PACKED",
        row_group_size=rows,
        data_page_size=1 << 30,
        max_rows_per_page=rows,
    )


@pytest.fixture(scope="module")
def cells(tmp_path_factory) -> Path:
    """A footprint file of a million million cells, none of which is written."""
    path: Path = tmp_path_factory.mktemp("cells") / "x.nc"
    announce(path, 1_000_000)
    return path


def announce(path: Path, size: int) -> None:
    with Dataset(path, "a" if path.exists() else "w", format="NETCDF4") as file:
        for name in ("much_time", "much_lat"):
            file.createDimension(name, size)
        file.createVariable(
            "more", "f4", ("much_time", "much_lat"), zlib=True, chunksizes=(1, 1000)
        )
        file.createVariable("much_lat", "f8", ("much_lat",))


def test_rows_that_are_announced_take_no_memory(rows) -> None:
    with memory_of(1 << 30), pytest.raises(DamagedError, match=r"announces .* no stilt wrote it"):
        read_particles(rows)


def write_text_of_every_row(path: Path, rows: int, names: tuple[str, str]) -> None:
    """Write a number and a text of a megabyte, which is stored once."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * rows), pa.array(["x" * 1_000_000]))
    table = pa.table(dict(zip(names, (pa.array([1.0] * rows), text), strict=True)))
    pq.write_table(table, path, compression="zstd", store_schema=False)


def test_a_text_that_every_row_has_takes_no_memory(tmp_path) -> None:
    path = tmp_path / "x.parquet"
    write_text_of_every_row(path, 10_000, ("time", "s"))
    assert path.stat().st_size < 10_000
    with memory_of(1 << 30):
        with pytest.raises(DamagedError, match="its column s is none of numbers"):
            read_particles(path)
        with pytest.raises(UnreadableError, match="when it is unpacked"):
            read_parquet(path)
        write_text_of_every_row(path, 10_000, ("about", "sim"))
        with pytest.raises(DamagedError, match="row group 0 is not that of x"):
            read_packed(path, 0, Entry("p", "x", 1, "d"))


def test_rows_of_an_archive_that_are_announced_take_no_memory(tmp_path) -> None:
    path = tmp_path / "x.parquet"
    write_zeros(path, 10_000_000, ("sim", "about"))
    with pytest.raises(DamagedError, match=r"announces .* no stilt wrote it"):
        read_packed(path, 0, Entry("p", "x", 1, "d"))


def test_cells_that_are_announced_take_no_memory(cells) -> None:
    with memory_of(1 << 30), pytest.raises(DamagedError, match=r"announces .* no stilt wrote it"):
        read_footprint(cells)


def test_axes_of_meteorology_that_are_announced_take_no_memory(tmp_path) -> None:
    path = tmp_path / "x.nc"
    with Dataset(path, "w") as file:
        for name in ("latitude", "longitude"):
            file.createDimension(name, 1_000_000_000)
            file.createVariable(name, "f8", (name,), zlib=True, chunksizes=(1000,))
    with memory_of(1 << 30), pytest.raises(ArlError, match="announces 1,000,000,000 points"):
        read_header(path)


def test_an_attribute_of_meteorology_that_is_no_text_is_an_answer(tmp_path) -> None:
    path = tmp_path / "x.nc"
    with Dataset(path, "w") as file:
        file.createDimension("latitude", 4)
        file.createVariable("t2m", "f4", ("latitude",)).coordinates = np.float64(1.0)
    with pytest.raises(ArlError, match="its grid is not one of longitude and latitude"):
        read_header(path)


def test_a_table_of_kernels_that_announces_more_than_memory_is_refused(tmp_path) -> None:
    path = tmp_path / "k.nc"
    announce(path, 1_000_000)
    rows = tmp_path / "k.parquet"
    write_text_of_every_row(rows, 20_000, ("averaging_kernel", "receptor"))
    pipe = tmp_path / "k.csv"
    os.mkfifo(pipe)
    with memory_of(1 << 30):
        with pytest.raises(EnvironmentFailure, match="of memory to read"):
            read_rows(path, ())
        with pytest.raises(StiltError):
            read_rows(rows, ())
        with pytest.raises(InputError, match="there is no such file"):
            read_rows(pipe, ())


def test_a_grid_of_an_archive_that_does_not_fit_into_memory_is_refused() -> None:

    receptor = Receptor("201512100000", (0.0,), (0.0,), (5.0,))
    grid = Grid("p", True, tuple(map(float, range(30_000))), tuple(map(float, range(30_000))))
    about = About(
        sim="x",
        receptor=receptor,
        times=tuple(range(100)),
        grid=0,
        is_integrated=False,
        provenance={},
    )
    nothing = encode(np.empty(0, np.int64), np.empty(0, np.float32))
    with memory_of(1 << 30), pytest.raises(EnvironmentFailure, match="of memory to read"):
        unpacked(Content(nothing, 0, about, grid))
    with memory_of(1 << 30), pytest.raises(EnvironmentFailure, match="of memory to read"):
        unpacked(Content(nothing, 10**9, about, grid))


def test_commands_tell_of_them(project, rows, tmp_path) -> None:
    (sim,) = (result.id for result in Opened(project.path))
    (particles,) = project.output.glob("particles/*/.*.parquet.*")
    (foot,) = project.output.glob("footprints/fine/*/.*.nc.*")
    shutil.copy(rows, particles)
    announce(foot, 1_000_000)
    with memory_of(2 << 30):
        for command in (f"plot {sim} -o {tmp_path}/x.png", "report", "archive", "verify"):
            answer = ask(project, *command.split())
            assert answer.code in {0, 5}, (command, answer.err)
            assert "Traceback" not in answer.err


@pytest.mark.parametrize("names", [("sim", "about"), ("time", "time")])
def test_columns_that_no_stilt_writes_are_left_as_they_are(project, names) -> None:
    (particles,) = project.output.glob("particles/*/.*.parquet.*")
    write_zeros(particles, 10, ("a", "b"))
    pq.write_table(pq.read_table(particles).rename_columns(names), particles)
    for command in ("archive --dry-run", "archive", "verify"):
        answer = ask(project, *command.split())
        assert answer.code in {0, 5}, (command, answer.err)
    assert particles.exists()


def test_a_segment_that_does_not_fit_into_memory_is_told_of(project) -> None:
    path = write_segment(project.output / "log", header(), done("fake_x"))
    os.truncate(path, 1 << 42)
    with memory_of(2 << 30):
        for command in ("status --no-slurm", "log show", "log replay", "verify", "run --dry-run"):
            answer = ask(project, *command.split())
            assert answer.code == 4, (command, answer.err)
            assert "of memory to read" in answer.err
