"""Numbers in ids, as R's paste writes them (the expected texts were taken from R)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stilt.receptors.numbers import r_number, r_numbers

WRITTEN_BY_R = {
    -90.0: "-90",
    40.5: "40.5",
    -111.847672: "-111.847672",
    0.1 + 0.2: "0.3",
    1 / 3: "0.333333333333333",
    100000.0: "1e+05",
    123456.0: "123456",
    120000.0: "120000",
    1e15: "1e+15",
    0.0001: "1e-04",
    0.00012: "0.00012",
    0.001: "0.001",
    -0.0: "0",
    10.0: "10",
    25000.0: "25000",
    1e-10: "1e-10",
    1234567.891: "1234567.891",
}


@pytest.mark.parametrize(("value", "text"), WRITTEN_BY_R.items())
def test_a_number_is_written_as_r_does(value, text):
    assert r_number(value) == text


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_many_numbers_are_written_like_single_ones(values):
    assert r_numbers(np.array(values)).to_pylist() == [r_number(value) for value in values]


@settings(deadline=None)
@given(st.floats(-1e6, 1e6))
def test_a_written_number_is_the_value_to_fifteen_digits(value):
    assert float(r_number(value)) == float(f"{value:.15g}") + 0.0
