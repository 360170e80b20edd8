"""Files on the levels of a model: the same air gives the same particles as from ARL's records."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import netCDF4
import numpy as np
import pytest

from stilt.foundations.simulation import Receptor
from stilt.met.dataset.content import content_of
from stilt.met.dataset.levels import DatasetError
from stilt.met.header import read_header
from stilt.transport.native.fields import BoundaryOptions
from tests.dataset.conftest import COLUMNS, run
from tests.meteorology import KINDS, Kind, write
from tests.meteorology.kinds import SIGMA_25, WRF_VOLUME
from tests.meteorology.netcdf import Style, write_era5
from tests.meteorology.wrf import write_wrf

if TYPE_CHECKING:
    from pathlib import Path

NOON = dt.datetime(2021, 6, 1, 12)  # noqa: DTZ001 - as all ARL files
HYBRID_KIND = replace(KINDS["era5 of 74 levels"], nx=40, ny=30, step_h=1.0)
WRF_KIND = replace(
    KINDS["wrf"],
    volume=tuple("DZDT" if name == "WWND" else name for name in WRF_VOLUME),
    surface=("SHGT", "PRSS", "T02M", "U10M", "V10M", "USTR", "SHTF", "LHTF", "PBLH", "DSWF"),
    levels=SIGMA_25,
    pressure_offset=50.0,
    nx=50,
    ny=40,
)
KINDS_OF_FILES = {"hybrid": HYBRID_KIND, "wrf": WRF_KIND}
STYLES = {
    "formula_terms": Style(is_double=True),
    "ap": Style(is_double=True, coefficients="ap", is_new=False),
    "cdo": Style(is_double=True, coefficients="cdo", from_north=False),
    "GRIB_pv": Style(is_double=True, coefficients="GRIB_pv", has_log=True),
}
CLOSE = {"long": 1e-6, "lati": 1e-6, "zagl": 1e-2, "mlht": 0.1, "dens": 1e-5, "temp": 1e-3}
"""What rounding of a derived temperature, or of the coefficients of a border, leaves after six hours."""


def middle(kind: Kind, time: str) -> Receptor:
    longitude, latitude = kind.at(0.5, 0.5)
    return Receptor(time, (longitude,), (latitude,), (50.0,))


@pytest.fixture(scope="module")
def arls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Seven hours in ARL's records, of each kind."""
    folder = tmp_path_factory.mktemp("models")
    return {
        name: write(folder / f"{name}.arl", kind, 7, NOON) for name, kind in KINDS_OF_FILES.items()
    }


def compare(kind: Kind, arl: Path, paths: list[Path], *, is_exact: bool) -> None:
    """Run back and on, without turbulence and with it."""
    options = BoundaryOptions(kbls=2) if kind is HYBRID_KIND else BoundaryOptions()
    for hours, time in ((-6, "202106011800"), (6, "202106011200")):
        for particles, is_turbulent in ((1, False), (50, True)):
            theirs, ours = (
                run(
                    each,
                    hours if particles == 1 else hours // 3,
                    where=middle(kind, time),
                    is_turbulent=is_turbulent,
                    particles=particles,
                    options=options,
                )
                for each in ([arl], paths)
            )
            assert theirs["foot"].sum() > 0 or not is_turbulent
            for name in COLUMNS if is_exact else ():
                np.testing.assert_array_equal(theirs[name], ours[name], err_msg=name)
            if is_turbulent:
                assert ours["foot"].sum() == pytest.approx(theirs["foot"].sum(), rel=0.06)
                continue
            for name, most in CLOSE.items():
                assert np.abs(theirs[name] - ours[name]).max() <= most, name


@pytest.mark.parametrize("style", STYLES)
def test_hybrid_levels_give_the_same_particles(
    arls: dict[str, Path], tmp_path: Path, style: str
) -> None:
    paths = write_era5(tmp_path, arls["hybrid"], STYLES[style])
    assert {read_header(path).level_type for path in paths} == {4, 0}
    compare(HYBRID_KIND, arls["hybrid"], paths, is_exact=False)


def test_wrf_output_gives_the_same_particles(arls: dict[str, Path], tmp_path: Path) -> None:
    path = write_wrf(tmp_path / "wrfout_d01", arls["wrf"])
    header = read_header(path)
    assert (header.model, header.level_type, header.pressure_offset) == ("AWRF", 1, 50.0)
    compare(WRF_KIND, arls["wrf"], [path], is_exact=False)


def test_levels_of_a_model_without_coefficients_are_refused(
    arls: dict[str, Path], tmp_path: Path
) -> None:
    levels, _ = write_era5(tmp_path, arls["hybrid"], Style(coefficients="GRIB_pv"))
    with netCDF4.Dataset(levels, "a") as file:
        file["t"].delncattr("GRIB_pv")
    with pytest.raises(DatasetError, match="come without their coefficients"):
        read_header(levels)


def test_of_wrf_a_flux_that_does_not_say_upward_is_not_used(
    arls: dict[str, Path], tmp_path: Path
) -> None:
    path = write_wrf(tmp_path / "wrfout_d01", arls["wrf"])
    with netCDF4.Dataset(path, "a") as file:
        file["HFX"].description = "HEAT FLUX AT THE SURFACE"
        file["PSFC"].units = "hPa"
    content = content_of(path)
    assert {one.variable: one.why_not for one in content.unused} == {
        "HFX": "does not say that it is upward",
        "PSFC": "has the unit 'hPa', not Pa",
    }


def test_wrf_points_that_lie_elsewhere_are_refused(arls: dict[str, Path], tmp_path: Path) -> None:
    path = write_wrf(tmp_path / "wrfout_d01", arls["wrf"])
    with netCDF4.Dataset(path, "a") as file:
        file.DX = file.DY = file.DX * 2
    with pytest.raises(DatasetError, match="cells off from where its map has it"):
        read_header(path)
    with netCDF4.Dataset(path, "a") as file:
        file.MAP_PROJ = 6
    with pytest.raises(DatasetError, match="longitude and latitude, perhaps turned"):
        read_header(path)
