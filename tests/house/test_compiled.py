"""Machine code is made once, and found by every later process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest

from stilt.kernels import compiled, machine_code
from stilt.kernels.compiled import F8, FLOAT, OUT_F8, Bundle, Kernel, exact
from tests.projects import PATIENCE_S, Project

WARM = """
import sys
from stilt.kernels.compiled import compile_ahead
from stilt.footprint.calc import warm as warm_footprints
from stilt.particles import rounding
from stilt.transport.hysplit.parse import warm as warm_parser
from stilt.transport.native.warm import warm as warm_engine

compile_ahead(rounding)
warm_footprints()
warm_parser()
warm_engine()
print("numba" in sys.modules)
"""

PACKAGES = {"footprint": 14, "hysplit": 1, "native": 5, "particles": 2}
"""How many kernels each has."""


def start(home, tmp, before=""):
    """Have a process compile everything that is not kept in a $STILT_HOME."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
    env |= {"STILT_HOME": str(home), "TMPDIR": str(tmp), "XDG_CACHE_HOME": str(home / "cache")}
    return subprocess.Popen([sys.executable, "-c", before + WARM], stdout=-1, text=True, env=env)


def compiles(home, tmp, before=""):
    """Return whether such a process had anything to compile."""
    with start(home, tmp, before) as process:
        out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    return out.strip() == "True"


@pytest.fixture(scope="module")
def warmed(tmp_path_factory):
    """A $STILT_HOME in which two processes met on an empty cache."""
    home, tmp = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("tmp")
    with start(home, tmp) as first, start(home, tmp) as second:
        for process in (first, second):
            process.communicate(timeout=PATIENCE_S)
            assert process.returncode == 0
    for package, number in PACKAGES.items():
        assert len(list(home.glob(f"kernels/{package}-*/*.machine"))) == number
    assert list(tmp.iterdir()) == []
    return home


def test_a_later_process_does_not_compile(warmed, tmp_path):
    assert not compiles(warmed, tmp_path)


OTHER_CPU = "from llvmlite import binding; binding.get_host_cpu_name = lambda: 'haswell'\n"
READ_ONLY = "import stilt.kernels.machine_code as m; m.write_sealed = None\n"


def test_a_node_with_another_cpu_and_a_home_it_cannot_write_finds_the_code(warmed, tmp_path):
    assert not compiles(warmed, tmp_path, OTHER_CPU + READ_ONLY)
    assert list(tmp_path.iterdir()) == []


def test_where_no_home_can_be_made_processes_of_a_node_share_a_private_folder(warmed, tmp_path):
    (tmp_path / "file").touch()
    private = tmp_path / f"stilt-kernels-{os.getuid()}"
    shutil.copytree(warmed / "kernels", private)
    private.chmod(0o700)
    assert not compiles(tmp_path / "file" / "home", tmp_path)


def test_it_is_known_beforehand_whether_a_process_will_compile(warmed, tmp_path):
    asks = """
import os
from pathlib import Path
from stilt import footprint
from stilt.kernels.machine_code import has_kept
os.write(1, str(has_kept(Path(footprint.__path__[0]))).encode())
os._exit(0)
"""
    answers = [start(home, tmp_path, asks).communicate()[0] for home in (warmed, tmp_path)]
    assert answers == ["True", "False"]


WATCH = """
import os, sys
def watch(event, arguments):
    if event == "import" and arguments[0].split(".")[0] == "numba":
        with open(os.environ["SEEN"], "a") as file:
            file.write(f"{sys.argv}\\n")
sys.addaudithook(watch)
"""


def test_a_project_is_run_without_numba(warmed, tmp_path):
    seen, sites = tmp_path / "seen", tmp_path / "sites"
    sites.mkdir()
    (sites / "sitecustomize.py").write_text(WATCH)
    path = os.pathsep.join(filter(None, [str(sites), os.environ.get("PYTHONPATH", "")]))
    project = Project(tmp_path, {"STILT_HOME": str(warmed), "PYTHONPATH": path, "SEEN": str(seen)})
    assert project.stilt("init", "--example", "example").code == 0
    answer = project.stilt("run", "example")
    assert answer.code == 0, answer.err
    assert "6 complete" in project.stilt("status", "example").out
    assert not seen.exists()
    subprocess.run([sys.executable, "-c", "import numba"], env=project.environment(), check=True)
    assert seen.exists()


def test_naming_the_engine_loads_neither_numpy_nor_numba():
    code = (
        "import sys; from stilt.transport.native.engine import NativeEngine; NativeEngine().version; "
        "print([name for name in ('numpy', 'numba', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@exact.inline
def twice(value):
    return 2.0 * value


def double(values):
    for n in range(values.shape[0]):
        values[n] = twice(values[n])
    return values.shape[0]


class Scaled(NamedTuple):
    values: np.ndarray
    factor: float


def scaled_sum_of_bundle(scaled, out):
    return scaled_sum(scaled.values, scaled.factor, out)


@exact.inline
def scaled_sum(values, factor, out):
    total = 0.0
    for n in range(values.shape[0]):
        out[n] = values[n] * factor
        total += out[n]
    return total


def always_three(values):
    values[0] = 3.0
    return 3


def nothing(values):
    values[0] = 7.0


def keep_in(folder, monkeypatch):
    """Keep code there, also where something else in this process has set numba up before stilt could."""
    monkeypatch.setattr(machine_code, "_folders", lambda _: (folder,))
    monkeypatch.setattr(compiled, "_actual_target", lambda _: compiled.target())


def by_arguments(function) -> Kernel:
    return exact.kernel()(function)


def test_results_are_whole_numbers_real_numbers_or_nothing(monkeypatch, tmp_path):
    keep_in(tmp_path, monkeypatch)
    values = np.arange(4.0)
    assert by_arguments(double)(values) == 4
    out = np.empty(4)
    assert exact.kernel(F8, FLOAT, OUT_F8)(scaled_sum)(values, 0.25, out) == 3.0
    np.testing.assert_array_equal(out, values / 4)
    assert by_arguments(always_three)(values) == 3
    assert by_arguments(nothing)(values) is None
    assert values[0] == 7.0
    assert len(list(tmp_path.iterdir())) == 4


def test_a_declared_kernel_is_one_file_whether_or_not_its_inputs_may_be_written(
    monkeypatch, tmp_path
):
    keep_in(tmp_path, monkeypatch)
    kernel = exact.kernel(F8, FLOAT, OUT_F8)(scaled_sum)
    kernel.compile_ahead()
    (file,) = tmp_path.iterdir()
    monkeypatch.setattr(compiled, "_build", None)  # nobody compiles again
    read_only = np.arange(3.0)
    read_only.flags.writeable = False
    for values in (np.arange(3.0), read_only):
        assert kernel(values, 2.0, np.empty(3)) == 6.0
    assert list(tmp_path.iterdir()) == [file]


def test_a_declared_bundle_is_compiled_ahead_and_taken_whole(monkeypatch, tmp_path):
    keep_in(tmp_path, monkeypatch)
    kernel = exact.kernel(Bundle(Scaled, (F8, FLOAT)), OUT_F8)(scaled_sum_of_bundle)
    kernel.compile_ahead()
    monkeypatch.setattr(compiled, "_build", None)  # nobody compiles again
    assert kernel(Scaled(np.arange(3.0), 2.0), np.empty(3)) == 6.0
    for wrong in (Scaled(np.arange(3.0), 2), (np.arange(3.0), 2.0)):
        with pytest.raises(TypeError, match="takes Scaled <f81r f <f81, not"):
            kernel(wrong, np.empty(3))


def test_threads_may_be_the_first_to_call_a_kernel_at_once(monkeypatch, tmp_path):
    keep_in(tmp_path, monkeypatch)
    built, build = [], compiled._build

    def counted(*arguments):
        built.append(arguments)
        return build(*arguments)

    monkeypatch.setattr(compiled, "_build", counted)
    kernel = exact.kernel(F8, FLOAT, OUT_F8)(scaled_sum)
    with ThreadPoolExecutor(8) as threads:
        sums = list(threads.map(lambda n: kernel(np.full(9, float(n)), 2.0, np.empty(9)), range(8)))
    assert sums == [18.0 * n for n in range(8)]
    assert len(built) == 1


def test_other_arguments_than_declared_are_refused():
    kernel = exact.kernel(F8, FLOAT, OUT_F8)(scaled_sum)
    read_only = np.arange(3.0)
    read_only.flags.writeable = False
    values, out = np.arange(3.0), np.empty(3)
    for wrong in (
        (values, 2.0),
        (values, 2, out),
        (values, 2.0, read_only),
        (values.astype(np.float32), 2.0, out),
        (values, 2.0, out.reshape(1, 3)),
    ):
        with pytest.raises(TypeError, match="scaled_sum takes <f81r f <f81, not"):
            kernel(*wrong)


@pytest.mark.parametrize("wrong", [True, "text", np.zeros((4, 4))[:, 1]])
def test_what_compiled_code_cannot_take_is_refused(wrong):
    with pytest.raises(TypeError):
        by_arguments(double)(wrong)


def test_compiled_code_works_without_a_folder_to_keep_it(monkeypatch, tmp_path):
    unwritable = tmp_path / "file"
    unwritable.write_text("")
    monkeypatch.setattr(machine_code, "_folders", lambda _: (unwritable / "below",))
    values = np.arange(4.0)
    assert by_arguments(double)(values) == 4
    np.testing.assert_array_equal(values, [0.0, 2.0, 4.0, 6.0])


def test_compiled_code_falls_back_to_numba_itself(monkeypatch, tmp_path):
    keep_in(tmp_path, monkeypatch)
    monkeypatch.setattr(compiled, "_build", lambda *_: None)
    values = np.arange(3.0)
    assert by_arguments(double)(values) == 3
    np.testing.assert_array_equal(values, [0.0, 2.0, 4.0])
    assert list(tmp_path.iterdir()) == []


class OtherNumba:
    """numba as another version may be: what it compiles lacks the names that nobody is promised."""

    config, types = numba.config, numba.types
    typeof = staticmethod(numba.typeof)

    @staticmethod
    def njit(**options) -> Any:
        def decorate(function):
            dispatcher = numba.njit(**options)(function)
            dispatcher.compile((numba.float64[::1],))
            (result,) = dispatcher.overloads.values()
            if "no_cpython_wrapper" not in options:
                return dispatcher
            bare = SimpleNamespace(signature=result.signature, library=object())
            return SimpleNamespace(compile=lambda _types: None, overloads={0: bare})

        return decorate


def test_another_numba_without_the_private_names_runs_code_itself(monkeypatch, tmp_path):
    keep_in(tmp_path, monkeypatch)
    monkeypatch.setattr(compiled, "_numba", OtherNumba)
    values = np.arange(3.0)
    assert by_arguments(double)(values) == 3
    np.testing.assert_array_equal(values, [0.0, 2.0, 4.0])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(AttributeError, match="_final_module"):
        compiled._build(double, (numba.float64[::1],), exact._options)


def test_another_numba_without_its_registry_is_loaded_all_the_same(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba.core.registry", None)
    assert compiled._numba.__wrapped__() is numba


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
    keep_in(tmp_path, monkeypatch)
    by_arguments(double)(np.arange(3.0))
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    values = np.arange(3.0)
    assert by_arguments(double)(values) == 3
    np.testing.assert_array_equal(values, [0.0, 2.0, 4.0])
    assert machine_code.read_sealed(file) is not None
    monkeypatch.setattr(compiled, "_build", None)  # mended: nobody compiles again
    assert by_arguments(double)(values) == 3


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to give a folder to somebody else")
def test_code_is_not_taken_from_a_folder_that_somebody_else_can_write(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    package = tmp_path / "package"
    home = tmp_path / "file"
    home.touch()
    monkeypatch.setenv("STILT_HOME", str(home / "below"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "below"))
    machine_code.keep(package, "code", b"machine code")
    assert machine_code.kept(package, "code") == b"machine code"
    os.chown(machine_code._private_path(), 65534, -1)
    assert machine_code.kept(package, "code") is None
    machine_code.keep(package, "other", b"machine code")
    assert machine_code.kept(package, "other") is None


def test_what_is_about_to_be_compiled_is_said_first_and_only_once(tmp_path):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir()
    places = {"XDG_CACHE_HOME": str(elsewhere), "TMPDIR": str(elsewhere)}
    project = Project(tmp_path, {"STILT_HOME": str(home), **places})
    assert project.stilt("init", "--example", "example").code == 0
    assert project.stilt("check", "example").code == 0
    assert not (home / "kernels").exists()
    said = [in_a_terminal(project, "run", "example", *more) for more in ([], ["--no-skip"])]
    assert [text.count("compiling, once for all runs") for text in said] == [1, 0]


def in_a_terminal(project, *arguments):
    """Return what ``stilt`` writes to a terminal."""
    command = f"{sys.executable} -m stilt {' '.join(arguments)}"
    done = subprocess.run(
        ["script", "--quiet", "--return", "--command", command, "/dev/null"],
        cwd=project.path,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
