"""GRIB: the same air as in ARL's records, and real files of centres."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import netCDF4
import numpy as np
import pytest

from stilt.config.schema import Met
from stilt.foundations.failures import TransportError
from stilt.foundations.simulation import Receptor
from stilt.met.dataset import grib, tiles
from stilt.met.dataset.analyses import analyses_of
from stilt.met.dataset.codes import library
from stilt.met.dataset.content import content_of
from stilt.met.dataset.levels import DatasetError
from stilt.met.dataset.naming import table_of_met
from stilt.met.dataset.tiles import Tiles
from stilt.met.header import read_header
from tests.dataset.conftest import EVENING, run
from tests.dataset.conftest import KIND as WHOLE
from tests.dataset.test_project import project
from tests.dataset.test_traps import KIND
from tests.drawn import drawn
from tests.meteorology import KINDS, write
from tests.meteorology.grib import Packing, write_grib
from tests.meteorology.netcdf import decode, write_era5
from tests.shared_data import shared

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

AFTERNOON = dt.datetime(2021, 6, 1, 14)  # noqa: DTZ001 - as all ARL files
BEFORE = Receptor("202106011430", (-12.3,), (41.1,), (50.0,))
PACKINGS = {
    "simple, second edition": Packing(),
    "simple, first edition": Packing(edition=1),
    "CCSDS": Packing("grid_ccsds"),
    "complex": Packing("grid_complex_spatial_differencing"),
    "from the south": Packing(south_first=True),
}
APART = {"long": 2e-6, "lati": 2e-6, "zagl": 2e-4, "mlht": 0.05, "dens": 1e-6}
"""What 24 bits a number lose in 4 hours without turbulence."""


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five hours of the air."""
    return write(tmp_path_factory.mktemp("few") / "era5.arl", WHOLE, 5, AFTERNOON)


@pytest.mark.parametrize("packing", drawn(list(PACKINGS), 2))
def test_the_same_air_gives_the_same_particles(few: Path, tmp_path: Path, packing: str) -> None:
    path = write_grib(tmp_path / "era5.grib", few, PACKINGS[packing])
    for hours, where in ((-4, EVENING), (4, BEFORE)):
        theirs, ours = (
            run([each], hours, where=where, is_turbulent=False, particles=1) for each in (few, path)
        )
        for name, most in APART.items():
            assert np.abs(theirs[name] - ours[name]).max() <= most, name
        theirs, ours = (run([each], hours, where=where) for each in (few, path))
        first = [table["foot"][np.abs(table["time"]) <= 1.0].sum() for table in (theirs, ours)]
        assert first[0] > 0
        assert first[1] == pytest.approx(first[0], rel=1e-4), "before chance parts particles"
        if hours < 0:  # by day chance parts them sooner, and draws of 200 differ by more
            assert ours["foot"].sum() == pytest.approx(theirs["foot"].sum(), rel=0.03)


def test_levels_of_the_model_give_the_same_particles(tmp_path: Path) -> None:
    """Hybrid levels, with the logarithm of the surface pressure and the terrain on the first of them."""
    kind = replace(KINDS["era5 of 74 levels"], nx=40, ny=30, step_h=1.0)
    arl = write(tmp_path / "era5.arl", kind, 5, AFTERNOON)
    path = write_grib(tmp_path / "era5.grib", arl)
    header = read_header(path)
    assert (header.level_type, len(header.levels)) == (4, 75)
    where = Receptor(EVENING.time, (-1.0,), (42.0,), (50.0,))
    theirs, ours = (
        run([each], -4, where=where, is_turbulent=False, particles=1) for each in (arl, path)
    )
    for name, most in APART.items():
        assert np.abs(theirs[name] - ours[name]).max() <= 20 * most, name


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("small") / "era5.arl", KIND, 1, AFTERNOON)


@pytest.mark.parametrize(("centre", "turn"), [("ecmf", -1.0), ("kwbc", 1.0)])
def test_the_sign_of_a_heat_flux_is_that_of_its_centre(
    small: Path, tmp_path: Path, centre: str, turn: float
) -> None:
    path = write_grib(tmp_path / "era5.grib", small, replace(Packing(), centre=centre))
    (analyses,) = analyses_of([read_header(path)])
    found = analyses[1].reader().field("SHTF", 0, (0, KIND.ny), (0, KIND.nx))
    written = -decode(small)["SHTF"][1]
    np.testing.assert_allclose(found, turn * written, atol=1e-3)
    assert np.abs(written).max() > 50


def test_of_another_centre_a_heat_flux_is_not_used(small: Path, tmp_path: Path) -> None:
    path = write_grib(tmp_path / "era5.grib", small, replace(Packing(), centre="edzw"))
    content = content_of(path)
    assert "SHTF" not in content.fields
    (unused,) = content.unused
    assert unused.why_not == "is of the centre edzw, which has said nothing of its sign"


def test_a_level_that_lacks_a_field_is_named(small: Path, tmp_path: Path) -> None:
    path = write_grib(tmp_path / "era5.grib", small, leave_out=frozenset({"VWND 500"}))
    with pytest.raises(TransportError, match="VWND is missing at the level 500"):
        analyses_of([read_header(path)])


def test_an_ensemble_is_refused(small: Path, tmp_path: Path) -> None:
    path = write_grib(tmp_path / "era5.grib", small, replace(Packing(), members=2))
    with pytest.raises(DatasetError, match=r"it has 2 members .* put `member: 0`, say, beside"):
        read_header(path)
    with pytest.raises(
        DatasetError, match=r"has 2 members .0 to 1., and the config's member says 2"
    ):
        read_header(path, table_of_met(Met(str(tmp_path), member=2)))


def test_the_member_of_an_ensemble_that_is_asked_for_is_read(small: Path, tmp_path: Path) -> None:
    path = write_grib(tmp_path / "era5.grib", small, replace(Packing(), members=3))
    found = [_fields_of([path], "TEMP", 5, member)[0, 0] for member in (0, 2, 1)]
    np.testing.assert_allclose(np.diff(found), [2.0, -1.0], atol=1e-3)


def test_a_member_of_netcdf_is_read_and_none_without_a_number(small: Path, tmp_path: Path) -> None:
    """As the store delivers ERA5's ensemble: an axis ``number`` after the times."""
    usual, surface = write_era5(tmp_path, small)
    levels = tmp_path / "members.nc"
    with netCDF4.Dataset(usual) as file, netCDF4.Dataset(levels, "w") as several:
        for name, dimension in file.dimensions.items():
            several.createDimension(name, len(dimension))
        several.createDimension("number", 2)
        several.createVariable("number", "i8", ("number",))[:] = [4, 7]
        for name, variable in file.variables.items():
            dims = list(variable.dimensions)
            dims[1:1] = ["number"] if len(dims) == 4 else []
            copy = None if name == "number" else several.createVariable(name, variable.dtype, dims)
            if copy is not None:
                copy.setncatts({key: variable.getncattr(key) for key in variable.ncattrs()})
                copy[:] = (
                    variable[:][:, None] + np.array([0, 1])[:, None, None, None]
                    if len(dims) == 5
                    else variable[:]
                )
    usual.unlink()
    with pytest.raises(DatasetError, match=r"t has 2 members .4 to 7.*put `member: 4`, say"):
        read_header(levels)
    with pytest.raises(DatasetError, match="and the config's member says 0"):
        read_header(levels, table_of_met(Met("/x", member=0)))
    found = [_fields_of([levels, surface], "TEMP", 5, member) for member in (7, 4)]
    np.testing.assert_allclose(found[0] - found[1], 1.0, atol=1e-3)


def test_one_member_of_a_real_ensemble_opens() -> None:
    path = shared("data", "samples", "era5_levels_members.grib")
    headers = [read_header(path, table_of_met(Met("/x", member=each))) for each in (0, 9)]
    assert [len(header.times) for header in headers] == [4, 4]
    assert [level.height for level in headers[0].levels] == [0.0, 850.0, 500.0]
    first, last = (
        content_of(path, header.table).messages.by_place["TEMP", 0, 0].offset for header in headers
    )
    assert first != last


def _fields_of(paths: list[Path], name: str, level: int, member: int) -> NDArray[np.float32]:
    table = table_of_met(Met("/x", member=member))
    (analyses,) = analyses_of([read_header(path, table) for path in paths])
    return analyses[1].reader().field(name, level, (0, KIND.ny), (0, KIND.nx))


def test_without_the_library_the_message_says_how_to_get_it(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_grib(tmp_path / "without.grib", small)
    monkeypatch.setitem(sys.modules, "eccodes", None)
    with pytest.raises(DatasetError, match="pip install"):
        read_header(path)


BOTH = """
import sys
from pathlib import Path
from stilt.footprint.grid import crs_attributes, length_unit
from stilt.met.header import read_header

steps = {
    "grib": lambda: print("GRIB", len(read_header(Path(sys.argv[1])).times)),
    "epsg": lambda: print("EPSG", length_unit("EPSG:5070"), crs_attributes("EPSG:5070")["grid_mapping_name"]),
}
for name in sys.argv[2:]:
    steps[name]()
"""
"""ecCodes and pyproj at work in one process, in the order that is asked for."""


@pytest.mark.parametrize("order", [("grib", "epsg"), ("epsg", "grib", "epsg")], ids="-".join)
def test_grib_and_projected_grids_get_along(
    small: Path, tmp_path: Path, order: tuple[str, ...]
) -> None:
    path = write_grib(tmp_path / "era5.grib", small)
    program = [sys.executable, "-W", "error", "-c", BOTH, str(path), *order]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    said = {"grib": "GRIB 2", "epsg": "EPSG m albers_conical_equal_area"}
    assert done.stdout.splitlines() == [said[step] for step in order], done.stderr
    assert (done.returncode, done.stderr) == (0, "")


def test_a_pool_makes_projected_footprints_from_it(few: Path, tmp_path: Path) -> None:
    made = project(tmp_path / "project")
    (made.path / "met").mkdir()
    write_grib(made.path / "met" / "era5.grib", few)
    config = made.path / "config.yaml"
    projected = config.read_text().replace(
        "xres: 0.1, yres: 0.1", "projection: EPSG:3035, xres: 9000, yres: 9000"
    )
    config.write_text(projected + "execution: {cpus-per-task: 2}\n")
    rows = [f"2021-06-01 18:00:00,{lon},41.1,50" for lon in (-12.3, -12.1, -11.9)]
    (made.path / "receptors.csv").write_text("\n".join(["time,long,lati,zagl", *rows]) + "\n")
    assert made.stilt("check").code == 0
    done = made.stilt("run")
    assert done.code == 0, done.err
    footprints = list(made.path.glob("output/footprints/*/*/*.nc"))
    assert len(footprints) == 3
    for footprint in footprints:
        with netCDF4.Dataset(footprint) as file:
            assert float(np.nansum(file["foot"][:])) > 0


def test_a_file_that_is_cut_off_is_refused(small: Path, tmp_path: Path) -> None:
    path = write_grib(tmp_path / "era5.grib", small)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DatasetError, match="does not read as GRIB"):
        read_header(path)


def _in_order(path: Path) -> dict[tuple[str, int], NDArray[np.float64]]:
    """Decode all fields on levels of pressure, one after the other."""
    found = {}
    with library() as eccodes, path.open("rb") as file:
        while (handle := eccodes.codes_grib_new_from_file(file)) is not None:
            if eccodes.codes_get(handle, "typeOfLevel") == "isobaricInhPa":
                key = eccodes.codes_get(handle, "shortName"), eccodes.codes_get(handle, "level")
                found[key] = eccodes.codes_get_values(handle).reshape(65, 93)
            eccodes.codes_release(handle)
    return found


def test_the_numbers_of_a_real_forecast_are_where_they_should_be() -> None:
    """NAM: cold aloft, warm at the ground, heights as of a standard atmosphere, the grid over North America."""
    path = shared("data", "samples", "nam_awp211.grib2")
    (analyses,) = analyses_of([read_header(path)])
    reader, area = analyses[0].reader(), ((0, 65), (0, 93))
    levels = {level.height: number for number, level in enumerate(analyses[0].levels)}
    assert 5000 < reader.field("HGTS", levels[500.0], *area).mean() < 6000
    assert 240 < reader.field("TEMP", levels[500.0], *area).mean() < 275
    wind = [reader.field(name, levels[250.0], *area) for name in ("UWND", "VWND")]
    plain = _in_order(path)
    for values, name in zip(wind, ("u", "v"), strict=True):
        np.testing.assert_allclose(values, plain[name, 250], rtol=1e-6, atol=1e-5)
    pressure, terrain = reader.field("PRSS", 0, *area), reader.field("SHGT", 0, *area)
    assert 600 < pressure.min() < pressure.max() < 1050
    assert np.corrcoef(pressure.ravel(), terrain.ravel())[0, 1] < -0.95
    grid = read_header(path).grid  # the corners of NCEP's grid 211
    assert grid.to_lonlat(1, 1) == pytest.approx((-133.459, 12.190), abs=1e-3)
    assert grid.to_lonlat(93, 65) == pytest.approx((-49.385, 57.290), abs=1e-3)
    assert grid.to_lonlat(1, 65) == pytest.approx((-152.856, 54.536), abs=1e-3)


PACKED = [
    Packing(bits=bits, edition=edition, south_first=south)
    for bits, edition, south in (
        (16, 1, False),
        (16, 2, True),
        (24, 1, True),
        (11, 2, False),
        (8, 2, False),
        (32, 2, True),
    )
] + [
    Packing("grid_ccsds", bits, south_first=south)
    for bits, south in ((7, True), (16, False), (24, True))
]


@pytest.mark.parametrize("packing", PACKED, ids=str)
def test_rows_of_packed_and_of_coded_fields_are_those_of_whole_ones(
    small: Path, tmp_path: Path, packing: Packing
) -> None:
    path = write_grib(tmp_path / "era5.grib", small, packing)
    content = content_of(path)
    messages, axes = content.messages, content.axes
    assert messages is not None
    for name, count in (("UWND", len(axes.levels.heights)), ("PRSS", 1), ("SHTF", 1)):
        assert messages.are_in_rows((name, 1, count))
        whole = messages.decode(path, (name, 1, count), axes, (0, KIND.ny))
        part = messages.part(path, (name, 1, count), axes, ((3, 9), (2, 7)))
        np.testing.assert_array_equal(part, whole[:, 3:9, 2:7])


def test_others_are_decoded_as_a_whole(small: Path, tmp_path: Path) -> None:
    packing = Packing("grid_complex_spatial_differencing")
    content = content_of(write_grib(tmp_path / "era5.grib", small, packing))
    assert content.messages is not None
    assert not content.messages.are_in_rows(("UWND", 0, len(content.axes.levels.heights)))


def test_without_a_libaec_that_tells_of_intervals_coded_ones_are_too(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = content_of(write_grib(tmp_path / "era5.grib", small, Packing("grid_ccsds", 16)))
    area = (3, 9), (2, 7)
    usual = Tiles().read(content, "TEMP", 1, *area)
    monkeypatch.setattr(grib, "aec", lambda: None)
    assert content.messages is not None
    monkeypatch.setattr(type(content.messages), "part", None)
    np.testing.assert_array_equal(Tiles().read(content, "TEMP", 1, *area), usual)


@pytest.mark.parametrize("name", ["grid_simple", "grid_ccsds"])
def test_of_a_large_field_the_bands_of_rows_are_kept_that_were_asked_for(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whole fields of a global grid would push one another out, and be decoded again for each block of columns."""
    content = content_of(write_grib(tmp_path / "era5.grib", small, Packing(name)))
    levels = len(content.axes.levels.heights)
    whole = Tiles().read(content, "UWND", 1, (0, KIND.ny), (0, KIND.nx))
    monkeypatch.setattr(tiles, "_TILE", 4)
    monkeypatch.setattr(tiles, "_CODED_ROWS", 4)
    monkeypatch.setattr(tiles, "_MOST_OF_A_BAND", 0)
    some = Tiles()
    for rows, came in (((5, 7), 4), ((3, 7), 8), ((0, KIND.ny), KIND.ny), ((9, 10), KIND.ny)):
        found = some.read(content, "UWND", 1, rows, (2, 6))
        np.testing.assert_array_equal(found, whole[:, slice(*rows), 2:6])
        columns = 8 if name == "grid_simple" else KIND.nx
        assert some.bytes_read == 4 * levels * columns * came, "bands of 4 rows, each once"


def test_a_real_file_whose_rows_run_back_and_forth_is_decoded_as_a_whole() -> None:
    """Of such a file it is the library that knows where a row is."""
    path = shared("data", "samples", "alternate_scanning.grib")
    content = content_of(path)
    assert content.messages is not None
    assert not content.messages.are_in_rows(("T02M", 0, 1))
