"""Grids about a rotated pole and Gaussian ones: the same air gives the same particles."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import netCDF4
import numpy as np
import pytest

from stilt.foundations.errors import InputError
from stilt.foundations.simulation import Receptor
from stilt.met.convert import convert
from stilt.met.dataset.codes import library
from stilt.met.dataset.content import content_of
from stilt.met.dataset.levels import DatasetError
from stilt.met.header import read_header
from stilt.met.rotation import from_rotated, to_rotated
from tests.dataset.conftest import run
from tests.meteorology import KINDS, write
from tests.meteorology.grib import Packing, write_grib
from tests.meteorology.kinds import degrees
from tests.meteorology.netcdf import Style, write_era5

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


NOON = dt.datetime(2021, 6, 1, 12)  # noqa: DTZ001 - as all ARL files
KIND = replace(KINDS["era5"], nx=60, ny=46, place=degrees(-4.0, 40.0, 0.25, 60, 46))
POLE = (39.25, -162.0)
ROTATED = {
    "grid_mapping_name": "rotated_latitude_longitude",
    "grid_north_pole_latitude": POLE[0],
    "grid_north_pole_longitude": POLE[1],
}
CLOSE = {"zagl": 1e-3, "mlht": 1e-2, "dens": 1e-6}


@pytest.fixture(scope="module")
def arl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five hours of air on longitudes and latitudes."""
    return write(tmp_path_factory.mktemp("arl") / "x.arl", KIND, 4, NOON)


def about_a_pole(paths: Sequence[Path], standard: tuple[str, str]) -> None:
    """Say of longitudes and latitudes in files that they are about a rotated pole, and what the winds are."""
    for path in paths:
        with netCDF4.Dataset(path, "a") as file:
            file.createVariable("rotated_pole", "i4", ()).setncatts(ROTATED)
            for name in ("latitude", "longitude"):
                file[name].setncatts({"standard_name": f"grid_{name}", "units": "degrees"})
            for name, variable in file.variables.items():
                if "latitude" in variable.dimensions and name != "latitude":
                    variable.grid_mapping = "rotated_pole"
                if name in {"u", "u10"}:
                    variable.standard_name = standard[0]
                if name in {"v", "v10"}:
                    variable.standard_name = standard[1]


def compare(arl: Path, paths: Sequence[Path], *, degrees_off: float) -> None:
    """Hold particles of a rotated grid against those of the same numbers on a grid that is not."""
    lon, lat = 3.4, 45.4
    there = from_rotated(lon, lat, POLE)
    for hours, hour, particles in ((-4, 16, 1), (2, 12, 1), (-1, 16, 30)):
        turned, here = (
            run(
                files,
                hours,
                where=Receptor(f"20210601{hour}00", (float(x),), (float(y),), (50.0,)),
                is_turbulent=particles > 1,
                particles=particles,
            )
            for files, (x, y) in (([arl], (lon, lat)), (paths, there))
        )
        assert len(here) == len(turned)
        if particles > 1:
            assert turned["foot"].sum() > 0
            assert here["foot"].sum() == pytest.approx(turned["foot"].sum(), rel=0.03)
            continue
        found = to_rotated(here["long"], here["lati"], POLE)
        assert np.abs(found[0] - turned["long"]).max() < degrees_off
        assert np.abs(found[1] - turned["lati"]).max() < degrees_off
        for name, most in CLOSE.items():
            assert np.abs(here[name] - turned[name]).max() < most, name


def test_the_same_numbers_about_another_pole_give_the_same_particles_there(
    arl: Path, tmp_path: Path
) -> None:
    paths = write_era5(tmp_path, arl, Style(is_double=True))
    about_a_pole(paths, ("grid_eastward_wind", "grid_northward_wind"))
    compare(arl, paths, degrees_off=1e-5)


def test_winds_to_the_east_and_north_are_turned_along_a_rotated_grid(
    arl: Path, tmp_path: Path
) -> None:
    paths = write_era5(tmp_path, arl, Style(is_double=True))
    about_a_pole(paths, ("eastward_wind", "northward_wind"))
    grid = read_header(paths[0]).grid
    angle = grid.tilt((0, grid.ny), (0, grid.nx))[::-1]
    assert np.abs(angle).max() > 0.3
    for path, names in zip(paths, (("u", "v"), ("u10", "v10")), strict=True):
        with netCDF4.Dataset(path, "a") as file:
            u, v = (file[name][:].astype(float) for name in names)
            file[names[0]][:] = np.cos(angle) * u + np.sin(angle) * v
            file[names[1]][:] = np.cos(angle) * v - np.sin(angle) * u
    compare(arl, paths, degrees_off=1e-5)


def messages_of(path: Path, *names: str, **keys: object) -> list[tuple[list[object], bytes]]:
    """Return each message of a GRIB file, after these keys are set, with what it says under some names."""
    found = []
    with library() as eccodes, path.open("rb") as file:
        while (handle := eccodes.codes_grib_new_from_file(file)) is not None:
            for key, value in keys.items():
                eccodes.codes_set(handle, key, value)
            said = [eccodes.codes_get(handle, name) for name in names]
            found.append((said, eccodes.codes_get_message(handle)))
            eccodes.codes_release(handle)
    return found


def rewritten(path: Path, keys: dict[str, object]) -> Path:
    """Say other things of the grid of all messages of a GRIB file."""
    path.write_bytes(b"".join(message for _, message in messages_of(path, **keys)))
    return path


SOUTH = {
    "gridType": "rotated_ll",
    "latitudeOfSouthernPoleInDegrees": -POLE[0],
    "longitudeOfSouthernPoleInDegrees": POLE[1] + 180.0,
    "angleOfRotationInDegrees": 0.0,
}


@pytest.mark.parametrize("edition", [1, 2])
def test_grib_about_another_pole_gives_the_same_particles_there(
    arl: Path, tmp_path: Path, edition: int
) -> None:
    path = write_grib(tmp_path / "x.grib", arl, Packing(edition=edition))
    rewritten(path, {**SOUTH, "uvRelativeToGrid": 1})
    header = read_header(path)
    assert header.grid.rotated == pytest.approx(POLE)
    assert not content_of(path).fields["UWND"].is_turned
    if edition == 2:
        compare(arl, [path], degrees_off=1e-4)
    rewritten(path, {"uvRelativeToGrid": 0})
    assert content_of(path).fields["UWND"].words == "turned along the grid"


def test_a_grid_that_is_turned_about_its_pole_too_is_refused(arl: Path, tmp_path: Path) -> None:
    path = write_grib(tmp_path / "x.grib", arl)
    rewritten(path, {**SOUTH, "angleOfRotationInDegrees": 10.0})
    with pytest.raises(DatasetError, match="turned by 10 degrees about its rotated pole"):
        read_header(path)


def gaussian(number: int) -> np.ndarray:
    """Latitudes of a Gaussian grid, rising."""
    return np.degrees(np.arcsin(np.polynomial.legendre.leggauss(2 * number)[0]))


def on_rows(paths: Sequence[Path], rows: np.ndarray) -> None:
    for path in paths:
        with netCDF4.Dataset(path, "a") as file:
            file["latitude"][:] = rows[::-1]


def test_a_wind_to_the_north_takes_particles_over_rows_of_their_own_latitudes(
    arl: Path, tmp_path: Path
) -> None:
    """Known by itself: 12 m/s are 108 m more than a degree in 2 h 34 min 26 s."""
    paths = write_era5(tmp_path, arl, Style(is_double=True))
    rows = gaussian(320)[-46:]
    assert np.ptp(np.diff(rows)) > 0.002
    on_rows(paths, rows)
    with netCDF4.Dataset(paths[0], "a") as file:
        file["u"][:], file["v"][:], file["w"][:] = 0.0, 12.0, 0.0
    start = 83.5
    where = Receptor("202106011600", (0.0,), (start,), (500.0,))
    table = run(paths, -4, where=where, is_turbulent=False, particles=1)
    went = np.degrees(12.0 * 60.0 * np.abs(table["time"]) / 6371200.0)
    assert np.abs(start - went - table["lati"]).max() < 1e-4
    assert went.max() > 1.5


def test_the_same_air_on_gaussian_rows_gives_nearly_the_same_particles(tmp_path: Path) -> None:
    """Other points of the same air: as near as interpolation between points is."""
    even = replace(KIND, place=degrees(-4.0, 78.5, 0.25, 60, 46))
    arl = write(tmp_path / "even.arl", even, 4, NOON)
    rows = gaussian(360)[-46:]

    class OnRows(type(even)):  # type: ignore[misc]
        @property
        def grid(self):
            plain = super().grid
            return replace(plain, header=replace(plain.header, rows=tuple(rows.tolist())))

    uneven = OnRows(**{name: getattr(even, name) for name in even.__dataclass_fields__})
    paths = write_era5(
        tmp_path / "nc", write(tmp_path / "rows.arl", uneven, 4, NOON), Style(is_double=True)
    )
    on_rows(paths, rows)
    assert read_header(paths[0]).grid.rows
    where = Receptor("202106011600", (3.4,), (83.4,), (50.0,))
    theirs, ours = (
        run(each, -2, where=where, is_turbulent=False, particles=1) for each in ([arl], paths)
    )
    assert np.abs(theirs["long"] - ours["long"]).max() < 0.01
    assert np.abs(theirs["lati"] - ours["lati"]).max() < 0.01
    theirs, ours = (run(each, -1, where=where, particles=50) for each in ([arl], paths))
    assert ours["foot"].sum() == pytest.approx(theirs["foot"].sum(), rel=0.1)


@pytest.mark.parametrize("edition", [1, 2])
def test_gaussian_rows_of_grib_are_those_of_their_number(
    arl: Path, tmp_path: Path, edition: int
) -> None:
    path = write_grib(tmp_path / "x.grib", arl, Packing(edition=edition))
    rows = gaussian(64)[-46:]
    keys = {
        "gridType": "regular_gg",
        "N": 64,
        "latitudeOfFirstGridPointInDegrees": float(rows[-1]),
        "latitudeOfLastGridPointInDegrees": float(rows[0]),
    }
    rewritten(path, keys)
    np.testing.assert_allclose(read_header(path).grid.rows, rows, atol=1e-6)
    rewritten(path, {"latitudeOfLastGridPointInDegrees": float(rows[0]) + 0.1})
    with pytest.raises(DatasetError, match="are not those of a Gaussian grid"):
        read_header(path)


def test_an_arl_header_can_not_say_where_these_lie(arl: Path, tmp_path: Path) -> None:
    paths = write_era5(tmp_path, arl)
    about_a_pole(paths, ("x_wind", "y_wind"))
    headers = [read_header(path) for path in paths]
    with pytest.raises(InputError, match=r"ARL header cannot say .* about a pole at 39\.25 N"):
        list(convert("x", headers, tmp_path / "made"))
    assert not list((tmp_path / "made").glob("*.arl"))
