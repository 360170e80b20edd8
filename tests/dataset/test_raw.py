"""NetCDF as netCDF4 has it: parts, unpacked numbers and times are those that xarray gives."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import netCDF4
import numpy as np
import pytest
import xarray as xr

from stilt.met.dataset.axes import _seconds
from stilt.met.dataset.content import content_of
from stilt.met.dataset.levels import DatasetError
from stilt.met.dataset.raw import open_file

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = {"time": 2, "y": 3, "x": 4}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Numbers packed in every way, some missing."""
    path = tmp_path_factory.mktemp("raw") / "a.nc"
    with netCDF4.Dataset(path, "w") as file:
        for name, size in SHAPE.items():
            file.createDimension(name, size)
        file.set_auto_maskandscale(False)
        values = np.arange(24).reshape(2, 3, 4)
        for name, kind, fill, more in (
            ("plain", "f4", None, {}),
            ("filled", "f4", 5.0, {}),
            ("packed", "i2", 7, {"scale_factor": 0.01, "add_offset": 270.0}),
            ("scaled", "i2", None, {"scale_factor": 0.1, "missing_value": np.int16(3)}),
            ("unsigned", "i1", None, {"_Unsigned": "true", "scale_factor": 2.0, "add_offset": 1.0}),
        ):
            variable = file.createVariable(name, kind, tuple(SHAPE), fill_value=fill)
            variable.setncatts(more)
            variable[:] = values - 12 if name == "unsigned" else values
    return path


@pytest.mark.parametrize("name", ["plain", "filled", "packed", "scaled", "unsigned"])
def test_a_part_of_a_variable_is_what_xarray_has(path: Path, name: str) -> None:
    places = {"time": 1, "x": slice(1, 3)}
    with (
        open_file(path, is_decoded=True) as ours,
        xr.open_dataset(path, decode_times=False) as theirs,
    ):
        found = ours[name].isel(places).transpose("x", "y").to_numpy()
        expected = theirs[name].isel(places).transpose("x", "y").to_numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.shape == (2, 3)


@pytest.mark.parametrize(
    ("values", "unit", "calendar"),
    [
        ([0, 6, 12], "hours since 2021-02-28 18:00:00", "standard"),
        ([1060000.5], "hours since 1900-01-01 00:00:0.0", "gregorian"),
        ([17693904, 17693910], "hours since 0001-01-01 00:00:0.0", "proleptic_gregorian"),
        ([18779.125], "days since 1970-01-01", "standard"),
        ([1622548800 * 10**9], "nanoseconds since 1970-01-01", "proleptic_gregorian"),
        ([0, 5], "minutes since 2021-06-01T00:00:00+00:00", "standard"),
    ],
)
def test_times_are_those_of_xarray(values: list[float], unit: str, calendar: str) -> None:
    from xarray.coding.times import decode_cf_datetime

    expected = decode_cf_datetime(np.array(values), unit, calendar).astype("datetime64[s]")
    found = _seconds(np.array(values), unit, calendar)
    assert found.tolist() == expected.astype(np.int64).tolist()


def test_xarray_is_not_loaded_for_it(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from stilt.met.dataset.content import open_raw\n"
        f"open_raw(Path({str(path)!r}), decoded=True)['packed'].to_numpy()\n"
        "assert 'xarray' not in sys.modules and 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def _axis(file: netCDF4.Dataset, name: str, values: np.ndarray, **says: str) -> None:
    file.createDimension(name, len(values))
    axis = file.createVariable(name, "f8", (name,))
    axis.setncatts(says)
    axis[:] = values


def _rotated(file: netCDF4.Dataset) -> None:
    for name, standard in (("rlat", "grid_latitude"), ("rlon", "grid_longitude")):
        _axis(file, name, np.arange(5), standard_name=standard, units="degrees")


def _half_said(file: netCDF4.Dataset) -> None:
    _rotated(file)
    file.createVariable("crs", "i4", ()).setncatts(
        {"grid_mapping_name": "rotated_latitude_longitude", "grid_north_pole_latitude": 39.25}
    )
    file.createVariable("u", "f4", ("rlat", "rlon")).grid_mapping = "crs"


def _uneven(file: netCDF4.Dataset) -> None:
    _axis(file, "lat", np.arange(5) ** 2.0, units="degrees_north")
    _axis(file, "lon", np.arange(5), units="degrees_east")


def _cells(file: netCDF4.Dataset) -> None:
    file.createDimension("cell", 50)
    file.createVariable("u", "f4", ("cell",)).CDI_grid_type = "unstructured"


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (_rotated, "no grid mapping says where that is"),
        (_half_said, "its grid mapping has no grid_north_pole_longitude"),
        (_uneven, "its latitudes are not evenly spaced"),
        (_cells, "one of cells, not of rows and columns.*cdo remapbil"),
    ],
)
def test_grids_that_are_not_read_are_refused_by_name(tmp_path: Path, write, says: str) -> None:
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        write(file)
    with pytest.raises(DatasetError, match=says):
        content_of(tmp_path / "a.nc")
