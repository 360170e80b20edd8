"""Random deviates, and machine code that is made once."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile

import numpy as np
import pytest

from stilt import machine_code
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
    monkeypatch.setattr(machine_code, "_folders", lambda _: (unwritable / "below",))
    values = np.arange(4.0)
    assert compiled.kernel(double._function)(values) == 4
    np.testing.assert_array_equal(values, [0.0, 2.0, 4.0, 6.0])


def test_compiled_code_falls_back_to_numba_itself(monkeypatch, tmp_path):
    monkeypatch.setattr(machine_code, "_folders", lambda _: (tmp_path,))
    monkeypatch.setattr(compiled, "_build", lambda *_: None)
    fresh = compiled.kernel(double._function)
    values = np.arange(3.0)
    assert fresh(values) == 3
    np.testing.assert_array_equal(values, [0.0, 2.0, 4.0])
    assert list(tmp_path.iterdir()) == []


DAMAGE = {
    "cut": lambda content: content[: len(content) // 2],
    "one bit of the code": lambda content: (
        content[:-99] + bytes([content[-99] ^ 4]) + content[-98:]
    ),
    "one bit of the digest": lambda content: bytes([content[0] ^ 1]) + content[1:],
    "empty": lambda _: b"",
    "something else": lambda _: b"not machine code" * 99,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_code_is_noticed_compiled_anew_and_mended(monkeypatch, tmp_path, damage):
    monkeypatch.setattr(machine_code, "_folders", lambda _: (tmp_path,))
    compiled.kernel(double._function)(np.arange(3.0))
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    values = np.arange(3.0)
    assert compiled.kernel(double._function)(values) == 3
    np.testing.assert_array_equal(values, [0.0, 2.0, 4.0])
    assert machine_code.read_sealed(file) is not None
    monkeypatch.setattr(compiled, "_build", None)  # mended: nobody compiles again
    assert compiled.kernel(double._function)(values) == 3


def warm_in_a_process(home, tmp, before=""):
    """Warm up with a $STILT_HOME of its own; return whether it compiled."""
    code = (
        f"{before}\nimport sys; from stilt.transport.native.warm import warm; warm(); "
        "print('numba' in sys.modules)"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
    env |= {"STILT_HOME": str(home), "TMPDIR": str(tmp)}
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env
    )
    return done.stdout.strip() == "True"


OTHER_CPU = "from llvmlite import binding; binding.get_host_cpu_name = lambda: 'haswell'"


def test_a_node_with_another_cpu_and_a_home_it_cannot_write_finds_the_code(tmp_path):
    home, tmp = tmp_path / "home", tmp_path / "tmp"
    tmp.mkdir()
    assert warm_in_a_process(home, tmp)
    assert len(list(home.glob("kernels/native-*/*.machine"))) == 4
    read_only = "import stilt.machine_code as m; m.write_sealed = None"
    assert not warm_in_a_process(home, tmp, f"{OTHER_CPU}\n{read_only}")
    assert list(tmp.iterdir()) == []


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to give a folder to somebody else")
def test_code_is_not_taken_from_a_folder_that_somebody_else_can_write(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    package = tmp_path / "package"
    home = tmp_path / "file"
    home.touch()
    monkeypatch.setenv("STILT_HOME", str(home / "below"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    machine_code.keep(package, "code", b"machine code")
    assert machine_code.kept(package, "code") == b"machine code"
    os.chown(machine_code.private_folder(), 65534, -1)
    assert machine_code.kept(package, "code") is None


@pytest.mark.parametrize("wrong", [True, "text", np.zeros((4, 4))[:, 1]])
def test_what_compiled_code_cannot_take_is_refused(wrong):
    with pytest.raises(TypeError):
        double(wrong)
