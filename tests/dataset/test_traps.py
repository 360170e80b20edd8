"""Signs, units, orders and times as centres write them: the field that is computed with is the same."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import netCDF4
import numpy as np
import pytest

from stilt.foundations.failures import TransportError
from stilt.met.dataset.analyses import analyses_of
from stilt.met.dataset.content import content_of
from stilt.met.dataset.levels import DatasetError
from stilt.met.header import read_header
from tests.meteorology import KINDS, write
from tests.meteorology.netcdf import GRAVITY, Out, Style, decode, write_era5

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

KIND = replace(KINDS["era5"], nx=14, ny=11)
AREA = (0, KIND.ny), (0, KIND.nx)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    noon = dt.datetime(2021, 6, 1, 12)  # noqa: DTZ001 - as all ARL files
    return write(tmp_path_factory.mktemp("small") / "era5.arl", KIND, 2, noon)


def field(paths: list[Path], name: str, level: int, time: int = 1) -> NDArray[np.float32]:
    """Read a field as native does."""
    (analyses,) = analyses_of([read_header(path) for path in paths])
    return analyses[time].reader().field(name, level, *AREA)


SAME = {
    "heat flux, ECMWF's sum, called upward by its CF name": (
        *("SHTF", Out("sshf", "J m**-2", -3600.0)),
        {"standard_name": "surface_upward_sensible_heat_flux"},
    ),
    "heat flux, ECMWF's of the moment": ("SHTF", Out("ishf", "W m**-2", -1.0), {}),
    "heat flux, ECMWF's mean, by number": (
        *("SHTF", Out("anything", "W m**-2", -1.0)),
        {"GRIB_paramId": 235033},
    ),
    "heat flux, upward by its CF name": (
        *("SHTF", Out("hfss", "W m-2")),
        {"standard_name": "surface_upward_sensible_heat_flux"},
    ),
    "heat flux, downward by its CF name": (
        *("SHTF", Out("shf", "W/m2", -1.0)),
        {"standard_name": "surface_downward_sensible_heat_flux"},
    ),
    "heat flux, which says that down is positive": (
        *("SHTF", Out("hfss", "W m-2", -1.0)),
        {"standard_name": "surface_upward_sensible_heat_flux", "positive": "down"},
    ),
    "heat flux of ECMWF that somebody turned and says so": (
        *("SHTF", Out("sshf", "W m-2")),
        {"positive": "up"},
    ),
    "latent heat, ECMWF's sum": ("LHTF", Out("slhf", "J m**-2", -3600.0), {}),
    "radiation, a sum": ("DSWF", Out("ssrd", "J m**-2", 3600.0), {}),
    "stress, of the moment": ("UMOF", Out("iews", "N m**-2"), {}),
    "stress, a sum": ("UMOF", Out("ewss", "N m**-2 s", 3600.0), {}),
    "surface pressure, Pa": ("PRSS", Out("sp", "Pa", 100.0), {}),
    "surface pressure, hPa": ("PRSS", Out("sp", "hPa"), {}),
    "terrain, geopotential": ("SHGT", Out("z", "m**2 s**-2", GRAVITY), {}),
    "terrain, height": ("SHGT", Out("orog", "m"), {}),
    "temperature, Celsius": ("T02M", Out("t2m", "degC", 1.0, -273.15), {}),
    "levels, geopotential": ("HGTS aloft", Out("z", "m**2 s**-2", GRAVITY), {}),
    "levels, height": (
        *("HGTS aloft", Out("zg", "m")),
        {"standard_name": "geopotential_height"},
    ),
    "humidity, %": ("RELH aloft", Out("r", "%"), {}),
    "humidity, a fraction": ("RELH aloft", Out("r", "1", 0.01), {}),
    "motion, Pa/s": ("WWND aloft", Out("w", "Pa s**-1", 100.0), {}),
    "motion, hPa/s": ("WWND aloft", Out("w", "hPa/s"), {}),
}


@pytest.mark.parametrize(("name", "out", "says"), SAME.values(), ids=SAME)
def test_the_same_field_comes_out(
    small: Path, tmp_path: Path, name: str, out: Out, says: dict[str, object]
) -> None:
    plain, _, aloft = name.partition(" ")
    paths = write_era5(tmp_path, small, Style(is_double=True), instead={name: out})
    say(paths[0 if aloft else 1], out.name, says)
    fields = decode(small)
    if plain == "WWND":
        fields[name] = fields[name] + fields["DIFW aloft"]
    expected = fields[name][1][4] if aloft else fields[name][1]
    assert np.abs(expected).max() > 1e-4
    np.testing.assert_allclose(field(paths, plain, 5 if aloft else 0), expected, rtol=1e-6)


def say(path: Path, variable: str, says: dict[str, object]) -> None:
    with netCDF4.Dataset(path, "a") as file:
        for key in set(file[variable].ncattrs()) & {"standard_name"}:
            file[variable].delncattr(key)
        file[variable].setncatts(says)


def test_specific_humidity_may_be_in_grams(small: Path, tmp_path: Path) -> None:
    outs = {"RELH aloft": Out("q", "g kg**-1", 0.1)}  # any numbers do
    paths = write_era5(tmp_path, small, Style(is_double=True), instead=outs)
    expected = decode(small)["RELH aloft"][1][4] * 1e-4
    np.testing.assert_allclose(field(paths, "SPHU", 5), expected, rtol=1e-6)


def test_a_motion_in_metres_a_second_is_one_of_height(small: Path, tmp_path: Path) -> None:
    says = {"standard_name": "upward_air_velocity"}
    (levels, _) = write_era5(tmp_path, small, instead={"WWND aloft": Out("w", "m s**-1")})
    say(levels, "w", says)
    content = content_of(levels)
    assert "WWND" not in content.fields
    assert content.fields["DZDT"].variable == "w"


NOT_USED = {
    "a flux that does not tell its sign": (Out("HFLUX", "W m-2"), {}, None),
    "a unit that is none": (Out("sshf", "furlong"), {}, "has the unit 'furlong'"),
    "no unit": (Out("sshf", ""), {}, "has no unit"),
    "a sum over nobody knows how long": (
        Out("hfss", "J m-2"),
        {"standard_name": "surface_upward_sensible_heat_flux"},
        "is a sum over a time that the file does not tell",
    ),
    "a total of both heats": (
        Out("net", "W m-2"),
        {"standard_name": "surface_upward_heat_flux_in_air"},
        None,
    ),
}


@pytest.mark.parametrize(("out", "says", "why"), NOT_USED.values(), ids=NOT_USED)
def test_what_does_not_say_what_it_is_is_not_used(
    small: Path, tmp_path: Path, out: Out, says: dict[str, object], why: str | None
) -> None:
    _, surface = write_era5(tmp_path, small, instead={"SHTF": out})
    say(surface, out.name, says)
    content = content_of(surface)
    assert "SHTF" not in content.fields
    unused = {each.variable: each.why_not for each in content.unused}
    assert unused.get(out.name) == why


def test_a_sum_is_divided_by_its_own_time(small: Path, tmp_path: Path) -> None:
    _, surface = write_era5(tmp_path, small, Style(is_double=True))
    with netCDF4.Dataset(surface, "a") as file:
        times = file["valid_time"]
        times.bounds = "valid_time_bounds"
        file.createDimension("two", 2)
        bounds = file.createVariable("valid_time_bounds", "i8", ("valid_time", "two"))
        bounds[:] = np.stack([times[:] - 3 * 3600, times[:]], axis=1)
    assert content_of(surface).fields["SHTF"].words.startswith("the mean of the 3 h before")
    expected = decode(small)["DSWF"][1] / 3.0
    levels = surface.with_name("era5_levels.nc")
    np.testing.assert_allclose(field([levels, surface], "DSWF", 0), expected, rtol=1e-6)


def test_of_two_variables_for_a_field_that_of_the_moment_is_read(
    small: Path, tmp_path: Path
) -> None:
    _, surface = write_era5(tmp_path, small)
    with netCDF4.Dataset(surface, "a") as file:
        moment = file.createVariable("ishf", "f4", file["sshf"].dimensions)
        moment.units = "W m**-2"
        moment[:] = -77.0
    levels = surface.with_name("era5_levels.nc")
    assert np.all(field([levels, surface], "SHTF", 0) == 77.0)


def test_levels_of_pascals_are_the_same_levels(small: Path, tmp_path: Path) -> None:
    levels, _ = write_era5(tmp_path, small)
    before = read_header(levels).levels
    with netCDF4.Dataset(levels, "a") as file:
        file["pressure_level"][:] = file["pressure_level"][:] * 100.0
        file["pressure_level"].units = "Pa"
    assert read_header(levels).levels == before


def test_levels_from_above_are_turned(small: Path, tmp_path: Path) -> None:
    expected = field(write_era5(tmp_path / "usual", small, Style(is_double=True)), "TEMP", 3)
    levels, surface = write_era5(tmp_path, small, Style(is_double=True))
    with netCDF4.Dataset(levels, "a") as file:
        for name in ("pressure_level", *"uvtzwr"):
            axis = file[name].dimensions.index("pressure_level")
            file[name][:] = np.flip(file[name][:], axis=axis)
    assert read_header(levels).levels[1].height == 1000.0
    np.testing.assert_array_equal(field([levels, surface], "TEMP", 3), expected)


def test_a_leap_day_is_a_day(tmp_path: Path) -> None:
    start = dt.datetime(2020, 2, 28, 23)  # noqa: DTZ001 - as all ARL files
    arl = write(tmp_path / "leap.arl", replace(KIND, step_h=12.0), 36, start)
    for style in (Style(), Style(is_new=False)):
        folder = tmp_path / str(style.is_new)
        times = [
            f"{time:%m-%d %H}" for time in read_header(write_era5(folder, arl, style)[0]).times
        ]
        assert times == ["02-28 23", "02-29 11", "02-29 23", "03-01 11"]


@pytest.mark.parametrize("calendar", ["noleap", "365_day", "360_day", "julian"])
def test_a_calendar_with_other_days_is_refused(small: Path, tmp_path: Path, calendar: str) -> None:
    levels, _ = write_era5(tmp_path, small, Style(calendar=calendar))
    with pytest.raises(DatasetError, match=f"era5_levels.nc: its calendar is {calendar}"):
        read_header(levels)


def test_preliminary_hours_are_read_where_they_are_all_there_is(
    small: Path, tmp_path: Path
) -> None:
    levels, surface = write_era5(tmp_path, small, Style(is_new=False))
    expected = field([levels, surface], "PRSS", 0, 0), field([levels, surface], "PRSS", 0, 2)
    with netCDF4.Dataset(surface) as file, netCDF4.Dataset(tmp_path / "e.nc", "w") as mixed:
        for name, dimension in file.dimensions.items():
            mixed.createDimension(name, len(dimension))
        mixed.createDimension("expver", 2)
        mixed.createVariable("expver", "i4", ("expver",))[:] = [5, 1]
        for name, variable in file.variables.items():
            dims = list(variable.dimensions)
            dims[1:1] = ["expver"] if len(dims) > 1 else []
            copy = mixed.createVariable(name, variable.dtype, dims, fill_value=-9999.0)
            copy.setncatts({key: variable.getncattr(key) for key in variable.ncattrs()})
            if len(dims) > 1:
                copy[:, 1] = variable[:]
                copy[2] = np.ma.masked
                copy[2, 0] = variable[2]
            else:
                copy[:] = variable[:]
    found = [field([levels, tmp_path / "e.nc"], "PRSS", 0, time) for time in (0, 2)]
    np.testing.assert_array_equal(found, expected)


REFUSED: dict[str, tuple[Callable[[netCDF4.Dataset], object], str]] = {
    "uneven latitudes": (
        lambda file: file["latitude"].__setitem__(2, file["latitude"][2] + 0.05),
        "its latitudes are not evenly spaced",
    ),
    "no units of the axes": (
        lambda file: [file[name].delncattr("units") for name in ("latitude", "longitude")],
        "its grid is not one of longitude and latitude",
    ),
    "times out of order": (
        lambda file: file["valid_time"].__setitem__(0, file["valid_time"][2]),
        "its times do not ascend",
    ),
    "no known field": (
        lambda file: (
            [file.renameVariable(name, f"x{name}") for name in "uvtzwr"]
            + [file[f"x{name}"].setncatts({"standard_name": "x"}) for name in "uvtzwr"]
        ),
        "it has no field that is known",
    ),
}


@pytest.mark.parametrize(("change", "why"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_does_not_say_where_its_numbers_lie_is_refused(
    small: Path, tmp_path: Path, change: Callable[[netCDF4.Dataset], object], why: str
) -> None:
    levels, _ = write_era5(tmp_path, small)
    with netCDF4.Dataset(levels, "a") as file:
        change(file)
    with pytest.raises(DatasetError, match=why):
        read_header(levels)


def test_a_missing_value_is_never_a_number(small: Path, tmp_path: Path) -> None:
    levels, surface = write_era5(tmp_path, small)
    with netCDF4.Dataset(levels, "a") as file:
        file["t"][1, 4, 5, 6] = np.nan
    with pytest.raises(
        TransportError, match="levels.nc: TEMP is missing at some points".replace(".", r"\.")
    ):
        field([levels, surface], "TEMP", 5)


def test_levels_that_differ_between_files_are_refused_by_name(small: Path, tmp_path: Path) -> None:
    levels, surface = write_era5(tmp_path, small)
    other = write_era5(tmp_path / "other", small, leave_out=frozenset("uv"))[0]
    with netCDF4.Dataset(other, "a") as file:
        file["pressure_level"][3] = 926.0
    with pytest.raises(TransportError, match="has other levels than"):
        analyses_of([read_header(path) for path in (levels, surface, other)])
