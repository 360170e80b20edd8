"""Kernels are compiled once and found by every later process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

import pytest

from stilt import machine_code
from tests.shared_data import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

LOOK = """
import numba
from stilt.footprint import calc, kernels
calc.warm()
print(numba.config.CPU_NAME)
print(kernels.spread._cache.cache_path if hasattr(kernels.spread, "_cache") else "")
print(sum(kernels.spread.stats.cache_hits.values()))
"""


def look(home: Path, **options) -> list[str]:
    """Import the kernels in a process of its own: the CPU, the folder of the cache, and 1 if they came from it."""
    process = start(home, **options)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    return out.splitlines()


def start(home: Path, before: str = "", tmp: Path | None = None) -> subprocess.Popen[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA")}
    env |= {"STILT_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    env |= {"TMPDIR": str(tmp)} if tmp else {}
    return subprocess.Popen(
        [sys.executable, "-c", before + LOOK], stdout=-1, stderr=-1, text=True, env=env
    )


@pytest.fixture(scope="module")
def warmed(tmp_path_factory) -> Path:
    """A $STILT_HOME in which two processes met on an empty cache."""
    home = tmp_path_factory.mktemp("home")
    racing = [start(home) for _ in range(2)]
    for process in racing:
        _, err = process.communicate(timeout=280)
        assert process.returncode == 0, err
    return home


def test_a_later_process_does_not_compile(warmed):
    began = time.monotonic()
    _, folder, hits = look(warmed)
    assert hits == "1"
    assert folder.startswith(str(warmed / "kernels" / "footprint-"))
    assert time.monotonic() - began < 5


def test_it_is_known_beforehand_whether_a_process_will_compile(warmed, tmp_path):
    asks = """
import os
from pathlib import Path
from stilt import footprint
from stilt.machine_code import has_kept
os.write(1, str(has_kept(Path(footprint.__path__[0]))).encode())
os._exit(0)
"""
    assert [start(home, asks).communicate()[0] for home in (warmed, tmp_path)] == ["True", "False"]


def test_code_is_for_every_node_not_for_this_cpu(warmed):
    from llvmlite.binding import get_host_cpu_features

    cpu, *_ = look(warmed)
    assert cpu == ("x86-64-v3" if get_host_cpu_features().get("avx2") else "None")


def test_a_warmed_home_that_is_read_only_is_used_through_a_private_copy(warmed, tmp_path):
    read_only = "from stilt import compiled; compiled._is_writable = lambda folder: False"
    _, folder, hits = look(warmed, before=read_only, tmp=tmp_path)
    assert folder.startswith(str(tmp_path / f"stilt-kernels-{os.getuid()}"))
    assert hits == "1"


def test_where_no_home_can_be_made_processes_of_a_node_share_a_private_folder(warmed, tmp_path):
    (tmp_path / "file").touch()
    private = tmp_path / f"stilt-kernels-{os.getuid()}"
    shutil.copytree(warmed / "kernels", private)
    private.chmod(0o700)
    _, folder, hits = look(tmp_path / "file" / "home", tmp=tmp_path)
    assert folder.startswith(str(private))
    assert hits == "1"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to give a folder to somebody else")
def test_code_is_not_taken_from_a_folder_that_somebody_else_can_write(tmp_path, monkeypatch):
    folder = tmp_path / f"stilt-kernels-{os.getuid()}"
    folder.mkdir()
    os.chown(folder, 65534, -1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(PermissionError):
        machine_code.private_folder()


DAMAGE = {
    "cut": lambda content: content[: len(content) // 2],
    "one bit": lambda content: content[:-99] + bytes([content[-99] ^ 4]) + content[-98:],
    "empty": lambda _: b"",
    "something else": lambda _: b"not a pickle",
}


@pytest.mark.parametrize("files", ["kernels.spread*.nbc", "kernels.spread*.nbi"])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_code_is_compiled_anew_and_whole_for_the_next(warmed, damage, files):
    (file,) = (warmed / "kernels").rglob(files)
    file.write_bytes(damage(file.read_bytes()))
    assert look(warmed)[-1] == "0"
    assert look(warmed)[-1] == "1"
