"""Footprints equal R-STILT's of small cases that this repository holds."""

from __future__ import annotations

import numpy as np
import pytest

from stilt.footprint.calc import calc_footprint
from tests.footprint import cases, tables

RTOL = 1e-6
"""R-STILT stores single precision, whose spacing is 1.2e-7."""


@pytest.mark.parametrize("name", tables.NAMES)
def test_a_footprint_is_that_of_r_stilt(name):
    case = tables.read(name)
    ours = calc_footprint(case.particles, case.grid, case.receptor)
    places = np.searchsorted(ours.times, case.times)
    np.testing.assert_array_equal(ours.times[places], case.times)
    assert not np.delete(ours.values, places, axis=0).any()
    assert np.count_nonzero(case.values) > 1
    np.testing.assert_allclose(
        ours.values[places], case.values, rtol=RTOL, atol=1e-6 * float(case.values.max())
    )


@pytest.mark.parametrize("name", tables.NAMES)
def test_the_tables_are_what_r_stilt_wrote(name):
    written, case = cases.footprint(name, "foot.nc.gz"), tables.read(name)
    np.testing.assert_array_equal(written.values, case.values)
    np.testing.assert_array_equal(written.times, case.times)
    for column in tables.COLUMNS:
        np.testing.assert_array_equal(cases.particles(name)[column], case.particles[column])
