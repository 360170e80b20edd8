"""How many particles each release point has, for every number of points."""

from __future__ import annotations

import numpy as np
import pytest

from stilt.foundations.simulation import Receptor
from stilt.transport import shares
from stilt.transport.native.randomness import Stream, stream_keys
from stilt.transport.native.release import Release, release

STREAMS = stream_keys(Stream(0, "sim"), 2000)


def why_too_few(receptor: Receptor, numpar: int) -> str | None:
    places = {*zip(receptor.longitudes, receptor.latitudes, strict=True)}
    return shares.why_too_few(len(receptor.heights_m), len(places), numpar)


def released(receptor: Receptor, numpar: int) -> Release:
    return release(receptor, numpar, 0.01, STREAMS[:numpar])


@pytest.mark.parametrize("places", range(1, 601, 7))
@pytest.mark.parametrize("kind", ["levels", "places"])
def test_shares_are_equal_to_within_one_particle(places, kind):
    numbers = tuple(float(number) for number in range(places))[::-1]
    same = (40.0,) * places
    receptor = (
        Receptor("202001010000", same, same, numbers)
        if kind == "levels" and places != 2
        else Receptor("202001010000", tuple(value / 10 for value in numbers), same, same)
    )
    for numpar in {places, places + 1, 2 * places - 1, 1000, 2000}:
        if numpar < places:
            assert why_too_few(receptor, numpar)
            continue
        assert why_too_few(receptor, numpar) is None
        points = released(receptor, numpar)
        which = points.height_m if kind == "levels" else points.longitude * 10
        counts = (
            np.bincount(np.rint(which).astype(int), minlength=places) if places > 1 else [numpar]
        )
        assert sum(counts) == numpar
        assert max(counts) - min(counts) <= 1


def test_two_heights_at_one_place_need_no_more_than_one_particle():
    line = Receptor("202001010000", (5.0, 5.0), (40.0, 40.0), (10.0, 500.0))
    assert why_too_few(line, 1) is None
    assert why_too_few(Receptor("202001010000", (5.0, 6.0), (40.0, 40.0), (10.0, 10.0)), 1)
