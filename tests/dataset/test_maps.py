"""Grids on maps in NetCDF: Lambert, polar stereographic, Mercator."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import netCDF4
import numpy as np
import pytest

from stilt.foundations.failures import TransportError
from stilt.foundations.simulation import Receptor
from stilt.met.arl import read_arl
from stilt.met.convert import convert
from stilt.met.dataset.analyses import analyses_of
from stilt.met.dataset.content import content_of
from stilt.met.dataset.levels import DatasetError
from stilt.met.header import read_header
from tests.dataset.conftest import run
from tests.drawn import drawn
from tests.meteorology import KINDS, write
from tests.meteorology.kinds import PRESSURE_25, PRESSURE_VOLUME
from tests.meteorology.netcdf import Style, write_era5

if TYPE_CHECKING:
    from pathlib import Path

NOON = dt.datetime(2021, 6, 1, 12)  # noqa: DTZ001 - as all ARL files
PLAIN = {
    "levels": PRESSURE_25,
    "level_type": 2,
    "surface": ("PRSS", "SHGT", "T02M", "U10M", "V10M", "USTR", "SHTF", "PBLH"),
    "volume": PRESSURE_VOLUME,
    "step_h": 1.0,
}
MAPS = {
    "Lambert": replace(KINDS["narr"], **PLAIN, nx=45, ny=40),
    "polar": replace(KINDS["south pole"], **PLAIN),
    "Mercator": replace(KINDS["mercator"], **PLAIN, nx=45, ny=40),
}
CLOSE = {"long": 1e-6, "lati": 1e-6, "zagl": 1e-3, "mlht": 0.1}
"""The first point is kept with other roundings than in an ARL header."""


@pytest.mark.parametrize("name", drawn(list(MAPS), 1))
def test_the_same_air_on_a_map_gives_the_same_particles(tmp_path: Path, name: str) -> None:
    kind = MAPS[name]
    arl = write(tmp_path / "x.arl", kind, 4, NOON)
    longitude, latitude = kind.at(0.4, 0.4)
    paths = write_era5(tmp_path / "nc", arl, Style(is_double=True))
    made = list(convert("x", [read_header(path) for path in paths], tmp_path / "made"))
    assert read_arl(made[0]).grid.nx == kind.nx
    for hours, hour in ((-3, 15), (3, 12)):
        where = Receptor(f"20210601{hour}00", (longitude,), (latitude,), (50.0,))
        theirs, ours, again = (
            run(each, hours, where=where, is_turbulent=False, particles=1)
            for each in ([arl], paths, made)
        )
        for column, most in CLOSE.items():
            assert np.abs(theirs[column] - ours[column]).max() <= most, column
            assert np.abs(theirs[column] - again[column]).max() <= 30 * most, column
    theirs, ours = (run(each, 2, where=where, particles=50) for each in ([arl], paths))
    assert ours["foot"].sum() == pytest.approx(theirs["foot"].sum(), rel=0.03)
    assert theirs["foot"].sum() > 0


@pytest.fixture
def lambert(tmp_path: Path) -> Path:
    """Levels on Lambert's map."""
    arl = write(tmp_path / "x.arl", replace(MAPS["Lambert"], nx=70, ny=60), 1, NOON)
    return write_era5(tmp_path / "nc", arl)[0]


def test_winds_that_do_not_say_whither_they_blow_are_not_used(lambert: Path) -> None:
    with netCDF4.Dataset(lambert, "a") as file:
        for name in "uv":
            file[name].delncattr("standard_name")
    assert {one.variable: one.why_not for one in content_of(lambert).unused} == dict.fromkeys(
        ("u", "v"), "does not say that it is along the grid (x_wind, y_wind)"
    )


def test_winds_to_the_east_and_north_are_turned_along_the_map(lambert: Path) -> None:
    plain = lambert.with_name("plain.nc")
    plain.write_bytes(lambert.read_bytes())
    (analyses,) = analyses_of([read_header(plain)])
    area = ((0, 60), (0, 70))
    along = [analyses[0].reader().field(name, 3, *area) for name in ("UWND", "VWND")]
    angle = analyses[0].horizontal.tilt(*area)
    assert np.ptp(angle) > 0.1
    u, v = along
    with netCDF4.Dataset(lambert, "a") as file:
        east = np.cos(angle) * u + np.sin(angle) * v
        north = np.cos(angle) * v - np.sin(angle) * u
        for name, values in (("u", east), ("v", north)):
            file[name][0, 2] = values[::-1]
            file[name].standard_name = f"{'east' if name == 'u' else 'north'}ward_wind"
    (analyses,) = analyses_of([read_header(lambert)])
    turned = [analyses[0].reader().field(name, 3, *area) for name in ("UWND", "VWND")]
    np.testing.assert_allclose(turned, along, atol=1e-5)
    assert content_of(lambert).fields["UWND"].words == "turned along the grid"


def test_one_wind_to_the_east_without_the_other_is_refused_by_name(lambert: Path) -> None:
    with netCDF4.Dataset(lambert, "a") as file:
        file["u"].standard_name = "eastward_wind"
        file.renameVariable("v", "no")
        file["no"].delncattr("standard_name")
    with pytest.raises(TransportError, match=r"UWND is eastward.*VWND"):
        analyses_of([read_header(lambert)])


WRONG = {
    "another map": ({"grid_mapping_name": "rotated_latitude_longitude"}, "is not one of Lambert's"),
    "an ellipsoid": (
        {"semi_major_axis": 6378137.0, "inverse_flattening": 298.257, "earth_radius": None},
        "its map is of an ellipsoid",
    ),
    "no map": ({"grid_mapping_name": None}, "of which it says nothing"),
    "no meridian": ({"longitude_of_central_meridian": None}, "longitude_of_central_meridian"),
}


@pytest.mark.parametrize(("says", "why"), WRONG.values(), ids=WRONG)
def test_maps_that_are_not_followed_are_refused(
    lambert: Path, says: dict[str, object], why: str
) -> None:
    with netCDF4.Dataset(lambert, "a") as file:
        for name, value in says.items():
            if value is None:
                file["crs"].delncattr(name)
            else:
                file["crs"].setncattr(name, value)
    with pytest.raises(DatasetError, match=why):
        read_header(lambert)


def test_an_axis_that_is_no_length_is_refused(lambert: Path) -> None:
    with netCDF4.Dataset(lambert, "a") as file:
        file["x"].units = "1"
    with pytest.raises(DatasetError, match="its axis x has the unit '1', which is no length"):
        read_header(lambert)
