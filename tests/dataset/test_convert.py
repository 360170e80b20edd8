"""ARL files written from NetCDF: hycs_std computes from them what it does from the original ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from stilt.config.schema import Config, HysplitSection, Met
from stilt.foundations.errors import InputError
from stilt.foundations.failures import Reason, TransportError
from stilt.foundations.simulation import Receptor, Simulation
from stilt.met.arl import read_arl
from stilt.met.convert import convert
from stilt.met.header import read_header
from stilt.met.supply import Part, crop
from stilt.transport.hysplit.engine import HysplitEngine
from tests.dataset.conftest import COLUMNS, EVENING, MORNING, run
from tests.dataset.test_project import project
from tests.hysplit.conftest import hysplit  # noqa: F401 - a fixture
from tests.meteorology.netcdf import Style, write_era5

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.particles.table import ParticleTable
    from stilt.transport.hysplit.locate import Installation

STYLES = {"eight bytes": Style(is_double=True), "two bytes": Style(is_new=False, is_packed=True)}
APART = {"long": 3e-4, "lati": 2e-4, "zagl": 0.02, "mlht": 1.0, "dens": 1e-4}
"""Without turbulence over 18 hours: what two bytes a number lose. Eight lose nothing."""

FOOTPRINT = 0.05


@pytest.fixture(scope="module", params=STYLES)
def converted(
    request: pytest.FixtureRequest, arl: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, list[Path]]:
    """What the numbers were written with, and ARL files that were made of them."""
    folder = tmp_path_factory.mktemp("converted")
    headers = [read_header(path) for path in write_era5(folder / "nc", arl, STYLES[request.param])]
    return request.param, list(convert("era5", headers, folder / "arl"))


def run_hysplit(
    program: Installation,
    met: Path,
    where: Receptor,
    hours: int,
    scratch: Path,
    *,
    is_turbulent: bool,
) -> ParticleTable:
    folder = str(program.exe.parent)
    config = Config(
        mets={"era5": Met(str(met))},
        n_hours=hours,
        numpar=200 if is_turbulent else 1,
        nturb=0 if is_turbulent else 1,
        varsiwant=COLUMNS,
        hysplit=HysplitSection(folder),
    )
    scratch.mkdir(parents=True)
    simulation = Simulation("era5_x", "era5", where)
    return HysplitEngine(folder).run(simulation, config, scratch).particles


@pytest.mark.hysplit
@pytest.mark.parametrize("where_and_hours", [(EVENING, -18), (MORNING, 17)], ids=["back", "on"])
@pytest.mark.parametrize("is_turbulent", [False, True], ids=["mean wind", "turbulence"])
def test_hysplit_computes_the_same_from_them(
    hysplit: Installation,  # noqa: F811
    arl: Path,
    converted: tuple[str, list[Path]],
    tmp_path: Path,
    *,
    where_and_hours: tuple[Receptor, int],
    is_turbulent: bool,
) -> None:
    (size, paths), (where, hours) = converted, where_and_hours
    hours = hours // 3 if is_turbulent else hours
    tables = [
        run_hysplit(hysplit, met, where, hours, tmp_path / str(number), is_turbulent=is_turbulent)
        for number, met in enumerate((arl.parent, paths[0].parent))
    ]
    theirs, ours = tables
    assert len(ours) == len(theirs)
    if size == "eight bytes":
        for name in COLUMNS:
            np.testing.assert_array_equal(theirs[name], ours[name])
    elif is_turbulent:
        assert ours["foot"].sum() == pytest.approx(theirs["foot"].sum(), rel=FOOTPRINT)
    else:
        for name, most in APART.items():
            assert np.abs(theirs[name] - ours[name]).max() <= most, name


def test_native_computes_the_same_from_them(arl: Path, converted: tuple[str, list[Path]]) -> None:
    size, paths = converted
    theirs, ours = (run(files, -18, is_turbulent=False, particles=1) for files in ([arl], paths))
    for name, most in APART.items():
        assert np.abs(theirs[name] - ours[name]).max() <= most * (
            1e-3 if size == "eight bytes" else 1.0
        ), name
    theirs, ours = run([arl], -6), run(paths, -6)
    assert ours["foot"].sum() == pytest.approx(theirs["foot"].sum(), rel=FOOTPRINT)


def test_a_second_conversion_gives_the_same_bytes(arl: Path, tmp_path: Path) -> None:
    headers = [read_header(path) for path in write_era5(tmp_path / "nc", arl)]
    first, second = (list(convert("era5", headers, tmp_path / name)) for name in ("a", "b"))
    assert [path.name for path in first] == ["era5_20210601.arl", "era5_20210602.arl"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert list(convert("era5", headers, tmp_path / "a")) == []
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [path.name for path in first]
    assert len(read_arl(first[0]).times) == 24


def test_a_project_goes_on_with_what_was_converted(arl: Path, tmp_path: Path) -> None:
    made = project(tmp_path / "project")
    write_era5(made.path / "met", arl)
    done = made.stilt("met", "--convert", "era5", "--to", str(tmp_path / "made"))
    assert done.code == 0, done.err
    assert done.out.split() == [str(tmp_path / "made" / "era5_20210601.arl")]
    unneeded = "the receptors of today do not need 1 of 2 days; now set mets.era5 to"
    assert f"1 file written; {unneeded} {tmp_path / 'made'}" in done.err
    again = made.stilt("met", "--convert", "era5", "--to", str(tmp_path / "made"))
    assert f"0 files written: all there; {unneeded}" in again.err
    config = made.path / "config.yaml"
    config.write_text(config.read_text().replace(str(made.path / "met"), str(tmp_path / "made")))
    assert made.stilt("check").code == 0


def test_what_the_format_has_no_room_for_is_refused(arl: Path, tmp_path: Path) -> None:
    import netCDF4

    levels, surface = write_era5(tmp_path / "nc", arl)
    for path in (levels, surface):
        with netCDF4.Dataset(path, "a") as file:
            file["longitude"][:] = file["longitude"][0] + 0.1234567 + 0.0123457 * np.arange(61)
    headers = [read_header(path) for path in (levels, surface)]
    with pytest.raises(InputError, match="an ARL header cannot say where this grid lies"):
        list(convert("era5", headers, tmp_path / "made"))
    assert list((tmp_path / "made").iterdir()) == []
    with pytest.raises(InputError, match="has no NetCDF, Zarr or GRIB files"):
        list(convert("era5", [read_header(arl)], tmp_path / "made"))
    with pytest.raises(InputError, match="no levels, only surface fields"):
        list(convert("era5", [read_header(surface)], tmp_path / "made"))


def test_what_lacks_or_has_too_much_for_hysplit_is_refused(
    arl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import netCDF4

    headers = [read_header(path) for path in write_era5(tmp_path / "nc", arl)]
    with pytest.raises(InputError, match="and only ARL files are cropped"):
        list(crop(headers, tmp_path / "nc", tmp_path / "small", Part((-100, 30, -90, 40))))
    monkeypatch.setattr("stilt.met.convert._MOST_LEVELS", 5)
    with pytest.raises(InputError, match=r"\d+ levels, and hycs_std reads 5"):
        list(convert("era5", headers, tmp_path / "made"))
    with netCDF4.Dataset(headers[0].path, "a") as file:
        for name in ("u", "v"):
            file.renameVariable(name, f"no_{name}")
            file[f"no_{name}"].delncattr("standard_name")
    lacking = [read_header(header.path) for header in headers]
    with pytest.raises(InputError, match="no UWND and no VWND, which hycs_std needs"):
        list(convert("era5", lacking, tmp_path / "made"))
    with monkeypatch.context() as patch:
        patch.setattr("stilt.met.convert.analyses_of", refuse)
        with pytest.raises(InputError, match="the file ends in the middle") as caught:
            list(convert("era5", headers, tmp_path / "made"))
    assert caught.value.hint == "see what `stilt met` says of these files"


def refuse(_: object) -> None:
    raise TransportError(Reason.MET_MISSING, "the file ends in the middle")
