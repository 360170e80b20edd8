"""A million receptors: a fraction of a gigabyte; the seconds are printed."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 1_000_000

READ = """
import json, re, sys, time
from pathlib import Path
from stilt.receptors import read_receptors
start = time.process_time()
receptors = read_receptors(Path(sys.argv[1]), ["hrrr"])
read = time.process_time() - start
ids = receptors.ids()
# not getrusage: its peak is inherited from the process that started this one
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
print(json.dumps([len(receptors), len(set(ids)), read, peak]))
"""


@pytest.fixture(scope="module")
def soundings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A year of satellite soundings, each at a place and minute of its own."""
    dice = np.random.default_rng(7)
    minutes = np.datetime64("2020-01-01T00:00") + np.arange(COUNT).astype("timedelta64[m]") // 2
    times = np.datetime_as_string(minutes).tolist()
    longitudes = dice.uniform(-125, -65, COUNT).round(4).tolist()
    latitudes = dice.uniform(25, 50, COUNT).round(4).tolist()
    path = tmp_path_factory.mktemp("million") / "receptors.csv"
    with path.open("w") as file:
        file.write("time,longitude,latitude,altitude\n")
        file.writelines(
            f"{time},{lon},{lat},{5 + index % 2}\n"
            for index, (time, lon, lat) in enumerate(zip(times, longitudes, latitudes, strict=True))
        )
    return path


def measured(path: Path) -> tuple[int, int, float, int]:
    done = subprocess.run(
        [sys.executable, "-c", READ, path], capture_output=True, check=True, text=True
    )
    rows, ids, seconds, peak = json.loads(done.stdout)
    print(f"\n{rows:,} receptors: {seconds:.1f} s of CPU, {peak / 2**20:.0f} MiB at most")  # noqa: T201
    return rows, ids, seconds, peak


@pytest.mark.slow
def test_a_million_receptors_are_read_in_little_memory(soundings):
    rows, ids, _, peak = measured(soundings)
    assert rows == ids == COUNT
    assert peak < 700 * 2**20


@pytest.mark.slow
def test_a_comment_among_them_costs_little(soundings, tmp_path):
    path = tmp_path / "receptors.csv"
    path.write_bytes(b"# soundings of 2020\n" + soundings.read_bytes())
    rows, ids, _, peak = measured(path)
    assert rows == ids == COUNT
    assert peak < 1000 * 2**20
