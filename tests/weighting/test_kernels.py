"""Tables of kernels: three kinds of file say the same, and what is wrong is refused with receptor and line."""

from __future__ import annotations

import os

import pandas as pd
import pytest
import xarray as xr

from stilt.config.digests import weights_digest
from stilt.config.load import load_config
from stilt.foundations.errors import InputError, ProblemsError
from stilt.receptors import read_receptors
from stilt.weighting.kernels import kernels_of

RECEPTORS = """time,longitude,latitude,altitude,r_idx,sounding
2015-12-10 00:00,-112,40.5,50,1,a1
2015-12-10 00:00,-112,40.5,500,1,a1
2015-12-10 00:00,-112,40.5,1500,1,a1
2015-12-10 01:00,-112,40.5,50,2,b2
2015-12-10 01:00,-112,40.5,900,2,b2
"""
GOOD = """sounding,height_m,averaging_kernel,pressure_weight
a1,50,0.9,0.1
a1,500,1.0,0.3
a1,1500,1.1,0.6

b2,0,0.5,0.25
b2,1000,1.0,0.75
"""


def found(tmp_path, table=GOOD, more="", name="kernels.csv", *, is_part=False, settings=""):
    (tmp_path / "receptors.csv").write_text(RECEPTORS)
    grid = f"xmin: -113, xmax: -111, ymin: 40, ymax: 41, xres: 0.1, weight: kernel, kernels: {name}"
    (tmp_path / "config.yaml").write_text(
        f"mets: {{m: met}}\nn_hours: -1\nfootprints: {{xco2: {{{grid}{more}}}}}\n{settings}"
    )
    if name.endswith(".csv"):
        (tmp_path / name).write_text(table)
    config = load_config(tmp_path / "config.yaml")
    receptors = read_receptors(tmp_path / "receptors.csv", ["m"])
    return kernels_of(config, receptors, is_part=is_part)["xco2"]


def test_three_kinds_of_file_and_any_order_of_rows_say_the_same(tmp_path):
    kernels = found(tmp_path)
    expected = [kernels.of(receptor) for receptor in range(2)]
    assert expected[1].levels == (0.0, 1000.0)
    assert expected[1].weights == (0.25, 0.75)
    head, *rows = filter(None, GOOD.splitlines())
    frame = pd.read_csv(tmp_path / "kernels.csv")
    frame.sample(frac=1, random_state=1).to_parquet(tmp_path / "kernels.parquet")
    dataset = frame.assign(level=frame.groupby("sounding").cumcount()).set_index(
        ["sounding", "level"]
    )
    xr.Dataset.from_dataframe(dataset).to_netcdf(tmp_path / "kernels.nc")
    others = [
        found(tmp_path, "\n".join([head, *rows[::-1]])),
        found(tmp_path, name="kernels.parquet"),
        found(tmp_path, name="kernels.nc"),
    ]
    for other in others:
        assert [other.of(receptor) for receptor in range(2)] == expected


def test_receptors_may_be_named_by_their_simulations(tmp_path):
    names = {"a1": "201512100000_-112_40.5_X", "b2": "201512100100_-112_40.5_X"}
    table = GOOD.replace("sounding", "receptor")
    for label, name in names.items():
        table = table.replace(label, name)
    assert found(tmp_path, table).of(1) == found(tmp_path).of(1)


def test_kernels_in_percent_are_suspected(tmp_path):
    def said(table: str) -> list[str]:
        kernels = found(tmp_path, table)
        receptors = read_receptors(tmp_path / "receptors.csv", ["m"])
        return [text for text, _ in kernels.suspected(receptors)]

    assert said(GOOD) == []
    assert said(GOOD.replace("0.5,0.25", "2.9,0.29")) == []
    assert said(GOOD.replace("0.5,0.25", "50,0.25")) == [
        "1 receptor with averaging kernels above 3, the first 201512100100_-112_40.5_X (50)"
    ]
    assert said(GOOD.replace("0.1\n", "10\n").replace("0.25", "25")) == [
        "2 receptors with pressure weights that sum above 1.05, the first 201512100000_-112_40.5_X (10.9)"
    ]


def test_levels_in_other_units_are_suspected(tmp_path):
    def said(table: str, settings: str = "") -> list[tuple[str, str]]:
        kernels = found(tmp_path, table, settings=settings)
        return list(kernels.suspected(read_receptors(tmp_path / "receptors.csv", ["m"])))

    in_km = (
        GOOD.replace("50,0.9", "0.05,0.9").replace("500,1.0", "0.5,1").replace("1500,1.1", "1.5,1")
    )
    in_km = in_km.replace("1000,1.0,0.75", "1,1,0.75")
    assert said(in_km) == [
        (
            (
                "2 receptors whose highest level of a kernel is below 100 m, the first "
                "201512100000_-112_40.5_X (1.5)"
            ),
            "give height_m in m",
        )
    ]
    columns = (
        "varsiwant: [time, indx, long, lati, zagl, foot, mlht, dens, samt, sigw, tlgr, pres]\n"
    )
    table = "sounding,pressure_hpa,averaging_kernel\na1,{},1\na1,{},1\nb2,900,1\nb2,800,1\n"
    assert said(table.format(950, 300), columns) == []
    (kilopascals,) = said(table.format(95, 30), columns)
    assert kilopascals == (
        "1 receptor whose lowest level of a kernel is below 300 hPa, the first 201512100000_-112_40.5_X (95)",
        "give pressure_hpa in hPa",
    )


WRONG = {
    "nan": ("a1,500,1.0,0.3", "a1,500,nan,0.3", "line 3: a1: averaging_kernel is not a number"),
    "empty": ("b2,0,0.5,0.25", "b2,0,0.5,", "line 6: b2: pressure_weight is not a number"),
    "no number": ("0.9", "high", "line 2: a1: averaging_kernel 'high' is not a number"),
    "a unit": ("a1,500,1.0,0.3", "a1,500 m,1.0,0.3", "line 3: a1: height_m '500 m' is not a number"),
    "negative": ("0.9,0.1", "0.9,-0.1", "line 2: a1: pressure_weight is negative"),
    "twice": ("a1,500,", "a1,50,", "line 3: a1: height_m is there twice"),
    "unknown": ("b2,0,0.5,0.25\nb2", "b2,0,1,1\nb2,2,1,1\nc3", "line 8: c3: no receptor has this"),
    "short row": ("b2,0,0.5,0.25", "b2,0,0.5", "line 6: has 3 of 4 columns"),
    "one level": ("b2,0,0.5,0.25\n", "", "line 6: b2: one level for a receptor of 2 heights"),
    "missing": ("b2,0,0.5,0.25\nb2,1000,1.0,0.75\n", "", "201512100100_-112_40.5_X has no row"),
    "no name": ("b2,0,", ",0,", "no receptor has this sounding"),
    "no key": ("sounding", "orbit", "no column receptor"),
    "column twice": ("averaging_kernel", "height_m", "the column height_m is there twice"),
    "no level": ("height_m", "level", "neither height_m nor pressure_hpa"),
    "near name": ("averaging_kernel,pressure_weight", "averaging_kernels,weight", "did you mean averaging_kernel?"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "says"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_refused_with_line_and_receptor(tmp_path, old, new, says):
    assert old in GOOD
    with pytest.raises(ProblemsError) as caught:
        found(tmp_path, GOOD.replace(old, new))
    assert any(says in problem for problem in caught.value.problems), caught.value.problems


PRESSURES = {
    "increasing": ("a1,500,800", "a1,500,1000", "line 3: a1: pressure_hpa does not decrease with"),
    "in Pa": ("a1,500,800", "a1,500,80000", "line 3: a1: pressure_hpa is not above 0 and at most"),
    "zero": ("a1,500,800", "a1,500,0", "line 3: a1: pressure_hpa is not above 0"),
}


@pytest.mark.parametrize(("old", "new", "says"), PRESSURES.values(), ids=PRESSURES)
def test_pressures_decrease_upward_in_hectopascals(tmp_path, old, new, says):
    table = "sounding,height_m,pressure_hpa,averaging_kernel\na1,50,900,1\na1,500,800,1\nb2,0,910,1\nb2,9,909,1\n"
    assert found(tmp_path, table).on == "height_m"
    with pytest.raises(ProblemsError) as caught:
        found(tmp_path, table.replace(old, new))
    assert any(says in problem for problem in caught.value.problems), caught.value.problems


def test_kernels_on_pressures_need_particles_with_pressures(tmp_path):
    table = "sounding,pressure_hpa,averaging_kernel\na1,900,1\na1,800,1\nb2,910,1\nb2,909,1\n"
    with pytest.raises(InputError, match="particles have no pres"):
        found(tmp_path, table)


@pytest.mark.parametrize("keep", ["all", "none"])
def test_kernels_on_pressures_say_what_they_need_of_particles_that_are_not_kept(tmp_path, keep):
    table = "sounding,pressure_hpa,averaging_kernel\na1,900,1\na1,800,1\nb2,910,1\nb2,909,1\n"
    columns = "time, indx, long, lati, zagl, foot, mlht, dens, samt, sigw, tlgr, pres"
    settings = f"keep: {{particles: {keep}}}\nvarsiwant: [{columns}]\n"
    notes = found(tmp_path, table, settings=settings).notes
    assert [("endpoints(weight=...) needs them" in text) for text in notes] == [True] * (
        keep == "none"
    )
    assert found(tmp_path, settings=settings).notes == ()


def test_receptors_without_a_row_are_unweighted_only_where_the_product_says_so(tmp_path):
    table = GOOD[: GOOD.index("\nb2")]
    kernels = found(tmp_path, table, ", missing: unweighted")
    assert kernels.of(1) is None
    assert kernels.of(0) == found(tmp_path).of(0)
    assert "1 receptor without a kernel" in kernels.notes[0]


def test_a_part_of_the_receptors_may_be_run_with_the_kernels_of_all(tmp_path):
    table = GOOD + "c3,0,1,1\nc3,1,1,1\n"
    with pytest.raises(ProblemsError, match="1 problem"):
        found(tmp_path, table)
    assert found(tmp_path, table, is_part=True).of(1) == found(tmp_path).of(1)


def test_heights_beyond_the_kernel_are_told(tmp_path):
    table = GOOD.replace("b2,0,", "b2,100,")
    assert (
        "the first 201512100100_-112_40.5_X (50 to 900 m, levels 100 to 1000 m)"
        in found(tmp_path, table).notes[0]
    )
    assert found(tmp_path).notes == ()


def test_receptors_are_known_whose_levels_have_unlike_numbers_of_particles(tmp_path):
    kernels = found(tmp_path, settings="numpar: 20\n")
    assert [kernels.is_unlike(place) for place in range(2)] == [True, False]
    assert kernels.notes == ()
    assert not found(tmp_path, settings="numpar: 21\n").has_unlike
    unweighted = "\n".join(row.rpartition(",")[0] for row in GOOD.splitlines())
    assert not found(tmp_path, unweighted, settings="numpar: 20\n").has_unlike


@pytest.mark.parametrize("value", ["-0.25", "2.75"])
def test_averaging_kernels_may_be_negative_and_above_one(tmp_path, value):
    kernels = found(tmp_path, GOOD.replace("0.9,0.1", f"{value},0.1"))
    assert kernels.of(0).averaging[0] == float(value)
    receptors = read_receptors(tmp_path / "receptors.csv", ["m"])
    assert list(kernels.suspected(receptors)) == []


def test_long_lists_of_problems_are_cut(tmp_path):
    rows = "".join(f"c{number},0,1,1\n" for number in range(50))
    with pytest.raises(ProblemsError, match="50 problems") as caught:
        found(tmp_path, GOOD + rows)
    assert len(caught.value.problems) == 20
    assert caught.value.hint.startswith("mend the table of kernels")
    assert caught.value.problems[-1] == "and 31 more"


@pytest.mark.parametrize(
    ("more", "name", "says"),
    [
        ("", "kernels.txt", "kernels are read from"),
        ("", "nowhere.parquet", "needs a table of kernels"),
    ],
)
def test_a_file_that_is_none_says_what_to_do(tmp_path, more, name, says):
    with pytest.raises(InputError) as caught:
        found(tmp_path, more=more, name=name)
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["kernels.csv", "kernels.parquet", "kernels.nc"])
@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff\xfe\n\x80", b"PAR1\x00PAR1", b"CDF\x01\x00", b'"sounding']
)
def test_what_is_no_table_is_refused_whatever_it_is(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError):
        found(tmp_path, content.decode("latin-1"), name=name)


@pytest.mark.timeout(120)
def test_a_pipe_in_place_of_a_table_keeps_nobody_waiting(tmp_path):
    os.mkfifo(tmp_path / "kernels.parquet")
    with pytest.raises(InputError, match="there is no such file"):
        found(tmp_path, name="kernels.parquet")
    config = load_config(tmp_path / "config.yaml")
    assert weights_digest(config.footprints["xco2"]) == ""


def test_columns_of_another_kind_are_refused(tmp_path):
    frame = pd.DataFrame({"sounding": ["a1"], "height_m": ["low"], "averaging_kernel": [1.0]})
    frame.to_parquet(tmp_path / "kernels.parquet")
    with pytest.raises(ProblemsError):
        found(tmp_path, name="kernels.parquet")
