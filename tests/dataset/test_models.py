"""Files on the levels of a model: the same air gives the same particles as from ARL's records."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import netCDF4
import numpy as np
import pytest

from stilt.foundations.simulation import Receptor
from stilt.met.convert import convert
from stilt.met.dataset.codes import library
from stilt.met.dataset.content import content_of
from stilt.met.dataset.ecmwf_levels import standard_borders
from stilt.met.dataset.levels import DatasetError
from stilt.met.header import read_header
from stilt.transport.native.arl import read_index
from tests.dataset.conftest import COLUMNS, run
from tests.dataset.test_convert import run_hysplit
from tests.drawn import drawn
from tests.hysplit.conftest import hysplit  # noqa: F401 - a fixture
from tests.meteorology import KINDS, Kind, write
from tests.meteorology.grib import write_grib
from tests.meteorology.kinds import SIGMA_25, WRF_VOLUME, degrees
from tests.meteorology.netcdf import Style, write_era5
from tests.meteorology.wrf import write_wrf
from tests.meteorology.zarr import write_zarr

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stilt.met.analysis import Analysis
    from stilt.transport.hysplit.locate import Installation

NOON = dt.datetime(2021, 6, 1, 12)  # noqa: DTZ001 - as all ARL files
HYBRID_KIND = replace(
    KINDS["era5 of 74 levels"],
    nx=88,
    ny=60,
    place=degrees(-10.0, 35.0, 0.5, 88, 60),
    step_h=1.0,
)
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
CLOSE = {"long": 1e-12, "lati": 1e-12, "zagl": 1e-12, "mlht": 1e-6, "dens": 1e-6, "temp": 1e-6}
"""What it leaves to make temperature and humidity of WRF's own, in eight bytes; hybrid levels leave nothing."""


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
    for hours, time in ((-6, "202106011800"), (6, "202106011200")):
        for particles, is_turbulent in ((1, False), (50, True)):
            theirs, ours = (
                run(
                    each,
                    hours if particles == 1 else hours // 3,
                    where=middle(kind, time),
                    is_turbulent=is_turbulent,
                    particles=particles,
                )
                for each in ([arl], paths)
            )
            assert theirs["foot"].sum() > 0 or not is_turbulent
            for name in COLUMNS if is_exact else ():
                np.testing.assert_array_equal(theirs[name], ours[name], err_msg=name)
            if is_turbulent:
                assert ours["foot"].sum() == pytest.approx(theirs["foot"].sum(), rel=0.03)
                continue
            for name, most in CLOSE.items():
                assert np.abs(theirs[name] - ours[name]).max() <= most, name


@pytest.mark.parametrize("style", drawn(list(STYLES), 2))
def test_hybrid_levels_give_the_same_particles(
    arls: dict[str, Path], tmp_path: Path, style: str
) -> None:
    paths = write_era5(tmp_path, arls["hybrid"], STYLES[style])
    assert {read_header(path).level_type for path in paths} == {4, 0}
    compare(HYBRID_KIND, arls["hybrid"], paths, is_exact=True)


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


def standard_levels(path: Path, numbers: np.ndarray, **says: object) -> Path:
    """Temperatures on levels of a model that are numbered, with nothing more of what they are."""
    with netCDF4.Dataset(path, "w") as file:
        axes = {"lat": ("degrees_north", np.arange(5.0)), "lon": ("degrees_east", np.arange(5.0))}
        for name, (unit, values) in (axes | {"hybrid": ("1", numbers)}).items():
            file.createDimension(name, len(values))
            variable = file.createVariable(name, "f8", (name,))
            variable.units = unit
            variable[:] = values
        t = file.createVariable("t", "f4", ("hybrid", "lat", "lon"))
        t.setncatts({"units": "K"} | {k: v for k, v in says.items() if k.startswith("GRIB")})
        file.setncatts({k: v for k, v in says.items() if not k.startswith("GRIB")})
        t[:] = 280.0
    return path


ECMWF = {"GRIB_centre": "ecmf"}


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        (np.arange(1, 138), ECMWF),
        (np.arange(137, 80, -1), {"history": "grib_to_netcdf.bin -S param -o x.nc y.grib"}),
        (np.arange(1, 92), ECMWF | {"GRIB_NV": 184}),
        (np.arange(20, 61), ECMWF | {"GRIB_NV": 122}),
    ],
    ids=["137", "a part of 137", "91", "a part of 60"],
)
def test_levels_of_the_ecmwf_need_no_coefficients(
    tmp_path: Path, numbers: np.ndarray, says: dict[str, object]
) -> None:
    """In the standard atmosphere the lowest level lies at 1012.0494 hPa, in all of its tables."""
    levels = content_of(standard_levels(tmp_path / "x.nc", numbers, **says)).axes.levels
    assert levels.kind == 4
    assert len(levels.heights) == len(numbers)
    assert levels.heights[0] == pytest.approx(1012.0494, abs=2e-4)
    assert np.all(np.diff(levels.heights) < 0)


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        (np.arange(1, 138), {}),
        (np.arange(1, 92), ECMWF),
        (np.arange(1, 138), ECMWF | {"GRIB_NV": 184}),
        (np.arange(1, 63), ECMWF | {"GRIB_NV": 126}),
        (np.arange(0, 138), ECMWF),
    ],
    ids=["not said whose", "91 of how many", "more than there are", "no such table", "from 0"],
)
def test_levels_that_are_not_surely_those_of_the_ecmwf_are_refused(
    tmp_path: Path, numbers: np.ndarray, says: dict[str, object]
) -> None:
    with pytest.raises(DatasetError, match="come without their coefficients"):
        content_of(standard_levels(tmp_path / "x.nc", numbers, **says))


def test_the_table_is_that_of_eccodes() -> None:
    with library() as eccodes:
        handle = eccodes.codes_grib_new_from_samples("reduced_gg_ml_grib2")
        theirs = eccodes.codes_get_array(handle, "pv")
        eccodes.codes_release(handle)
    ours = standard_borders(91)
    assert ours is not None
    np.testing.assert_allclose(np.concatenate(ours), theirs, rtol=1e-8)


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
        file.MAP_PROJ = 5
    with pytest.raises(DatasetError, match=r"its map is of a kind .MAP_PROJ 5. that is not"):
        read_header(path)


def odd(time: Analysis) -> list[float]:
    """Coefficients as the ECMWF's own are: no whole hPa, and more digits than an ARL header has."""
    layers = len(time.hybrid[0])
    up = np.linspace(0.0, 1.0, layers + 1)
    share = up**1.3
    pressure = 100.0 * (2.0 + 130.123456 * np.sin(np.pi * up) ** 1.1 * (1 - share))
    return [*pressure.tolist(), *share.tolist()]


WRITERS: dict[str, tuple[str, Callable[[Path, Path], list[Path]]]] = {
    "WRF": ("wrf", lambda folder, arl: [write_wrf(folder / "wrfout_d01", arl)]),
    "NetCDF": ("hybrid", lambda folder, arl: write_era5(folder, arl, STYLES["cdo"])),
    "Zarr": (
        "hybrid",
        lambda folder, arl: write_zarr(folder, write_era5(folder / "nc", arl, STYLES["ap"]), 3),
    ),
    "GRIB": ("hybrid", lambda folder, arl: [write_grib(folder / "era5.grib", arl)]),
    "odd levels": (
        "hybrid",
        lambda folder, arl: [write_grib(folder / "era5.grib", arl, pv=odd(read_index(arl)[0]))],
    ),
}
APART = {"long": 1e-4, "lati": 1e-4, "zagl": 0.05, "mlht": 1.5, "dens": 1e-4}
"""What one byte a number loses, where temperature and humidity are not those that were packed before."""

OF_PRESSURES = 20
"""So many times as much is lost where pressures are packed, too: they change much over mountains."""


@pytest.mark.hysplit
@pytest.mark.parametrize("kind", drawn(list(WRITERS), 2))
def test_what_is_converted_gives_both_engines_the_same_particles(
    hysplit: Installation,  # noqa: F811
    arls: dict[str, Path],
    tmp_path: Path,
    kind: str,
) -> None:
    name, writer = WRITERS[kind]
    (tmp_path / "raw").mkdir()
    paths = writer(tmp_path / "raw", arls[name])
    headers = [read_header(path) for path in paths]
    made = list(convert("x", headers, tmp_path / "made"))
    again = list(convert("x", headers, tmp_path / "again"))
    assert [path.read_bytes() for path in made] == [path.read_bytes() for path in again]
    where = middle(KINDS_OF_FILES[name], "202106011800")
    theirs, ours = (
        run(each, -6, where=where, is_turbulent=False, particles=1) for each in (paths, made)
    )
    for column, most in APART.items():
        wide = most * (OF_PRESSURES if kind == "odd levels" else 1)
        assert np.abs(theirs[column] - ours[column]).max() <= wide, column
    original = tmp_path / "original"
    original.mkdir()
    original.joinpath("x.arl").symlink_to(arls[name])
    tables = [
        run_hysplit(hysplit, met, where, -6, tmp_path / str(number), is_turbulent=False)
        for number, met in enumerate((original, tmp_path / "made"))
    ]
    assert len(tables[0]) == len(tables[1]) == 360
    for column, most in APART.items() if kind != "odd levels" else ():
        assert np.abs(tables[0][column] - tables[1][column]).max() <= most, column
