"""No file of receptors is so odd that it does anything but be read or be refused with reasons."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from stilt.foundations.errors import InputError, ProblemsError
from stilt.receptors import read_receptors
from stilt.receptors.table import Table, read_careful, read_fast

HEAD = "time,longitude,latitude,altitude\n"
cells = st.sampled_from(
    [
        "2015-12-10 07:00",
        "2015-12-10T07:00Z",
        "2015-12-10 07:00:30",
        "2015-12-10",
        "-90",
        "40.5",
        "1e2",
        "-111.8476721234567891",
        "",
        "NaN",
        "x",
        '"',
        "'",
        "#",
        " 5 ",
        "é",
        "1,5",
        "91",
    ]
) | st.text(max_size=6)
rows = st.lists(cells, min_size=0, max_size=6).map(",".join)
good = st.builds(
    "{},{},{},{}".format,
    st.sampled_from(["2015-12-10 07:00", "2015-12-10T08:00Z", "2016-02-29"]),
    st.sampled_from(["-90", "-90.0", "12.25", "300"]),
    st.sampled_from(["40", "40.5", "-89.999"]),
    st.sampled_from(["5", "10.0", "1e2"]),
)


def accepts_or_explains(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "receptors.csv"
        path.write_bytes(raw)
        try:
            receptors = read_receptors(path, ["hrrr"])
        except InputError as error:
            said = error.problems if isinstance(error, ProblemsError) else (error.message,)
        else:
            ids = receptors.ids()
            assert len(set(ids)) == len(ids) == len(receptors) > 0
            assert [simulation.sim for simulation in receptors] == ids
            return
        assert all(said)
        assert said


above = st.sampled_from(["# soundings", "", "  ", "#a,b,c,d"])
odd = st.sampled_from(
    ["", " ", "# words", "#a,b,c,d", " # a,b,c,d", ",,,", " , ,,", "1,2", "1,2,3,4,5", ",,"]
)


@settings(deadline=None, max_examples=100)
@given(st.lists(good | rows, max_size=8), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_any_rows_are_read_or_explained(lines, newline, with_bom):
    text = newline.join([HEAD.strip(), *lines]) + newline
    accepts_or_explains((b"\xef\xbb\xbf" if with_bom else b"") + text.encode("utf-8", "replace"))


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read_or_explained(raw, with_head):
    accepts_or_explains(HEAD.encode() + raw if with_head else raw)


@settings(deadline=None, max_examples=100)
@given(st.lists(good, min_size=1, max_size=8))
def test_the_fast_reader_and_the_careful_one_read_the_same(lines):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "receptors.csv"
        named = [f"{line},{number}" for number, line in enumerate(lines)]
        path.write_text("\n".join(["soundings of a day", f"{HEAD.strip()},orbit", *named]) + "\n")
        fast, careful = read_fast(path), read_careful(path)
        assert fast is not None
        assert contents(fast) == contents(careful)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(good | rows | odd, max_size=8),
    st.lists(above, max_size=3),
    st.sampled_from(["\n", "\r\n"]),
)
def test_lines_that_are_no_rows_are_the_same_to_both_readers(lines, before, newline):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "receptors.csv"
        text = newline.join([*before, HEAD.strip(), *lines]) + newline
        path.write_bytes(text.encode("utf-8", "replace"))
        fast = read_fast(path)
        if fast is None or '"' in text:
            return
        careful = read_careful(path)
        fast.count_lines()
        assert fast.lines.tolist() == careful.lines.tolist()
        assert fast.broken == careful.broken
        assert contents(fast) == contents(careful)


def contents(table: Table) -> dict[str, list[str]]:
    columns = {**table.columns, **table.labels}
    return {name: column.to_pylist() for name, column in columns.items()}
