"""Which columns of receptors.csv are ours, which are labels, and how times and places may be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from stilt.foundations.errors import ProblemsError
from stilt.receptors import read_receptors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stilt.receptors.sequence import Receptors

PLACE = "-111.85,40.77,10"
HEAD = "time,longitude,latitude,altitude"
ID = "hrrr_201512100700_-111.85_40.77_10"


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Receptors]:
    def read_text(text: str) -> Receptors:
        path = tmp_path / "receptors.csv"
        path.write_text(text)
        return read_receptors(path, ["hrrr"])

    return read_text


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ridx", "r_idx"),
        ("R-IDX", None),
        ("r_idxs", "r_idx"),
        ("ridz", "r_idx"),
        ("r_dix", "r_idx"),
        ("r_index", "r_idx"),
        ("simid", "sim_id"),
        ("simulaton_id", "simulation_id"),
        ("altitude_reff", "altitude_ref"),
        ("site", None),
        ("idx", None),
        ("index", None),
        ("altitude_err", None),
        ("averaging_kernel", None),
        ("orbit", None),
        ("zail", None),
    ],
)
def test_a_column_that_nearly_is_one_of_ours_is_a_problem_and_any_other_a_label(read, name, meant):
    text = f"{HEAD},{name}\n2015-12-10 07:00,{PLACE},a\n"
    if meant is None:
        assert read(text).ids() == [ID]
        return
    with pytest.raises(ProblemsError) as caught:
        read(text)
    assert caught.value.problems == (f"header: there is no column {name!r}: did you mean {meant}?",)


def test_labels_are_said_once_and_carried_for_each_receptor(read):
    receptors = read(
        f"site,{HEAD},flag,code,\n"
        f"WBB,2015-12-10 07:00,{PLACE},1,007,\n"
        f"DBK,2015-12-10 08:00,{PLACE},,x1,\n"
    )
    assert receptors.notes == (
        "columns site, flag, code are labels: carried along, no part of a simulation",
    )
    assert receptors.labels["site"].to_pylist() == ["WBB", "DBK"]
    assert receptors.labels["flag"].to_pylist() == [1, None]
    assert receptors.labels["code"].to_pylist() == ["007", "x1"]
    kept = receptors.only(np.array([False, True]))
    assert kept.labels["site"].to_pylist() == ["DBK"]


def test_a_receptor_of_several_rows_has_their_values_side_by_side(read):
    receptors = read(
        f"{HEAD},r_idx,site,kernel\n"
        "2015-12-10 07:00,-111.85,40.77,10,a,WBB,0.5\n"
        "2015-12-10 08:00,-111.85,40.77,10,b,DBK,0.7\n"
        "2015-12-10 07:00,-111.85,40.77,500,a,WBB,0.9\n"
    )
    assert receptors.labels["site"].to_pylist() == ["WBB", "DBK"]
    assert receptors.labels["kernel"].to_pylist() == ["0.5;0.9", "0.7"]


def test_labels_keep_to_their_receptors_where_rows_are_left_out(read):
    rows = f"2015-12-10 07:00,{PLACE},a\n2015-12-10 07:00,{PLACE},b\n2015-12-10 08:00,{PLACE},c\n"
    assert read(f"{HEAD},site\n{rows}").labels["site"].to_pylist() == ["a", "c"]


def test_columns_of_simulations_of_the_same_name_stay_apart(read):
    receptors = read(f"{HEAD},state\n2015-12-10 07:00,{PLACE},Utah\n")
    assert list(receptors.label_columns(np.array([0]), ["state", "met"])) == ["state_label"]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("time", "2015121007"),
        ("time", "20151210T07"),
        ("time", "201512100700"),
        ("year,month,day,hour", "2015,12,10,7"),
        ("Year,Month,Day,Hour", "2015.0,12.0,10.0,07"),
        ("yr,mon,day,hr,minute", "2015,12,10,07,00"),
        ("date,time", "2015-12-10,07:00"),
        ("date,time", "2015-12-10,7:00:00"),
        ("date,time", "20151210,07:00"),
        ("date,hour", "2015-12-10,7"),
        ("date", "2015-12-10 07:00"),
        ("date,time", "2015-12-10,2015-12-10 07:00"),
        ("time,year,month,day,hour", "2015-12-10 07:00,1999,1,1,1"),
    ],
)
def test_times_are_read_as_people_write_them(read, header, row):
    assert read(f"{header},lon,lat,zagl\n{row},{PLACE}\n").ids() == [ID]


def test_parts_that_make_no_time_are_named(read):
    with pytest.raises(ProblemsError) as caught:
        read(f"year,month,day,hour,lon,lat,zagl\n2015,13,10,7,{PLACE}\n")
    assert "line 2: time '2015-13-10 07:00' is not a time" in caught.value.problems[0]


def test_parts_beside_a_whole_time_are_labels(read):
    receptors = read(f"date,{HEAD},hour\n2015-12-10,2015-12-10 07:00,{PLACE},7\n")
    assert set(receptors.labels) == {"date", "hour"}


def test_lines_of_description_above_the_header_are_left_aside_with_a_note(read):
    receptors = read(
        f"Instrument: xx\nlat, 40.5\n\nmade by, hand, in 2015\n{HEAD}\n2015-12-10 07:00,{PLACE}\n"
    )
    assert receptors.ids() == [ID]
    assert receptors.notes == ("3 lines above the names of the columns are left aside",)


def test_below_lines_of_description_bad_rows_have_their_lines(read):
    with pytest.raises(ProblemsError) as caught:
        read(f"Instrument: xx\n{HEAD}\n2015-12-10 07:00,{PLACE}\nnever,{PLACE}\n")
    assert caught.value.problems[0].startswith("line 4: time 'never'")


def test_of_two_heights_that_above_ground_is_taken_with_a_note(read):
    receptors = read(f"time,lon,lat,zagl,zasl,z_is_agl\n2015-12-10 07:00,{PLACE},1310,False\n")
    assert receptors.ids() == [ID]
    assert receptors.notes[0] == (
        "heights are taken from 'zagl', above ground; 'zasl', above sea level, is left aside"
    )
    assert receptors.labels["zasl"].to_pylist() == [1310]


@pytest.mark.parametrize(
    "east", ["355.7", "270.1", "359.999", "180.000001", "248.15", "299.123456789012"]
)
def test_longitudes_of_0_to_360_give_the_ids_and_numbers_of_minus_180_to_180(read, east):
    from decimal import Decimal

    west = str(Decimal(east) - 360)
    first = read(f"{HEAD}\n2015-12-10 07:00,{east},40.77,10\n")
    second = read(f"{HEAD}\n2015-12-10 07:00,{west},40.77,10\n")
    assert first.ids() == second.ids()
    assert first[0] == second[0]
    both = read(f"{HEAD}\n2015-12-10 07:00,{east},40.77,10\n2015-12-10 07:00,{west},40.77,10\n")
    assert len(both) == 1


def test_levels_given_again_in_another_order_are_used_once(read):
    levels = {
        name: [f"2015-12-10 07:00,-111.85,40.77,{z},{name}" for z in order]
        for name, order in (("a", (10, 500, 90)), ("b", (500, 90, 10)))
    }
    rows = "\n".join(levels["a"] + levels["b"])
    receptors = read(f"{HEAD},r_idx\n{rows}\n")
    assert len(receptors) == 1
    assert receptors.notes == ("1 row repeats an earlier one and is used once (line 5)",)


TIMES_IN_PARTS = {
    "a date as the time, and the hour": ("time,hour", "2026-06-16,10", "202606161000"),
    "some dates as times": ("time,hour,minute", "2026-06-16,9,30", "202606160930"),
    "Hours": ("Year,Month,Day,Hours", "2026,6,16,10", "202606161000"),
    "hh": ("yyyy,month,dd,hh", "2026,6,16,10", "202606161000"),
    "min": ("year,month,day,hour,min", "2026,6,16,10,30", "202606161030"),
    "UTC_time": ("UTC_time", "2026-06-16 10:00", "202606161000"),
    "datetime_utc": ("datetime_utc", "2026-06-16 10:00", "202606161000"),
    "a unit in brackets": ("time (UTC)", "2026-06-16 10:00", "202606161000"),
}


@pytest.mark.parametrize("case", TIMES_IN_PARTS.values(), ids=TIMES_IN_PARTS)
def test_parts_of_a_time_are_taken_under_the_names_that_people_give_them(read, case):
    names, values, minute = case
    assert read(f"{names},{HEAD[5:]}\n{values},{PLACE}\n").ids() == [
        f"hrrr_{minute}_-111.85_40.77_10"
    ]


@pytest.mark.parametrize(
    ("names", "values", "says"),
    [
        ("date,minute", "2026-06-16,30", "no column hour, is it 'minute'?"),
        ("date,local time", "2026-06-16,10:00", "no column hour, is it 'local time'?"),
        ("year,month,day,hour,mm", "2026,6,16,10,30", "no column minute, is it 'mm'?"),
        ("date,hour", "2026-06-15,10\n2026-06-16,", "line 3: time is blank"),
        ("date,time", "2026-06-15,10:00\n2026-06-16,", "line 3: time is blank"),
        ("date,hour,minute", "2026-06-15,10,0\n2026-06-16,10,", "line 3: time is blank"),
    ],
)
def test_a_time_of_which_a_part_is_not_there_is_not_taken_for_midnight(read, names, values, says):
    rows = "".join(f"{row},{PLACE}\n" for row in values.split("\n"))
    with pytest.raises(ProblemsError) as caught:
        read(f"{names},{HEAD[5:]}\n{rows}")
    assert any(says in problem for problem in caught.value.problems)


@pytest.mark.parametrize("nothing", ["", "NA", "NaN"])
def test_a_row_without_r_idx_beside_others_is_a_bad_one(read, nothing):
    with pytest.raises(ProblemsError) as caught:
        read(f"{HEAD},r_idx\n2026-06-16 10:00,{PLACE},1\n2026-06-16 10:00,-112,41,30,{nothing}\n")
    (problem,) = caught.value.problems
    assert problem.startswith("line 3: r_idx ")
    assert "give each receptor one of its own" in problem


def test_r_idx_is_a_number_however_it_is_written(read):
    rows = f"2026-06-16 10:00,{PLACE},1\n2026-06-16 10:00,{PLACE}0,1.0\n"
    assert read(f"{HEAD},r_idx\n{rows}").ids() == ["hrrr_202606161000_-111.85_40.77_X"]


@pytest.mark.parametrize(
    ("name", "value", "ours"),
    [
        ("alt_ref", "asl", "altitude_ref"),
        ("height_type", "ASL", "altitude_ref"),
        ("vertical_datum", "msl", "altitude_ref"),
        ("vertical datum", "NAVD88", "altitude_ref"),
        ("above", "msl", "altitude_ref"),
        ("alt_ref", "agl", None),
        ("datum", "WGS84", None),
        ("height_type", "inlet", None),
        ("platform", "ground", None),
        ("unit", "ft", "altitude, in metres"),
        ("alt_units", "km", "altitude, in metres"),
        ("unit", "m", None),
        ("units", "ppm", None),
        ("timezone", "America/Denver", "time, in UTC"),
        ("tz", "MST", "time, in UTC"),
        ("utc_offset", "-7", "time, in UTC"),
        ("place", "Europe/Berlin", "time, in UTC"),
        ("utc_offset", "0", None),
        ("tz", "UTC", None),
    ],
)
def test_a_column_that_changes_what_others_mean_is_no_label(read, name, value, ours):
    text = f"{HEAD},{name}\n2015-12-10 07:00,{PLACE},{value}\n"
    if ours is None:
        assert read(text).labels[name].to_pylist() == [value if value != "0" else 0]
        return
    with pytest.raises(ProblemsError) as caught:
        read(text)
    (problem,) = caught.value.problems
    assert f"column {name!r}" in problem
    assert ours in problem


def test_a_zone_beside_times_that_name_their_offset_is_a_label(read):
    receptors = read(f"{HEAD},tz\n2015-12-10 00:00-07:00,{PLACE},MST\n")
    assert receptors.ids() == [ID]


@pytest.mark.parametrize(
    ("name", "is_taken"),
    [("Altitude [m]", True), ("height (m agl)", True), ("altitude_km", False), ("alt [ft]", False)],
)
def test_a_unit_behind_a_name_is_metres_or_a_problem_that_says_so(read, name, is_taken):
    text = f"{HEAD.replace('altitude', name)}\n2015-12-10 07:00,{PLACE}\n"
    if is_taken:
        assert read(text).ids() == [ID]
        return
    with pytest.raises(ProblemsError) as caught:
        read(text)
    (problem,) = caught.value.problems
    assert "Heights are in metres" in problem


def test_heights_above_sea_level_may_be_called_that_in_brackets(read):
    text = f"{HEAD.replace('altitude', 'altitude (m asl)')}\n2015-12-10 07:00,{PLACE}\n"
    assert read(text).ids() == [f"{ID}asl"]


def test_a_bad_row_below_a_label_with_a_line_break_has_its_line(read):
    row = f"2015-12-10 07:00,{PLACE}"
    with pytest.raises(ProblemsError) as caught:
        read(f'{HEAD},site\n{row},"two\nlines"\n{row.replace("40.77", "x")},b\n')
    assert caught.value.problems == ("line 4: latitude 'x' is not a number",)


def test_one_line_of_description_is_one(read):
    receptors = read(f"all of 2015\n{HEAD}\n2015-12-10 07:00,{PLACE}\n")
    assert receptors.notes == ("1 line above the names of the columns is left aside",)
