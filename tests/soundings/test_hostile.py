"""Files that are not as the user guides have them: refused with what is wrong, or read as what they say."""

from __future__ import annotations

import numpy as np
import pytest
from netCDF4 import Dataset

import stilt
from stilt.foundations.errors import InputError
from tests.projects import Project
from tests.soundings import layouts
from tests.soundings.layouts import oco_lite, tropomi_ch4, tropomi_no2

INPUT = "PRODUCT/SUPPORT_DATA/INPUT_DATA"


def of(file: Dataset, name: str):
    group, _, variable = name.rpartition("/")
    return (file[group] if group else file)[variable]


def set_units(name: str, units: str, factor: float = 1.0):
    def injure(file: Dataset) -> None:
        of(file, name)[:] = of(file, name)[:] * factor
        of(file, name).units = units

    return injure


def put(name: str, value: float, place=0):
    def injure(file: Dataset) -> None:
        of(file, name)[place] = value

    return injure


def rename(name: str, new: str):
    return lambda file: file.renameVariable(name, new)


def injured(path, layout: str, injure):
    made = getattr(layouts, layout)(path)
    with Dataset(made, "a") as file:
        injure(file)
    return made


SAME = {
    "ppb": ("oco_lite", set_units("xco2", "ppb", 1000)),
    "a mole fraction": ("oco_lite", set_units("xco2", "mol mol-1", 1e-6)),
    "pascals": ("oco_lite", set_units("pressure_levels", "Pa", 100)),
    "a kernel in percent": ("oco_lite", set_units("xco2_averaging_kernel", "percent", 100)),
    "hectopascals": ("tropomi_ch4", set_units(f"{INPUT}/surface_pressure", "hPa", 0.01)),
    "altitudes in metres": ("tccon", set_units("prior_altitude", "m", 1000)),
    "a prior in ppb": ("tccon", set_units("prior_co2", "ppb", 1000)),
}


@pytest.mark.parametrize(("layout", "injure"), SAME.values(), ids=SAME)
def test_units_are_taken_at_their_word(tmp_path, layout, injure):
    expected = stilt.read_soundings(getattr(layouts, layout)(tmp_path / "plain.nc"))
    found = stilt.read_soundings(injured(tmp_path / "other.nc", layout, injure))
    for name in expected.data_vars:
        if expected[name].dtype.kind == "f":
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, err_msg=name)


REFUSED = {
    "units": ("oco_lite", set_units("xco2", "K"), "xco2 has the units 'K', which are none"),
    "pressure in atm": ("oco_lite", set_units("pressure_levels", "atm"), "has the units 'atm'"),
    "kernel in metres": (
        "tropomi_ch4",
        set_units("PRODUCT/SUPPORT_DATA/DETAILED_RESULTS/column_averaging_kernel", "m"),
        "column_averaging_kernel has the units 'm'",
    ),
    "no epoch": ("oco_lite", set_units("time", "seconds"), "the times of soundings are no dates"),
    "other epoch": (
        "oco_lite",
        set_units("time", "seconds since 1993-01-01"),
        "are not those of their ids",
    ),
    "no epoch of an orbit": (
        "tropomi_ch4",
        set_units("PRODUCT/time", "s"),
        "are not a day and milliseconds after it",
    ),
    "no quality flag": (
        "oco_lite",
        rename("xco2_quality_flag", "flag"),
        "the file has no variable xco2_quality_flag",
    ),
    "no scale of the quality": (
        "tropomi_ch4",
        put("PRODUCT/qa_value", 100.0, slice(None)),
        "qa_value goes up to 100, not to 1",
    ),
    "prior of TCCON": ("tccon", set_units("prior_co2", "kg"), "prior_co2 has the units 'kg'"),
}


@pytest.mark.parametrize(("layout", "injure", "says"), REFUSED.values(), ids=REFUSED)
def test_another_meaning_is_refused(tmp_path, layout, injure, says):
    path = injured(tmp_path / "other.nc", layout, injure)
    with pytest.raises(InputError, match=says) as caught:
        stilt.read_soundings(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert caught.value.hint


FILLED = {
    "place": ("latitude", "latitude of sounding 2015062219064000 is -999999, and not from -90 to"),
    "observation": ("xco2", "observed_ppm of sounding 2015062219064000 is -999999"),
    "uncertainty": ("xco2_uncertainty", "uncertainty_ppm of sounding"),
    "level": ("pressure_levels", "pressure_hpa of sounding 2015062219064000 is -999999"),
    "kernel": ("xco2_averaging_kernel", "averaging_kernel of sounding"),
    "weight": ("pressure_weight", "pressure_weight of sounding"),
    "prior": ("co2_profile_apriori", "prior_ppm of sounding"),
}


@pytest.mark.parametrize(("name", "says"), FILLED.values(), ids=FILLED)
def test_values_for_what_is_missing_are_no_numbers(tmp_path, name, says):
    """Undeclared they are refused, and declared their sounding is left out."""
    path = injured(tmp_path / "oco.nc", "oco_lite", put(name, -999_999.0))
    found = stilt.choose_soundings(stilt.read_soundings(path))
    with pytest.raises(InputError, match=says):
        stilt.receptors_of(found)
    with Dataset(path, "a") as file:
        file[name].missing_value = np.float32(-999_999.0)
    found = stilt.choose_soundings(stilt.read_soundings(path))
    is_needed = name != "xco2_uncertainty"
    assert found.attrs["not_whole"] == (1 if is_needed else 0)
    assert len(stilt.receptors_of(found, [100.0])[0]) == (3 if is_needed else 4)


def test_soundings_without_whole_kernels_are_told(tmp_path):
    path = injured(tmp_path / "oco.nc", "oco_lite", put("pressure_weight", np.nan, (0, 3)))
    answer = Project(tmp_path).stilt("receptors", "p", "--soundings", path.name)
    assert answer.code == 0, answer.err
    assert "note: 1 sounding with missing numbers left out" in answer.err
    assert "3 soundings of 36 release levels" in answer.out


def test_a_file_that_is_given_twice_is_refused(tmp_path):
    path = oco_lite(tmp_path / "oco.nc")
    answer = Project(tmp_path).stilt("receptors", "p", *2 * ("--soundings", path.name))
    assert answer.code == 2
    assert "4 soundings are there twice, the first 2015062219064000" in answer.err
    assert not (tmp_path / "p").exists()


def test_dimensions_may_stand_in_another_order(tmp_path):
    plain = stilt.read_soundings(oco_lite(tmp_path / "oco.nc"))
    with Dataset(tmp_path / "oco.nc") as old, Dataset(tmp_path / "turned.nc", "w") as new:
        for name, dimension in reversed(old.dimensions.items()):
            new.createDimension(name, len(dimension))
        for name, variable in old.variables.items():
            made = new.createVariable(name, variable.dtype, variable.dimensions[::-1])
            made.setncatts(variable.__dict__)
            made[:] = variable[:].T
    turned = stilt.read_soundings(tmp_path / "turned.nc")
    for name in turned.data_vars:
        np.testing.assert_array_equal(turned[name], plain[name])


def test_levels_of_another_dimension_are_refused(tmp_path):
    def injure(file: Dataset) -> None:
        file.createDimension("others", 20)
        file.renameVariable("xco2_averaging_kernel", "old")
        file.createVariable("xco2_averaging_kernel", "f4", ("sounding_id", "others"))[:] = 1.0

    path = injured(tmp_path / "oco.nc", "oco_lite", injure)
    with pytest.raises(InputError, match="averaging_kernel has a dimension others"):
        stilt.read_soundings(path)


def test_nothing_is_left_of_an_empty_file(tmp_path):
    with Dataset(tmp_path / "oco.nc", "w") as file:
        file.createDimension("sounding_id", None)
        file.createVariable("time", "f8", ("sounding_id",)).units = "seconds since 1970-01-01"
    (tmp_path / "nothing.nc").touch()
    project = Project(tmp_path)
    for name, says in (("oco.nc", "no sounding is in it"), ("nothing.nc", "give a NetCDF file")):
        answer = project.stilt("receptors", "p", "--soundings", name)
        assert (answer.code, says in " ".join(answer.err.split())) == (2, True), answer.err
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(("box", "count"), [("-180,180,40.04,90", 4), ("0,360,40.04,90", 4)])
def test_a_box_round_the_globe_has_all_longitudes(tmp_path, box, count):
    numbers = tuple(map(float, box.split(",")))
    found = stilt.read_soundings(oco_lite(tmp_path / "oco.nc"), box=numbers)
    assert found.sizes["sounding"] == count


def test_a_box_that_is_none_is_refused(tmp_path):
    path = oco_lite(tmp_path / "oco.nc")
    given = ("receptors", "p", "--soundings", "oco.nc", "--box", "-114,39,-110,42")
    answer = Project(tmp_path).stilt(*given)
    assert answer.code == 2
    assert "write 114W 110W 39N 42N" in answer.err
    with pytest.raises(InputError, match="the box -114,39,-110,42 goes from -110 to 42 degrees"):
        stilt.read_soundings(path, box=(-114, 39, -110, 42))


@pytest.mark.parametrize("layout", [tropomi_ch4, tropomi_no2])
def test_of_an_orbit_only_the_scanlines_of_a_box_are_read(tmp_path, layout):
    path = layout(tmp_path / "s5p.nc", 300, 5)
    whole = stilt.read_soundings(path)
    box = (5.02, 5.17, 45.0, 47.01)
    part = stilt.read_soundings(path, box=box)
    expected = whole.isel(
        sounding=(
            (whole["longitude"] > 5.02)
            & (whole["longitude"] < 5.17)
            & (whole["latitude"] > 44.999)
            & (whole["latitude"] < 47.01)
        ).to_numpy()
    )
    assert part.sizes["sounding"] == 3 * 41
    assert part["sounding"].to_numpy().tolist() == expected["sounding"].to_numpy().tolist()
    for name in part.data_vars:
        np.testing.assert_array_equal(part[name], expected[name])
    assert not stilt.read_soundings(path, box=(100, 101, 0, 1)).sizes["sounding"]
