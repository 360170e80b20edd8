"""Headers of ARL files: all that they say, or a refusal that names the file."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stilt.met.arl import ArlError, read_arl
from stilt.met.grid import Grid
from stilt.met.header import signature
from tests.meteorology import KINDS, START, write, write_changing
from tests.shared_data import shared

if TYPE_CHECKING:
    from types import ModuleType

    from tests.met.conftest import Analyses

NGM = Grid(
    pole_lat=90, pole_lon=0, ref_lat=60, ref_lon=-105, size_km=182.9, orientation=0,
    tangent_lat=90, sync_x=13.25, sync_y=42.75, sync_lat=90, sync_lon=0, nx=33, ny=28,
)  # fmt: skip


def test_the_sample_file_is_described_in_full() -> None:
    found = read_arl(shared("data", "oct1618.BIN"))
    assert found.model == "NGM"
    assert found.grid == NGM
    assert found.times[0] == datetime(1995, 10, 16, 0, tzinfo=UTC)
    assert found.times[-1] == datetime(1995, 10, 18, 22, tzinfo=UTC)
    assert len(found.times) == 36
    assert found.step == timedelta(hours=2)
    assert found.level_type == 1
    assert [level.height for level in found.levels[:3]] == [1.0, 0.9823, 0.9432]
    assert found.levels[0].variables[:4] == ("TPPT", "EXCO", "HFLX", "PRSS")
    assert found.levels[1].variables == ("UWND", "VWND", "WWND", "SPHU", "TEMP")
    assert len(found.levels) == 11


def test_places_on_a_polar_stereographic_grid_are_those_of_the_specification() -> None:
    x, y = NGM.to_grid(-90, 40)
    assert x == pytest.approx(21.09502, abs=2e-5)
    assert y == pytest.approx(13.47200, abs=2e-5)
    assert NGM.contains(-90, 40)
    assert not NGM.contains(20, 10)


GRIDS = {
    "polar stereographic": NGM,
    "polar stereographic, turned": Grid(90, 0, 60, -80, 12, 10, 90, 1, 1, 30, -110, 200, 150),
    "south polar stereographic": Grid(-90, 0, -60, 0, 50, 0, -90, 1, 1, -70, -60, 100, 100),
    "Lambert": Grid(38.5, -97.5, 38.5, -97.5, 3, 0, 38.5, 1, 1, 21.14, -122.72, 1799, 1059),
    "Mercator": Grid(0, 0, 20, -75, 10, 0, 0, 1, 1, 10, -90, 300, 150),
    "regional degrees": Grid(50, 40, 0.5, 0.5, 0, 0, 0, 1, 1, 30, -20, 121, 41),
    "global degrees": Grid(90, 359, 1, 1, 0, 0, 0, 1, 1, -90, 0, 360, 181),
}


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_places_come_back_from_every_projection(grid: Grid) -> None:
    for x in (1.0, 0.3 * grid.nx, float(grid.nx)):
        for y in (1.5, 0.7 * grid.ny):
            lon, lat = grid.to_lonlat(x, y)
            assert -180 <= lon <= 180
            assert -90 <= lat <= 90
            assert grid.to_grid(lon, lat) == pytest.approx((x, y), abs=1e-4)
            assert grid.contains(lon, lat)


@pytest.mark.parametrize("name", ["Lambert", "Mercator", "polar stereographic, turned"])
def test_projections_are_those_of_proj(name: str) -> None:
    import pyproj

    grid = GRIDS[name]
    if name == "Lambert":
        text = (
            f"+proj=lcc +lat_1={grid.tangent_lat} +lat_0={grid.tangent_lat} +lon_0={grid.ref_lon}"
        )
    elif name == "Mercator":
        text = f"+proj=merc +lat_ts={grid.ref_lat} +lon_0={grid.ref_lon}"
    else:
        text = f"+proj=stere +lat_0=90 +lat_ts={grid.ref_lat} +lon_0={grid.ref_lon}"
    project = pyproj.Proj(f"{text} +R=6371200")
    x0, y0 = project(grid.sync_lon, grid.sync_lat)
    lon, lat = grid.sync_lon + 7, grid.sync_lat + 5
    x, y = project(lon, lat)
    east, north = (x - x0) / 1000 / grid.size_km, (y - y0) / 1000 / grid.size_km
    found_x, found_y = grid.to_grid(lon, lat)
    distance = ((found_x - 1) ** 2 + (found_y - 1) ** 2) ** 0.5
    assert distance == pytest.approx((east**2 + north**2) ** 0.5, rel=1e-5)
    if grid.orientation == 0:
        assert (found_x - 1, found_y - 1) == pytest.approx((east, north), rel=1e-4)


def test_a_global_grid_has_every_longitude() -> None:
    grid = GRIDS["global degrees"]
    assert grid.is_global
    assert all(grid.contains(lon, 40) for lon in (-180, -0.5, 0, 179.9, 359.5))
    assert not GRIDS["regional degrees"].is_global
    assert not GRIDS["regional degrees"].contains(41, 40)
    assert GRIDS["regional degrees"].contains(-20, 40)


def test_the_outline_goes_round_the_grid() -> None:
    outline = NGM.outline(5)
    assert len(outline) == 16
    on_border = [NGM.to_grid(lon, lat) for lon, lat in outline]
    assert all(min(abs(x - 1), abs(x - 33), abs(y - 1), abs(y - 28)) < 1e-6 for x, y in on_border)


def two_bytes_a_point() -> bytes:
    kind = replace(KINDS["coarse"], bits=16)
    with tempfile.TemporaryDirectory() as folder:
        return write(Path(folder) / "wide", kind, 3.0).read_bytes()


@pytest.mark.parametrize(
    ("injury", "message"),
    [
        ("empty", "is empty"),
        ("garbage", "no index record at byte 0"),
        ("cut in the only time", "is cut off at byte 5,000"),
        ("garbage after a time", "no index record at byte"),
        ("two bytes a point", "packed in two bytes a point"),
        ("not ascending", "do not ascend"),
        ("other grid", "changes its grid"),
    ],
)
def test_a_file_that_does_not_fit_is_not_described_by_halves(
    tmp_path: Path, analyses: Analyses, injury: str, message: str
) -> None:
    good = analyses.between("1995101600", "1995101606")
    injured = {
        "empty": b"",
        "garbage": b"GRIB" + bytes(5000),
        "cut in the only time": good[:5000],
        "garbage after a time": good[: len(good) // 3] + bytes(5000),
        "two bytes a point": two_bytes_a_point(),
        "not ascending": analyses.between("1995101606", "1995101608") + good,
        "other grid": good[: len(good) // 3] + good[len(good) // 3 :].replace(b"182.90", b"190.50"),
    }
    path = tmp_path / "broken.arl"
    path.write_bytes(injured[injury])
    with pytest.raises(ArlError, match=message) as caught:
        read_arl(path)
    assert "broken.arl" in str(caught.value)


@pytest.mark.parametrize("missing", [1, 700, 5000])
def test_of_a_file_that_is_cut_off_the_whole_times_are_told(
    tmp_path: Path, analyses: Analyses, missing: int
) -> None:
    path = tmp_path / "cut.arl"
    path.write_bytes(analyses.between("1995101600", "1995101606")[:-missing])
    found = read_arl(path)
    assert [time.hour for time in found.times] == [0, 2]
    assert f"cut.arl is cut off at byte {path.stat().st_size:,}" in found.cut
    assert "after 1995-10-16 02:00 UTC" in found.cut


def test_times_that_are_not_like_the_first_are_told(tmp_path: Path) -> None:
    usual = KINDS["coarse"]
    fewer = replace(usual, levels=usual.levels[:-1])
    found = read_arl(write_changing(tmp_path / "a", [usual, usual, fewer]))
    assert (found.changes, found.varies) == (found.times[2], None)
    content = [
        write(tmp_path / "one", usual, 0.0, START + timedelta(hours=hour)).read_bytes()
        for hour in (0, 3, 6, 7)
    ]
    (tmp_path / "b").write_bytes(b"".join(content))
    found = read_arl(tmp_path / "b")
    assert (found.changes, found.varies) == (None, found.times[3])


def test_a_file_that_changes_is_read_again(tmp_path: Path, analyses: Analyses) -> None:
    path = tmp_path / "growing.arl"
    path.write_bytes(analyses.between("1995101600", "1995101604"))
    assert len(read_arl(path).times) == 2
    path.write_bytes(analyses.between("1995101600", "1995101608"))
    assert len(read_arl(path).times) == 4


def test_files_that_arlmet_writes_are_read(tmp_path: Path) -> None:
    from stilt.example.atmosphere import COLUMNS, ROWS, write_atmosphere

    for path in write_atmosphere(tmp_path):
        found = read_arl(path)
        assert (found.grid.nx, found.grid.ny) == (COLUMNS, ROWS)
        assert found.grid.is_longlat
        assert len(found.times) > 1


def test_a_signature_tells_files_of_one_name_apart(tmp_path: Path, analyses: Analyses) -> None:
    path = tmp_path / "met"
    path.write_bytes(analyses.between("1995101600", "1995101606"))
    first = signature(path)
    assert re.fullmatch(r"met \d+ [0-9a-f]{16}\.[0-9a-f]{16}", first)
    path.write_bytes(analyses.between("1995101602", "1995101608"))
    assert signature(path).split()[:2] == first.split()[:2]
    assert signature(path) != first
    path.write_bytes(b"no ARL")
    assert signature(path) == "met 6 -"
    path.unlink()
    assert signature(path) == "met - -"


@pytest.mark.parametrize("name", ["coarse", "gdas1", "gfs", "north pole", "mercator", "turned"])
def test_many_places_are_on_a_grid_if_each_is(tmp_path: Path, name: str) -> None:
    grid = read_arl(write(tmp_path / "one", replace(KINDS[name]), 0.0)).grid
    dice = np.random.default_rng(1)
    lon, lat = dice.uniform(-180, 180, 2000), dice.uniform(-90, 90, 2000)
    inside = np.array([grid.to_lonlat(*place) for place in dice.uniform(-1, 30, (2000, 2))])
    lon, lat = np.concatenate([lon, inside[:, 0]]), np.concatenate([lat, inside[:, 1]])
    each = [grid.can_start(*place) for place in zip(lon.tolist(), lat.tolist(), strict=True)]
    assert grid.can_start_at(lon, lat).tolist() == each
    assert 0 < sum(each) <= len(each)


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        (GRIDS["regional degrees"], "121 x 41 points of 0.5 deg, -20 to 40 E, 30 to 50 N"),
        (GRIDS["global degrees"], "360 x 181 points of 1 deg, all longitudes, -90 to 90 N"),
        (
            Grid(52.25, 190, 0.25, 0.25, 0, 0, 0, 1, 1, 47.5, 170, 81, 20),
            "81 x 20 points of 0.25 deg, 170 to -170 E, 47.5 to 52.25 N",
        ),
        (
            Grid(90, 0, 60, -80, 50, 0, 90, 50, 50, 90, 0, 100, 100),
            "100 x 100 points of 50 km, all longitudes, 56.88 to 90 N",
        ),
        (GRIDS["Mercator"], "300 x 150 points of 10 km, -90 to -61.39 E, 10 to 23.61 N"),
    ],
)
def test_a_grid_is_said_in_words(grid: Grid, words: str) -> None:
    assert grid.words == words


@pytest.mark.parametrize(("module", "undoes"), [(bz2, "bunzip2"), (gzip, "gunzip"), (lzma, "unxz")])
def test_a_file_that_is_compressed_is_called_that(
    tmp_path: Path, module: ModuleType, undoes: str
) -> None:
    path = tmp_path / "icon.grib2.bz2"
    path.write_bytes(module.compress(np.random.default_rng(1).bytes(500)))
    with pytest.raises(ArlError, match=f"byte 0: it is compressed, undo that with {undoes}"):
        read_arl(path)
