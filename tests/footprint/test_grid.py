"""Where cells lie, in degrees and in projections."""

from __future__ import annotations

import numpy as np
import pytest

from stilt.config.schema import FootprintGrid
from stilt.footprint.grid import geometry_of, length_unit
from stilt.foundations.errors import InputError


@pytest.mark.parametrize(
    ("box", "first", "cells"),
    [
        ((-100, -80, 30, 50, 0.1, 0.1), (-99.95, 30.05), (200, 200)),
        ((-1, 1, -1, 1, 0.3, 0.4), (-0.85, -0.8), (6, 5)),
        ((175, -175, 0, 1, 0.5, 0.5), (175.25, 0.25), (20, 2)),
        ((170, 190, 0, 1, 1, 1), (170.5, 0.5), (20, 1)),
        ((-10, 190, 0, 1, 1, 1), (-9.5, 0.5), (200, 1)),
        ((0, 360, -90, 90, 1, 1), (-179.5, -89.5), (360, 180)),
        ((-180, 180, -90, 90, 0.7, 1), (-179.65, -89.5), (514, 180)),
    ],
)
def test_cells_in_degrees(box, first, cells):
    geometry = geometry_of(FootprintGrid(*box))
    assert (geometry.nx, geometry.ny) == cells
    np.testing.assert_allclose((geometry.x[0], geometry.y[0]), first, atol=1e-12)
    assert len(geometry.x) == geometry.nx


@pytest.mark.parametrize(
    ("box", "is_global"),
    [
        ((-180, 180, -90, 90, 1, 1), True),
        ((0, 360, -60, 60, 2.5, 2), True),
        ((-180, 180, -90, 90, 0.7, 1), False),  # does not close: 514 cells of 0.7 are 359.8
        ((-100, -80, 30, 50, 1, 1), False),
    ],
)
def test_only_a_grid_that_closes_goes_round_the_globe(box, is_global):
    assert geometry_of(FootprintGrid(*box)).is_global is is_global


@pytest.mark.parametrize(
    ("projection", "is_longlat"),
    [
        ("+proj=longlat", True),
        ("+proj=latlong +datum=WGS84", True),
        ("EPSG:4326", True),
        ("EPSG:4269", True),
        ("+proj=utm +zone=15 +datum=WGS84", False),
        ("EPSG:5070", False),
    ],
)
def test_degrees_are_recognised_by_whatever_name(projection, is_longlat):
    size = 0.1 if is_longlat else 10_000.0
    geometry = geometry_of(FootprintGrid(-95, -90, 35, 40, size, size, projection))
    assert geometry.is_longlat is is_longlat
    assert geometry.period == (360 if is_longlat else 0)


def test_a_sphere_is_meant_where_no_ellipsoid_is_named():
    grid = FootprintGrid(0, 10, 0, 10, 1000.0, 1000.0, "+proj=merc")
    assert geometry_of(grid).nx == int(np.radians(10) * 6370997 / 1000)


@pytest.mark.parametrize(
    ("projection", "unit"),
    [
        ("+proj=utm +zone=15", "m"),
        ("+proj=utm +zone=15 +units=km", "km"),
        ("EPSG:2264", "US_survey_foot"),
    ],
)
def test_units_are_those_of_the_projection(projection, unit):
    assert length_unit(projection) == unit


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (FootprintGrid(-100, -99.95, 30, 50, 0.1, 0.1), "no whole cell"),
        (FootprintGrid(-100, -90, 30, 50, 0.1, 0.1, "+proj=utm +zone=95"), "not known to PROJ"),
        (FootprintGrid(-100, -90, 30, 50, 0.1, 0.1, "EPSG:1"), "not known to PROJ"),
        (FootprintGrid(-100, -90, 30, 40, 1e7, 1e7, "EPSG:5070"), "no whole cell"),
    ],
)
def test_a_grid_that_cannot_be_is_refused_in_words(grid, message):
    with pytest.raises(InputError, match=message) as caught:
        geometry_of(grid)
    assert caught.value.hint
