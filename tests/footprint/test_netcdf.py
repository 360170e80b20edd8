"""Footprint files: as R-STILT's where it has a word, and many at once in xarray."""

from __future__ import annotations

import errno
import pickle
import resource
import subprocess
import sys
from dataclasses import replace

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pyproj import CRS

from stilt.config.schema import FootprintGrid
from stilt.footprint.calc import calc_footprint
from stilt.footprint.netcdf import read_footprint, write_footprint
from stilt.footprint.sparse import read_entries
from stilt.footprint.tail import read_tail
from stilt.foundations.errors import DamagedError
from stilt.foundations.simulation import Receptor
from stilt.particles.table import ParticleTable
from tests.footprint import cases

SIM = "ngm_199510171800_-90_40_10"


def write(path, footprint, receptor, sim=SIM):
    write_footprint(path, footprint, receptor, sim, {"model": "hysplit", "transport_digest": "0b1"})
    return path


@pytest.fixture
def small():
    """A footprint of made-up particles: three hours on 4 x 6 cells."""
    rng = np.random.default_rng(0)
    table = ParticleTable(
        {
            "time": -np.repeat(np.arange(1.0, 181.0), 5),
            "indx": np.tile(np.arange(1.0, 6.0), 180),
            "long": rng.uniform(-90, -88, 900),
            "lati": rng.uniform(40, 43, 900),
            "foot": rng.random(900),
        }
    )
    receptor = Receptor("199510171830", (-90.0,), (40.0,), (10.0,))
    return calc_footprint(table, FootprintGrid(-90, -88, 40, 43, 0.5, 0.5), receptor), receptor


@pytest.mark.parametrize("name", ["01_base", "06_time_integrate", "11_lcc_12km"])
def test_what_r_stilt_says_of_a_footprint_is_said_alike(tmp_path, name):
    theirs = cases.footprint(name, "foot.nc.gz")
    receptor = cases.receptor(name)
    ours = calc_footprint(cases.particles(name), cases.grid(name), receptor)
    path = write(tmp_path / "foot.nc", ours, receptor)
    with netCDF4.Dataset(path) as file:
        for variable in ("lon", "lat", "x", "y", "time", "foot"):
            expected = dict(theirs.attributes.get(variable, {}))
            if variable == "foot":  # no table has that name, and nothing is missing in a footprint
                assert expected.pop("standard_name") == "footprint"
                expected.pop("_FillValue", None)
            given = file[variable].__dict__ if expected else {}
            assert {key: given[key] for key in expected} == expected
        for key in ("crs", "crs_format", "title"):
            assert file.__dict__[key] == theirs.attributes[""][key]
        assert file["foot"].dimensions[-3:] == (
            "time",
            *(("y", "x") if "lcc" in name else ("lat", "lon")),
        )
    read = read_footprint(path)
    np.testing.assert_array_equal(read.foot.to_numpy()[0], ours.values)
    np.testing.assert_array_equal(read.time.to_numpy(), ours.times.astype("datetime64[ns]"))


def test_plain_degrees_are_what_proj_calls_epsg_4326(tmp_path, small):
    path = write(tmp_path / "foot.nc", *small)
    with netCDF4.Dataset(path) as file:
        said = file["projection"].__dict__
    expected = CRS("EPSG:4326")
    assert CRS.from_wkt(said.pop("crs_wkt")) == expected
    assert said == {key: value for key, value in expected.to_cf().items() if key != "crs_wkt"}


def test_plain_degrees_are_written_without_loading_proj(tmp_path, small):
    code = """
import pickle, sys
from pathlib import Path
from stilt.footprint.netcdf import write_footprint
write_footprint(Path("foot.nc"), *pickle.load(sys.stdin.buffer), "ngm", {})
print("pyproj" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps(small),
        capture_output=True,
        cwd=tmp_path,
        check=True,
    )
    assert done.stdout.split() == [b"False"]
    assert (tmp_path / "foot.nc").stat().st_size > 0


def test_a_file_carries_its_receptor_and_its_making(tmp_path, small):
    footprint, receptor = small
    read = read_footprint(write(tmp_path / "foot.nc", footprint, receptor))
    assert read.receptor.item() == SIM
    assert read.receptor_time.to_numpy()[0] == np.datetime64("1995-10-17T18:30")
    assert (read.receptor_lon.item(), read.receptor_lat.item()) == (-90, 40)
    assert read.receptor_height.item() == 10
    assert read.attrs["Conventions"].startswith("CF-")
    assert read.attrs["transport_digest"] == "0b1"
    np.testing.assert_array_equal(
        read.time.to_numpy(),
        pd.to_datetime(["1995-10-17 15:30", "1995-10-17 16:30", "1995-10-17 17:30"]),
    )


def test_an_integrated_layer_has_the_receptors_time_and_says_so(tmp_path, small):
    _, receptor = small
    grid = FootprintGrid(-95, -85, 35, 45, 0.5, 0.5, time_integrate=True)
    footprint = calc_footprint(cases.particles("02_small_6h"), grid, receptor)
    read = read_footprint(write(tmp_path / "foot.nc", footprint, receptor))
    np.testing.assert_array_equal(read.time.to_numpy(), read.receptor_time.to_numpy())
    assert read.time.attrs["comment"] == "that of the receptor: one layer, the sum of all hours"


@pytest.mark.parametrize("form", [1, 2, 3])
def test_what_is_not_zero_is_read_from_files_of_every_form(tmp_path, form):
    footprint = calc_footprint(
        cases.particles("02_small_6h"), cases.grid("01_base"), cases.receptor("01_base")
    )
    path = tmp_path / "foot.nc"
    write_footprint(path, footprint, cases.receptor("01_base"), SIM, {}, form=form)
    with netCDF4.Dataset(path) as file:
        assert ("sparse" in file.groups) == (form == 2)
        found = read_entries(file)
    tail = read_tail(path)
    assert (tail is not None) == (form == 3)
    for each in (found, tail.entries()) if tail else ():
        for ours, theirs in zip(each, found, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    values = np.zeros_like(footprint.values)
    values.reshape(len(values), -1)[found.layer, found.cell] = found.values
    np.testing.assert_array_equal(values, footprint.values)
    np.testing.assert_array_equal(read_footprint(path).foot.to_numpy()[0], footprint.values)
    assert found.x == (footprint.geometry.x[0], footprint.geometry.x[-1], footprint.geometry.nx)
    assert found.starts[-1] == -3600


@pytest.mark.parametrize("projection", ["+proj=longlat", "EPSG:5070"])
def test_files_follow_the_conventions_that_they_name(tmp_path, small, projection):
    """What compliance-checker's cf:1.8 looks for, without it."""
    _, receptor = small
    cells = (0.5, 0.5) if "longlat" in projection else (50_000.0, 50_000.0)
    grid = FootprintGrid(-95, -85, 35, 45, *cells, projection)
    footprint = calc_footprint(cases.particles("02_small_6h"), grid, receptor)
    with netCDF4.Dataset(write(tmp_path / "foot.nc", footprint, receptor)) as file:
        assert file.Conventions == "CF-1.8, ACDD-1.3"
        assert file.history.startswith("stilt")
        assert not hasattr(file["foot"], "standard_name")
        assert file[file["foot"].grid_mapping].grid_mapping_name
        assert file["receptor_time"].standard_name == "time"
        assert file["receptor_height"].standard_name == "height"
        assert file["receptor_height"].positive == "up"
        words = [getattr(each, "standard_name", "") for each in file.variables.values()]
        assert words.count("longitude") == words.count("latitude") == 1
        assert "".join(file[name].axis for name in file["foot"].dimensions[1:]) == "TYX"
        for name in file["foot"].dimensions[2:]:
            edges = file[file[name].bounds][:]
            assert edges.shape == (len(file.dimensions[name]), 2)
            np.testing.assert_allclose(edges[1:, 0], edges[:-1, 1])
            assert np.all((edges[:, 0] <= file[name][:]) & (file[name][:] < edges[:, 1]))
        assert all(
            hasattr(each, "long_name") or name.endswith("_bnds") or name == "projection"
            for name, each in file.variables.items()
        )


def test_the_checker_of_conventions_has_nothing_to_say(tmp_path, small):
    pytest.importorskip("compliance_checker")
    from compliance_checker.runner import CheckSuite, ComplianceChecker

    footprint, receptor = small
    path = tmp_path / "foot.nc"
    labels = {"labels": '{"site": "a", "co2": 400.1, "number": 3}'}
    write_footprint(path, footprint, receptor, SIM, labels)
    CheckSuite.load_all_available_checkers()
    passed, _ = ComplianceChecker.run_checker(
        str(path),
        ["cf:1.8"],
        0,
        "strict",
        output_filename=str(tmp_path / "said.txt"),
        output_format="text",
    )
    assert passed, (tmp_path / "said.txt").read_text()


def test_a_damaged_list_of_values_is_an_error(tmp_path, small):
    path = tmp_path / "foot.nc"
    write_footprint(path, *small, SIM, {}, form=2)
    with netCDF4.Dataset(path, "a") as file:
        file["sparse"]["step"][0] = 10**6
    with netCDF4.Dataset(path) as file, pytest.raises(LookupError, match="outside of the grid"):
        read_entries(file)


def test_no_flipped_bit_behind_the_end_goes_unnoticed(tmp_path, small):
    path = write(tmp_path / "foot.nc", *small)
    whole = path.read_bytes()
    frame = len(read_tail(path).stored)
    for place in range(-frame - 32, -8, 7):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="bytes"):
            read_tail(path)


def test_a_file_that_another_program_has_changed_is_read_by_its_footprint(tmp_path, small):
    path = write(tmp_path / "foot.nc", *small)
    with netCDF4.Dataset(path, "a") as file:
        file.remark = "x" * 100_000
    assert read_tail(path) is None
    with netCDF4.Dataset(path) as file:
        assert len(read_entries(file).values) == np.count_nonzero(small[0].values)


def test_a_footprint_of_nothing_but_zeros_is_read(tmp_path, small):
    footprint, receptor = small
    nothing = replace(footprint, values=np.zeros_like(footprint.values))
    entries = read_tail(write(tmp_path / "foot.nc", nothing, receptor)).entries()
    assert len(entries.values) == len(entries.cell) == entries.per_layer.sum() == 0


def test_several_places_are_written_in_full_and_as_their_middle(tmp_path, small):
    footprint, _ = small
    receptor = Receptor("199510171830", (179.0, -179.0), (40.0, 42.0), (10.0, 30.0))
    read = read_footprint(write(tmp_path / "foot.nc", footprint, receptor))
    assert (read.receptor_lon.item(), read.receptor_lat.item()) == (180, 41)
    np.testing.assert_array_equal(read.attrs["receptor_longitudes"], [179, -179])
    np.testing.assert_array_equal(read.attrs["receptor_heights_m"], [10, 30])


def test_a_projection_is_described_so_that_it_can_be_made_again(tmp_path):
    from pyproj import CRS

    grid = FootprintGrid(-95, -85, 35, 45, 50_000.0, 50_000.0, "EPSG:5070")
    receptor = cases.receptor("01_base")
    footprint = calc_footprint(cases.particles("02_small_6h"), grid, receptor)
    read = read_footprint(write(tmp_path / "foot.nc", footprint, receptor))
    assert read.foot.attrs["grid_mapping"] == "projection"
    assert CRS.from_cf(read.projection.attrs).to_epsg() == 5070
    assert float(read.foot.sum()) > 0


def test_the_same_footprint_is_the_same_bytes(tmp_path, small):
    footprint, receptor = small
    first, second = (write(tmp_path / name, footprint, receptor).read_bytes() for name in "ab")
    assert first == second


def test_a_disk_that_takes_no_more_is_named_as_the_system_names_it(tmp_path, small):
    footprint, receptor = small
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="too large") as refused:
            write(tmp_path / "foot.nc", footprint, receptor)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert refused.value.errno == errno.EFBIG


@pytest.mark.parametrize(
    "said", [RuntimeError("NetCDF: HDF error"), PermissionError(errno.EACCES, "Permission denied")]
)
def test_where_hdf5_cannot_write_the_file_is_written_all_the_same(
    tmp_path, small, monkeypatch, said
):
    real = netCDF4.Dataset

    # no subclass: collected together with a class of its own, a Dataset that never opened crashes Python
    def without_locks(*args, memory=None, **options):
        if memory is None and "w" in args:
            raise said
        return real(*args, memory=memory, **options)

    footprint, receptor = small
    expected = read_footprint(write(tmp_path / "foot.nc", footprint, receptor))
    monkeypatch.setattr(netCDF4, "Dataset", without_locks)
    path = write(tmp_path / "again.nc", footprint, receptor)
    monkeypatch.undo()
    assert read_footprint(path).identical(expected)


@pytest.mark.parametrize(
    ("injury", "part"),
    [("cut", part) for part in (0.0, 0.1, 0.5, 0.9, 0.99)] + [("zeros", 0.0), ("zeros", 0.5)],
)
def test_a_damaged_file_is_an_error_that_names_it(tmp_path, small, injury, part):
    path = write(tmp_path / "foot.nc", *small)
    data = path.read_bytes()
    place = int(len(data[: data.index(read_tail(path).stored)]) * part)
    path.write_bytes(data[:place] + (b"" if injury == "cut" else bytes(len(data) - place)))
    with pytest.raises(DamagedError, match=r"foot.nc can't be read as a footprint"):
        read_footprint(path)


def test_a_day_of_hours_is_small(tmp_path):
    receptor = cases.receptor("01_base")
    footprint = calc_footprint(cases.particles("01_base"), cases.grid("01_base"), receptor)
    size = write(tmp_path / "foot.nc", footprint, receptor).stat().st_size
    assert size < 130_000
    assert size < footprint.values.nbytes / 30


def test_fifty_files_open_as_one_data_set_along_receptor(tmp_path, small):
    footprint, _ = small
    paths, expected = [], []
    for number in range(50):
        # Two to an hour, so that some share their times and others do not.
        when = pd.Timestamp("1995-10-17") + pd.Timedelta(minutes=30 * number)
        one = replace(
            footprint,
            values=footprint.values * (number + 1),
            times=footprint.times + (when - pd.Timestamp("1995-10-17 18:30")).to_timedelta64(),
        )
        at = Receptor(f"{when:%Y%m%d%H%M}", (-90.0,), (40.0,), (10.0 + number,))
        paths.append(write(tmp_path / f"{number}.nc", one, at, sim=f"ngm_{number}"))
        expected.append(one.values.sum(dtype=float))
    with xr.open_mfdataset(paths, combine="nested", concat_dim="receptor", join="outer") as many:
        assert many.foot.dims == ("receptor", "time", "lat", "lon")
        assert many.receptor.to_numpy().tolist() == [f"ngm_{number}" for number in range(50)]
        assert many.sizes["time"] == 54
        sums = many.foot.sum(("time", "lat", "lon"), dtype=float).to_numpy()
        np.testing.assert_allclose(sums, expected, rtol=1e-6)
        assert many.receptor_height.to_numpy().tolist() == [10.0 + number for number in range(50)]


def test_files_of_one_arrival_time_open_without_a_word(tmp_path, small):
    footprint, receptor = small
    paths = [
        write(tmp_path / f"{number}.nc", footprint, receptor, sim=f"ngm_{number}")
        for number in range(5)
    ]
    with xr.open_mfdataset(paths, join="exact") as many:
        assert many.foot.shape == (5, 3, 6, 4)
