"""Random deviates, and machine code that is made once."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from stilt.transport.native import compiled
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


def test_a_process_with_kept_machine_code_loads_no_numba():
    code = (
        "import sys; from stilt.transport.native.warm import warm; warm(); warm.cache_clear(); warm(); "
        "print('numba' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # compiles, if nobody has
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_naming_the_engine_loads_neither_numpy_nor_numba():
    code = (
        "import sys; from stilt.transport.native.engine import NativeEngine; NativeEngine().version; "
        "print([name for name in ('numpy', 'numba', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@compiled.kernel
def double(values):  # pragma: no cover - compiled
    for n in range(values.shape[0]):
        values[n] *= 2.0
    return values.shape[0]


def test_compiled_code_works_without_a_folder_to_keep_it(monkeypatch, tmp_path):
    unwritable = tmp_path / "file"
    unwritable.write_text("")
    monkeypatch.setattr(compiled, "_folders", lambda: iter([unwritable / "below"]))
    values = np.arange(4.0)
    assert double(values) == 4
    np.testing.assert_array_equal(values, [0.0, 2.0, 4.0, 6.0])


def test_compiled_code_falls_back_to_numba_itself(monkeypatch, tmp_path):
    monkeypatch.setattr(compiled, "_folders", lambda: iter([tmp_path]))
    monkeypatch.setattr(compiled, "_build", lambda *_: None)
    fresh = compiled.kernel(double._function)
    values = np.arange(3.0)
    assert fresh(values) == 3
    np.testing.assert_array_equal(values, [0.0, 2.0, 4.0])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [True, "text", np.zeros((4, 4))[:, 1]])
def test_what_compiled_code_cannot_take_is_refused(wrong):
    with pytest.raises(TypeError):
        double(wrong)
