"""The same air gives the same particles, whatever the files it comes in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import netCDF4
import numpy as np
import pytest

from stilt.foundations.simulation import Receptor
from stilt.met.convert import convert
from stilt.met.dataset.levels import DatasetError
from stilt.met.header import read_header
from tests.dataset.conftest import COLUMNS, EVENING, MORNING, run
from tests.meteorology.netcdf import Style, write_era5
from tests.shared_data import shared

if TYPE_CHECKING:
    from pathlib import Path

STYLES = {
    "new names, eight bytes": Style(is_double=True),
    "old names, eight bytes": Style(is_new=False, is_double=True),
    "new names, four bytes": Style(),
    "old names, two bytes": Style(is_new=False, is_packed=True),
}
APART = {
    "four bytes": {"long": 2e-7, "lati": 2e-7, "zagl": 2e-5, "mlht": 0.01, "dens": 2e-7},
    "two bytes": {"long": 2e-4, "lati": 1e-4, "zagl": 0.02, "mlht": 1.0, "dens": 1e-4},
}
"""Without turbulence, over 18 hours: what four bytes a number lose, and two."""

FIRST_MINUTES = 10
WIDER = {"four bytes": 1000.0, "two bytes": 100.0}
"""How many times as far turbulence carries particles apart in that time."""

FOOTPRINT = 0.03
"""By what part footprints of six hours may differ: particles are drawn, and two draws of 200 differ by as much."""

RUNS = {"back": (EVENING, -18), "on": (MORNING, 17)}
on_both_ways = pytest.mark.parametrize("where_and_hours", RUNS.values(), ids=RUNS)


@pytest.fixture(scope="module", params=STYLES)
def files(
    request: pytest.FixtureRequest, arl: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, list[Path]]:
    """How many bytes a number has, and the files."""
    folder = tmp_path_factory.mktemp("netcdf")
    return request.param.split(", ")[1], write_era5(folder, arl, STYLES[request.param])


@on_both_ways
def test_without_turbulence_a_particle_goes_the_same_way(
    arl: Path, files: tuple[str, list[Path]], where_and_hours: tuple[Receptor, int]
) -> None:
    (size, paths), (where, hours) = files, where_and_hours
    theirs = run([arl], hours, where=where, is_turbulent=False, particles=1)
    ours = run(paths, hours, where=where, is_turbulent=False, particles=1)
    assert len(ours) == len(theirs) == 60 * abs(hours)
    for name in COLUMNS if size == "eight bytes" else APART[size]:
        most = 0.0 if size == "eight bytes" else APART[size][name]
        assert np.abs(theirs[name] - ours[name]).max() <= most, name


@on_both_ways
def test_with_turbulence_particles_are_the_same_until_chance_parts_them(
    arl: Path, files: tuple[str, list[Path]], where_and_hours: tuple[Receptor, int]
) -> None:
    """One that just passes an interface and one that just does not go their own ways from then on."""
    (size, paths), (where, hours) = files, where_and_hours
    hours //= 3
    theirs, ours = run([arl], hours, where=where), run(paths, hours, where=where)
    assert theirs["foot"].sum() > 0.0
    if size == "eight bytes":
        for name in COLUMNS:
            np.testing.assert_array_equal(theirs[name], ours[name])
        return
    early = np.abs(theirs["time"]) <= FIRST_MINUTES
    for name, most in APART[size].items():
        within = np.abs(theirs[name] - ours[name])[early] <= WIDER[size] * most
        assert within.mean() > 0.9, name
    assert ours["foot"].sum() == pytest.approx(theirs["foot"].sum(), rel=FOOTPRINT)


@pytest.mark.parametrize(
    "style",
    [
        Style(from_north=False),
        Style(from_east=True),
        Style(west=-180.0),
        Style(is_new=False, calendar="gregorian"),
    ],
    ids=["south first", "east first", "-180 to 180", "gregorian"],
)
def test_the_order_and_the_names_of_axes_do_not_matter(
    arl: Path, tmp_path: Path, style: Style
) -> None:
    usual = run(write_era5(tmp_path / "usual", arl), -4)
    other = run(write_era5(tmp_path / "other", arl, style), -4)
    for name in ("long", "lati", "zagl", "foot", "shtf"):
        np.testing.assert_array_equal(usual[name], other[name])


EXCHANGE = (("EXCO", "exchange"),)
FORECAST = {
    "back": (Receptor("199510180000", (-90.0,), (40.0,), (50.0,)), -24),
    "on": (Receptor("199510170000", (-90.0,), (40.0,), (50.0,)), 24),
}


@pytest.fixture(scope="module")
def forecast(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path], list[Path]]:
    """NOAA's forecast on polar stereographic sigma levels: as ARL, as NetCDF, and as ARL made of that."""
    arl, folder = shared("data", "oct1618.BIN"), tmp_path_factory.mktemp("forecast")
    paths = write_era5(folder, arl, Style(is_double=True))
    headers = [read_header(path, EXCHANGE) for path in paths]
    return arl, paths, list(convert("ngm", headers, folder / "made"))


@pytest.mark.parametrize(("where", "hours"), FORECAST.values(), ids=FORECAST)
def test_a_real_forecast_on_sigma_levels_gives_the_same_particles(
    forecast: tuple[Path, list[Path], list[Path]], where: Receptor, hours: int
) -> None:
    arl, paths, made = forecast
    theirs = run([arl], hours, where=where, is_turbulent=False, particles=1)
    ours = run(paths, hours, where=where, is_turbulent=False, particles=1, table=EXCHANGE)
    again = run(made, hours, where=where, is_turbulent=False, particles=1)
    assert len(theirs) == 60 * abs(hours)
    for name in COLUMNS:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-9, atol=1e-9, err_msg=name)
    for name in ("long", "lati"):
        assert np.abs(again[name] - theirs[name]).max() < 0.01, "packed a second time"
    theirs = run([arl], hours // 4, where=where)
    ours = run(paths, hours // 4, where=where, table=EXCHANGE)
    early = np.abs(theirs["time"]) <= FIRST_MINUTES
    assert (np.abs(theirs["zagl"] - ours["zagl"])[early] < 1e-6).mean() > 0.9
    assert ours["foot"].sum() == pytest.approx(theirs["foot"].sum(), rel=FOOTPRINT)
    assert theirs["foot"].sum() > 0.0


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda file: file["lev"].setncattr("formula_terms", "sigma: lev ps: sp"), "at what top"),
        (lambda file: file["ptop"].setncattr("units", "m"), "has no unit of pressure"),
    ],
)
def test_sigma_levels_that_do_not_say_where_they_end_are_refused(
    forecast: tuple[Path, list[Path], list[Path]], tmp_path: Path, spoil: object, why: str
) -> None:
    path = tmp_path / "x.nc"
    path.write_bytes(forecast[1][0].read_bytes())
    with netCDF4.Dataset(path, "a") as file:
        spoil(file)  # type: ignore[operator]
    with pytest.raises(DatasetError, match=why):
        read_header(path)
