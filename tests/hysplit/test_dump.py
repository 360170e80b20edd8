"""The particle file as numbers: each the double nearest to what was printed, however the text arrives."""

from __future__ import annotations

import gzip
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stilt.transport.hysplit.dump import BUFFER_BYTES, DumpError, DumpParser
from stilt.transport.hysplit.layout import learn_layout
from tests.hysplit.reference_cases import case
from tests.shared_data import shared

HEADER = b"   40.0000000      -90.0000000       10.0000000    \n"
NAMES = ("time", "indx", "long", "foot", "sphu")
WIDTHS = ((10, 0), (9, 0), (11, 4), (13, 7), (14, 10))


def row(*values: float) -> bytes:
    """A row as Fortran prints it: right-justified in fixed widths, a point without a digit after it for F8.0."""
    words = [
        f"{value:{width - (decimals == 0)}.{decimals}f}" + "." * (decimals == 0)
        for value, (width, decimals) in zip(values, WIDTHS, strict=True)
    ]
    return "".join(words).encode() + b"\n"


def parse(
    text: bytes, names: tuple[str, ...] = NAMES, piece: int = 1000, rows: int = 0
) -> DumpParser:
    """Send a text through a pipe in pieces."""
    parser = DumpParser(names, rows)
    source, sink = os.pipe()
    try:
        for start in range(0, len(text), piece):
            os.write(sink, text[start : start + piece])
            parser.read_from(source)
    finally:
        os.close(sink)
        os.close(source)
    return parser


def expected(text: bytes) -> np.ndarray:
    """What Python's own correctly rounded parser makes of the rows."""
    lines = text.split(b"\n")[1:-1]
    return np.array([[float(word) for word in line.split()] for line in lines])


ROWS = st.lists(
    st.tuples(
        st.integers(-99999, 99999),
        st.integers(0, 99999),
        st.floats(-999, 9999).map(lambda value: round(value, 4)),
        st.floats(0, 999).map(lambda value: round(value, 7)),
        st.floats(-9, 99).map(lambda value: round(value, 10)),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=300, deadline=None)
@given(ROWS, st.integers(1, 400))
def test_numbers_are_the_nearest_doubles_whatever_the_pieces(rows, piece: int) -> None:
    text = HEADER + b"".join(row(*values) for values in rows)
    parser = parse(text, piece=piece)
    assert not parser.is_cut
    found = np.column_stack([parser.table()[name] for name in NAMES])
    np.testing.assert_array_equal(found, expected(text))
    assert not np.any(np.signbit(found) & (found == 0) & ~np.signbit(expected(text)))


def test_columns_that_touch_are_told_apart_by_their_width() -> None:
    text = (
        HEADER + row(-1, 1, -90.0012, 0.0045465, 0.0059623891) + row(-1, 2, -100.1234, -1.5, -0.5)
    )
    touching = text.replace(b"       2.", b"99999999.").replace(b" -100.1234", b"-1000.1234")
    table = parse(touching.replace(b"   -1.5000000", b"-1111.5000000")).table()
    assert table["long"].tolist() == [-90.0012, -1000.1234]
    assert table["foot"].tolist() == [0.0045465, -1111.5]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        (b"          NaN", np.nan),
        (b"*************", np.nan),
        (b"     Infinity", np.inf),
        (b" 0.454650E-02", 0.00454650),
        (b" 0.454650D-02", 0.00454650),
        (b"       +1.500", 1.5),
    ],
)
def test_words_that_fortran_prints_now_and_then_are_read_too(word: bytes, value: float) -> None:
    plain = row(-1, 1, -90.0, 0.5, 0.25)
    odd = plain.replace(b"    0.5000000", word)
    table = parse(HEADER + plain + odd + plain).table()
    np.testing.assert_array_equal(table["foot"], [0.5, value, 0.5])
    np.testing.assert_array_equal(table["long"], [-90.0] * 3)


def test_a_first_row_without_a_layout_is_read_too() -> None:
    odd = row(-1, 1, -90.0, 0.5, 0.25).replace(b"    0.5000000", b"          NaN")
    table = parse(HEADER + 3 * odd).table()
    assert len(table) == 3
    assert np.isnan(table["foot"]).all()


@pytest.mark.parametrize(
    "line",
    [
        b"-1. 1. -90.0 0.5\n",
        b"-1. 1. -90.0 0.5 0.25 7.0\n",
        b"       -1.       1.   -90.0000    abcdefghi  0.2500000000\n",
        b"\x00" * 57 + b"\n",
        b"\n",
        b"4.5" * 1000 + b"\n",
    ],
    ids=["short", "long", "text", "zeros", "blank", "endless"],
)
def test_a_line_that_is_no_row_is_refused_by_its_number(line: bytes) -> None:
    good = row(-1, 1, -90.0, 0.5, 0.25)
    with pytest.raises(DumpError, match="row 3 of PARTICLE_STILT"):
        parse(HEADER + 2 * good + line + good)


def test_a_line_without_an_end_does_not_fill_the_memory() -> None:
    with pytest.raises(DumpError, match="more than"):
        parse(HEADER + b"1" * BUFFER_BYTES, piece=4096)


@pytest.mark.parametrize("cut", [1, 5, 30, 56])
def test_a_line_that_is_cut_shows(cut: int) -> None:
    good = row(-1, 1, -90.0, 0.5, 0.25)
    parser = parse(HEADER + good + good[:-cut])
    assert parser.is_cut
    assert parser.rows == 1


@pytest.mark.parametrize("text", [b"", HEADER, HEADER[:20]])
def test_no_rows_are_no_rows(text: bytes) -> None:
    parser = parse(text)
    assert parser.rows == 0
    assert parser.last_time() == 0
    assert len(parser.table()) == 0


def test_more_rows_than_expected_are_kept() -> None:
    text = HEADER + b"".join(row(-minute, 1, -90, 0.5, 0.25) for minute in range(1, 5001))
    parser = parse(text, rows=10)
    assert parser.rows == 5000
    assert parser.last_time() == 5000
    np.testing.assert_array_equal(parser.table()["time"], -np.arange(1.0, 5001))


def test_a_layout_is_learnt_only_from_fixed_point_rows() -> None:
    assert learn_layout(row(-1, 1, -90, 0.5, 0.25), 5) is not None
    for line in (b"1 2 3 4 5\n", b"1. 2. 3. 4. NaN\n", b"1. 2. 3. 4. 5E3\n", b"1. 2. 3.\n", b"\n"):
        assert learn_layout(line, 5) is None


@pytest.mark.parametrize("digits", range(1, 22))
@pytest.mark.parametrize("sign", ["", "-"])
def test_wide_columns_are_read_however_many_digits_they_have(digits: int, sign: str) -> None:
    number = f"{sign}{'1234567890' * 3}"[: digits + len(sign)]
    text = HEADER + f"{'1.50':>26}   -1.\n{number + '.25':>26}   -2.\n".encode()
    table = parse(text, ("foot", "time")).table()
    assert table["foot"].tolist()[1:] == [float(f"{number}.25")]


@pytest.mark.parametrize("name", ["02_small_6h", "34_varsiwant_all"])
def test_files_of_the_reference_are_read_to_the_last_bit(name: str) -> None:
    text = gzip.decompress(shared("reference", name, "PARTICLE_STILT.DAT.gz").read_bytes())
    names = tuple(case(name).settings["varsiwant"])
    assert learn_layout(text.split(b"\n", 2)[1] + b"\n", len(names)) is not None
    parser = parse(text, names, piece=1 << 16)
    found = np.column_stack(list(parser.table().columns.values()))
    np.testing.assert_array_equal(found, expected(text))
