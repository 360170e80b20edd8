"""receptors.csv: what is read from it, and what is said of bad rows."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest

from stilt.foundations.errors import InputError, ProblemsError
from stilt.receptors import read_receptors
from stilt.receptors.read import LISTED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stilt.receptors.sequence import Receptors

HEAD = "time,longitude,latitude,altitude\n"
GOOD = "2015-12-10 07:00,-111.85,40.77,10\n"
ID = "hrrr_201512100700_-111.85_40.77_10"


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Receptors]:
    def read_text(text: str | bytes, *mets: str) -> Receptors:
        path = tmp_path / "receptors.csv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_receptors(path, mets or ("hrrr",))

    return read_text


def problems(read, text) -> tuple[str, ...]:
    with pytest.raises(ProblemsError) as caught:
        read(text)
    return caught.value.problems


def test_a_receptor_becomes_a_simulation_for_each_meteorology(read):
    receptors = read(HEAD + GOOD + "2015-12-10 08:00,-111.85,40.77,10\n", "hrrr", "nam")
    assert [simulation.sim for simulation in receptors] == [
        "hrrr_201512100700_-111.85_40.77_10",
        "hrrr_201512100800_-111.85_40.77_10",
        "nam_201512100700_-111.85_40.77_10",
        "nam_201512100800_-111.85_40.77_10",
    ]
    assert receptors.ids() == [simulation.sim for simulation in receptors]
    first = receptors[0]
    assert first.met == "hrrr"
    assert first.date == "2015-12-10"
    assert first.receptor.time == "201512100700"
    assert first.receptor.longitudes == (-111.85,)
    assert first.receptor.latitudes == (40.77,)
    assert first.receptor.heights_m == (10.0,)
    assert first.receptor.reference == "agl"


@pytest.mark.parametrize(
    "header",
    [
        "time,longitude,latitude,altitude",
        "run_time,long,lati,zagl",
        "Time,LON,Lat,Z",
        "DateTime,Longitude, Latitude ,HEIGHT",
        '"time","lng","lat","height agl"',
        "time;long;lat;zagl",
        "time\tlong\tlat\tzagl",
    ],
)
def test_columns_have_the_names_that_people_give_them(read, header):
    delimiter = next((mark for mark in ";\t" if mark in header), ",")
    assert read(f"{header}\n{GOOD.replace(',', delimiter)}").ids() == [ID]


def test_further_columns_and_any_order_are_fine(read):
    assert read("site,zagl,lati,long,time\nWBB,10,40.77,-111.85,2015-12-10 07:00\n").ids() == [ID]


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf" + (HEAD + GOOD).encode(),
        (HEAD + GOOD).replace("\n", "\r\n").encode(),
        (HEAD + GOOD).replace("\n", "\r").encode(),
        (HEAD + GOOD).rstrip("\n").encode(),
        f",{HEAD}0,{GOOD}".encode(),
        f"note,note,{HEAD}a,b,{GOOD}".encode(),
        f"{HEAD.strip()},\n{GOOD.strip()},\n".encode(),
        ("\n# made by hand\n" + HEAD + "\n# a comment\n" + GOOD + "\n\n").encode(),
        (HEAD + GOOD.replace(",", " , ")).encode(),
        (HEAD + GOOD.replace("-111.85", "-1.1185e2").replace("10\n", "10.000\n")).encode(),
        (HEAD + GOOD.replace("-111.85", "248.15")).encode(),
        (HEAD + '"2015-12-10 07:00","-111.85","40.77","10"\n').encode(),
    ],
    ids=[
        "BOM",
        "CRLF",
        "CR",
        "no-newline",
        "index-column",
        "names-twice",
        "trailing-comma",
        "comments",
        "blanks",
        "exponents",
        "0-360",
        "quotes",
    ],
)
def test_files_as_programs_write_them_are_read(read, text):
    assert read(text).ids() == [ID]


def test_names_of_sites_may_be_in_latin_1(read):
    row = "Zürich,2015-12-10 07:00,-111.85,40.77,10\n"
    text = "site,time,longitude,latitude,altitude\n" + row
    assert read(text.encode("latin-1")).ids() == [ID]
    assert read(text.replace("site", "id").encode("latin-1")).ids() == ["hrrr_Zürich"]
    bad = text + "Genève,2015-12-10 07:00,x,40,10\n"
    assert problems(read, bad.encode("latin-1")) == ("line 3: longitude 'x' is not a number",)


@pytest.mark.parametrize(
    "time",
    [
        "2015-12-10 07:00",
        "2015-12-10 07:00:00",
        "2015-12-10T07:00:00Z",
        "2015-12-10T07:00",
        "2015-12-10 07:00 UTC",
        "2015-12-10 07:00:00 GMT",
        "2015-12-10T00:00:00-07:00",
        "2015-12-10 09:30+0230",
        "2015-12-10 07:00:00.000",
        "201512100700",
        "20151210T070000Z",
        "2015-12-10 07",
    ],
)
def test_times_are_utc_and_offsets_are_converted(read, time):
    assert read(f"{HEAD}{time},-111.85,40.77,10\n").ids() == [ID]


def test_a_date_alone_is_midnight_as_r_writes_it(read):
    assert read(HEAD + "2015-12-10,-111.85,40.77,10\n")[0].receptor.time == "201512100000"


def test_mixed_zones_and_forms_of_time_are_read_row_by_row(read):
    rows = "2015-12-10 07:00,-90,40,10\n2015-12-10T09:00+01:00,-90,40,10\n2015-12-10,-90,40,10\n"
    times = [simulation.receptor.time for simulation in read(HEAD + rows)]
    assert times == ["201512100700", "201512100800", "201512100000"]


def test_seconds_are_cut_and_that_is_said(read):
    receptors = read(HEAD + "2015-12-10 07:00:59,-111.85,40.77,10\n")
    assert receptors.ids() == [ID]
    assert "1 receptor has seconds in the time" in receptors.notes[0]


BAD_ROWS = {
    "blank longitude": ("2015-12-10 07:00,,40.77,10", "line 3: longitude is blank"),
    "blank time": (",-111.85,40.77,10", "line 3: time is blank"),
    "NaN": ("2015-12-10 07:00,NaN,40.77,10", "line 3: longitude 'NaN' is not a number"),
    "NA": ("2015-12-10 07:00,-90,NA,10", "line 3: latitude 'NA' is not a number"),
    "infinite": ("2015-12-10 07:00,-90,40,inf", "line 3: altitude 'inf' is not a number"),
    "overflow": ("2015-12-10 07:00,-90,40,1e999", "line 3: altitude '1e999' is not a number"),
    "text": ("2015-12-10 07:00,-90,north,10", "line 3: latitude 'north' is not a number"),
    "decimal comma": (
        '2015-12-10 07:00,"-90,5",40,10',
        "line 3: longitude '-90,5' is not a number",
    ),
    "latitude": ("2015-12-10 07:00,-90,91,10", "line 3: latitude 91 is out of range: -90 to 90"),
    "swapped": ("2015-12-10 07:00,40.77,-111.85,10", "(swapped with longitude?)"),
    "longitude": (
        "2015-12-10 07:00,361,40,10",
        "line 3: longitude 361 is out of range: -180 to 360",
    ),
    "underground": (
        "2015-12-10 07:00,-90,40,-1",
        "line 3: altitude -1 is out of range: 0 to 50000 m",
    ),
    "space": ("2015-12-10 07:00,-90,40,60000", "line 3: altitude 60000 is out of range"),
    "no time": ("yesterday,-90,40,10", "line 3: time 'yesterday' is not a time: write it like"),
    "american time": (
        "12/10/2015 07:00,-90,40,10",
        "line 3: time '12/10/2015 07:00' is not a time",
    ),
    "month 13": (
        "2015-13-10 07:00,-90,40,10",
        "line 3: time '2015-13-10 07:00' is not a time (month must be in",
    ),
    "30 February": (
        "2015-02-30 07:00,-90,40,10",
        "line 3: time '2015-02-30 07:00' is not a time (day",
    ),
    "hour 24": (
        "2015-12-10 24:00,-90,40,10",
        "line 3: time '2015-12-10 24:00' is not a time (hour must be in",
    ),
    "year 2050": ("2050-12-10 07:00,-90,40,10", "the year must be 1941 to 2040"),
    "short row": ("2015-12-10 07:00,-90,40", "line 3: has 3 of 4 columns"),
    "long row": ("2015-12-10 07:00,-90,40,10,11", "line 3: has 5 of 4 columns"),
    "two at once": ("yesterday,-90,north,10", "; latitude 'north' is not a number"),
    "same minute": (
        "2015-12-10 07:00:30,-111.85,40.77,10",
        "line 3: in the same minute and place as line 2",
    ),
}


@pytest.mark.parametrize(("row", "expected"), BAD_ROWS.values(), ids=list(BAD_ROWS))
def test_a_bad_row_is_refused_with_its_line_and_reason(read, row, expected):
    found = problems(read, f"{HEAD}{GOOD}{row}\n2015-12-11 07:00,-111.85,40.77,10\n")
    assert len(found) == 1
    assert found[0].startswith("line 3: ")
    assert expected in found[0]


def test_all_bad_rows_are_named_with_their_lines_past_blank_lines_and_comments(read):
    text = f"{HEAD}\n{GOOD}# comment\n2015-12-10 08:00,x,40,10\n\n2015-12-10 09:00,-90,40\n"
    assert problems(read, text) == (
        "line 5: longitude 'x' is not a number",
        "line 7: has 3 of 4 columns",
    )


def test_a_long_list_of_bad_rows_is_cut_and_the_rest_counted(read):
    with pytest.raises(ProblemsError, match="1,000 problems") as caught:
        read(HEAD + "".join(f"2015-12-10 07:00,-90,x{i},10\n" for i in range(1000)))
    assert len(caught.value.problems) == LISTED + 1
    assert caught.value.problems[-1] == "and 981 more bad rows"


def test_a_row_given_again_is_used_once_and_that_is_said(read):
    receptors = read(HEAD + GOOD + "2015-12-10 08:00,-111.85,40.77,10\n" + GOOD)
    assert receptors.ids() == [ID, ID.replace("0700", "0800")]
    assert receptors.notes == ("1 row repeats an earlier one and is used once (line 4)",)


def test_the_same_number_written_otherwise_is_the_same_receptor(read):
    receptors = read(HEAD + GOOD + "2015-12-10T07:00Z,-111.850,40.77000000000000001,1e1\n")
    assert receptors.ids() == [ID]


BAD_FILES = {
    "empty": ("", "the file is empty"),
    "blank": ("\n\n", "the file is empty"),
    "no header": (GOOD + GOOD, "header: no column time among 2015-12-10 07:00, -111.85, 40.77, 10"),
    "misspelt": ("time,lon,lattitude,zagl\n", "among time, lon, lattitude, zagl, is it 'lattitude'?"),
    "two latitudes": ("time,long,lat,lati,zagl\n", "header: the columns 'lat' and 'lati' both are latitude"),
    "spreadsheet": (b"PK\x03\x04\x00\x00", "this is not a text file"),
    "open quote": (HEAD + GOOD + '"2015-12-10 08:00,-90,40,10\n', "line 3: cannot be taken apart"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), BAD_FILES.values(), ids=list(BAD_FILES))
def test_a_file_that_holds_no_table_is_refused_with_what_is_expected(read, text, expected):
    assert expected in problems(read, text)[0]


def test_a_file_with_a_header_only_is_refused(read):
    with pytest.raises(InputError, match="a header but no receptors"):
        read(HEAD)


def test_a_missing_file_is_named_with_what_belongs_there(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.csv: there is no such file.*time,longitude"):
        read_receptors(tmp_path / "nowhere.csv", ["hrrr"])


def test_a_folder_in_place_of_the_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="Is a directory"):
        read_receptors(tmp_path, ["hrrr"])


def test_rows_of_one_r_idx_are_a_column_or_a_multipoint(read):
    receptors = read(
        "r_idx,time,long,lati,zagl\n"
        "b,2015-12-10 07:00,-90,40,5\n"
        "a,2015-12-10 07:00,-90,40,10\n"
        "b,2015-12-10 07:00,-90,40,500\n"
        "c,2015-12-10 07:00,-91,40,10\n"
        "c,2015-12-10 07:00,-90,41,10\n"
    )
    column, point, several = (simulation.receptor for simulation in receptors)
    assert column.is_line
    assert column.heights_m == (5.0, 500.0)
    assert point.heights_m == (10.0,)
    assert several.longitudes == (-91.0, -90.0)
    assert several.latitudes == (40.0, 41.0)
    ids = receptors.ids()
    assert ids[0] == "hrrr_201512100700_-90_40_X"
    assert ids[1] == "hrrr_201512100700_-90_40_10"
    assert ids[2].startswith("hrrr_201512100700_-91_40_multi")


GROUPS = {
    "another time": ("a,2015-12-10 08:00,-90,40,500,", "another time than line 2 of the same r_idx 'a'"),
    "same point": ("a,2015-12-10 07:00,-90,40,5,", "the same point as line 2 of the same r_idx"),
    "another reference": ("a,2015-12-10 07:00,-90,40,500,asl", "another height reference than line 2"),
    "unknown reference": ("a,2015-12-10 07:00,-90,40,500,agm", "height reference 'agm' is neither agl nor asl"),
}  # fmt: skip


@pytest.mark.parametrize(("row", "expected"), GROUPS.values(), ids=list(GROUPS))
def test_rows_that_cannot_be_one_receptor_are_refused(read, row, expected):
    text = f"r_idx,time,long,lati,z,altitude_ref\na,2015-12-10 07:00,-90,40,5,agl\n{row}\n"
    assert expected in problems(read, text)[0]


def test_two_columns_at_one_place_and_time_need_ids(read):
    rows = "".join(f"{g},2015-12-10 07:00,-90,40,{z}\n" for g in "ab" for z in (ord(g), 500))
    found = problems(read, "r_idx,time,long,lati,zagl\n" + rows)
    assert "line 4: the same simulation id (201512100700_-90_40_X) as line 2" in found[0]


def test_own_ids_name_the_simulations(read):
    receptors = read("id,time,long,lati,zagl\nWBB-1,2015-12-10 07:00,-90,40,5\n")
    assert receptors.ids() == ["hrrr_WBB-1"]
    assert receptors[0].date == "2015-12-10"


IDS = {
    "folder": ("a/b", "id 'a/b' cannot be part of a file name"),
    "hidden": (".a", "id '.a' cannot be part of a file name"),
    "blank": ("", "id is blank"),
    "option": ("-rf", "id '-rf' cannot"),
    "long": ("x" * 129, "at most 128 bytes"),
    "long in bytes": ("中" * 43, "at most 128 bytes"),
    "twice": ("first", "the id 'first' is that of line 2 already"),
}


@pytest.mark.parametrize(("name", "expected"), IDS.values(), ids=list(IDS))
def test_an_own_id_that_cannot_be_a_file_name_is_refused(read, name, expected):
    rows = f"first,2015-12-10 07:00,-90,40,5\n{name},2015-12-10 08:00,-90,40,5\n"
    assert expected in problems(read, "id,time,long,lati,zagl\n" + rows)[0]


def test_ids_that_two_meteorologies_make_one_simulation_of_are_refused(tmp_path):
    path = tmp_path / "receptors.csv"
    path.write_text(
        "id,time,long,lati,zagl\nv4_a,2015-12-10 07:00,-90,40,5\na,2015-12-10 08:00,-90,40,5\n"
    )
    with pytest.raises(ProblemsError) as caught:
        read_receptors(path, ("hrrr", "hrrr_v4"))
    (problem,) = caught.value.problems
    assert problem.startswith(
        "line 2: the id 'v4_a' with met hrrr and the id 'a' of line 3 with met"
    )
    assert len(read_receptors(path, ("hrrr", "hrrrv4"))) == 4


def test_ids_left_blank_are_told_once_each(read):
    rows = ",2015-12-10 07:00,-90,40,5\n,2015-12-10 08:00,-90,40,5\n"
    found = problems(read, "id,time,long,lati,zagl\n" + rows)
    assert found == tuple(
        f"line {line}: id is blank: give every row one, or leave the column out" for line in (2, 3)
    )


def test_heights_above_sea_level_are_named_by_the_column_or_row_by_row(read):
    by_column = read("time,long,lati,zasl\n2015-12-10 07:00,-90,40,1500\n")
    assert by_column[0].receptor.reference == "asl"
    assert by_column.ids() == ["hrrr_201512100700_-90_40_1500asl"]
    by_row = read(
        "time,long,lati,z,altitude_ref\n2015-12-10 07:00,-90,40,15,ASL\n2015-12-10 07:00,-90,40,15,agl\n"
    )
    assert [simulation.receptor.reference for simulation in by_row] == ["asl", "agl"]


def test_simulations_come_in_the_order_of_meteorology_and_time(read):
    rows = "".join(f"2015-12-10 {hour:02}:00,-90,40,5\n" for hour in (7, 5, 6))
    receptors = read(HEAD + rows, "hrrr", "nam")
    times = [(s.met, s.receptor.time[8:10]) for s in receptors.take(receptors.time_order())]
    assert times == [(met, hour) for met in ("hrrr", "nam") for hour in ("05", "06", "07")]
    assert receptors.simulation_minutes().tolist()[:2] == [24162180, 24162060]


def test_simulations_are_found_by_index_as_in_a_list(read):
    receptors = read(HEAD + "".join(f"2015-12-10 {hour:02}:00,-90,40,5\n" for hour in range(9)))
    everything = list(receptors)
    assert receptors[-1] == everything[-1]
    assert receptors[2:5] == everything[2:5]
    assert len(receptors) == 9
    with pytest.raises(IndexError):
        receptors[9]


def test_the_error_survives_pickling(read):
    with pytest.raises(ProblemsError) as caught:
        read(HEAD + "x,1,2,3\n")
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert again.problems == caught.value.problems
    assert str(again) == str(caught.value)


def test_a_large_file_with_one_bad_row_names_just_that_row(read):
    rows = [f"2015-12-10 07:00,{-120 + i * 1e-3:.3f},40,10\n" for i in range(30_000)]
    rows[20_000] = "2015-12-10 07:00,-90,,10\n"
    assert problems(read, HEAD + "".join(rows)) == ("line 20002: latitude is blank",)
