"""Durations, rates and sizes read as people say them."""

from __future__ import annotations

import pytest

from stilt.foundations.quantities import counted, duration, rate, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"),
        (0.04, "0.0 s"),
        (8.24, "8.2 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (18720, "5 h 12 min"),
        (273600, "3 d 4 h"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds, text) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("per_second", "text"),
    [
        (250, "250/s"),
        (2.5, "2.5/s"),
        (31 / 60, "31/min"),
        (4.1 / 3600, "4.1/h"),
        (2 / 86400, "2.0/d"),
    ],
)
def test_a_rate_has_the_unit_in_which_it_is_at_least_one(per_second, text) -> None:
    assert rate(per_second) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (12288, "12 KiB"),
        (3.4 * 2**30, "3.4 GiB"),
        (2**51, "2,048 TiB"),
    ],
)
def test_a_size_has_a_binary_prefix(size_bytes, text) -> None:
    assert size(size_bytes) == text


def test_a_noun_agrees_with_its_number() -> None:
    assert counted(1, "simulation") == "1 simulation"
    assert counted(12000, "simulation") == "12,000 simulations"
