"""Random deviates."""

from __future__ import annotations

import math

import numpy as np

from stilt.transport.native.randomness import Stream, first_uniforms, normal, stream_keys


def test_deviates_are_standard_normal_and_streams_differ():
    with np.errstate(over="ignore"):
        drawn = []
        for state, gamma in stream_keys(Stream(0, "sim"), 40):
            now = state
            for _ in range(500):
                value, now = normal(now, gamma)
                drawn.append(value)
    x = np.array(drawn)
    n = x.size
    assert abs(x.mean()) < 4.0 / math.sqrt(n)
    assert abs(x.var() - 1.0) < 4.0 * math.sqrt(2.0 / n)
    assert abs((x**4).mean() - 3.0) < 4.0 * math.sqrt(96.0 / n)
    for limit in (0.5, 1.0, 2.0, 3.0):
        share = math.erfc(limit / math.sqrt(2.0))
        assert abs((abs(x) > limit).mean() - share) < 4.0 * math.sqrt(share * (1.0 - share) / n)
    first = x.reshape(40, 500)
    assert abs(np.corrcoef(first)[np.triu_indices(40, 1)]).max() < 5.0 / math.sqrt(500)


def test_first_uniforms_fill_the_unit_interval():
    u = first_uniforms(stream_keys(Stream(0, "sim"), 10000))
    assert abs(u.mean() - 0.5) < 0.012
    assert 0.0 <= u.min() < 0.001
    assert 0.999 < u.max() < 1.0
