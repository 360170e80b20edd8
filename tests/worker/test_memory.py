"""Memory of one's own is told from what is mapped of files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

MEBI = 2**20
OWN = 64 * MEBI
FILE = max(Path(pa.__file__).parent.glob("lib*"), key=lambda path: path.stat().st_size)
FILESYSTEM = subprocess.run(
    ["stat", "--file-system", "--format=%T", FILE], capture_output=True, text=True, check=False
).stdout.strip()

MAPPED = (
    "file = open(path, 'rb'); "
    "kept = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ); sum(kept[::4096])"
)
FREED = "gone = bytearray(b'x') * size; del gone"

USES = {
    "a file that is mapped": (MAPPED, 0),
    "memory": ("kept = bytearray(b'x') * size", OWN),
    "memory that is free again": (FREED, OWN),
    "memory that processes share": (
        "kept = mmap.mmap(-1, size); kept[::4096] = bytes(len(kept[::4096]))",
        OWN,
    ),
    "memory beside a file": (f"{MAPPED}; {FREED}", OWN),
    "memory before a file": (f"kept_too = bytearray(b'x') * size; {MAPPED}", OWN),
}

PROGRAM = """
import mmap, sys
from stilt.worker import memory
path, size, use = sys.argv[1], int(sys.argv[2]), sys.argv[3]
peak = memory.OwnPeak()
before = peak.bytes
for part in use.split("; "):
    exec(part)
    peak.look()
print(peak.bytes - before)
"""


@pytest.mark.parametrize("what", USES)
def test_only_memory_of_its_own_counts(what):
    use, expected = USES[what]
    if MAPPED in use and FILESYSTEM in {"tmpfs", "ramfs"}:
        pytest.skip("the packages lie on a filesystem in memory, where a mapped file is memory")
    assert FILE.stat().st_size > 2 * MEBI * 8
    arguments = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(FILE), str(OWN), use]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert int(done.stdout) == pytest.approx(expected, abs=6 * MEBI)
