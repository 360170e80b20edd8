"""What ``stilt run`` costs before sbatch, and how often a run and a status call the scheduler.

    .venv/bin/python tools/bench/submit.py [--receptors 100000] [--workers 1000]

Slurm's commands are small programs on PATH that note when and how they are called and answer as a
quiet cluster would, so that nothing is measured but stilt itself. The plain cost of reading the same
receptors with Python's csv module is printed beside it, measured in turns with it.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = {
    "sbatch": """
for script; do :; done
grep -h -e '--job-name=' -e '--array=' "$script" | sed 's/.*=//' > "$here/job"
echo 4711
""",
    "squeue": """
echo 'ARRAY_JOB_ID|ARRAY_TASK_ID|STATE|NODELIST|START_TIME|USER|REASON|NAME'
[ -e "$here/job" ] || exit 0
mark=$(echo "$*" | sed -n 's/.*%r|\\([0-9a-f]*|\\)%j.*/\\1/p')
{ read -r name; read -r array; } < "$here/job"
last=${array#0-}
seq 0 "${last%%[%]*}" | sed "s/.*/4711|&|PENDING||N\\/A|$(id -un)|Resources|$mark$name/"
""",
    "scontrol": """
echo 'ClusterName = bench'
echo 'MaxArraySize = 100001'
echo 'MaxJobCount = 1000000'
""",
    "scancel": "",
    "sacct": "",
    "sinfo": "",
}

ENGINE = '''
class Still:
    """Never runs: only planning is measured."""

    name = "still"
    version = "1"

    def prepare(self, config):
        pass

    def run(self, simulation, config, workdir):
        raise NotImplementedError
'''


@dataclass(frozen=True)
class Cost:
    """One command: seconds until sbatch was called (or to its end), CPU seconds, peak memory."""

    wall_s: float
    to_sbatch_s: float | None
    cpu_s: float
    peak_mib: float
    calls: Counter[str]


def scheduler(folder: Path) -> Path:
    """Write the stand-ins for Slurm's commands and return their folder."""
    folder.mkdir()
    for name, body in PROGRAMS.items():
        path = folder / name
        note = f'here={folder}\necho "$(date +%s.%N) {name}" >> "$here/calls"'
        path.write_text(f"#!/bin/bash\n{note}\n{body}\n")
        path.chmod(0o755)
    return folder


def project(folder: Path, receptors: int, workers: int) -> Path:
    """Write a project: soundings every few seconds, all over a region."""
    folder.mkdir()
    engine = folder / "engine.py"
    engine.write_text(ENGINE)
    (folder / "config.yaml").write_text(
        "mets:\n  m: {directory: met, file_format: '%Y%m%d', file_tres: 1d}\n"
        "footprints:\n"
        "  near: {xmin: -113, xmax: -111, ymin: 40, ymax: 41, xres: 0.1, yres: 0.1}\n"
        f"n_hours: -24\nmodel: '{engine}:Still'\n"
        f"execution:\n  backend: slurm\n  n_workers: {workers}\n  mem: 1G\n  time: 60\n"
    )
    with (folder / "receptors.csv").open("w", encoding="utf-8") as file:
        file.write("time,longitude,latitude,altitude\n")
        for n in range(receptors):
            day, minute = divmod(n, 1440)
            date = f"2015-{1 + day // 28 % 12:02d}-{1 + day % 28:02d}"
            place = f"{-120 + n % 997 * 0.01:.2f},{35 + n % 991 * 0.01:.2f}"
            file.write(f"{date} {minute // 60:02d}:{minute % 60:02d},{place},10\n")
    return folder


def measure(command: list[str], programs: Path, cache: Path) -> Cost:
    """Run one command of stilt's as a process of its own."""
    log = programs / "calls"
    log.unlink(missing_ok=True)
    env = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(cache),
    }
    began = time.time()
    with subprocess.Popen(
        [sys.executable, "-m", "stilt", *command], env=env, stdout=subprocess.DEVNULL
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    ended = time.time()
    if process.returncode != 0:
        sys.exit(f"stilt {' '.join(command)}: exit {process.returncode}")
    calls = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    submitted = [float(at) for at, name in calls if name == "sbatch"]
    return Cost(
        wall_s=ended - began,
        to_sbatch_s=submitted[0] - began if submitted else None,
        cpu_s=used.ru_utime + used.ru_stime,
        peak_mib=used.ru_maxrss / 1024,
        calls=Counter(name for _, name in calls),
    )


def read_plainly(path: Path) -> float:
    """Return the seconds that Python's csv module needs to read the receptors."""
    began = time.perf_counter()
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            float(row["longitude"])
            float(row["latitude"])
    return time.perf_counter() - began


def show(what: str, cost: Cost) -> None:
    """Print one line."""
    calls = ", ".join(f"{count} {name}" for name, count in sorted(cost.calls.items())) or "none"
    wall = cost.wall_s if cost.to_sbatch_s is None else cost.to_sbatch_s
    print(f"{what:38} {wall:7.2f} s {cost.cpu_s:7.2f} {cost.peak_mib:7.0f} MiB   {calls}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--receptors", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=1_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    print(f"{options.receptors:,} receptors, {options.workers:,} tasks")
    print(f"{'':38} {'wall':>9} {'CPU s':>7} {'peak':>11}   calls of the scheduler")
    ratios = []
    for turn in range(options.repeat):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            programs = scheduler(folder / "bin")
            where = str(project(folder / "p", options.receptors, options.workers))
            plain = read_plainly(folder / "p" / "receptors.csv")
            first = measure(["run", where], programs, folder / "cache")
            ratios.append((first.to_sbatch_s or first.wall_s) / plain)
            show("stilt run, until sbatch is called", first)
            if turn == options.repeat - 1:
                show("stilt run again, all of it queued", again(where, programs, folder))
                show("stilt status", measure(["status", where], programs, folder / "cache"))
                show(
                    "stilt status within the minute",
                    measure(["status", where], programs, folder / "cache"),
                )
    ratios.sort()
    print(f"until sbatch / reading the csv plainly: {ratios[len(ratios) // 2]:.1f} (median)")


def again(where: str, programs: Path, folder: Path) -> Cost:
    """Run once more, as on another machine: with no answer of the scheduler's at hand."""
    return measure(["run", where], programs, folder / "other-cache")


if __name__ == "__main__":
    main()
