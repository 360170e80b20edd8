"""Grids about another pole, and with rows by latitudes of their own: where their points lie and how their axes run."""

from __future__ import annotations

import numpy as np
import pytest
from pyproj import CRS, Transformer

from stilt.met.arl import ArlFile
from stilt.met.dataset.analyses import header_of
from stilt.met.dataset.axes import lattice
from stilt.met.grid import Grid
from stilt.met.rotation import from_rotated, to_rotated
from stilt.transport.native.projection import MapGrid, map_grid

POLES = [(39.25, -162.0), (90.0, 180.0), (-35.0, 10.0), (0.0, 0.0)]
GAUSSIAN = np.degrees(np.arcsin(np.polynomial.legendre.leggauss(64)[0]))


def both(grid: Grid) -> MapGrid:
    """The same grid as computations take it."""
    return map_grid(header_of(ArlFile(None, "", grid, (), (), 2)))  # type: ignore[arg-type]


def somewhere(count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(1)
    return chance.uniform(-180, 180, count), chance.uniform(-89, 89, count)


@pytest.mark.parametrize("pole", POLES)
def test_degrees_about_a_pole_are_those_of_proj(pole: tuple[float, float]) -> None:
    lon, lat = somewhere()
    names = ("grid_north_pole_latitude", "grid_north_pole_longitude")
    crs = CRS.from_cf(
        {"grid_mapping_name": "rotated_latitude_longitude", "earth_radius": 6371200.0}
        | dict(zip(names, pole, strict=True))
    )
    expected = Transformer.from_crs(crs.source_crs, crs, always_xy=True).transform(lon, lat)
    found = to_rotated(lon, lat, pole)
    np.testing.assert_allclose((found[0] - expected[0] + 180) % 360 - 180, 0.0, atol=1e-9)
    np.testing.assert_allclose(found[1], expected[1], atol=1e-9)
    back = from_rotated(*found, pole)
    np.testing.assert_allclose((back[0] - lon + 180) % 360 - 180, 0.0, atol=1e-9)
    np.testing.assert_allclose(back[1], lat, atol=1e-9)


GRIDS = {
    "rotated": lattice(np.linspace(-20, 20, 41), np.linspace(-15, 15, 31), (39.25, -162.0)),
    "Gaussian": lattice(np.arange(20) * 1.0, GAUSSIAN[-20:]),
    "rotated Gaussian": lattice(np.arange(20) * 1.0, GAUSSIAN[30:50], (50.0, 20.0)),
    "Lambert": Grid(90, 0, 40, -100, 50.0, 10.0, 40.0, 1, 1, 30, -110, 30, 25),
    "southern": Grid(-90, 0, -60, 20, 50.0, 0.0, -90.0, 1, 1, -60, 30, 30, 25),
}


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_both_ways_of_asking_a_grid_say_the_same(grid: Grid) -> None:
    x, y = np.meshgrid(np.linspace(1, grid.nx, 7), np.linspace(1, grid.ny, 5))
    lon, lat = both(grid).to_longlat(x, y)
    np.testing.assert_allclose(both(grid).to_index(lon, lat), (x, y), atol=1e-9)
    for place, index in zip(
        zip(lon.flat, lat.flat, strict=True), zip(x.flat, y.flat, strict=True), strict=True
    ):
        assert grid.to_grid(*place) == pytest.approx(index, abs=1e-7)
        assert grid.to_lonlat(*index) == pytest.approx(place, abs=1e-7)
    assert grid.can_start_at(lon, lat).tolist() == [
        [grid.can_start(a, b) for a, b in zip(some, others, strict=True)]
        for some, others in zip(lon, lat, strict=True)
    ]
    assert Grid.of(grid.values) == grid


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_the_tilt_is_where_the_east_is(grid: Grid) -> None:
    rows, columns = (2, grid.ny - 2), (3, grid.nx - 3)
    y, x = np.meshgrid(np.arange(*rows) + 1.0, np.arange(*columns) + 1.0, indexing="ij")
    lon, lat = both(grid).to_longlat(x, y)
    dx, dy = both(grid).cell_metres(rows, columns)
    little = 1e-5
    x1, y1 = both(grid).to_index(lon + little, lat)
    found = np.arctan2((y1 - y) * dy, (x1 - x) * dx)
    off = (grid.tilt(rows, columns) - found + np.pi) % (2 * np.pi) - np.pi
    assert np.abs(off).max() < (0.02 if grid.rows else 1e-5)
    size = np.hypot((y1 - y) * dy, (x1 - x) * dx)
    expected = np.radians(little) * 6371200.0 * np.cos(np.radians(lat))
    np.testing.assert_allclose(size, expected, rtol=0.02 if grid.rows else 1e-4)


def test_even_rows_are_the_same_by_latitudes_of_their_own() -> None:
    plain = lattice(np.linspace(-20, 20, 41), np.linspace(30, 60, 31))
    uneven = Grid(*plain.values[:11], 41, 31, rows=tuple(np.linspace(30, 60, 31).tolist()))
    lon, lat = np.array([-3.3, 4.4]), np.array([31.2, 55.5])
    np.testing.assert_allclose(both(uneven).to_index(lon, lat), both(plain).to_index(lon, lat))
    area = (0, 31), (0, 41)
    np.testing.assert_allclose(both(uneven).cell_metres(*area), both(plain).cell_metres(*area))


def test_what_a_grid_is_is_said() -> None:
    assert "points of 1 deg about a pole at 39.25 N, -162 E" in GRIDS["rotated"].words
    assert "rows by latitudes of their own" in GRIDS["Gaussian"].words


@pytest.mark.parametrize(
    "spoil", [lambda v: v[:-1], lambda v: [*v[:-1], v[-3]], lambda v: v[:14], lambda v: v[:5]]
)
def test_values_of_no_grid_are_none(spoil) -> None:
    values = list(GRIDS["Gaussian"].values)
    assert Grid.of(spoil(values)) is None


def test_what_is_said_of_an_arl_grid_is_what_it_always_was() -> None:
    """Results keep a digest of it."""
    plain = lattice(np.linspace(-20, 20, 41), np.linspace(30, 60, 31))
    assert repr(plain) == (
        "Grid(pole_lat=60.0, pole_lon=20.0, ref_lat=1.0, ref_lon=1.0, size_km=0.0, orientation=0.0, tangent_lat=0.0, "
        "sync_x=1.0, sync_y=1.0, sync_lat=30.0, sync_lon=340.0, nx=41, ny=31)"
    )
    assert len(plain.values) == 13
