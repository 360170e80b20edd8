"""The reader of ARL files, held against arlmet."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import arlmet
import numpy as np
import pytest

from stilt.transport.native import arl
from stilt.transport.native.arl import AnalysisReader, read_index
from stilt.transport.native.levels import vertical_grid
from stilt.transport.native.projection import map_grid
from stilt.transport.protocol import TransportError
from tests.shared_data import shared

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def index():
    return read_index(shared("data", "oct1618.BIN"))


@pytest.fixture(scope="module")
def dataset():
    return arlmet.open_dataset(shared("data", "oct1618.BIN"))


def test_times_are_all_there(index):
    assert len(index) == 36
    assert {b.minutes - a.minutes for a, b in pairwise(index)} == {120}


@pytest.mark.parametrize(
    ("name", "level"), [("TEMP", 1), ("UWND", 10), ("SPHU", 5), ("EXCO", 0), ("PRSS", 0)]
)
def test_fields_equal_those_of_arlmet(index, dataset, name, level):
    ours = AnalysisReader(index[7]).field(name, level, (0, 28), (0, 33))
    theirs = dataset[name].isel(time=7)
    theirs = theirs if level == 0 else theirs.isel(level=level - 1)
    np.testing.assert_allclose(ours, theirs.to_numpy(), rtol=1e-6, atol=1e-6)


def test_a_rectangle_is_a_part_of_the_whole(index):
    reader = AnalysisReader(index[3])
    whole = reader.field("VWND", 4, (0, 28), (0, 33))
    np.testing.assert_array_equal(reader.field("VWND", 4, (5, 9), (3, 20)), whole[5:9, 3:20])


def test_points_lie_where_arlmet_puts_them(index, dataset):
    y, x = np.meshgrid(np.arange(28) + 1.0, np.arange(33) + 1.0, indexing="ij")
    longitude, latitude = map_grid(index[0].grid).to_longlat(x, y)
    np.testing.assert_allclose(longitude, dataset["lon"], atol=1e-9)
    np.testing.assert_allclose(latitude, dataset["lat"], atol=1e-9)


def test_projection_and_levels_are_those_of_the_specification(index):
    grid = map_grid(index[0].grid)
    assert grid.scale_km == pytest.approx(98.01582, abs=1e-5)
    assert grid.to_index(-90.0, 40.0) == pytest.approx((21.09502, 13.47200), abs=1e-5)
    assert grid.to_longlat(*grid.to_index(-90.0, 40.0)) == pytest.approx((-90.0, 40.0))
    levels = vertical_grid(index[0], 25000.0)
    assert (levels.a, levels.b, levels.c, levels.count) == (30.0, -25.0, 5.0, 30)
    assert list(levels.heights_m[:5]) == [10.0, 75.0, 200.0, 385.0, 630.0]
    assert levels.surface_layer == 2


CONES = {
    "polar south": {"tang_lat": -90.0, "ref_lat": -60.0, "sync_lat": -90.0, "sync_lon": 0.0},
    "Lambert": {"tang_lat": 38.5, "ref_lat": 38.5, "sync_lat": 21.1, "sync_lon": -122.7},
    "Mercator": {"tang_lat": 0.0, "ref_lat": 20.0, "sync_lat": 0.0, "sync_lon": -105.0},
    "turned": {
        "tang_lat": 90.0,
        "ref_lat": 60.0,
        "sync_lat": 40.0,
        "sync_lon": -100.0,
        "orient": 20.0,
    },
    "longitude-latitude": {
        "size_km": 0.0,
        "ref_lat": 0.5,
        "ref_lon": 0.5,
        "sync_lat": 20.0,
        "sync_lon": -120.0,
    },
}


@pytest.mark.parametrize("name", CONES)
def test_projections_invert_and_their_cells_have_the_size_they_say(index, name):

    grid = map_grid(replace(index[0].grid, sync_x=1.0, sync_y=1.0, **CONES[name]))
    sign = -1.0 if "south" in name else 1.0
    longitude, latitude = np.array([-100.0, -95.0, -80.0]), sign * np.array([31.0, 45.0, 50.0])
    x, y = grid.to_index(longitude, latitude)
    back = grid.to_longlat(x, y)
    np.testing.assert_allclose(back[0], longitude, atol=1e-9)
    np.testing.assert_allclose(back[1], latitude, atol=1e-9)
    for at in range(3):
        row, column = int(y[at]), int(x[at])
        dx, dy = grid.cell_metres((row, row + 1), (column, column + 1))
        east = grid.to_longlat(
            np.array([column + 0.5, column + 1.5]), np.array([row + 1.0, row + 1.0])
        )
        north = grid.to_longlat(
            np.array([column + 1.0, column + 1.0]), np.array([row + 0.5, row + 1.5])
        )
        assert distance_m(*east) == pytest.approx(dx[0, 0], rel=2e-3)
        assert distance_m(*north) == pytest.approx(dy[0, 0], rel=2e-3)


def distance_m(longitude, latitude) -> float:
    a, b = np.radians(longitude), np.radians(latitude)
    half = np.sin(np.diff(b) / 2) ** 2 + np.cos(b[0]) * np.cos(b[1]) * np.sin(np.diff(a) / 2) ** 2
    return float(2 * 6371200.0 * np.arcsin(np.sqrt(half[0])))


@pytest.mark.parametrize("content", [b"", b"not meteorology" * 100, bytes(5000)])
def test_other_files_are_refused_by_name(tmp_path: Path, content: bytes):
    path = tmp_path / "met"
    path.write_bytes(content)
    with pytest.raises(TransportError, match="not an ARL file"):
        read_index(path)


def test_a_file_cut_in_its_last_time_keeps_the_times_before(tmp_path: Path):
    data = shared("data", "oct1618.BIN").read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(data[: len(data) // 2 + 1000])
    assert len(read_index(path)) == 18


def test_rectangles_in_any_order_are_parts_of_the_whole(index):
    """What a reader keeps of one rectangle, such as the first column's values, serves for the next."""
    whole = AnalysisReader(index[5]).stack([("TEMP", 3), ("PRSS", 0)], (0, 28), (0, 33))
    reader = AnalysisReader(index[5])
    for rows, columns in [
        ((20, 28), (30, 33)),
        ((3, 4), (0, 1)),
        ((8, 16), (1, 33)),
        ((0, 28), (16, 24)),
    ]:
        part = reader.stack([("TEMP", 3), None, ("PRSS", 0)], rows, columns)
        expected = whole[:, slice(*rows), slice(*columns)]
        np.testing.assert_array_equal(part[[0, 2]], expected)
        assert not part[1].any()


def test_a_kernel_that_cannot_map_pages_ahead_reads_the_same(index, monkeypatch):
    place = ("TEMP", 3, (20, 28), (10, 18))
    expected = AnalysisReader(index[3]).field(*place)
    monkeypatch.setattr(arl, "_POPULATE_READ", 12345)
    np.testing.assert_array_equal(AnalysisReader(index[3]).field(*place), expected)
