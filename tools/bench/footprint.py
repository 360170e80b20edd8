#!/usr/bin/env python3
"""Time footprints of 1,000 particles over 24 h beside PYSTILT's, one core, the same rows, the same run.

    tools/bench/footprint.py [--rounds 5] [--json FILE]

The two take turns, each time in a process of its own: the first call and the best of the following three, and how
much the peak of resident memory grew by them. Ratios are of CPU seconds, which a busy machine disturbs less. PYSTILT
is installed from the package index into a virtual environment under .tools/. Ends with status 1 if the numbers differ
or a goal (5 times faster) is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("STILT_SHARED", REPOSITORY.parent / "shared"))
ROWS = SHARED / "reference" / "bench" / "particle_n1000_24h.parquet"
PEER = "pystilt==0.1.0a25"
PEER_VENV = REPOSITORY / ".tools" / PEER.replace("==", "-")
GOAL = 5.0
CALLS = 4

BOX = {"xmin": -100, "xmax": -80, "ymin": 30, "ymax": 50}
GRIDS: dict[str, tuple[str, dict[str, float], bool]] = {
    "a": ("200 x 200, hourly", {**BOX, "xres": 0.1, "yres": 0.1}, False),
    "b": ("1,000 x 1,000, integrated", {**BOX, "xres": 0.02, "yres": 0.02}, True),
    "c": ("1,000 x 1,000, hourly", {**BOX, "xres": 0.02, "yres": 0.02}, False),
}


def ours(rows: Any, box: dict[str, float], integrate: bool) -> Any:
    """Return a call of ours whose result is an array (layer, y, x)."""
    from stilt.config.schema import FootprintGrid
    from stilt.footprint.calc import calc_footprint
    from stilt.foundations.simulation import Receptor
    from stilt.particles.table import ParticleTable

    table = ParticleTable({name: rows[name].to_numpy() for name in rows})
    grid = FootprintGrid(**box, time_integrate=integrate)
    receptor = Receptor("199510171800", (-90.0,), (40.0,), (10.0,))
    return lambda: calc_footprint(table, grid, receptor).values  # noqa: PD011 - not a data frame


def theirs(rows: Any, box: dict[str, float], integrate: bool) -> Any:
    """Return the same call of PYSTILT's, with the names that it gives to columns."""
    import stilt

    names = {"time": "age", "indx": "particle", "long": "lon", "lati": "lat"}
    table = rows.rename(columns=names)
    table["zagl"] = 10.0  # has to be there, and is not looked at
    grid = stilt.Grid(**box)
    receptor = stilt.Receptor.from_points("1995-10-17 18:00", [(40.0, -90.0, 10.0)])
    return lambda: stilt.calc_footprint(table, receptor, grid, time_integrate=integrate).to_numpy()


def memory_kib(name: str) -> int:
    """Return this process's resident memory (VmRSS) or its peak (VmHWM)."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in status if line.startswith(name)))


def child(who: str, case: str, result: str) -> None:
    """Time calls in this process and print what they took as JSON; leave the last result in a file."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    import numpy as np
    import pandas as pd

    _, box, integrate = GRIDS[case]
    call = {"ours": ours, "theirs": theirs}[who](pd.read_parquet(ROWS), box, integrate)
    before = memory_kib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of reading rows
    seconds, cpu = [], []
    for _ in range(CALLS):
        values, began, began_cpu = (
            None,
            time.perf_counter(),
            time.process_time(),
        )  # free the last one
        values = call()
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - began_cpu)
    peak = memory_kib("VmHWM")
    np.save(result, values)
    print(
        json.dumps(
            {
                "first": seconds[0],
                "best": min(seconds[1:]),
                "cpu": min(cpu[1:]),
                "kib": peak - before,
            }
        )
    )


def install_peer() -> Path:
    """Return the interpreter of a virtual environment with PYSTILT in it."""
    python = PEER_VENV / "bin" / "python"
    if not (PEER_VENV / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", PEER_VENV], check=True)
        subprocess.run([python, "-m", "pip", "install", "-qqq", PEER], check=True)
        (PEER_VENV / "ready").touch()
    return python


def run(python: Path | str, who: str, case: str, result: Path) -> dict[str, float]:
    """Run one child and return its figures."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONSAFEPATH": "1"}
    command = [str(python), __file__, "--child", who, case, str(result)]
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def difference(mine: Path, other: Path) -> float:
    """Return the largest relative difference where the other is more than 1e-6 of its maximum."""
    import numpy as np

    a, b = np.load(mine).astype(float), np.load(other).astype(float)
    a = a[a.any(axis=(1, 2))]
    b = b[b.any(axis=(1, 2))]
    large = b > 1e-6 * b.max()
    return float(np.abs(a[large] / b[large] - 1).max()) if a.shape == b.shape else float("inf")


def compare(case: str, rounds: int, python: Path, folder: Path) -> dict[str, Any]:
    """Run both in turns and return medians and extremes."""
    figures: dict[str, list[dict[str, float]]] = {"ours": [], "theirs": []}
    for _ in range(rounds):
        figures["ours"].append(run(sys.executable, "ours", case, folder / "ours.npy"))
        figures["theirs"].append(run(python, "theirs", case, folder / "theirs.npy"))
    summary: dict[str, Any] = {
        who: {
            name: {
                "median": statistics.median(values),
                "min": min(values),
                "max": max(values),
            }
            for name in each[0]
            for values in [[one[name] for one in each]]
        }
        for who, each in figures.items()
    }
    pairs = zip(figures["ours"], figures["theirs"], strict=True)
    summary["ratio"] = statistics.median(b["cpu"] / a["cpu"] for a, b in pairs)
    summary["difference"] = difference(folder / "ours.npy", folder / "theirs.npy")
    return summary


def figure(seconds: dict[str, float]) -> str:
    """Return a median with its extremes."""
    return f"{seconds['median']:.3f} s ({seconds['min']:.3f} to {seconds['max']:.3f})"


def report(case: str, summary: dict[str, Any]) -> None:
    """Print one case."""
    print(f"({case}) {GRIDS[case][0]}")
    for who in ("ours", "theirs"):
        each = summary[who]
        print(
            f"    {who:6} CPU {figure(each['cpu'])}, wall {figure(each['best'])}, "
            f"first call {figure(each['first'])}, {each['kib']['median'] / 1024:4.0f} MiB"
        )
    print(
        f"    {summary['ratio']:.1f} times faster, largest relative difference {summary['difference']:.1e}"
    )


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(*given.child)
        return 0
    if not ROWS.exists():
        print(f"no rows to work on: {ROWS} (set STILT_SHARED)", file=sys.stderr)
        return 2
    python = install_peer()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for case in GRIDS:
            results[case] = compare(case, given.rounds, python, Path(folder))
            report(case, results[case])
    if given.json:
        given.json.write_text(json.dumps(results, indent=1))
    good = all(one["ratio"] >= GOAL and one["difference"] < 1e-5 for one in results.values())
    print("goal: at least 5 times faster with the same numbers:", "met" if good else "MISSED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
