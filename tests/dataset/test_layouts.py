"""Files as NASA's GMAO, ICON and WRF in degrees lay them out: the same air gives the same particles as from ARL."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import netCDF4
import numpy as np
import pytest

from stilt.met.dataset.analyses import analyses_of
from stilt.met.dataset.content import content_of
from stilt.met.dataset.levels import DatasetError
from stilt.met.header import read_header
from tests.dataset.conftest import run
from tests.dataset.test_models import HYBRID_KIND, WRF_KIND, middle
from tests.meteorology import KINDS, write
from tests.meteorology.kinds import degrees
from tests.meteorology.layouts import GEOS_MODEL, GEOS_PRESSURE, ICON, write_layout
from tests.meteorology.wrf import write_wrf

if TYPE_CHECKING:
    from pathlib import Path

NOON = dt.datetime(2021, 6, 1, 12)  # noqa: DTZ001 - as all ARL files
PLACE = degrees(-10.0, 35.0, 0.5, 44, 36)
FLAT = ("PRSS", "SHGT", "T02M", "U10M", "V10M", "USTR", "SHTF", "PBLH")
ON_LEVELS = replace(HYBRID_KIND, nx=44, ny=36, place=PLACE, surface=FLAT)
KINDS_OF = {
    "GEOS, pressure": replace(KINDS["era5"], nx=44, ny=36, place=PLACE, step_h=1.0, surface=FLAT),
    "GEOS, levels of the model": ON_LEVELS,
    "ICON": replace(
        ON_LEVELS,
        surface=("PRSS", "SHGT", "T02M", "U10M", "V10M"),
        volume=("UWND", "VWND", "TEMP", "DZDT", "SPHU"),
    ),
    "WRF in degrees": replace(WRF_KIND, nx=44, ny=36, place=PLACE),
}
LAYOUTS = {
    "GEOS, pressure": GEOS_PRESSURE,
    "GEOS, levels of the model": GEOS_MODEL,
    "ICON": ICON,
}
CLOSE = {"long": 1e-5, "lati": 1e-5, "zagl": 1e-2, "mlht": 0.1, "dens": 1e-5, "temp": 1e-3}
"""Without turbulence over three hours: pressures are a field of four bytes, not two numbers a level."""

BURIED = CLOSE | {"dens": 5e-4}
"""The lowest level's humidity is the ground's: GEOS has none below the ground, and the next level's is taken."""


def written(name: str, folder: Path) -> tuple[Path, Path]:
    """Return an ARL file and one of a layout."""
    arl = write(folder / "x.arl", KINDS_OF[name], 3, NOON)
    if name not in LAYOUTS:
        return arl, write_wrf(folder / "wrfout_d01", arl)
    return arl, write_layout(folder / "x.nc4", arl, LAYOUTS[name])


@pytest.mark.parametrize("name", KINDS_OF)
def test_the_same_air_gives_the_same_particles(tmp_path: Path, name: str) -> None:
    kind, (arl, path) = KINDS_OF[name], written(name, tmp_path)
    for hours, hour in ((-3, 15), (3, 12)):
        where = middle(kind, f"20210601{hour}00")
        theirs, ours = (
            run([each], hours, where=where, is_turbulent=False, particles=1) for each in (arl, path)
        )
        assert len(ours) == len(theirs) == 180
        for column, most in (BURIED if "pressure" in name else CLOSE).items():
            assert np.abs(theirs[column] - ours[column]).max() <= most, column
        theirs, ours = (run([each], hours // 3, where=where, particles=200) for each in (arl, path))
        assert theirs["foot"].sum() > 0
        assert ours["foot"].sum() == pytest.approx(theirs["foot"].sum(), rel=0.05)


def test_levels_below_the_ground_have_no_values_in_geos_files_and_get_some(tmp_path: Path) -> None:
    path = written("GEOS, pressure", tmp_path)[1]
    area = (0, 36), (0, 44)
    with netCDF4.Dataset(path) as file:
        assert 0.05 < np.ma.getmaskarray(file["T"][0, 5]).mean() < 0.9
    lacking = path.with_name("y.nc4")
    lacking.write_bytes(path.read_bytes())
    (analyses,) = analyses_of([read_header(path)])
    reader = analyses[0].reader()
    heights, terrain = (reader.field(n, k, *area) for n, k in (("HGTS", 1), ("SHGT", 0)))
    buried = reader.field("PRSS", 0, *area) < 1000.0
    assert np.all(heights[buried] < terrain[buried])
    with netCDF4.Dataset(lacking, "a") as file:
        file["T"][:, 20, 3, 3] = np.ma.masked
    (analyses,) = analyses_of([read_header(lacking)])
    with pytest.raises(Exception, match="TEMP is missing at some points"):
        analyses[0].reader().field("TEMP", 1, *area)


def test_what_geos_holds_is_known_by_its_own_names(tmp_path: Path) -> None:
    content = content_of(written("GEOS, levels of the model", tmp_path)[1])
    assert (content.header.level_type, len(content.header.levels)) == (1, 75)
    assert set(content.header.levels[0].variables) == set(FLAT)
    assert content.fields["SHTF"].convert.factor == 1.0, "GEOS' fluxes are positive upward"
    assert content.unused == ()


def test_a_wrf_domain_that_is_turned_about_another_pole_is_refused(tmp_path: Path) -> None:
    path = written("WRF in degrees", tmp_path)[1]
    with netCDF4.Dataset(path, "a") as file:
        file["XLAT"][:] = file["XLAT"][:] + 0.1 * np.arange(44)
    with pytest.raises(DatasetError, match=r"\(MAP_PROJ 6\), turned about another pole"):
        read_header(path)
