"""Coastlines and borders lie where they are known to, in any turn of the globe, and are drawn on every map."""

from __future__ import annotations

import re

import numpy as np
import pytest

from stilt.config.schema import FootprintGrid
from stilt.footprint.grid import geometry_of
from stilt.plot.coastline import FILE, Box, Kind, coastlines
from stilt.plot.map_frame import MapFrame, degrees, unwrapped
from stilt.plot.svg import maps
from tools.coastlines import lines_of


def distance_degrees(lines, longitude, latitude):
    """Distance to the nearest point of lines, in degrees of a great circle's size here."""
    points = np.concatenate(lines) - (longitude, latitude)
    points[:, 0] *= np.cos(np.radians(latitude))
    return float(np.hypot(*points.T).min())


@pytest.mark.parametrize(
    ("kind", "longitude", "latitude"),
    [
        (Kind.COAST, -5.61, 36.0),  # Tarifa
        (Kind.COAST, 18.47, -34.36),  # Cape of Good Hope
        (Kind.COAST, 178.55, -37.69),  # East Cape
        (Kind.BORDER, -117.12, 32.53),  # Tijuana
        (Kind.BORDER, 7.59, 47.58),  # Basel
        (Kind.STATE, -109.05, 37.0),  # four corners
        (Kind.LAKE, -112.21, 40.73),  # Great Salt Lake, in the south
        (Kind.LAKE, 6.14, 46.21),  # Geneva
    ],
)
def test_a_line_runs_where_the_map_has_it(kind, longitude, latitude) -> None:
    for turn in (0.0, 360.0, -360.0):
        middle = longitude + turn
        box = Box(middle - 2, middle + 2, latitude - 2, latitude + 2)
        assert distance_degrees(coastlines(box, (kind,)), middle, latitude) < 0.1


def test_no_line_runs_along_the_edges_of_the_plate() -> None:
    for line in coastlines(Box(-180.0, 180.0, -90.0, 90.0)):
        on_edge = np.abs(np.abs(line[:, 0]) - 180.0) < 0.01
        assert not np.any(on_edge[1:] & on_edge[:-1])
        assert np.abs(np.diff(line[:, 0])).max() < 20.0


def test_nothing_is_drawn_in_the_middle_of_an_ocean() -> None:
    assert coastlines(Box(-140.0, -130.0, 25.0, 35.0)) == []


def test_the_file_is_small() -> None:
    assert FILE.stat().st_size < 1_500_000


def test_what_two_shapes_share_is_a_border_and_what_one_has_a_coast() -> None:
    """Two squares side by side, in steps of a degree."""
    squares = {
        "transform": {"scale": [1.0, 1.0], "translate": [10.0, 40.0]},
        "arcs": [
            [[1, 0], [0, 1]],
            [[1, 1], [-1, 0], [0, -1], [1, 0]],
            [[1, 0], [1, 0], [0, 1], [-1, 0]],
        ],
        "objects": {"land": {"geometries": [{"arcs": [[0, 1]]}, {"arcs": [[[2, ~0]]]}, {}]}},
    }
    found = lines_of(squares, "land", is_nation=False)
    assert [kind for kind, _ in found] == [Kind.BORDER, Kind.COAST, Kind.COAST]
    np.testing.assert_array_equal(found[0][1], [[11, 40], [11, 41]])
    assert [kind for kind, _ in lines_of(squares, "land", is_nation=True)] == [Kind.STATE]


@pytest.mark.parametrize(
    ("words", "value", "said"),
    [
        ("WE", -112.5, "112.5°W"),
        ("WE", 190.0, "170°W"),
        ("WE", 180.0, "180°"),
        ("SN", -5, "5°S"),
        ("SN", 0, "0°"),
    ],
)
def test_degrees_are_said_as_on_maps(words, value, said) -> None:
    assert degrees(words, value) == said


POLAR = FootprintGrid(-90, 90, 75, 75.1, 1e5, 1e5, "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=-45")
"""Its south-western and north-eastern corners; the pole lies in its middle."""


def frame_of(grid: FootprintGrid) -> MapFrame:
    geometry = geometry_of(grid)
    if geometry.is_longlat:
        return MapFrame(geometry.x, geometry.y)
    return MapFrame(geometry.x / 1000, geometry.y / 1000, geometry, "km", 1000.0)


def test_a_map_around_the_pole_has_its_coasts() -> None:
    frame = frame_of(POLAR)
    spans = [(float(axis.min()), float(axis.max())) for axis in (frame.x, frame.y)]
    lines = frame.coast(*spans, Kind.COAST)
    (x,), (y,) = frame.place(np.array([-33.0]), np.array([83.6]))  # the north of Greenland
    assert np.hypot(*(np.concatenate(lines) - (x, y)).T).min() < 20.0


@pytest.mark.parametrize(
    "grid", [FootprintGrid(-10.0, 5.0, 35.0, 45.0, 0.5, 0.5), POLAR], ids=["degrees", "polar"]
)
def test_a_mean_footprint_is_drawn_in_true_proportions_with_coasts(grid) -> None:
    frame = frame_of(grid)
    values = np.ones((len(frame.y), len(frame.x)))
    drawn = maps.field((frame, values), [(-5.6, 36.0)], 4, "Mean footprint")
    assert re.search(r'class="coast" d="M[\d.-]', drawn)
    width, height = (
        float(re.search(rf'<image [^>]*{name}="([\d.]+)"', drawn)[1])
        for name in ("width", "height")
    )
    stretch = 1.0 if frame.plane else np.cos(np.radians(40.0))
    cells = (
        len(frame.x) * abs(frame.x[1] - frame.x[0]) * stretch,
        len(frame.y) * abs(frame.y[1] - frame.y[0]),
    )
    assert width / height == pytest.approx(cells[0] / cells[1], rel=0.01)


def test_one_receptor_far_away_squeezes_nothing_and_is_counted() -> None:
    many = [(-112.0 + 0.01 * n, 40.0 + 0.002 * n) for n in range(200)]
    drawn, beyond = maps.receptors({"complete": [*many, (10.0, -50.0)]}, "Receptors")
    alone, none = maps.receptors({"complete": many}, "Receptors")
    assert (beyond, none) == (1, 0)
    assert drawn == alone.replace('<g class="few">', '<g class="many">')
    few = maps.receptors({"complete": [many[0], (10.0, -50.0)]}, "Receptors")
    assert few[1] == 0, "two towers"


def test_a_map_round_the_globe_is_cut_where_nothing_is() -> None:
    """What lies on both sides of 180 stands together, and the receptor beside it."""
    frame = frame_of(FootprintGrid(-180.0, 180.0, -90.0, 90.0, 1.0, 1.0))
    values = np.zeros((180, 360))
    values[50, [0, 1, 2, 357, 358, 359]] = [1, 2, 3, 4, 5, 6]
    turned, rolled = frame.unrolled(values)
    touched = np.flatnonzero(rolled[50])
    assert turned.x[touched].tolist() == [177.5, 178.5, 179.5, 180.5, 181.5, 182.5]
    assert rolled[50, touched].tolist() == [4, 5, 6, 1, 2, 3]
    assert np.allclose(np.diff(turned.x), 1.0)
    (x,), _ = turned.place(np.array([-178.0]), np.array([-38.0]))
    assert x == 182.0
    drawn = maps.field((frame, values), [(-178.0, -38.0)], 4, "Mean")
    assert "100°N" not in drawn
    assert "100°S" not in drawn


def test_receptors_on_both_sides_of_180_stand_together() -> None:
    np.testing.assert_allclose(unwrapped(np.array([175.0, -179.0])), [175.0, 181.0])
    np.testing.assert_allclose(unwrapped(np.array([-112.0, -110.0])), [-112.0, -110.0])
    np.testing.assert_allclose(unwrapped(np.array([5.0, 355.0])), [5.0, -5.0])
    drawn, _ = maps.receptors({"complete": [(175.0, -40.0), (-179.0, -38.0)]}, "Receptors")
    assert "180°" in drawn
    assert "°E" in drawn
    assert "100°N" not in drawn
    assert "100°S" not in drawn
